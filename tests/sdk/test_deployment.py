"""Deploying, reading back, and every way in which the deploy program refuses."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import socket
import subprocess
import sys

import pytest
from eth_utils.address import to_checksum_address
from rich.console import Console

from plimsoll import artifacts
from plimsoll.chain import AnvilOptions, AnvilProcess, dev_key
from plimsoll.client import Client
from plimsoll.contract import Contract, KeySigner, NodeSigner, deploy_code
from plimsoll.deployment import (
    Plan,
    Preview,
    Sender,
    created_address,
    deploy,
    load_deployment,
    load_listings,
)
from plimsoll.errors import ConfigError, InputError, UnfundedKey
from plimsoll.report.tables import deployment_table, links_table, show
from plimsoll.risk_terms import NO_CONCENTRATION, BufferTerms, Concentration
from plimsoll.scenario import load_scenario
from plimsoll.units import PPM, WAD
from plimsoll.verification import broken_links, code_links, verify
from scripts import deploy as program

STRANGER = "0x" + "11" * 20


@pytest.fixture(scope="module")
def anvil():
    artifacts.ensure_compiled()
    with AnvilProcess() as process:
        yield process


@pytest.fixture(scope="module")
def foreign():
    """A chain that does not look like a throw-away one."""
    with AnvilProcess(options=AnvilOptions(chain_id=10)) as process:
        yield process


@pytest.fixture(scope="module")
def plan(anvil):
    scenario = load_scenario(program.DEFAULT_SCENARIO)
    return Plan(
        listings=program.local_listings(scenario),
        proposer=anvil.rpc.accounts()[3],
        auction=scenario.auction,
    )


@pytest.fixture(scope="module")
def deployment(anvil, plan):
    signer = KeySigner(dev_key(0))
    return deploy(anvil.rpc, Sender(anvil.rpc, signer, lambda text: None), plan)


@pytest.fixture
def rpc(anvil, deployment):
    with anvil.rpc.undone():
        yield anvil.rpc


def leave(argv):
    """Exit code of the deploy program."""
    with pytest.raises(SystemExit) as caught:
        program.leave_with(program.run, argv)
    return caught.value.code


# --- deploying -------------------------------------------------------------------------


def test_deploy__local_chain__every_link_is_good(rpc, deployment, plan):
    links = verify(rpc, deployment, plan)
    assert broken_links(links) == []
    read = {(link.contract, link.what) for link in links}
    assert {("Custody", "waterfall"), ("Exchange", "liquidator"), ("BTC", "terms")} <= read


def test_deploy__every_contract__under_the_code_size_limit(rpc, deployment):
    for name, entry in deployment.contracts.items():
        assert len(rpc.code(entry.address)) < 24_576, name


def test_deploy__deployer__ends_without_power(rpc, deployment):
    timelock = deployment.contracts["Timelock"].address
    for name in ("PriceOracle", "Clearinghouse", "Waterfall", "Liquidator"):
        contract = deployment.contract(rpc, name)
        assert contract.read("owner") == timelock
    token = deployment.contract(rpc, "TestToken")
    assert token.read("balanceOf", deployment.deployer) == 0


def test_verify__other_terms__named_as_broken(rpc, deployment, plan):
    first = plan.listings[0]
    other = dataclasses.replace(
        first, terms=dataclasses.replace(first.terms, taker_fee_ppm=first.terms.taker_fee_ppm + 1)
    )
    tampered = dataclasses.replace(plan, listings=(other, *plan.listings[1:]))
    assert [
        (link.contract, link.what) for link in broken_links(verify(rpc, deployment, tampered))
    ] == [("BTC", "terms")]


def test_deploy__on_a_rollup__the_oracle_heeds_the_sequencer(rpc, plan):
    signer = KeySigner(dev_key(0))
    receipt = signer.send(rpc, deploy_code(artifacts.load("TestFeed"), (0, 0)))
    sequencer = to_checksum_address(receipt["contractAddress"])
    rollup = dataclasses.replace(plan, sequencer=sequencer)
    deployment = deploy(rpc, Sender(rpc, signer, lambda text: None), rollup)
    assert broken_links(verify(rpc, deployment, rollup)) == []
    assert [link.what for link in broken_links(verify(rpc, deployment, plan))] == ["sequencer"]
    feed = Contract(rpc, artifacts.load("TestFeed"), sequencer)
    feed.write(signer, "set_answer", 1)
    assert not deployment.contract(rpc, "PriceOracle").read("read", plan.listings[0].terms.id)[1]


def test_verify__other_proposer__named_as_broken(rpc, deployment, plan):
    wrong = dataclasses.replace(deployment, proposer=STRANGER)
    broken = broken_links(verify(rpc, wrong, plan))
    assert [(link.contract, link.what) for link in broken] == [("Timelock", "proposer may propose")]


def test_verify__foreign_code__named_as_broken(rpc, deployment, plan):
    rpc.call("anvil_setCode", [deployment.contracts["Timelock"].address, "0x00"])
    rpc.call("anvil_setCode", [deployment.contracts["AdlEngine"].address, "0x00"])
    links = [link for link in code_links(rpc, deployment) if not link.good]
    assert [link.contract for link in links] == ["Timelock", "AdlEngine"]


def test_preview__same_plan__predicts_the_addresses_and_sends_nothing(rpc, plan):
    signer = KeySigner(dev_key(5))
    nonce = rpc.call("eth_getTransactionCount", [signer.address, "latest"])
    preview = deploy(rpc, Preview(rpc, signer.address, lambda text: None), plan)
    assert rpc.call("eth_getTransactionCount", [signer.address, "latest"]) == nonce
    real = deploy(rpc, Sender(rpc, signer, lambda text: None), plan)
    assert {name: entry.address for name, entry in preview.contracts.items()} == {
        name: entry.address for name, entry in real.contracts.items()
    }


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 70_000])
def test_created_address__any_nonce__as_the_chain(rpc, nonce):
    sender = rpc.accounts()[7]
    rpc.call("anvil_setNonce", [sender, hex(nonce)])
    receipt = NodeSigner(sender).send(rpc, bytes.fromhex("00"))
    assert created_address(sender, nonce).lower() == receipt["contractAddress"].lower()


# --- files -----------------------------------------------------------------------------


def test_save__and_load__the_same(deployment, tmp_path):
    path = deployment.save(tmp_path)
    assert path.name == f"{deployment.chain_id}.json"
    loaded = load_deployment(deployment.chain_id, tmp_path)
    assert loaded.markets == deployment.markets
    assert loaded.feeds == deployment.feeds
    assert {n: e.address for n, e in loaded.contracts.items()} == {
        n: e.address for n, e in deployment.contracts.items()
    }


def test_client__saved_deployment__reads_the_chain(anvil, deployment, tmp_path):
    deployment.save(tmp_path)
    client = Client.connect(anvil.url, tmp_path)
    assert client.mark(1)[1] is True
    assert client.books()["redemption_rate"] == 10**27


def test_load__no_file__says_to_deploy(tmp_path):
    with pytest.raises(ConfigError, match="no deployment for chain 5"):
        load_deployment(5, tmp_path)


def test_load__damaged_file__refused(tmp_path):
    (tmp_path / "5.json").write_text('{"chain_id": 5}')
    with pytest.raises(ConfigError, match="is not a deployment file"):
        load_deployment(5, tmp_path)


def test_load_listings__with_sources__read(tmp_path):
    path = tmp_path / "feeds.json"
    path.write_text(json.dumps({"markets": [feeds_entry()]}))
    (listing,) = load_listings(path)
    assert listing.terms.name == "BTC"
    assert listing.sources[0].heartbeat == 3_600


@pytest.mark.parametrize("text", ["", "{}", '{"markets": [{"name": "BTC"}]}'])
def test_load_listings__bad_file__refused(tmp_path, text):
    path = tmp_path / "feeds.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not a feeds file"):
        load_listings(path)


def feeds_entry():
    """A market as a feeds file names it."""
    data = json.loads(program.DEFAULT_SCENARIO.read_text())
    source = {"address": STRANGER, "heartbeat_s": 3_600, "staleness_s": 7_200}
    return {**data["markets"][0], "sources": [source]}


def test_local_listings__empty_vaults__do_not_bound_open_interest(rpc, deployment, plan):
    client = Client(rpc, deployment)
    for listing in plan.listings:
        assert client.buffer_cap(listing.terms.id) == 2**256 - 1
        assert client.concentration(listing.terms.id) == listing.terms.concentration
        assert listing.terms.concentration != NO_CONCENTRATION


# --- the program -----------------------------------------------------------------------


def test_run__local_defaults__deploys_and_writes(anvil, deployment, tmp_path, capsys):
    with anvil.rpc.undone():
        program.run(["--rpc", anvil.url, "--out", str(tmp_path)])
        written = load_deployment(31_337, tmp_path)
        assert anvil.rpc.code(written.contracts["Clearinghouse"].address)
    assert "all as they should be" in capsys.readouterr().out


def test_run__dry_run__writes_nothing(anvil, deployment, tmp_path, capsys):
    before = anvil.rpc.block_number()
    program.run(["--rpc", anvil.url, "--out", str(tmp_path), "--dry-run"])
    assert anvil.rpc.block_number() == before
    assert list(tmp_path.iterdir()) == []
    assert "nothing was sent" in capsys.readouterr().out


def test_run__key_from_the_environment__deploys_as_that_key(
    anvil, deployment, tmp_path, monkeypatch
):
    monkeypatch.setenv("DEPLOYER_KEY", dev_key(6))
    with anvil.rpc.undone():
        program.run(["--rpc", anvil.url, "--key-env", "DEPLOYER_KEY", "--out", str(tmp_path)])
    assert load_deployment(31_337, tmp_path).deployer == KeySigner(dev_key(6)).address


def test_run__nobody_listens__wrong_rpc(capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert leave(["--rpc", f"http://127.0.0.1:{port}"]) == 4
    assert "does not answer" in capsys.readouterr().err


def test_run__not_an_address__refused(anvil, capsys):
    assert leave(["--rpc", anvil.url, "--token", "0x12"]) == 2
    assert "--token 0x12 is not an address" in capsys.readouterr().err


def test_run__sequencer__is_part_of_the_plan(rpc):
    address = "0x" + "5e" * 20
    args = program.parse(["--sequencer", address])
    assert program.choose_plan(rpc, args, address).sequencer == to_checksum_address(address)
    assert program.choose_plan(rpc, program.parse([]), address).sequencer is None


def test_run__empty_variable__refused(anvil, capsys, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    assert leave(["--rpc", anvil.url, "--key-env", "NO_SUCH_KEY"]) == 2
    assert "NO_SUCH_KEY is empty" in capsys.readouterr().err


def test_run__not_a_key__refused_without_showing_it(anvil, capsys, monkeypatch):
    monkeypatch.setenv("BAD_KEY", "0xsecret")
    assert leave(["--rpc", anvil.url, "--key-env", "BAD_KEY"]) == 2
    error = capsys.readouterr().err
    assert "not a private key" in error
    assert "secret" not in error


def test_run__unfunded_key__refused(anvil, capsys, monkeypatch):
    monkeypatch.setenv("POOR_KEY", "0x" + "77" * 32)
    assert leave(["--rpc", anvil.url, "--key-env", "POOR_KEY"]) == 4
    assert "no native coin" in capsys.readouterr().err


def test_run__foreign_chain_without_key__refused(foreign, capsys):
    assert leave(["--rpc", foreign.url]) == 2
    assert "no key for chain 10" in capsys.readouterr().err


def test_run__foreign_chain_without_proposer__refused(foreign, capsys, monkeypatch):
    monkeypatch.setenv("DEPLOYER_KEY", dev_key(0))
    assert leave(["--rpc", foreign.url, "--key-env", "DEPLOYER_KEY"]) == 2
    assert "propose to the timelock" in capsys.readouterr().err


def test_run__foreign_chain_without_token__no_test_contracts_there(foreign, capsys, monkeypatch):
    monkeypatch.setenv("DEPLOYER_KEY", dev_key(0))
    argv = ["--rpc", foreign.url, "--key-env", "DEPLOYER_KEY", "--proposer", STRANGER]
    assert leave(argv) == 2
    assert "test tokens and test feeds stay away" in capsys.readouterr().err


def test_deploy__token_without_code__refused(rpc, plan):
    wrong = dataclasses.replace(plan, token=STRANGER)
    with pytest.raises(ConfigError, match="there is no token at"):
        deploy(rpc, Sender(rpc, KeySigner(dev_key(0)), lambda text: None), wrong)


def test_deploy__deployer_without_tokens__refused(rpc, deployment, plan):
    poor = dataclasses.replace(plan, token=deployment.token)
    with pytest.raises(UnfundedKey, match="units of the token"):
        deploy(rpc, Sender(rpc, KeySigner(dev_key(8)), lambda text: None), poor)


def test_deploy__no_market__refused(rpc, plan):
    with pytest.raises(ConfigError, match="no market to list"):
        deploy(
            rpc,
            Sender(rpc, KeySigner(dev_key(0)), lambda text: None),
            dataclasses.replace(plan, listings=()),
        )


def test_program__as_a_process__one_sentence_and_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.deploy", "--rpc", "gopher://nowhere"],
        cwd=artifacts.PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(artifacts.PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is not an http address" in done.stderr
    assert "Traceback" not in done.stderr


def test_show__narrow_terminal__no_address_is_cut(deployment, plan, rpc):
    links = verify(rpc, deployment, plan)
    broken = dataclasses.replace(links[-1], found=STRANGER, expected=deployment.token)
    tables = (deployment_table(deployment), links_table([*links, broken]))
    for columns in (80, 40):
        console = Console(width=columns, file=io.StringIO())
        for table in tables:
            show(console, table)
        told = console.file.getvalue()
        addresses = [entry.address for entry in deployment.contracts.values()]
        feeds = [address for entry in deployment.feeds.values() for address in entry]
        for address in (*addresses, *feeds, STRANGER, deployment.token):
            assert address in told
        assert max(map(len, told.splitlines())) <= 80


# --- contracts from Python -------------------------------------------------------------


def test_contract__unknown_function__named(rpc, deployment):
    with pytest.raises(InputError, match="Custody has no function steal"):
        deployment.contract(rpc, "Custody").read("steal")


def test_contract__wrong_arguments__named(rpc, deployment):
    with pytest.raises(InputError, match="takes \\(uint256, uint256\\)"):
        deployment.contract(rpc, "Custody").encode("deposit", 1)


def test_deployment__unknown_contract__named(rpc, deployment):
    with pytest.raises(ConfigError, match="no contract Casino"):
        deployment.contract(rpc, "Casino")


def test_contract__struct_results__by_name(rpc, deployment):
    config = deployment.contract(rpc, "Clearinghouse").read("market_config", 1)
    assert config["brackets"][0]["mm_ppm"] == 25_000


def test_deploy__backing__is_set_where_terms_are_given_and_read_back(anvil, plan):
    first, *others = plan.listings
    terms = dataclasses.replace(
        first.terms,
        buffer=BufferTerms(2_000_000, 500_000, 200_000),
        concentration=Concentration(10, 5, 3),
    )
    backed = dataclasses.replace(plan, listings=(dataclasses.replace(first, terms=terms), *others))
    with anvil.rpc.undone():
        made = deploy(
            anvil.rpc, Sender(anvil.rpc, KeySigner(dev_key(0)), lambda text: None), backed
        )
        clearinghouse = made.contract(anvil.rpc, "Clearinghouse")
        market = first.terms.id
        assert tuple(clearinghouse.read("buffer_terms", market).values()) == (
            2 * PPM,
            PPM // 2,
            PPM // 5,
        )
        assert tuple(clearinghouse.read("concentration", market).values()) == (10, 5, 3)
        # nobody has insured anything yet: five times the dead deposits of both vaults
        assert clearinghouse.read("buffer_cap", market) == 10 * WAD
        assert clearinghouse.read("buffer_cap", others[0].terms.id) == 2**256 - 1
        assert broken_links(verify(anvil.rpc, made, backed)) == []
        broken = broken_links(verify(anvil.rpc, made, plan))
        assert [link.what for link in broken] == ["buffer terms", "concentration"]


def test_deploy__risk_terms__of_every_market_that_has_them(rpc, deployment, plan):
    clearinghouse = deployment.contract(rpc, "Clearinghouse")
    for listing in plan.listings:
        stored = clearinghouse.read("risk_terms", listing.terms.id)
        assert listing.terms.risk is not None
        assert tuple(stored.values()) == listing.terms.risk.values()


def test_key_signer__poor_key__says_what_it_needs(rpc, deployment):
    token = Contract(rpc, artifacts.load("TestToken"), deployment.token)
    poor = KeySigner("0x" + "78" * 32)
    rpc.set_balance(poor.address, 1)
    rpc.call("anvil_setNextBlockBaseFeePerGas", [hex(10**9)])
    rpc.mine()
    with pytest.raises(UnfundedKey):
        token.write(poor, "mint", poor.address, 1)


# --- what a newcomer runs into -----------------------------------------------------------


def test_connect__restarted_chain__says_to_deploy_again(tmp_path, deployment):
    deployment.save(tmp_path)
    with AnvilProcess() as empty_chain, pytest.raises(ConfigError, match="not on this chain"):
        Client.connect(empty_chain.url, tmp_path)


def test_deploy__folder_that_cannot_be_written__refused_before_anything_is_sent(tmp_path, anvil):
    blocked = tmp_path / "file"
    blocked.touch()
    before = anvil.rpc.block_number()
    assert leave(["--rpc", anvil.url, "--out", str(blocked / "folder")]) == ConfigError.exit_code
    assert anvil.rpc.block_number() == before
