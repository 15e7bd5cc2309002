"""What ADL may do: the order of the queue, and one frozen resolve followed over its calls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from plimsoll.contract import Event
from tests.support.books import Picture, rank
from tests.support.transitions import profit
from tests.support.venue import MARKETS, PPM, RAY, WAD, named


def expected_heads(
    queue: list[dict[str, Any]], mark: int, closed: Sequence[Event]
) -> list[tuple[int, int]]:
    """(key, size) of the buckets that may be re-matched, best first; the last one in part."""
    left = sum(event["size"] for event in closed)
    found = []
    for entry in sorted(queue, key=lambda entry: rank(entry["key"], mark), reverse=True):
        if len(found) == len(closed):
            break
        part = min(left, entry["size"])
        found.append((entry["key"], part))
        left -= part
    return found


def check_order(before: Picture, market: int, mark: int, closed: Sequence[Event]) -> None:
    """No bucket is re-matched while one with a higher score holds size."""
    if not closed:
        return
    long = bool(closed[0]["key"] >> 16 & 1)
    expected = expected_heads(before.queues[market, long], mark, closed)
    assert [(e["key"], e["size"]) for e in closed] == expected, "I-28 not in queue order"


class JobWatch:
    """Follows one frozen resolve over its calls."""

    def __init__(self) -> None:
        self.legs: dict[int, Event] = {}
        self.winning: dict[int, set[int]] = {}
        self.haircut: dict[int, Event] = {}
        self.charged: dict[int, list[int]] = {}
        self.account = 0

    def see(self, before: Picture, after: Picture, events: list[Event]) -> None:
        """Check one call of `resolve`."""
        for event in events:
            if event.name == "AdlFrozen":
                self.account = event["account"]
                self.legs, self.winning, self.haircut, self.charged = {}, {}, {}, {}
            elif event.name == "LegFrozen":
                self.legs[event["market"]] = event
            elif event.name == "HaircutSet":
                self._see_haircut(before, event)
            elif event.name == "BucketHaircut":
                self.charged.setdefault(event["market"], []).append(event["key"])
            elif event.name == "BucketRematched" and self.account:
                self._see_rematch(event)
        for market in MARKETS:
            closed = [e for e in named(events, "BucketRematched") if e["market"] == market]
            frozen = self.legs.get(market) if self.account else None
            mark = frozen["mark"] if frozen else before.marks[market][0]
            check_order(before, market, mark, closed)
        for event in named(events, "Rematched"):
            self._see_discount(before, event, events)
        if self.account and not after.job["account"]:
            self._finish()
            self.account = 0

    def _see_haircut(self, before: Picture, event: Event) -> None:
        market, leg = event["market"], self.legs[event["market"]]
        self._complete(self.haircut)
        self.haircut[market] = event
        wanted = leg["uncovered"]
        assert event["credited"] == min(wanted, event["profit"]), "I-29 taken = min(R, U)"
        if event["profit"]:
            eta = min(RAY, -(-event["credited"] * RAY // event["profit"]))
            assert event["eta_ray"] == eta, "I-29 eta = min(1, R / U)"
        long = leg["size"] < 0
        self.winning[market] = {
            entry["key"]
            for entry in before.queues[market, long]
            if (leg["mark"] - entry["worst_entry"]) * (1 if long else -1) > 0
        }
        gains = [
            max(Fraction(0), profit(before, account, place, leg["mark"]))
            for account, place in before.legs
            if place == market and (before.size(account, place) > 0) == long
        ]
        assert event["profit"] <= sum(gains) * (1 + Fraction(1, 10**8)) + 10**7, (
            f"I-30 U = {event['profit']} above all winners' profit {sum(gains)}"
        )
        low = sum(
            Fraction(abs(leg["mark"] - entry["worst_entry"]) * entry["size"], WAD)
            for entry in before.queues[market, long]
            if entry["key"] in self.winning[market]
        )
        assert event["profit"] >= low * (1 - Fraction(1, 10**8)) - 10**7, "I-30 U too small"

    def _see_rematch(self, event: Event) -> None:
        market = event["market"]
        assert event["price"] == self.legs[market]["mark"], "I-31 a bankrupt leg goes at mark"
        if market in self.haircut:
            self._complete({market: self.haircut[market]})

    def _see_discount(self, before: Picture, event: Event, events: list[Event]) -> None:
        """A solvent account pays at most half the cap of a take, to those it is matched with."""
        account, market = event["account"], event["market"]
        health, leg = before.health[account], before.legs[account, market]
        if len(named(events, "Rematched")) == 1 and health["mm"]:
            cap = Fraction(health["equity"] * leg["mm"], health["mm"] * leg["notional"]) / 2
            assert event["discount_ppm"] <= cap * PPM, "I-31 discount above half the cap"
        mark = before.marks[market][0]
        sign = 1 if before.size(account, market) > 0 else -1
        price = mark * (PPM - sign * event["discount_ppm"]) // PPM
        for closed in named(events, "BucketRematched"):
            if closed["market"] == market:
                assert closed["price"] == price, "I-31 price of a solvent re-match"

    def _complete(self, haircuts: dict[int, Event]) -> None:
        for market in haircuts:
            keys = self.charged.get(market, [])
            assert len(keys) == len(set(keys)), "I-30 a bucket was charged twice"
            assert set(keys) == self.winning[market], "I-30 exactly the winning buckets pay"

    def _finish(self) -> None:
        self._complete(self.haircut)
        for market, leg in self.legs.items():
            if leg["uncovered"]:
                assert market in self.haircut, "I-29 winners were asked before anybody else"
