"""`python -m scripts.shocks`: what it prints and writes, and how it refuses. On a node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from plimsoll.chain import AnvilOptions, AnvilProcess
from plimsoll.shocks import (
    account_view,
    find_accounts,
    grid,
    venue_view,
)
from plimsoll.shocks.document import account_document, venue_document
from scripts import shocks as program
from scripts.deploy import leave_with
from tests.support.shock_world import (
    LOSERS,
    SHOCKS,
    account_of,
    opened,
)
from tests.support.venue import (
    BTC,
    GENESIS,
    MARKETS,
    WAD,
    Venue,
)

STRANGER = "0x" + "5a" * 20


@pytest.fixture(scope="module")
def node() -> Iterator[Venue]:
    with AnvilProcess(options=AnvilOptions(genesis_timestamp=GENESIS)) as anvil:
        yield opened(Venue(anvil.rpc, junior=20_000, senior=60_000))


@pytest.fixture
def saved(node: Venue, tmp_path: Path) -> list[str]:
    """Arguments that lead to the node."""
    node.deployment.save(tmp_path)
    return ["--rpc", node.rpc.url, "--deployments", str(tmp_path)]


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as caught:
        leave_with(program.run, argv)
    return caught.value.code, capsys.readouterr().err


def test_find_accounts__node__everybody_who_ever_had_a_position(node: Venue) -> None:
    dot, gus = node.person("dot"), node.person("gus")
    with node.rpc.undone():
        node.deposit(gus, 10_000)
        node.trade(gus, dot, BTC, WAD // 10)
        node.trade(dot, gus, BTC, WAD // 10)
        found = find_accounts(node.client)
        assert set(found) == {account_of(node, name) for name in (*LOSERS, "dot", "eva", "gus")}
        view = venue_view(node.client, found, SHOCKS[:1])
        assert gus.account not in {one.account for one in view.holders}


def test_command__venue__prints_and_writes_what_the_library_says(
    node: Venue, saved: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out" / "shocks.json"
    program.run([*saved, "--shocks", "-30", "+20", "--json", str(file)])
    printed = capsys.readouterr().out
    document = json.loads(file.read_text(encoding="utf-8"))
    moves = grid(MARKETS, (-300_000, 200_000))
    view = venue_view(node.client, find_accounts(node.client), moves)
    expected = json.loads(json.dumps(venue_document(view)))
    assert document["shocks"][0] == expected["shocks"][0]
    # a node's clock runs on: seconds of funding lie between the two
    assert [row["cover_2"]["survived"] for row in document["shocks"]] == [
        row.cover.survived for row in view.rows
    ]
    assert document.keys() == expected.keys()
    for words in ("all markets -30 %", "cover-2", "survives", "fails", "free, BTC", "wrote"):
        assert words in printed, words
    assert "Only accounts of the list" not in printed


def test_command__accounts_from_a_file__those_only(
    node: Venue, saved: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, file = tmp_path / "ids.txt", tmp_path / "shocks.json"
    ann, cem = node.person("ann"), node.person("cem")
    listed.write_text(f"# two\n{ann.address}\n\n{cem.account:#066x}\n", encoding="utf-8")
    program.run([*saved, "--accounts", str(listed), "--shocks", "-30", "--json", str(file)])
    assert json.loads(file.read_text(encoding="utf-8"))["accounts"] == 2
    printed = capsys.readouterr().out
    assert "2 accounts with positions" in printed
    assert "Only accounts of the list" in printed
    listed.write_text(f"{STRANGER}\n", encoding="utf-8")
    code, error = refused(capsys, *saved, "--accounts", str(listed))
    assert (code, "holds a position here" in error) == (2, True)


def test_command__account__prints_and_writes(
    node: Venue, saved: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ben, file = node.person("ben"), tmp_path / "ben.json"
    program.run([*saved, "--account", f"{ben.address}/0", "--json", str(file)])
    printed = capsys.readouterr().out
    document = json.loads(file.read_text(encoding="utf-8"))
    expected = account_document(account_view(node.client, ben.account, SHOCKS))
    assert document["account"]["id"] == f"{ben.account:#066x}"
    assert document.keys() == expected.keys()
    assert len(document["shocks"]) == len(SHOCKS)
    for words in (to_checksum_address(ben.address), "above MM", "falls to MM at", "all markets"):
        assert words in printed, words


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--account", "0x12"], "is not an account"),
        (["--account", "0x" + "00" * 32], "is not an account"),
        (["--account", STRANGER], "neither cash nor positions"),
        (["--shocks", "-100"], "cannot be tried"),
        (["--account", STRANGER, "--accounts", "ids.txt"], "exclude each other"),
        (["--accounts", "no-such-file"], "cannot read no-such-file"),
    ],
)
def test_command__slip__one_sentence_and_code_2(
    saved: list[str], capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    code, error = refused(capsys, *saved, *argv)
    assert code == 2
    assert said in error
    assert "  -> " in error


def test_command__no_venue_there__says_what_to_do(
    node: Venue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = refused(capsys, "--rpc", node.rpc.url, "--deployments", str(tmp_path))
    assert (code, "deploy first" in error) == (2, True)
    code, error = refused(capsys, "--rpc", "http://127.0.0.1:9")
    assert (code, "nothing listens there" in error) == (4, True)


def test_command__json_cannot_be_written__says_so(
    saved: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    target = str(tmp_path / "file" / "x.json")
    code, error = refused(capsys, *saved, "--shocks", "5", "--json", target)
    assert (code, "cannot write" in error) == (2, True)
