"""Everybody at once, at random: traders, liquidators, insurers, keepers, an attacker.

Each example starts from the same venue with leveraged positions, so that a price gap or two
reaches bankruptcies. Every transaction is judged by `tests.support.transitions`, every state
by `tests.support.books`; docs/invariants.md numbers what they assert.

PLIMSOLL_FUZZ_EXAMPLES runs more examples than the default.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from plimsoll.contract import Contract, Event, NodeSigner
from plimsoll.errors import ContractReverted
from plimsoll.orders import Flags, Order, unsigned
from tests.support.attacks import attacks
from tests.support.books import Picture, check_everything, picture, read_many
from tests.support.transitions import JobWatch, check_fill, check_sizes, check_transaction
from tests.support.venue import (
    BTC,
    DOGE,
    ETH,
    MARKETS,
    PPM,
    RAY,
    SCALE,
    WAD,
    Person,
    Venue,
    named,
    running_venue,
)

DEFAULT_EXAMPLES = 110
STEPS = 20
EXAMPLES = int(os.environ.get("PLIMSOLL_FUZZ_EXAMPLES", DEFAULT_EXAMPLES))
TRADERS = ("ann", "ben", "cem", "dot", "eva", "fay")
LIQUIDATORS = ("lil", "lou")
RICH = ("maker", "holder")

# what the run must have reached, or the checks have checked nothing
KEY_PATHS = (
    "AuctionStarted",
    "AuctionEnded",
    "Taken",
    "ConcessionPaid",
    "ReservationChanged",
    "Drawn junior",
    "Drawn senior",
    "AdlFrozen",
    "HaircutSet eta < 1",
    "HaircutSet eta = 1",
    "BucketHaircut",
    "BucketRematched",
    "Rematched",
    "Finished",
    "ShortfallBooked",
    "FeesSwept",
    "Deposited",
    "Withdrawn",
    "resolve unfinished",
    "Vested",
)

markets = st.sampled_from(MARKETS)
traders = st.sampled_from(TRADERS)
everybody = st.sampled_from(TRADERS + LIQUIDATORS + RICH)
gaps = st.sampled_from(
    [-200_000, -110_000, -70_000, -40_000, -8_000, 3_000, 45_000, 90_000, 160_000]
)
notionals = st.integers(150, 120_000)

STEPS_OF_A_LIQUIDATION = ("30", "300", "resolve", "resolve", "wait", "fall", "profits")
reached: Counter[str] = Counter()


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


class Protocol(RuleBasedStateMachine):
    """One example."""

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

    # --- traders -------------------------------------------------------------------------

    @rule(name=everybody, tokens=st.integers(1, 30_000), isolated=st.booleans())
    def deposit(self, name: str, tokens: int, isolated: bool) -> None:
        venue, who = self.venue, self.person(name)
        target = self.account(name, isolated=isolated)
        venue.mint(who.signer, tokens, venue.client.custody.address)
        promised = venue.client.custody.read("preview_deposit", tokens * 10**6)
        call = (venue.client.custody, "deposit", target, tokens * 10**6)
        events, reason = self.act(who.signer, *call, parties=(target,))
        if reason:
            assert reason in ("account: locked", "custody: redemption too low", BEING_RESOLVED)
            return
        credited = named(events, "Deposited")[0]["credited"]
        assert abs(credited - promised) <= promised // 10**4, "I-27 preview_deposit"
        if not named(events, "Finished"):
            change = self.now.equity(target) - self.before.equity(target)
            assert change == credited, "I-32 a deposit credits what it says"

    @rule(name=everybody, part=st.sampled_from([1, 10, 50, 99, 100]), past=st.booleans())
    def withdraw(self, name: str, part: int, past: bool) -> None:
        venue, who = self.venue, self.person(name)
        health = picture(venue, ahead=True).health[who.account]
        free = (health["equity_im"] - health["im"]) // SCALE
        amount = free + 1 if past else free * part // 100
        if amount <= 0:
            return
        had = venue.balance(who.address)
        call = (venue.client.custody, "withdraw", who.account, amount, who.address)
        events, reason = self.act(who.signer, *call, parties=(who.account,))
        if reason:
            allowed = "margin: below initial", "account: under liquidation", "account: locked"
            more = "custody: pays nothing", "custody: backing too small"
            assert reason in allowed + more, reason
            assert past or reason != "margin: below initial", "I-32 free margin is withdrawable"
            return
        assert not past, "I-32 one unit past free margin was paid"
        paid = named(events, "Withdrawn")[0]["tokens"]
        books = self.before.books["custody"]
        worth = amount * min(books["backing"], books["claims"]) // books["claims"]
        assert paid == worth, f"I-32 paid {paid}, worth {worth}"
        assert venue.balance(who.address) == had + paid, "I-32 tokens arrive"
        new = self.now.health[who.account]
        assert new["equity_im"] >= new["im"], "I-32 a withdrawal leaves initial margin"

    @rule(
        buyer=everybody,
        seller=everybody,
        market=markets,
        notional=notionals,
        off=st.integers(-150_000, 150_000),
        near=st.booleans(),
        reduce=st.booleans(),
        isolated=st.booleans(),
    )
    def trade(
        self,
        buyer: str,
        seller: str,
        market: int,
        notional: int,
        off: int,
        near: bool,
        reduce: bool,
        isolated: bool,
    ) -> None:
        venue = self.venue
        mark = venue.mark(market)
        price = mark * (PPM + (off // 20 if near else off)) // PPM
        size = notional * WAD * WAD // mark
        buys, sells = self.account(buyer, isolated=isolated), self.account(seller)
        held = -self.now.size(buys, market)
        if reduce and held > 0:
            size = min(size, held)
        if size == 0:
            return
        flags = Flags.POST_ONLY | (Flags.REDUCE_ONLY if reduce else Flags.NONE)
        maker = venue.signed(self.person(buyer), market, size, price, account=buys, flags=flags)
        taker = unsigned(venue.order(sells, market, -size, price))
        call = (venue.client.exchange, "settle_one", maker.as_tuple(), taker.as_tuple(), size)
        events, reason = self.act(self.person(seller).signer, *call, parties=(buys, sells))
        if reason:
            assert reason in TRADE_REASONS, reason
            return
        before, after = self.before, self.now
        check_sizes(before, after, market)
        ended = {e["account"] for e in named(events, "Finished")}
        for account in {buys, sells} - ended:
            check_fill(before, after, account, market)
        fees = sum(e["fee"] for e in named(events, "PositionChanged"))
        if not ended:
            change = sum(after.equity(a) - before.equity(a) for a in (buys, sells))
            assert abs(change + fees) <= 64, f"I-16 a fill made {change}, fees {fees}"
        distance = abs(price - mark) * PPM
        assert distance <= 150_000 * mark, "I-33 a fill outside of the widest band"
        if size * mark // WAD < 99 * WAD:
            assert reduce, "I-33 opened below the least notional"

    @rule(
        market=markets, kind=st.sampled_from(["band", "fee", "notional", "filled", "self", "old"])
    )
    def step_past_a_limit(self, market: int, kind: str) -> None:
        venue = self.venue
        if market in venue.dead_feeds:
            return
        maker, holder = self.person("maker"), self.person("holder")
        mark = venue.mark(market)
        size, price, changes, reason = 1_000 * WAD * WAD // mark, mark, {}, ""
        if kind == "band":
            price, reason = mark * 1_150_001 // PPM + 1, "trade: price outside band"
        elif kind == "fee":
            changes, reason = {"max_fee_ppm": 199}, "order: fee above cap"
        elif kind == "notional":
            size, reason = 99 * WAD * WAD // mark, "trade: below least notional"
        elif kind == "self":
            holder, reason = maker, "order: self trade"
        elif kind == "old":
            changes, reason = {"expiry": venue.rpc.timestamp() - 1}, "order: expired"
        else:
            reason = "order: over filled"
        first = venue.signed(maker, market, size, price, flags=Flags.POST_ONLY, **changes)
        second: Order = venue.order(holder.account, market, -size, price)
        asked = size + (kind == "filled")
        call = (first.as_tuple(), unsigned(second).as_tuple(), asked)
        parties = (maker.account, holder.account)
        exchange = venue.client.exchange
        _, found = self.act(holder.signer, exchange, "settle_one", *call, parties=parties)
        if kind == "notional" and self.now.size(maker.account, market) < 0 < self.now.size(
            holder.account, market
        ):
            return  # both only reduce
        # a price or a size far out may fail for margin first
        assert found == reason or (found and kind in ("band", "notional")), (
            f"I-33 {kind}: {found!r} instead of {reason!r}"
        )

    # --- prices and time -----------------------------------------------------------------

    @rule(market=markets, gap=gaps)
    def price_gap(self, market: int, gap: int) -> None:
        mark = self.venue.mark(market)
        if PRICE_RANGE[market][0] < mark * (PPM + gap) // PPM < PRICE_RANGE[market][1]:
            self.venue.move(market, gap)
            self.now = check_everything(self.venue)

    @rule(
        name=traders,
        market=markets,
        depth=st.sampled_from([2, 8, 20, 27, 40, -1, -30, -90]),
        steps=st.lists(st.sampled_from(STEPS_OF_A_LIQUIDATION), min_size=2, max_size=7),
        buckets=st.sampled_from([1, 2, 400]),
    )
    def liquidation(
        self, name: str, market: int, depth: int, steps: list[str], buckets: int
    ) -> None:
        """A gap leaves somebody with `depth` thousandths of their notional; then it runs on."""
        account = self.account(name)
        self.gap_to_equity(account, market, depth)
        self.start_account(account)
        self.start_all()
        for number, step in enumerate(steps):
            if step == "profits":
                self.move_profits(market)
            elif step == "wait":
                self.wait(seconds=1_800)
                self.resolve(max_buckets=buckets)
            elif step == "resolve":
                self.resolve(max_buckets=buckets)
            elif step == "fall":
                self.price_gap(market=market, gap=-40_000 if number % 2 else 45_000)
            else:
                self.take(name="lil", pick=number, market=market, part=int(step))

    @rule(name=traders, market=markets, profits=st.booleans(), buckets=st.sampled_from([1, 3, 400]))
    def rout(self, name: str, market: int, profits: bool, buckets: int) -> None:
        """A loss far above the waterfall's limits, the winners' profit in place or cashed in."""
        self.gap_to_equity(self.account(name), market, -150)
        if profits:
            self.move_profits(market)
        self.start_all()
        for _ in range(8):
            if self.resolve(max_buckets=buckets):
                return

    def gap_to_equity(self, account: int, market: int, depth: int) -> None:
        """Move a price so that the account's equity is that part of its position, if it can be."""
        size, mark = self.now.size(account, market), self.venue.mark(market)
        if not size:
            return
        target = abs(size) * mark // WAD * depth // 1_000
        price = mark + (target - self.now.equity(account)) * WAD // size
        low, high = PRICE_RANGE[market]
        self.venue.set_price(
            market, max(low, mark * 65 // 100, min(high, mark * 135 // 100, price))
        )
        self.now = check_everything(self.venue)

    def move_profits(self, market: int) -> None:
        """One of the rich hands a position to the other at mark: its profit is cash now."""
        size = self.now.size(self.account(RICH[0]), market)
        if size:
            buyer, seller = RICH[:: -1 if size > 0 else 1]
            notional = abs(size) * self.venue.mark(market) // WAD // WAD
            self.trade(buyer, seller, market, notional, 0, True, False, False)

    @rule(seconds=st.sampled_from([1, 60, 900, 1_800, 7_200, 86_400]))
    def wait(self, seconds: int) -> None:
        before = self.now
        self.venue.wait(seconds)
        self.now = check_everything(self.venue)
        for account in before.health:
            if not any(before.size(account, m) for m in MARKETS):
                change = self.now.equity(account) - before.equity(account)
                assert change == 0, "I-12 time changes nobody without a position"

    @rule(market=markets, stop=st.booleans())
    def feed(self, market: int, stop: bool) -> None:
        if stop:
            self.venue.stop_feed(market)
        else:
            self.venue.set_price(market, self.venue.mark(market))
        self.now = check_everything(self.venue)

    # --- keepers and liquidators ---------------------------------------------------------

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

    # --- insurers ------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from(["in", "in", "out", "gift", "sweep"]),
        tokens=st.integers(1, 20_000),
        senior=st.booleans(),
    )
    def insurance(self, kind: str, tokens: int, senior: bool) -> None:
        if kind == "in":
            self.insure(tokens, senior)
        elif kind == "out":
            self.leave_insurance(1 + tokens // 250)
        elif kind == "gift":
            self.contribute(1 + tokens // 4)
        else:
            self.act(self.venue.keeper, self.venue.client.custody, "sweep_fees")

    def insure(self, tokens: int, senior: bool) -> None:
        venue, insurer = self.venue, self.person("insurer").signer
        vault = venue.client.senior if senior else venue.client.junior
        venue.mint(insurer, tokens, vault.address)
        receiver = insurer.address if senior else venue.timelock
        _, reason = self.act(insurer, vault, "deposit", tokens * 10**6, receiver)
        assert reason == "", reason

    def leave_insurance(self, part: int) -> None:
        """Ask, wait out the notice, and leave: refused exactly while a reservation stands."""
        venue, insurer, senior = self.venue, self.person("insurer").signer, self.venue.client.senior
        shares = senior.read("balanceOf", insurer.address) * part // 100
        if not shares:
            return
        self.act(insurer, senior, "request_withdrawal", shares)
        venue.wait(14 * 86_400)
        blocked = venue.client.waterfall.read("exits_blocked")
        worth = senior.read("previewRedeem", shares)
        had = venue.balance(insurer.address)
        call = ("redeem", shares, insurer.address, insurer.address)
        _, reason = self.act(insurer, senior, *call)
        assert (reason == "vault: loss pending") == blocked, f"I-11 {reason!r}"
        if not reason:
            assert venue.balance(insurer.address) == had + worth, "I-27 previewRedeem"

    def contribute(self, tokens: int) -> None:
        venue, donor = self.venue, self.person("insurer").signer
        venue.mint(donor, tokens, venue.client.custody.address)
        self.act(donor, venue.client.custody, "contribute", tokens * 10**6)

    # --- attacker ------------------------------------------------------------------------

    @rule(number=st.integers(0, 28))
    def attack(self, number: int) -> None:
        """No privileged function obeys somebody else."""
        client, attacker = self.venue.client, self.person("attacker")
        victim, own = self.person("maker").account, attacker.account
        known = attacks(victim, own, attacker.address)
        name, function, args, reason = known[number % len(known)]
        _, found = self.act(attacker.signer, getattr(client, name), function, *args)
        assert found == reason, f"I-34 {name}.{function}: {found!r}"


ENDS = (
    "Finished",
    "Rematched",
    "AdlFrozen",
    "LossCovered",
    "LegFrozen",
    "HaircutSet",
    "BucketRematched",
)
BEING_RESOLVED = "liquidation: being resolved"
PRICE_RANGE = {
    BTC: (12_000 * WAD, 200_000 * WAD),
    ETH: (500 * WAD, 8_000 * WAD),
    DOGE: (WAD // 16, WAD),
}
TRADE_REASONS = (
    "account: locked",
    "account: start auction first",
    "account: too many markets",
    "account: under liquidation",
    "adl: side locked",
    "liquidation: being resolved",
    "liquidation: loss not reserved",
    "margin: below initial",
    "margin: ratio worsened",
    "market: open interest cap",
    "oracle: no price",
    "order: self trade",
    "order: would not reduce",
    "trade: below least notional",
    "trade: price outside band",
)
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
    "oracle: no price",
)
MAINTAIN_REASONS = (
    "",
    "account: locked",
    "adl: side locked",
    "liquidation: not started",
    BEING_RESOLVED,
)


@pytest.mark.slow
def test_protocol__random_actors__keep_every_invariant() -> None:
    reached.clear()
    with running_venue(junior=15_000, senior=40_000) as venue:
        loaded_venue(venue)
        check_everything(venue)
        Protocol.venue = venue
        Protocol.snapshot = venue.rpc.snapshot()
        Protocol.fresh = (list(venue.events), list(venue.times), set(venue.accounts))
        run_state_machine_as_test(
            Protocol,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                derandomize=True,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
    for what, count in sorted(reached.items()):
        print(f"{count:6} {what}")
    if EXAMPLES >= DEFAULT_EXAMPLES:
        missing = [path for path in KEY_PATHS if not reached[path]]
        assert not missing, f"never reached: {missing}"
