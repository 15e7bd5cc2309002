"""Prices and time: gaps, and what a gap leads to."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.support.actors.judged import RICH, TRADERS, markets
from tests.support.actors.keepers import Keepers
from tests.support.actors.traders import Traders
from tests.support.books import check_everything
from tests.support.venue import BTC, DOGE, ETH, MARKETS, PPM, WAD

traders = st.sampled_from(TRADERS)
gaps = st.sampled_from(
    [-200_000, -110_000, -70_000, -40_000, -8_000, 3_000, 45_000, 90_000, 160_000]
)
STEPS_OF_A_LIQUIDATION = ("30", "300", "resolve", "resolve", "wait", "fall", "profits")
PRICE_RANGE = {
    BTC: (12_000 * WAD, 200_000 * WAD),
    ETH: (500 * WAD, 8_000 * WAD),
    DOGE: (WAD // 16, WAD),
}


class Prices(Traders, Keepers):
    """What the market does, and a story or two that it tells."""

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
