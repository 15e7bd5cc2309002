"""Cover 2: does the fund survive the default of the two accounts that would cost it most?

Definition. At a jump: all feeds say the jump's prices at once, before anybody acts. Of all accounts
the two with the lowest equity are put under liquidation, so that the waterfall reserves for them
what it can, within its limits of the day. Survived: all of both debts fits. What winners would pay
does not count, nor what takers might save.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.stress.prices import Prices
from plimsoll.stress.venue import Venue


@dataclass(frozen=True)
class Cover:
    """The two dearest accounts at a jump; amounts wad."""

    names: tuple[str, ...]
    losses: int
    layers: tuple[int, int, int, int]
    """What layers 2 to 5 would pay."""

    @property
    def covered(self) -> int:
        """All layers together."""
        return sum(self.layers)

    @property
    def survived(self) -> bool:
        """Whether the fund pays both."""
        return self.covered >= self.losses


def cover_2(venue: Venue, prices: Prices, jump: Mapping[str, int]) -> Cover:
    """Try a jump to these prices (wad) on the venue as it is; everything is undone."""
    chain, liquidator = venue.chain, venue.client.liquidator
    snapshot = chain.snapshot()
    prices.set_all(jump)
    people = venue.traders
    states = venue.read(people).accounts
    dearest = sorted(people, key=lambda one: states[one.account].equity)[:2]
    bankrupt = [one for one in dearest if states[one.account].equity < 0]
    losses = sum(-states[one.account].equity for one in bankrupt)
    paid = [0, 0, 0, 0]
    for one in bankrupt:
        state = states[one.account]
        if state.equity + state.shield >= state.mm:
            # nobody can start it: its guarantee covers all that it owes
            paid[0] -= state.equity
            continue
        venue.send(venue.bank, liquidator, "start", one.account)
        reserved = venue.words(venue.client.waterfall, "reservation", one.account)
        paid = [before + more for before, more in zip(paid, reserved, strict=True)]
    chain.revert(snapshot)
    two, three, four, five = paid
    return Cover(tuple(one.name for one in bankrupt), losses, (two, three, four, five))
