"""Traders: deposits, withdrawals, fills, orders one step past a limit."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from plimsoll.orders import Flags, Order, unsigned
from tests.support.actors.judged import BEING_RESOLVED, Judged, everybody, markets
from tests.support.books import picture
from tests.support.transitions import check_fill, check_sizes
from tests.support.venue import PPM, SCALE, WAD, named

notionals = st.integers(150, 120_000)
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


class Traders(Judged):
    """What a trader does."""

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
        due = venue.client.liquidator.read("resolve_due")
        call = (venue.client.custody, "withdraw", who.account, amount, who.address)
        events, reason = self.act(who.signer, *call, parties=(who.account,))
        assert (reason == "custody: resolve first") == due, f"I-40 {reason!r}, resolve due: {due}"
        if reason:
            allowed = "margin: below initial", "account: under liquidation", "account: locked"
            more = "custody: pays nothing", "custody: backing too small", "custody: resolve first"
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
            # sizes may lose the wei that `check_sizes` allows, each worth its mark
            slack = 64 + 4 * (1 + mark // WAD)
            assert abs(change + fees) <= slack, f"I-16 a fill made {change}, fees {fees}"
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
