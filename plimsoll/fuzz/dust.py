"""Positions that rounding has left: told to the model, which cannot know them.

Where ADL or a slice has been, the chain's size of a position may be some wei more or less than the
model's. Somebody who then trades away all of it is left with some wei on one side or the other,
or with nothing. Such a remainder is at most the stated bound on both sides, or it is reported.
"""

from __future__ import annotations

from plimsoll.fuzz.probe import LegState, State
from plimsoll.model import positions
from plimsoll.model.state import FINE, SIZE_BOUND_WAD, Epoch, World

_SIZE_BOUND_FINE = SIZE_BOUND_WAD * FINE


def adopt_legs(world: World, state: State) -> int:
    """Let the model hold what the chain holds of remainders; returns how many it had to learn."""
    learnt = 0
    for account in state.accounts:
        seen = [market for owner, market in state.legs if owner == account]
        known = world.account(account).markets
        small = [market for market in {*seen, *known} if _is_small(world, state, account, market)]
        for market in small:
            leg = state.legs.get((account, market))
            learnt += _adopt(world, account, market, leg)
        if set(world.account(account).markets) == set(seen):
            # a market that was left and entered again stands at another place of the list
            world.account(account).markets = tuple(seen) if small else known
    return learnt


def _is_small(world: World, state: State, account: int, market: int) -> bool:
    seen = state.legs.get((account, market))
    if seen is not None and abs(seen.size) > SIZE_BOUND_WAD:
        return False
    leg = world.positions.get((account, market))
    return leg is None or abs(leg.size_fine) <= _SIZE_BOUND_FINE


def _adopt(world: World, account: int, market: int, seen: LegState | None) -> bool:
    owner = world.account(account)
    leg = world.position(account, market)
    if seen is None:
        if market not in owner.markets:
            return False
        owner.markets = tuple(other for other in owner.markets if other != market)
        leg.size_fine = leg.entry_fine = leg.leverage_class = leg.tick = leg.epoch = 0
        leg.long = False
        return True
    if market in owner.markets and abs(leg.size_fine - seen.size * FINE) < FINE:
        return False
    stays = market in owner.markets and leg.long == (seen.size > 0)
    if market not in owner.markets:
        owner.markets = (*owner.markets, market)
    leg.size_fine = seen.size * FINE
    if seen.size and not stays:
        # touched just now, or it would still be open here: so it stands where its entry is
        leg.long = seen.size > 0
        leg.entry_fine = seen.entry * FINE
        leg.leverage_class = seen.leverage_class
        leg.tick = positions.tick_of(positions.entry_code(leg.entry_fine, leg.long))
        epochs = world.markets[market].epochs
        leg.epoch = epochs.get(positions.place_of(leg), Epoch()).number
    return True
