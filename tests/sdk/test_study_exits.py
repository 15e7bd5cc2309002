"""The study of exits: the model plus thin rules, books that balance, figures that come back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from plimsoll import artifacts
from plimsoll.errors import InputError
from plimsoll.model.example import AUCTION
from plimsoll.model.state import FINE, WAD
from plimsoll.study.cast import draw
from plimsoll.study.measure import gain, summary, waits
from plimsoll.study.play import Outcome, Play, to_wad
from plimsoll.study.rules import (
    ANY,
    ESCROW,
    GATE,
    HOLD,
    HOLD_S,
    KEEP_ALL,
    LOCK,
    NONE,
    RULES,
    Rule,
)
from plimsoll.study.venue import FEES_PPM, Seat, Venue, new_world
from scripts import study_exits

SEED = 1
FEW = 12
ADR = artifacts.PROJECT_ROOT / "docs" / "adr" / "0012-exits-while-losses-are-pending.md"
WINNER, FRIEND, LOSER, OTHER, MAKER = (number << 96 for number in range(0x101, 0x106))


@pytest.fixture(scope="module")
def played() -> dict[str, list[Outcome]]:
    crashes = [draw(SEED, number) for number in range(FEW)]
    return {rule.key: [Play(crash, rule).run() for crash in crashes] for rule in RULES}


def venue(rule: Rule, insurance: float = 0.0) -> Venue:
    """One winner of 1,000 short and one loser, five to one and twenty to one, at 100."""
    seats = [
        Seat(WINNER, to_wad(20_000), to_wad(-1_000), to_wad(100)),
        Seat(FRIEND, to_wad(20_000)),
        Seat(LOSER, to_wad(6_000), to_wad(1_000), to_wad(100)),
        Seat(OTHER, to_wad(50_000)),
        Seat(MAKER, to_wad(500_000)),
    ]
    return Venue(new_world(to_wad(100), to_wad(insurance), to_wad(insurance), seats), rule)


def crashed(rule: Rule, insurance: float = 0.0, price: float = 90) -> Venue:
    """The same a block later, ten per cent lower: the loser is 4,000 short."""
    found = venue(rule, insurance)
    found.next_block(12, to_wad(price))
    return found


def reset(market: Venue) -> bool:
    """The winner hands its position to a friend."""
    return market.trade(FRIEND, WINNER, -market.size(WINNER))


# --- the study is exact -----------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_play__any_rule__what_some_lack_others_have(
    played: dict[str, list[Outcome]], rule: Rule
) -> None:
    for outcome in played[rule.key]:
        missing = sum(outcome.costs.values()) + outcome.vaults - outcome.fees * outcome.rho
        assert abs(missing) < 0.001
        assert outcome.unfinished == 0


@pytest.mark.parametrize("number", range(3))
def test_play__no_rule__the_model_alone_ends_in_the_same_state(number: int) -> None:
    # the one rule that the protocol has without risk terms is that of entries
    rule = replace(NONE, basis_at_mark=True)
    play = Play(draw(SEED, number), rule)
    play.run()
    fresh = Play(draw(SEED, number), rule).venue.protocol
    for call in play.venue.calls:
        fresh.call(*call)
    mine, model = play.venue.world, fresh.world
    assert mine.accounts == model.accounts
    assert mine.positions == model.positions
    assert mine.custody == model.custody
    assert mine.auctions == model.auctions
    assert mine.tokens == model.tokens


def test_play__same_crash_twice__same_outcome() -> None:
    first, second = (Play(draw(SEED, 3), HOLD).run() for _ in range(2))
    assert first == second


def test_draw__other_seed__other_crash() -> None:
    assert draw(1, 0) == draw(1, 0)
    assert draw(1, 0) != draw(2, 0)


# --- rules one by one -------------------------------------------------------------------------


def test_reset__no_rule__costs_seven_basis_points_and_leaves_no_profit() -> None:
    market = crashed(NONE)
    before = market.equity(WINNER) + market.equity(FRIEND)
    assert reset(market)
    fees = before - market.equity(WINNER) - market.equity(FRIEND)
    assert fees == 1_000 * 90 * FEES_PPM * WAD // 10**6
    assert market.start(LOSER)
    assert market.resolve()
    assert market.haircut == 0  # nobody has a profit: the loss is everybody's
    assert market.world.custody.backing < market.world.custody.claims


def test_reset__lock__let_before_start_and_refused_after() -> None:
    assert reset(crashed(LOCK))
    market = crashed(LOCK)
    market.start(LOSER)
    assert not reset(market)
    assert market.resolve()
    assert reset(market)


def test_reset__hold__refused_in_the_block_of_the_move_and_let_after_the_hold() -> None:
    market = crashed(HOLD)
    assert not reset(market)
    market.next_block(HOLD_S - 1, to_wad(90))
    assert not reset(market)
    market.next_block(1, to_wad(90))
    assert reset(market)


def test_hold__uncovered_loss__held_again_by_its_touch() -> None:
    market = crashed(HOLD)
    market.next_block(HOLD_S, to_wad(90))
    market.start(LOSER)
    assert not reset(market)
    assert not market.withdraw(OTHER, WAD)
    assert market.resolve()
    assert market.withdraw(OTHER, WAD)


def test_hold__loser_and_bystander__free() -> None:
    market = crashed(HOLD, insurance=100_000)
    assert market.withdraw(OTHER, 50_000 * WAD)
    market = crashed(HOLD, insurance=100_000, price=96.5)
    assert market.trade(MAKER, LOSER, to_wad(-100))
    # what is no gain of the move may go
    assert market.withdraw(WINNER, 10_000 * WAD)
    assert market.guard.free_margin(WINNER) < 5_200 * WAD


def test_hold__move_below_the_jump__nothing_held() -> None:
    assert reset(crashed(HOLD, price=97.1))
    assert not reset(crashed(HOLD, price=96.9))


def test_hold__slow_move__measured_from_the_last_hold() -> None:
    market = venue(HOLD)
    for price in (99, 98, 97, 96.8):
        market.next_block(12, to_wad(price))
    first = market.guard.held_until[False]
    assert first > 0
    for price in (96, 95, 94, 93.5):
        market.next_block(12, to_wad(price))
    assert market.guard.held_until[False] > first
    assert market.guard.held_until[True] == 0


def test_entry__filled_worse_than_the_mark__counts_at_the_mark() -> None:
    for rule, entry in ((NONE, 95.5), (HOLD, 98)):
        market = venue(rule)
        market.next_block(12, to_wad(98))
        assert market.trade(FRIEND, OTHER, to_wad(-10), to_wad(95.5))
        leg = market.guard.position(OTHER)
        assert abs(leg.entry_fine // FINE - to_wad(entry)) < to_wad(0.001)


@pytest.mark.parametrize("rule", [ESCROW, KEEP_ALL], ids=lambda rule: rule.key)
def test_reset__gains_kept__bear_the_same_haircut(rule: Rule) -> None:
    loyal, other = crashed(NONE), crashed(rule)
    for market in (loyal, other):
        market.start(LOSER)
    assert reset(other)
    assert not other.withdraw(WINNER, 20_000 * WAD)
    for market in (loyal, other):
        assert market.resolve()
    assert other.etas == loyal.etas
    assert abs(other.haircut - loyal.haircut) <= 1
    assert other.world.custody.backing >= other.world.custody.claims
    assert not other.guard.deficits


def test_gate__pending_above_the_free_waterfall__nobody_withdraws_until_resolved() -> None:
    rule = replace(GATE, gate_jump=False)
    market = crashed(rule, insurance=3_000)  # 3,000 may be used in a day, 4,000 are missing
    assert market.withdraw(OTHER, WAD)
    market.start(LOSER)
    assert not market.withdraw(OTHER, WAD)
    assert market.resolve()
    assert market.withdraw(OTHER, WAD)


def test_gate__loss_covered_twice__open() -> None:
    market = crashed(replace(GATE, gate_jump=False), insurance=10_000)
    market.start(LOSER)
    assert market.withdraw(OTHER, WAD)
    closed = crashed(replace(GATE, gate_jump=False, gate_factor=ANY), insurance=10_000)
    closed.start(LOSER)
    assert not closed.withdraw(OTHER, WAD)


# --- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [GATE, LOCK, HOLD], ids=lambda rule: rule.key)
def test_waits__end_with_auction_and_resolve(played: dict[str, list[Outcome]], rule: Rule) -> None:
    bound = 5 * HOLD_S if rule is HOLD else AUCTION.duration + 5 * HOLD_S
    for plan in ("reducer", "spender", "saver"):
        found = waits(played[rule.key], plan)
        assert found["granted"] == found["wishes"]
        assert found["longest_s"] <= bound


def test_sybil__four_accounts__pay_what_one_pays(played: dict[str, list[Outcome]]) -> None:
    for outcomes in played.values():
        assert abs(gain(outcomes, "sybil")) < 0.005


def test_gains__deviating_pays_without_a_rule_and_not_under_the_hold(
    played: dict[str, list[Outcome]],
) -> None:
    for plan in ("resetter", "runner"):
        assert gain(played["none"], plan) > 0.05
        assert gain(played["hold"], plan) < 0.02


def test_adr__its_short_table__comes_out_again(played: dict[str, list[Outcome]]) -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", ADR.read_text(encoding="utf-8"), re.MULTILINE)
    told = {key: [cell.strip() for cell in cells.split("|")] for key, cells in rows}
    assert told.keys() == {rule.key for rule in RULES}
    for rule in RULES:
        found = summary(rule, played[rule.key])
        gains = [found["gains"][plan] for plan in ("resetter", "runner", "drainer", "siphoner")]
        figures = [found["lost"]["twin"], *gains, found["uncovered"]]
        for cell, figure in zip(told[rule.key], figures, strict=True):
            assert abs(float(cell) - figure * 100) <= 0.05 + 1e-9  # rounded to the last digit


def test_command__one_crash__tables_and_pictures(tmp_path: Path) -> None:
    study_exits.run(["--seed", "3", "--runs", "1", "--out", str(tmp_path), "--quiet"])
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert (data["seed"], data["runs"], data["sample"]["crashes"]) == (3, 1, 1)
    assert len(data["rules"]) == len(RULES)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".png"}


def test_command__no_crash__refused() -> None:
    with pytest.raises(InputError):
        study_exits.parse(["--runs", "0"])
