"""A venue with leveraged positions, and one transaction on it, judged.

Every transaction is judged by `tests.support.transitions`, every state by `tests.support.books`;
docs/invariants.md numbers what they assert.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from plimsoll.contract import Contract, Event, NodeSigner
from plimsoll.errors import ContractReverted
from tests.support.books import Picture, check_everything, picture
from tests.support.job_watch import JobWatch
from tests.support.transitions import check_transaction
from tests.support.venue import BTC, DOGE, ETH, MARKETS, RAY, WAD, Person, Venue

TRADERS = ("ann", "ben", "cem", "dot", "eva", "fay")
LIQUIDATORS = ("lil", "lou")
RICH = ("maker", "holder")

BEING_RESOLVED = "liquidation: being resolved"
# whoever an event of these kinds names was a party
ENDS = (
    "Finished",
    "Rematched",
    "AdlFrozen",
    "LossCovered",
    "LegFrozen",
    "HaircutSet",
    "BucketRematched",
)

markets = st.sampled_from(MARKETS)
everybody = st.sampled_from(TRADERS + LIQUIDATORS + RICH)

reached: Counter[str] = Counter()  # functions, refusals and events of a run


def loaded_venue(venue: Venue) -> None:
    """Positions of several classes, on both sides, with thin margins."""
    for name in RICH + LIQUIDATORS:
        venue.deposit(venue.person(name), 3_000_000)
    maker, holder = (venue.person(name) for name in RICH)
    for number, name in enumerate(TRADERS):
        trader = venue.person(name)
        venue.deposit(trader, 40_000)
        for market in MARKETS:
            venue.set_class(trader, market, 4 - number % 5)
    sizes = {BTC: 8 * WAD, ETH: 160 * WAD, DOGE: 1_000_000 * WAD}
    for number, name in enumerate(TRADERS):
        trader = venue.person(name)
        market = MARKETS[number % 2]
        size = sizes[market] // (1, 1, 3, 6, 20, 1)[number]
        if number % 3 == 2:
            venue.trade(maker, trader, market, size)
        else:
            venue.trade(trader, maker, market, size)
        venue.move(market, 17_000 if number % 2 else -12_000)
    venue.trade(holder, maker, BTC, 2 * WAD)
    venue.trade(venue.person("ann"), holder, DOGE, 40_000 * WAD)
    venue.trade(maker, venue.person("ben"), DOGE, 60_000 * WAD)
    ann = venue.person("ann")
    venue.send(ann.signer, venue.client.clearinghouse, "open_isolated", 1)
    venue.deposit(ann, 5_000, ann.sub(1))
    venue.trade(ann, maker, ETH, 20 * WAD, buyer_account=ann.sub(1))
    venue.deposit(venue.person("bystander"), 1_000)


class Judged(RuleBasedStateMachine):
    """One example: it starts from the same venue, and whatever it sends is judged."""

    venue: Venue
    snapshot: str
    fresh: tuple[list[Event], list[int], set[int]]

    def __init__(self) -> None:
        super().__init__()
        cls = type(self)
        self.venue.rpc.revert(cls.snapshot)
        cls.snapshot = self.venue.rpc.snapshot()
        events, times, accounts = cls.fresh
        self.venue.events, self.venue.times = list(events), list(times)
        self.venue.accounts = set(accounts)
        self.venue.dead_feeds = set()
        self.watch = JobWatch()
        self.now: Picture = picture(self.venue)

    # --- one transaction, judged ---------------------------------------------------------

    def act(
        self,
        signer: NodeSigner,
        contract: Contract,
        function: str,
        *args: Any,
        parties: tuple[int, ...] = (),
    ) -> tuple[list[Event], str]:
        """Send, and check what it did to everybody; returns events and the revert reason."""
        before = picture(self.venue, ahead=True)
        try:
            events = self.venue.send(signer, contract, function, *args)
        except ContractReverted as error:
            reached[f"{function}: {error.reason}"] += 1
            return [], error.reason
        reached[function] += 1
        self.note(events)
        after = picture(self.venue)
        involved = set(parties) | {e["account"] for e in events if e.name in ENDS}
        if function == "resolve":
            # after the last charge its account is credited, without an event that names it
            involved.add(before.job["account"])
        check_transaction(self.venue, before, after, events, involved)
        if function == "resolve":
            self.watch.see(before, after, events)
            reached["resolve unfinished"] += bool(after.job["account"])
        check_everything(self.venue, after)
        self.before, self.now = before, after
        return events, ""

    def note(self, events: list[Event]) -> None:
        """Count what was reached."""
        for event in events:
            name = event.name
            if name == "Drawn":
                name += " junior" if event["layer"] == 3 else " senior"
            elif name == "HaircutSet":
                name += " eta < 1" if event["eta_ray"] < RAY else " eta = 1"
            reached[name] += 1

    def person(self, name: str) -> Person:
        return self.venue.person(name)

    def account(self, name: str, *, isolated: bool = False) -> int:
        who = self.person(name)
        return who.sub(1) if isolated and name == "ann" else who.account
