"""The local chain, the RPC client and the artifacts, on a real Anvil."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import vyper
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from plimsoll import artifacts, errors
from plimsoll.chain import AnvilOptions, AnvilProcess, Rpc, decode_revert, dev_key, is_listening
from plimsoll.chain import anvil as anvil_module
from plimsoll.chain.rpc import transaction

SOURCE = """
# pragma version 0.4.3
total: public(uint256)

@external
def add(x: uint256):
    assert x < 100, "counter: too big"
    self.total += x

@external
def overflow(x: uint256):
    self.total = max_value(uint256) + x

@external
def odd():
    raw_revert(b"\\xde\\xad")
"""
STRANGER = "0x" + "11" * 20


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def add(amount: int) -> bytes:
    return selector("add(uint256)") + encode(["uint256"], [amount])


@pytest.fixture(scope="module")
def anvil() -> Iterator[AnvilProcess]:
    with AnvilProcess() as process:
        yield process


@pytest.fixture
def rpc(anvil: AnvilProcess) -> Iterator[Rpc]:
    with anvil.rpc.undone():
        yield anvil.rpc


@pytest.fixture(scope="module")
def code() -> bytes:
    bytecode: str = vyper.compile_code(SOURCE)["bytecode"]
    return bytes.fromhex(bytecode[2:])


@pytest.fixture
def counter(rpc: Rpc, code: bytes) -> str:
    receipt = rpc.send_transaction(transaction(data=code, sender=rpc.accounts()[0]))
    address: str = receipt["contractAddress"]
    return address


# --- the process -----------------------------------------------------------------------


def test_anvil__default_options__are_what_the_chain_has(rpc: Rpc) -> None:
    options = AnvilOptions()
    block = rpc.call("eth_getBlockByNumber", ["latest", False])

    assert int(block["gasLimit"], 16) == options.gas_limit
    assert rpc.chain_id() == options.chain_id
    assert len(rpc.accounts()) == options.accounts
    assert rpc.balance(rpc.accounts()[-1]) == options.balance_ether * 10**18
    assert rpc.call("anvil_nodeInfo")["hardFork"].lower() == options.hardfork


def test_anvil__leaving_the_block__takes_old_states_along() -> None:
    """By itself Anvil keeps them in the home folder for ever: gigabytes after some test runs."""
    with AnvilProcess() as anvil:
        folder = Path(anvil.states_folder)
        anvil.rpc.mine(700)
        assert folder.is_dir()
    assert not folder.exists()


def test_anvil__leaving_the_block__stops_the_process() -> None:
    with AnvilProcess(options=AnvilOptions(accounts=3, genesis_timestamp=1_700_000_000)) as anvil:
        assert anvil.rpc.timestamp() == 1_700_000_000
        assert len(anvil.rpc.accounts()) == 3
        assert anvil.pid is not None

    assert anvil.pid is None
    assert not is_listening(anvil.port)
    anvil.stop()


def test_anvil__block_time__mines_without_transactions() -> None:
    with AnvilProcess(options=AnvilOptions(block_time_s=1)) as anvil:
        waiting = threading.Event()
        for _ in range(50):
            if anvil.rpc.block_number():
                break
            waiting.wait(0.1)
        assert anvil.rpc.block_number() >= 1


def test_anvil__port_taken__raises_port_busy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(errors.PortBusy, match=str(port)):
            AnvilProcess(port).start()


def test_anvil__wrong_flag__shows_what_anvil_said() -> None:
    with pytest.raises(errors.AnvilCrashed, match="nonsense"):
        AnvilProcess(options=AnvilOptions(hardfork="nonsense")).start()


def test_find_anvil__nothing_installed__says_make_setup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(errors.AnvilNotFound, match="make setup"):
        anvil_module.find_anvil(tmp_path)


def test_dev_key__belongs_to_the_account_with_its_index(rpc: Rpc) -> None:
    accounts = rpc.accounts()

    assert [Account.from_key(dev_key(i)).address.lower() for i in (0, 9, 29)] == [
        accounts[i].lower() for i in (0, 9, 29)
    ]


# --- requests --------------------------------------------------------------------------


def test_call__unknown_method__raises_rpc_error(rpc: Rpc) -> None:
    with pytest.raises(errors.RpcError, match="no_suchMethod") as caught:
        rpc.call("no_suchMethod")

    assert caught.value.code == -32601


def test_batch__answers_come_in_the_order_asked(rpc: Rpc) -> None:
    requests = [("eth_chainId", []), ("eth_getBalance", [STRANGER, "latest"]), ("eth_chainId", [])]

    assert rpc.batch(requests) == ["0x7a69", "0x0", "0x7a69"]
    assert rpc.batch([]) == []


def test_batch__one_refusal__raises_it(rpc: Rpc) -> None:
    with pytest.raises(errors.RpcError):
        rpc.batch([("eth_chainId", []), ("no_suchMethod", [])])


def test_rpc__nothing_listens__raises_wrong_rpc() -> None:
    with pytest.raises(errors.WrongRpc, match="does not answer: nothing listens there"):
        Rpc(f"http://127.0.0.1:{anvil_module.free_port()}").chain_id()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(110, "timed out"), "it took too long"),
        (socket.gaierror(-2, "Name or service not known"), "its host name cannot be looked up"),
        (ssl.SSLCertVerificationError(1, "[SSL]"), "no secure connection to it can be made"),
        (http.client.RemoteDisconnected("Remote end closed"), "it closed the connection"),
        (OSError(113, "No route to host"), "no route to host"),
        (OSError("odd"), "the network failed"),
        (http.client.BadStatusLine("220 smtp"), "what it said is not HTTP"),
    ],
)
def test_rpc__connection_fails__plain_words(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(http.client.HTTPConnection, "request", fail)

    with pytest.raises(errors.WrongRpc) as caught:
        Rpc("http://127.0.0.1:8545").chain_id()

    assert caught.value.problem == f"http://127.0.0.1:8545: does not answer: {words}"


def test_rpc__not_an_http_address__raises_config_error() -> None:
    with pytest.raises(errors.ConfigError, match="not an http address"):
        Rpc("127.0.0.1:8545")


@contextmanager
def web_server(body: bytes) -> Iterator[str]:
    """A server that answers every POST with `body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]"])
def test_rpc__server_is_no_node__raises_wrong_rpc(body: bytes) -> None:
    with web_server(body) as url, pytest.raises(errors.WrongRpc, match=url):
        Rpc(url).chain_id()


# --- transactions ----------------------------------------------------------------------


def test_send_transaction__success__returns_the_receipt(rpc: Rpc, counter: str) -> None:
    receipt = rpc.send_transaction(transaction(to=counter, data=add(7), sender=rpc.accounts()[1]))

    assert receipt["status"] == "0x1"
    assert int.from_bytes(rpc.eth_call(counter, selector("total()"))) == 7


@pytest.mark.parametrize("gas", [None, 200_000])
def test_send_transaction__revert__carries_reason_and_hash(
    rpc: Rpc, counter: str, gas: int | None
) -> None:
    request = transaction(to=counter, data=add(100), sender=rpc.accounts()[1], gas=gas)

    with pytest.raises(errors.ContractReverted, match="counter: too big") as caught:
        rpc.send_transaction(request)

    assert caught.value.reason == "counter: too big"
    assert caught.value.tx_hash is not None


def test_send_transaction__out_of_gas__says_so(rpc: Rpc, counter: str) -> None:
    request = transaction(to=counter, data=add(7), sender=rpc.accounts()[1], gas=25_000)

    with pytest.raises(errors.ContractReverted) as caught:
        rpc.send_transaction(request)

    assert "gas" in caught.value.reason.lower()


def test_eth_call__revert_with_text__raises_the_text(rpc: Rpc, counter: str) -> None:
    with pytest.raises(errors.ContractReverted) as caught:
        rpc.eth_call(counter, add(100))

    assert caught.value.reason == "counter: too big"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (selector("overflow(uint256)") + encode(["uint256"], [1]), ""),
        (selector("odd()"), "0xdead"),
    ],
)
def test_eth_call__revert_without_text__keeps_the_data(
    rpc: Rpc, counter: str, data: bytes, reason: str
) -> None:
    with pytest.raises(errors.ContractReverted) as caught:
        rpc.eth_call(counter, data)

    assert caught.value.reason == reason


def test_send_transaction__sender_cannot_pay__raises_unfunded_key(rpc: Rpc) -> None:
    sender = rpc.accounts()[1]

    with pytest.raises(errors.UnfundedKey, match=sender):
        rpc.send_transaction(transaction(to=STRANGER, sender=sender, value=10**30))


def test_send_raw__signed_here__is_mined(rpc: Rpc, counter: str) -> None:
    signed = Account.sign_transaction(
        {
            "to": Account.from_key(dev_key(0)).address,
            "value": 1,
            "gas": 21_000,
            "gasPrice": 0,
            "nonce": 0,
            "chainId": rpc.chain_id(),
        },
        dev_key(5),
    )

    assert rpc.send_raw(bytes(signed.raw_transaction))["status"] == "0x1"


def test_wait__never_mined__raises_transaction_pending(rpc: Rpc) -> None:
    with pytest.raises(errors.TransactionPending):
        rpc.wait("0x" + "ab" * 32, timeout_s=0.01)


def test_transaction__misspelled_field__raises() -> None:
    with pytest.raises(TypeError, match="gas_price"):
        transaction(gas_price=1)


def test_impersonating__sends_without_the_key(rpc: Rpc, counter: str) -> None:
    rpc.set_balance(STRANGER, 10**18)
    request = transaction(to=counter, data=add(1), sender=STRANGER)

    with rpc.impersonating(STRANGER):
        assert rpc.send_transaction(request)["from"] == STRANGER
    with pytest.raises(errors.RpcError):
        rpc.send_transaction(request)


# --- time and state --------------------------------------------------------------------


def test_undone__restores_blocks_and_storage(rpc: Rpc, counter: str) -> None:
    height = rpc.block_number()
    with rpc.undone():
        rpc.send_transaction(transaction(to=counter, data=add(7), sender=rpc.accounts()[1]))
        rpc.mine(3)
        assert rpc.block_number() == height + 4

    assert rpc.block_number() == height
    assert int.from_bytes(rpc.eth_call(counter, selector("total()"))) == 0


def test_revert__snapshot_used_twice__raises(rpc: Rpc) -> None:
    snapshot = rpc.snapshot()
    rpc.revert(snapshot)

    with pytest.raises(errors.ChainError, match=snapshot):
        rpc.revert(snapshot)


def test_time__moves_as_told(rpc: Rpc) -> None:
    start = rpc.timestamp()
    rpc.set_next_timestamp(start + 1_000)
    rpc.mine()
    assert rpc.timestamp() == start + 1_000

    rpc.mine(3, interval_s=60)
    assert start + 1_120 <= rpc.timestamp() <= start + 1_180

    rpc.increase_time(3_600)
    assert rpc.timestamp() >= start + 4_720


def test_set_automine__off__leaves_the_transaction_waiting(rpc: Rpc, counter: str) -> None:
    rpc.set_automine(False)
    try:
        request = transaction(to=counter, data=add(1), sender=rpc.accounts()[1], gas=200_000)
        tx_hash = rpc.call("eth_sendTransaction", [request])
        assert rpc.call("eth_getTransactionReceipt", [tx_hash]) is None
        rpc.mine()
        assert rpc.wait(tx_hash)["status"] == "0x1"
    finally:
        rpc.set_automine(True)


# --- revert data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ""),
        (bytes.fromhex("08c379a0") + encode(["string"], ["margin: low"]), "margin: low"),
        (
            bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]),
            "panic 0x11: arithmetic overflow",
        ),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x99]), "panic 0x99: unknown"),
        (bytes.fromhex("08c379a0") + b"\xff", "0x08c379a0ff"),
        (b"\xde\xad", "0xdead"),
    ],
)
def test_decode_revert__each_form(data: bytes, reason: str) -> None:
    assert decode_revert(data) == reason


# --- errors ----------------------------------------------------------------------------


def test_errors__each_says_what_to_do_and_how_to_exit() -> None:
    error = errors.PortBusy(8545)

    assert isinstance(error, errors.PlimsollError)
    assert error.problem in str(error)
    assert error.next_step in str(error)
    assert error.exit_code == errors.ChainError.exit_code != 0


def test_port_busy__advice__names_the_option() -> None:
    assert errors.PortBusy(8545).next_step == "stop that program, or name another port with --port"


# --- artifacts -------------------------------------------------------------------------


def test_load__compiled_contract__has_abi_and_code(tmp_path: Path) -> None:
    folder = tmp_path / "build/contracts"
    folder.mkdir(parents=True)
    (folder / "A.json").write_text(
        json.dumps(
            {
                "abi": [{"type": "function", "name": "f"}, {"type": "event", "name": "E"}],
                "bytecode": "0x6001",
                "deployedBytecode": "6002",
            }
        )
    )

    artifact = artifacts.load("A", tmp_path)

    assert (artifact.bytecode, artifact.runtime) == (b"\x60\x01", b"\x60\x02")
    assert list(artifact.functions) == ["f"]
    assert list(artifact.events) == ["E"]


def test_load__not_compiled__says_make_build(tmp_path: Path) -> None:
    with pytest.raises(errors.ArtifactError, match="make build"):
        artifacts.load("Nothing", tmp_path)


def test_load__damaged_file__names_it(tmp_path: Path) -> None:
    path = tmp_path / "build/contracts/A.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"abi": []}')

    with pytest.raises(errors.ArtifactError, match=r"A\.json is damaged"):
        artifacts.load("A", tmp_path)


def test_ensure_compiled__broken_source__shows_the_compilers_words(tmp_path: Path) -> None:
    root = tmp_path / "tiny"
    (root / "contracts").mkdir(parents=True)
    (root / "tests").mkdir()
    for name in ("brownie_hooks.py", "brownie-config.yaml"):
        (root / name).write_text((artifacts.PROJECT_ROOT / name).read_text())
    source = root / "contracts/Counter.vy"

    source.write_text(SOURCE.strip())
    artifacts.ensure_compiled(root)
    assert "add" in artifacts.load("Counter", root).functions

    source.write_text(SOURCE.strip().replace("self.total += x", "self.totl += x"))
    with pytest.raises(errors.ArtifactError, match="totl"):
        artifacts.ensure_compiled(root)
