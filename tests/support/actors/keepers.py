"""Keepers and liquidators: auctions, takes, resolves."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.support.actors.judged import (
    BEING_RESOLVED,
    LIQUIDATORS,
    RICH,
    Judged,
    everybody,
    markets,
)
from tests.support.books import picture, read_many
from tests.support.venue import MARKETS, PPM, WAD, named

TAKE_REASONS = (
    "account: locked",
    "account: under liquidation",
    "adl: side locked",
    "liquidation: being resolved",
    "liquidation: cured",
    "liquidation: loss not reserved",
    "liquidation: no price",
    "liquidation: self take",
    "liquidation: slice too small",
    "margin: below initial",
    "oracle: grace",
    "oracle: no price",
)
MAINTAIN_REASONS = (
    "",
    "account: locked",
    "adl: side locked",
    "liquidation: not started",
    BEING_RESOLVED,
)


class Keepers(Judged):
    """What keepers and liquidators do."""

    @rule(name=everybody, isolated=st.booleans())
    def start(self, name: str, isolated: bool) -> None:
        """Anybody's, then everybody's below margin."""
        self.start_account(self.account(name, isolated=isolated))
        self.start_all()

    def start_all(self) -> None:
        for account, health in self.now.health.items():
            if health["equity"] < health["mm"]:
                self.start_account(account)

    def start_account(self, account: int) -> None:
        venue = self.venue
        expected = venue.client.lens.read("dry_run", account, [])
        seen = picture(venue, ahead=True)
        below = seen.health[account]["equity"] < seen.health[account]["mm"]
        call = (venue.client.liquidator, "start", account)
        events, reason = self.act(self.venue.keeper, *call, parties=(account,))
        if reason:
            busy = reason in ("liquidation: already started", "account: locked")
            assert busy or not below, f"I-19 {reason} though below margin"
            return
        assert below, "I-19 started above maintenance margin"
        for event in named(events, "ReservationChanged"):
            layers = (event["junior"], event["senior"])
            planned = tuple(expected["layers"][1:3])
            near = all(abs(a - b) <= WAD for a, b in zip(layers, planned, strict=True))
            assert near or named(events, "Finished"), f"I-27 dry_run {planned}, reserved {layers}"

    @rule(
        name=st.sampled_from(LIQUIDATORS + RICH),
        pick=st.integers(0, 20),
        market=markets,
        part=st.sampled_from([5, 20, 60, 100, 300]),
    )
    def take(self, name: str, pick: int, market: int, part: int) -> None:
        venue, who = self.venue, self.person(name)
        started = [a for a in sorted(self.now.started) if self.now.started[a]]
        if not started:
            return
        account = started[pick % len(started)]
        places = [m for m in MARKETS if self.now.size(account, m)]
        if not places:
            return
        place = market if market in places else places[0]
        size = max(1, abs(self.now.size(account, place)) * part // 100)
        limit = 2**200 if self.now.size(account, place) > 0 else 0
        terms = self.terms_ahead(account, place)
        call = ("take", account, place, size, limit, who.account)
        parties = (account, who.account)
        events, reason = self.act(who.signer, venue.client.liquidator, *call, parties=parties)
        if reason:
            assert reason in TAKE_REASONS, reason
            return
        taken = named(events, "Taken")[0]
        assert abs(taken["size"]) == min(size, terms["size_max"]), "I-27 take_terms size"
        sign = 1 if taken["size"] > 0 else -1
        worse = terms["mark"] * terms["account_concession_ppm"] // PPM
        assert taken["account_price"] == terms["mark"] - sign * worse, "I-27 take_terms price"

    def terms_ahead(self, account: int, market: int) -> dict[str, Any]:
        """`take_terms` as the next block will see it."""
        call = (self.venue.client.liquidator, "take_terms", (account, market))
        return dict(read_many(self.venue, [call], ahead=True)[0])

    @rule(max_buckets=st.sampled_from([1, 2, 400]))
    def resolve(self, max_buckets: int) -> str:
        liquidator = self.venue.client.liquidator
        _, reason = self.act(self.venue.keeper, liquidator, "resolve", max_buckets)
        assert reason in ("", "liquidation: nothing to resolve"), reason
        return reason

    @rule(name=everybody, function=st.sampled_from(["touch", "remark", "sync"]), market=markets)
    def maintain(self, name: str, function: str, market: int) -> None:
        client, account = self.venue.client, self.account(name)
        if function == "sync":
            _, reason = self.act(self.venue.keeper, client.clearinghouse, "sync", account, market)
        else:
            _, reason = self.act(self.venue.keeper, client.liquidator, function, account)
        assert reason in MAINTAIN_REASONS, reason
