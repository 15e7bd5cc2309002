"""One market of the reference model, with the candidate rules around its calls.

Every state change but the rules' own is a call of `plimsoll.model.protocol`; `Venue.calls` lists
them, so that a run without a rule can be repeated by the model alone. Sizes, prices and amounts
are wad integers; a `_fine` amount is a wad times `FINE`, as in the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

from plimsoll.model import margin, positions
from plimsoll.model.example import TERMS, TOKEN_WAD, back_claims, market_world
from plimsoll.model.orders import Offer, signed
from plimsoll.model.protocol import Protocol
from plimsoll.model.state import FINE, PPM, RAY, WAD, Account, Position, Refused, World, owner_of
from plimsoll.orders import Flags, Order
from plimsoll.study.rules import MARKET, Guard, Rule

KEEPER: Final = f"0x{0xEE9:040x}"
FOREVER: Final = 4_000_000_000
ALL_BUCKETS: Final = 1_000
FEES_PPM: Final = TERMS.maker_fee_ppm + TERMS.taker_fee_ppm


@dataclass(frozen=True, slots=True)
class Seat:
    """An account at the beginning; its equity is the collateral plus what the position has won."""

    account: int
    collateral: int
    size: int = 0
    entry: int = 0


def new_world(price: int, junior: int, senior: int, seats: Sequence[Seat]) -> World:
    """A priced market, two funded vaults, and the accounts with their positions."""
    world = market_world(price, junior, senior)
    for seat in seats:
        cash = seat.collateral * FINE - seat.size * seat.entry // WAD * FINE
        world.accounts[seat.account] = Account(cash_fine=cash)
        if seat.size:
            notional = abs(seat.size) * price // WAD
            rank = margin.margins(TERMS, notional, 0)[2]
            positions.change(world, seat.account, MARKET, seat.size * FINE, seat.entry * FINE, rank)
    back_claims(world)
    return world


@dataclass
class Venue:
    """The market under one rule. Methods that people use return whether they were let."""

    world: World
    rule: Rule
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    haircut: int = 0  # what winners have paid, wad
    etas: list[float] = field(default_factory=list)  # of each haircut

    def __post_init__(self) -> None:
        self.protocol = Protocol(self.world)
        self.guard = Guard(self.world, self.rule)
        self.now, self.block = self.world.now, self.world.block
        self._salts = count(1)

    # --- reading ------------------------------------------------------------------------

    @property
    def mark(self) -> int:
        """Mark of the block, wad."""
        return self.guard.mark

    def size(self, account: int) -> int:
        """Signed size, wad, toward zero."""
        fine = self.guard.position(account).size_fine
        return fine // FINE if fine >= 0 else -(-fine // FINE)

    def equity(self, account: int) -> int:
        """E, wad."""
        return margin.health(self.world, account).equity_fine // FINE

    # --- time ---------------------------------------------------------------------------

    def next_block(self, seconds: int, price: int) -> None:
        """A block later, with a new price."""
        self.now += seconds
        self.block += 1
        self._call("set_answer", KEEPER, MARKET, 0, price // 10**10)
        self._call("poke", KEEPER, MARKET)
        self.guard.poke()

    # --- what people do -----------------------------------------------------------------

    def withdraw(self, account: int, amount: int) -> bool:
        """Pay out claims (wad)."""
        units = amount // TOKEN_WAD
        if units <= 0 or self.guard.gate_closed() or amount > self.guard.free_margin(account):
            return False
        owner = owner_of(account)
        return self._call("withdraw", owner, account, units, owner)

    def trade(self, maker: int, taker: int, size: int, price: int | None = None) -> bool:
        """Fill `size`, signed as the taker's, at a price; at the mark without one."""
        price = self.mark if price is None else price
        if size == 0:
            return True
        if self.guard.locked(taker, size, price) or self.guard.locked(maker, -size, price):
            return False
        before = {account: self._leg(account) for account in (maker, taker)}
        offers = (
            self._offer(maker, -size, price, Flags.POST_ONLY),
            self._offer(taker, size, price, Flags.NONE),
        )
        if not self._call("settle_one", KEEPER, *offers, abs(size)):
            return False
        for account, leg in before.items():
            self.guard.filled(account, leg, price)
        return True

    def take(self, taker: int, account: int, size: int) -> int:
        """Take over up to `size` of an account under auction; wad taken."""
        before, held = self._leg(taker), self.size(account)
        limit = 2 * self.mark if held > 0 else 0
        size = min(size, abs(held))
        signed_size = size if held > 0 else -size
        if self.rule.lock_takes and self.guard.locked(taker, signed_size, self.mark):
            return 0
        done = self._call("take", owner_of(taker), account, MARKET, size, limit, taker)
        self.guard.note(account)
        if not done:
            return 0
        self.guard.filled(taker, before, self.mark)
        return abs(held) - abs(self.size(account))

    # --- what keepers do ----------------------------------------------------------------

    def start(self, account: int) -> bool:
        """Open an auction."""
        done = self._call("start", KEEPER, account)
        self.guard.note(account)
        return done

    def remark(self, account: int) -> None:
        """Re-test an account at the mark of the block."""
        self._call("remark", KEEPER, account)
        self.guard.note(account)

    def resolve(self) -> bool:
        """Work on the next account of the queue until it is done; whether there was one."""
        job = None
        if self.guard.kept:
            for account in list(self.guard.deficits):
                self.remark(account)
            job = self.guard.begin_resolve()
        legs = {a: self._leg(a) for a in self.world.accounts} if self.rule.keep_rematched else {}
        moved = self._call("resolve", KEEPER, 1)
        while self.world.job is not None:
            job = self.world.job
            if not self._call("resolve", KEEPER, ALL_BUCKETS):
                break
        if job is not None:
            self.haircut += job.credited_wad
            self.etas += [leg.eta_ray / RAY for leg in job.legs if leg.uncovered_wad]
            self.guard.charge(job)
        self.guard.rematched(legs)
        for account in list(self.guard.deficits):
            self.guard.note(account)
        self.guard.let_go()
        return moved

    # --- internals ----------------------------------------------------------------------

    def _call(self, name: str, sender: str, *args: Any) -> bool:
        """One call of the model; False if it is refused."""
        try:
            self.protocol.call(name, self.now, self.block, sender, *args)
        except Refused:
            return False
        self.calls.append((name, self.now, self.block, sender, *args))
        return True

    def _offer(self, account: int, size: int, price: int, flags: Flags) -> Offer:
        """A signed order."""
        order = Order(
            account=account,
            market=MARKET,
            size=size,
            limit_price=price,
            max_fee_ppm=PPM,
            expiry=FOREVER,
            salt=next(self._salts),
            flags=flags,
        )
        return signed(order)

    def _leg(self, account: int) -> Position:
        """A copy of the account's leg."""
        return replace(self.guard.position(account))
