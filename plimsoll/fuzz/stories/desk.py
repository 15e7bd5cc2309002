"""What a story needs: to see where everybody stands, and to make actions that fit there."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.stage import (
    ISOLATED_SUB,
    KEEPER,
    LIQUIDATORS,
    MARKETS,
    PRICE_RANGE,
    RICH,
    TRADERS,
    UNSIGNED,
    WITH_ISOLATED,
)
from plimsoll.model import backing, margin
from plimsoll.model.state import FINE, PPM, WAD
from plimsoll.orders import Flags

if TYPE_CHECKING:
    from plimsoll.fuzz.machine import Machine

Story = Iterator[Action]
Place = tuple[int, int]  # person, sub-account

TRADING: Final = range(len(TRADERS) + len(LIQUIDATORS) + len(RICH))
FIRST_LIQUIDATOR: Final = len(TRADERS)
FIRST_RICH: Final = len(TRADERS) + len(LIQUIDATORS)
SCALE: Final = 10**12  # wad per token unit
DAY_S: Final = 86_400
AUCTION_S: Final = 1_800
FOREVER: Final = 4_000_000_000
_MOST: Final = 0.95
_ODD: Final = 0.03


class Desk:
    """One machine and one source of chance."""

    def __init__(self, machine: Machine, rng: Random) -> None:
        self.m = machine
        self.rng = rng
        self.orders: list[list[int]] = []  # signed ones, for replays and cancellations
        self._salt = 0

    def accounts(self) -> list[Place]:
        """Everybody who may hold positions, as person and sub-account."""
        return [(who, 0) for who in TRADING] + [(who, ISOLATED_SUB) for who in WITH_ISOLATED]

    def live(self) -> list[int]:
        """Markets that are not wound down."""
        world = self.m.world
        return [market for market in MARKETS if not world.markets[market].outage.settled_at]

    def market(self) -> int:
        """Some market; one that is wound down now and then only."""
        live = self.live()
        return self.rng.choice(MARKETS if self.rng.random() < _ODD or not live else live)

    def size(self, who: int, sub: int, market: int) -> int:
        """Wad, rounded down in magnitude."""
        leg = self.m.world.positions.get((self.m.account(who, sub), market))
        if leg is None:
            return 0
        magnitude = abs(leg.size_fine) // FINE
        return magnitude if leg.size_fine > 0 else -magnitude

    def free(self, who: int, sub: int = 0) -> int:
        """Free initial margin, wad."""
        health = margin.health(self.m.world, self.m.account(who, sub))
        return max(0, health.equity_im_fine // FINE - health.im_wad)

    def guaranteed(self, who: int, sub: int = 0) -> int:
        """What a broker's guarantee adds for opening, wad; nothing a buffer does not carry."""
        account = self.m.account(who, sub)
        state = self.m.world.accounts.get(account)
        if state is None or state.guarantee is None:
            return 0
        health = margin.health(self.m.world, account)
        own = health.equity_im_fine // FINE
        above = own * PPM // (PPM + state.guarantee.buffer_ppm) - health.mm_wad
        return min(state.guarantee.opening_wad(self.m.world.now), max(above, 0))

    def mark(self, market: int) -> int:
        """Last good mark, wad."""
        return self.m.world.markets[market].mark_wad

    def interest(self, market: int) -> int:
        """Size of the larger side of a market, wad."""
        return max(self.m.world.open_interest_fine(market)) // FINE

    def cap_size(self, market: int) -> int:
        """Size up to which a side may grow at the mark of now, wad."""
        state = self.m.world.markets[market]
        listed = state.terms.oi_cap_wad
        if not state.cap_quote:
            return listed
        return min(listed, backing.size_wad(state.cap_quote, state.mark_wad))

    def below(self) -> list[Place]:
        """Accounts below maintenance margin that are not under liquidation."""
        found = []
        for who, sub in self.accounts():
            account = self.m.account(who, sub)
            state = self.m.world.accounts.get(account)
            if state is None or state.started or not state.markets:
                continue
            health = margin.health(self.m.world, account)
            if health.covered_fine < health.mm_wad * FINE:
                found.append((who, sub))
        return found

    def started(self) -> list[Place]:
        """Accounts under liquidation."""
        world = self.m.world
        return [
            (who, sub)
            for who, sub in self.accounts()
            if (state := world.accounts.get(self.m.account(who, sub))) and state.started
        ]

    def holders(self, market: int) -> list[Place]:
        """Accounts with a position in a market."""
        return [(who, sub) for who, sub in self.accounts() if self.size(who, sub, market)]

    def weakest(self, market: int) -> Place:
        """Of those with a position in a market, whoever has least equity for its size."""

        def equity_per_size(place: Place) -> int:
            equity = margin.health(self.m.world, self.m.account(*place)).equity_fine
            return equity // abs(self.size(*place, market))

        return min(self.holders(market), key=equity_per_size)

    def order(
        self,
        who: int,
        sub: int,
        market: int,
        size: int,
        price: int,
        *,
        flags: int = 0,
        max_fee_ppm: int = 1_000,
        expiry: int = FOREVER,
        matcher: int = -1,
        counterparty: int = -1,
        counterparty_sub: int = 0,
        trigger_price: int = 0,
        signed_by: int | None = None,
    ) -> list[int]:
        """See `Machine.order`; signed by the owner unless told otherwise."""
        self._salt += 1
        signer = who if signed_by is None else signed_by
        order = [
            who, sub, market, size, price, max_fee_ppm, expiry, self._salt, flags,
            matcher, counterparty, counterparty_sub, trigger_price, signer,
        ]  # fmt: skip
        if signer >= 0:
            self.orders.append(order)
            del self.orders[:-12]
        return order

    def prices(self, market: int, price: int) -> Action:
        """All feeds agree."""
        low, high = PRICE_RANGE[market]
        answer = min(high, max(low, price)) // 10**10 * 10**10
        return action("price", market=market, prices=[answer] * len(self.m.stage.feeds[market]))

    def gap(self, market: int, ppm: int) -> Action:
        """A price that much higher or lower."""
        return self.prices(market, self.mark(market) * (PPM + ppm) // PPM)

    def fill(self, buyer: Place, seller: Place, market: int, size: int) -> Action:
        """An ordinary match near the mark; of a wei if there is nothing to trade."""
        size = size or 1
        rng = self.rng
        price = self.mark(market) * (PPM + rng.randint(-3_000, 3_000)) // PPM
        if rng.random() < 0.5:
            buyer, seller, size = seller, buyer, -size
        fees = 1_000
        if self.m.world.markets[market].cap_quote:
            fees = rng.choice((600, 1_000, 1_500, 1_500, 2_000, 2_000))
        maker = self.order(*buyer, market, size, price, flags=Flags.POST_ONLY, max_fee_ppm=fees)
        signer, sender = (UNSIGNED, seller[0]) if rng.random() < 0.7 else (None, KEEPER)
        taker = self.order(*seller, market, -size, price, signed_by=signer, max_fee_ppm=fees)
        return action("settle_one", sender=sender, maker=maker, taker=taker, size=abs(size))

    def sized(self, market: int, notional: int) -> int:
        """Wad of base units, in millionths."""
        return max(1, notional * WAD // max(1, self.mark(market)) // SCALE) * SCALE

    def room(self, who: int, sub: int, market: int) -> int:
        """Notional that somebody might open, wad; now and then more than they can."""
        if sub == ISOLATED_SUB and self.rng.random() < _MOST:
            state = self.m.world.accounts.get(self.m.account(who, sub))
            if state is not None and state.isolated and state.markets not in ((), (market,)):
                return 0
        leverage = self.rng.choice((2, 5, 9, 15, 18, 19, 25))
        stress = PPM + self.m.world.markets[market].risk.s_im_ppm
        own = self.free(who, sub) + self.guaranteed(who, sub)
        room = own * leverage * self.rng.randint(5, 100) * PPM // (100 * stress)
        if self.m.world.markets[market].cap_quote and self.rng.random() < _MOST:
            left = self.cap_size(market) - self.interest(market)
            room = min(room, max(left, 0) * self.mark(market) // WAD)
        return room

    def to_depth(self, place: Place, market: int, depth_ppm: int) -> Action:
        """The price at which an account's equity is that part of its position."""
        notional = abs(self.size(*place, market)) * self.mark(market) // WAD
        return self.to_equity(place, market, notional * depth_ppm // PPM)

    def to_equity(self, place: Place, market: int, target: int) -> Action:
        """The price at which an account's equity is about `target` (wad)."""
        size, mark = self.size(*place, market), self.mark(market)
        if not size:
            return self.gap(market, self.rng.randint(-80_000, 80_000))
        equity = margin.health(self.m.world, self.m.account(*place)).equity_fine // FINE
        price = mark + (target - equity) * WAD // size
        return self.prices(market, max(mark * 60 // 100, min(mark * 140 // 100, price)))
