"""Random resolves and touches, by the model in integers and by the older one in fractions."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest

from plimsoll.model import deleveraging, margin, positions
from plimsoll.model.state import FINE, WAD
from tests.support.adl_world import MARKET, UNIT, adl_world, give, set_price, whole_loss_on
from tests.support.eager_ledger import Eager, Position

CASH_ERROR = 1_000 * FINE  # the haircut's rate is rounded to a ray
SIZE_ERROR = 100  # fine
ACCOUNTS = [number << 96 for number in range(1, 9)]


class Both:
    """One world in integers and in fractions of the fine units over `FINE`."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = adl_world(100)
        self.eager = Eager()
        sizes = [self.random.randint(1, 9) for _ in ACCOUNTS[:-1]]
        signed = [size if i % 2 else -size for i, size in enumerate(sizes)]
        for account, size in zip(ACCOUNTS, [*signed, -sum(signed)], strict=True):
            if size:
                entry = self.random.randint(60, 140)
                give(self.world, account, size, entry, self.random.randint(0, 4))
            self.eager.cash[account] = Fraction(self.world.account(account).cash_fine, FINE)
            self.take_over(account)

    def take_over(self, account: int) -> None:
        """Give the older model the place and the rounded entry of a leg just written down."""
        leg = self.world.position(account, MARKET)
        old = self.eager.positions.get(account)
        size = old.size if old and old.size else abs(Fraction(leg.size_fine, FINE))
        if not self.world.account(account).markets:
            self.eager.place(account, None)
            return
        place = (leg.leverage_class, leg.tick)
        entry = Fraction(leg.entry_fine, FINE)
        self.eager.place(account, Position(size, leg.long, entry, place))

    def move_price(self) -> int:
        """A new price in both; returns it."""
        price = self.random.randint(70, 130)
        set_price(self.world, price)
        positions.sync(self.world, ACCOUNTS[0], MARKET)
        self.take_over(ACCOUNTS[0])
        return price

    def resolve(self, account: int, price: int) -> None:
        """Make an account bankrupt by some amount and resolve it in small steps."""
        world, mark = self.world, price * WAD
        owner = world.account(account)
        leg = world.position(account, MARKET)
        loss = self.random.randint(1, 200)
        change = -loss * UNIT - margin.health(world, account).equity_fine
        owner.cash_fine += change
        self.eager.cash[account] += Fraction(change, FINE)
        owner.started = True
        long = leg.long
        weights = whole_loss_on(short=not long)
        deleveraging.adl_begin(world, account, self.random.choice([0, 10 * WAD]), weights)
        self.take_over(account)
        uncovered = world.job.uncovered_wad
        while not deleveraging.adl_step(world, self.random.randint(1, 4)):
            pass
        owner.started = False
        profit, _ = self.eager.haircut(not long, mark, Fraction(uncovered))
        self.eager.cash[account] += min(profit, uncovered)
        self.eager.rematch(account, self.eager.positions[account].size, mark, mark)
        self.take_over(account)

    def check(self) -> None:
        """Cash, size and entry of everybody."""
        for account in ACCOUNTS:
            error = self.world.account(account).cash_fine - self.eager.cash[account] * FINE
            assert abs(error) <= CASH_ERROR, (account, float(error))
            leg, other = self.world.position(account, MARKET), self.eager.positions.get(account)
            size = 0 if other is None else other.size * FINE
            assert abs(abs(leg.size_fine) - size) <= SIZE_ERROR, account
            if other is not None and leg.size_fine:
                assert abs(leg.entry_fine - other.entry * FINE) <= 1_000 * FINE, account


@pytest.mark.parametrize("seed", range(40))
def test_resolve_and_touch__random__the_same_in_fractions(seed):
    both = Both(seed)
    for _ in range(3):
        price = both.move_price()
        open_ones = [a for a in ACCOUNTS if both.world.position(a, MARKET).size_fine]
        if len(open_ones) < 3:
            break
        both.resolve(both.random.choice(open_ones), price)
        both.check()
        for account in both.random.sample(ACCOUNTS, 3):
            positions.sync(both.world, account, MARKET)
            both.take_over(account)
        both.check()
