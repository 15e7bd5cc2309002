"""One transaction as the rules see it, and the quantities they share.

`before` is the model's world as it was saved before the call, at the marks of an earlier block;
`world` is the one after it. Both equal the chain's within the bounds of `plimsoll.model.state`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from plimsoll.fuzz.invariants.events import Event
from plimsoll.fuzz.probe import State
from plimsoll.model.broker_state import Guarantee, Sponsored
from plimsoll.model.snapshot import BROKERS_DICTS, Snapshot
from plimsoll.model.state import CASH_BOUND_WAD, FINE, RAY, SIZE_BOUND_WAD, WAD, Market, World

_SPONSORED: Final = BROKERS_DICTS.index("sponsored")
CASH_FINE: Final = CASH_BOUND_WAD * FINE
SIZE_FINE: Final = SIZE_BOUND_WAD * FINE

_KEPT_APART: Final = ("feeds", "worst_fine", "dust_wad")
_MARKET_FIELDS: Final = [f.name for f in fields(Market) if f.name not in _KEPT_APART]
_FUNDING: Final = _MARKET_FIELDS.index("funding_index_ray")
MARK: Final = _MARKET_FIELDS.index("mark_wad")
TIME: Final = _MARKET_FIELDS.index("time")
"""Places in the tuple of a market."""

# places of the attributes in the tuples of a snapshot
CASH, OPEN_IN, _, STARTED, _, GUARANTEE = range(6)  # of an account
SIZE, ENTRY, _, CLASS, TICK, LONG, _ = range(7)  # of a position


@dataclass(slots=True)
class Step:
    """One transaction: `reason` is None if it succeeded."""

    name: str
    args: tuple[Any, ...]
    reason: str | None
    before: Snapshot
    world: World
    seen: State  # what the chain shows after it, of the accounts involved
    events: list[Event]


class Health(NamedTuple):
    """Equity and maintenance margin, wad."""

    equity: int
    mm: int


def funding_moves(step: Step) -> dict[int, int]:
    """By market, what a unit long has paid since the last call (ray), where it is not zero."""
    moves = {}
    for market, state in step.world.markets.items():
        moved = state.funding_index_ray - step.before.markets[market][0][_FUNDING]
        if moved:
            moves[market] = moved
    return moves


def health_before(step: Step, account: int) -> Health:
    """What an account was worth when the call came, at the marks and funding of now."""
    owner = step.before.accounts.get(account)
    if owner is None:
        return Health(0, 0)
    moves = funding_moves(step)
    cash, equity, mm = owner[CASH], 0, 0
    for market in owner[OPEN_IN]:
        size = step.before.positions[account, market][SIZE]
        cash += -size * moves.get(market, 0) // RAY
        equity += size * step.world.markets[market].mark_wad // (WAD * FINE)
        mm += leg_margin(step, market, size)
    return Health(equity + cash // FINE, mm)


def shield_before(step: Step, account: int) -> int:
    """What a broker's guarantee added (wad) for maintenance when the call came."""
    guarantee = guarantee_before(step, account)
    return 0 if guarantee is None else guarantee.shield_wad(step.world.now)


def guarantee_before(step: Step, account: int) -> Guarantee | None:
    """What the ledger knew of an account's guarantee when the call came."""
    owner = step.before.accounts.get(account)
    guarantee: Guarantee | None = owner[GUARANTEE] if owner is not None else None
    return guarantee


def record_before(step: Step, account: int) -> Sponsored | None:
    """Who guaranteed for an account when the call came."""
    record: Sponsored | None = step.before.brokers[1][_SPONSORED].get(account)
    return record


def equity_at_seen(step: Step, account: int) -> int:
    """What an account was worth (wad) when the call came, at marks and funding seen after it."""
    owner = step.before.accounts.get(account)
    if owner is None:
        return 0
    fine = owner[CASH]
    for market in owner[OPEN_IN]:
        size, seen = step.before.positions[account, market][SIZE], step.seen.markets[market]
        moved = seen.funding_index - step.before.markets[market][0][_FUNDING]
        fine += size * seen.mark // WAD - size * moved // RAY
    return int(fine // FINE)


def leg_margin(step: Step, market: int, size_fine: int) -> int:
    """Maintenance margin of a size at the mark: each bracket's rate on the part inside it, and
    stress as the chain shows it. None in a settled market.
    """
    state = step.world.markets[market]
    if state.outage.settled_at:
        return 0
    notional = -(-abs(size_fine) * state.mark_wad // (WAD * FINE))
    thresholds = (*state.terms.thresholds_wad, None)
    margin = 0
    for i, rate_ppm in enumerate(state.terms.mm_ppm):
        above = thresholds[i + 1]
        top = notional if above is None else min(notional, above)
        margin += max(top - thresholds[i], 0) * rate_ppm  # type: ignore[operator]
    stress_ppb = step.seen.markets[market].s_mm_ppb
    calm = -(-margin // 10**6)
    return -(-calm * (10**9 + stress_ppb) // 10**9)


def value_bound(step: Step) -> int:
    """What rounding may move an account's value by, wei."""
    marks = sum(market.mark_wad for market in step.world.markets.values())
    return CASH_BOUND_WAD + SIZE_BOUND_WAD * (1 + marks // WAD)
