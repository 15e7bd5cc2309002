"""The lazy ADL index against the eager model of fractions, over random walks of one market."""

from __future__ import annotations

import random

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.errors import ContractReverted
from tests.support.adl_twin import Twin
from tests.support.bare_ledger import WAD, BareLedger

STEPS = 200
ACCOUNTS = 14
CASH = 1_500 * WAD
LOWEST_MARK = 10 * WAD
# what a fill may be refused for; anything else is a failure
REFUSALS = {
    "margin: below initial",
    "account: start auction first",
    "margin: ratio worsened",
    "trade: below least notional",
}
SEEDS = (1, 3, 5)


class RandomWalk:
    """Draws operations that are mostly valid and plays them on the twin."""

    def __init__(self, twin: Twin, seed: int) -> None:
        self.twin = twin
        self.draw = random.Random(seed)

    def step(self) -> None:
        """One operation, then every comparison."""
        moves = {
            self.trade: 48,
            self.close: 10,
            self.move_price: 14,
            self.sync: 8,
            self.rematch: 10,
            self.resolve: 10,
        }
        (move,) = self.draw.choices(list(moves), list(moves.values()))
        move()
        self.twin.check()
        holders = self._holders()
        if holders:
            self.twin.check_rank(self.draw.choice(holders))

    def trade(self) -> None:
        """Two accounts trade near the mark."""
        maker, taker = self.draw.sample(self.twin.accounts, 2)
        size = self.draw.choice((1, -1)) * self.draw.randrange(WAD, 200 * WAD)
        self._fill(maker, taker, size)

    def close(self) -> None:
        """An account closes what it holds, against a holder of the other side if there is one."""
        holders = self._holders()
        if not holders:
            return
        taker = self.draw.choice(holders)
        size = self.twin.chain.leg(taker)["size"]
        maker = self.draw.choice([a for a in self.twin.accounts if a != taker])
        self._fill(maker, taker, -size)

    def move_price(self) -> None:
        """A small or a large move, after some time."""
        change = self.draw.choice((self.draw.uniform(-0.02, 0.02), self.draw.uniform(-0.15, 0.15)))
        mark = max(int(self.twin.mark * (1 + change)), LOWEST_MARK)
        self.twin.move_price(mark, self.draw.randrange(1, 2_000))

    def sync(self) -> None:
        """Somebody touches somebody's position."""
        holders = self._holders()
        if holders:
            self.twin.sync(self.draw.choice(holders))

    def rematch(self) -> None:
        """The end of a solvent account's auction."""
        solvent = [a for a in self._holders() if self.twin.chain.health(a)["equity"] >= 0]
        if not solvent:
            return
        account = self.draw.choice(solvent)
        held = int(self.twin.model.positions[account].size)
        size = self.draw.choice((held + 10, self.draw.randrange(1, held + 1)))
        self.twin.rematch(account, size, self.draw.choice((0, 10_000)))

    def resolve(self) -> None:
        """An account has lost more than it had, here or elsewhere."""
        holders = self._holders()
        if not holders:
            return
        account = self.draw.choice(holders)
        chain, model = self.twin.chain, self.twin.model
        if chain.health(account)["equity"] >= 0:
            deficit = int(self.draw.choice((1, 100, 10_000)) * self.draw.uniform(0.1, 3) * WAD)
            stored = chain.health(account)["cash"]
            chain.set_equity(account, -deficit)
            model.cash[account] += chain.health(account)["cash"] - stored
        deficit = -chain.health(account)["equity"]
        reserved = self.draw.choice((0, 0, deficit // 2, deficit // 10, deficit + WAD))
        self.twin.resolve(account, reserved, self.draw.choice((1, 2, 3, 1_000)))
        chain.fund(account, CASH)
        model.cash[account] += CASH

    def _fill(self, maker: int, taker: int, size: int) -> None:
        price = int(self.twin.mark * (1 + self.draw.uniform(-0.04, 0.04)))
        try:
            self.twin.trade(maker, taker, size, price)
        except ContractReverted as error:
            if error.reason not in REFUSALS:
                raise
            self.twin.seen[error.reason] += 1
        else:
            self.twin.seen["trades"] += 1

    def _holders(self) -> list[int]:
        return [a for a, p in self.twin.model.positions.items() if p.size > 10**6]


@pytest.mark.parametrize("seed", SEEDS)
def test_adl_index__random_walk__equals_the_eager_model(seed):
    with AnvilProcess() as anvil:
        ledger = BareLedger(anvil.rpc, funding_base_ppb=2_000_000)
        twin = Twin(ledger, ACCOUNTS, CASH)
        walk = RandomWalk(twin, seed)
        for _ in range(STEPS):
            walk.step()
        seen = twin.seen
    assert seen["trades"] > STEPS // 4, seen
    assert seen["haircuts of longs"] > 0, seen
    assert seen["haircuts of shorts"] > 0, seen
    assert seen["haircuts of many buckets"] > 0, seen
    assert seen["full haircuts"] > 0, seen
    assert seen["re-matches of many buckets"] > 2, seen
    assert seen["rolls"] > 0, seen
