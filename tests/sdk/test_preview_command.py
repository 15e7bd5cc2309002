"""`python -m scripts.preview`: what it prints, and how it refuses. On a node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.preview import Fill, FillFlags
from scripts import preview as program
from scripts.deploy import leave_with
from tests.support.venue import BTC, ETH, WAD, Venue, running_venue


@pytest.fixture(scope="module")
def node() -> Iterator[Venue]:
    with running_venue() as venue:
        for name in ("ann", "bob"):
            venue.deposit(venue.person(name), 100_000)
        venue.trade(venue.person("ann"), venue.person("bob"), ETH, 50 * WAD)
        yield venue


@pytest.fixture
def saved(node: Venue, tmp_path: Path) -> list[str]:
    """Arguments that lead to the node, and both sides."""
    node.deployment.save(tmp_path)
    ann, bob = node.person("ann").address, node.person("bob").address
    return [
        *("--rpc", node.rpc.url, "--deployments", str(tmp_path)),
        *("--maker", ann, "--taker", f"{bob}/0", "--market"),
    ]


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, list[str]]:
    """The table, by the first words of a row; the headline under `verdict`."""
    program.run(argv)
    verdict, _, *rows = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]
    return {"verdict": [verdict], **{name: values for name, *values in cells}}


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        leave_with(program.run, argv)
    out, err = capsys.readouterr()
    return caught.value.code, out, err


def test_command__fill_at_the_mark__prints_what_then_happens(
    node: Venue, saved: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, *saved, "BTC", "--size", "-1.5")
    ann, bob = node.person("ann"), node.person("bob")
    fill = Fill(
        ann.account, bob.account, BTC, -3 * WAD // 2, node.mark(BTC), flags=FillFlags.MAKER_FEE
    )
    preview = node.client.preview(fill)
    assert shown["verdict"] == ["The taker sells 1.5 BTC at 50,000: it would be settled."]
    assert shown["size"] == ["0", "1.5", "0", "-1.5"]
    assert shown["fee"] == ["15.00 (0.02 %)", "37.50 (0.05 %)"]
    assert shown["leverage class"] == ["20x", "20x"]
    assert shown["under liquidation"] == ["no"] * 4
    assert shown["maintenance margin"] == ["2,500.00", "4,375.00"] * 2
    assert shown["ADL: buckets ahead"] == ["0", "0"]
    short = preview.taker.after
    assert short is not None
    border = short.liquidation_prices[BTC]
    assert border is not None
    assert shown["liquidation at BTC"][-1] == f"{border / WAD:,.6f}".rstrip("0")
    assert len(shown["liquidation at ETH"]) == 4
    with node.rpc.undone():
        node.trade(ann, bob, BTC, 3 * WAD // 2)
        assert node.client.leg(bob.account, BTC)["size"] == fill.size
        assert node.client.leg(bob.account, BTC)["entry"] == short.leg["entry"]


def test_command__fully_paid_long__is_never_liquidated(
    saved: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, *saved, "BTC", "--size", "-0.01", "--price", "50010")
    assert shown["verdict"] == ["The taker sells 0.01 BTC at 50,010: it would be settled."]
    assert shown["liquidation at BTC"][0] == "never"


def test_command__refused_fill__says_why_and_fails(
    saved: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = refused(capsys, *saved, "BTC", "--size", "100")
    assert code == 5
    assert out.splitlines()[0] == "The taker buys 100 BTC at 50,000: margin: below initial"
    assert "equity" in out
    assert "contract reverted: margin: below initial" in err


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--max-fee-ppm", "499"], "order: fee above cap"),
        (["--maker-reduces"], "order: would not reduce"),
        (["--taker-reduces"], "order: would not reduce"),
        (["--price", "60000"], "trade: price outside band"),
    ],
)
def test_command__terms_of_the_orders__count(
    saved: list[str], capsys: pytest.CaptureFixture[str], more: list[str], reason: str
) -> None:
    _, out, _ = refused(capsys, *saved, "1", "--size", "1", *more)
    assert out.splitlines()[0].endswith(reason)


def test_command__no_post_only_side__both_pay_the_taker_fee(
    saved: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, *saved, "BTC", "--size", "1", "--both-take", "--block")
    assert shown["fee"] == ["25.00 (0.05 %)"] * 2


@pytest.mark.parametrize(
    ("market", "size", "words"),
    [("SOL", "1", "not a market"), ("BTC", "much", "not a number"), ("77", "1", "market: unknown")],
)
def test_command__what_is_not_there__refused(
    saved: list[str], capsys: pytest.CaptureFixture[str], market: str, size: str, words: str
) -> None:
    code, _, err = refused(capsys, *saved, market, "--size", size)
    assert code in (2, 5)
    assert words in err


def test_command__bad_account__refused_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["--maker", "me", "--taker", "you", "--market", "BTC", "--size", "1"]
    code, _, err = refused(capsys, *argv, "--rpc", "http://127.0.0.1:9")
    assert code == 2
    assert "'me' is not an account" in err
