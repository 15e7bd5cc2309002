"""Save and restore a world, fast enough to do it around every call.

Mutable objects are read into tuples and built anew, or written back; frozen ones are shared. A
snapshot may be restored any number of times. What a call decided within the bounds (`close`), and
what it was told to decide (`forced`), belong to whoever compares and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model.broker_state import Brokers, BrokerVault
from plimsoll.model.state import (
    Account,
    Custody,
    Feed,
    Job,
    JobLeg,
    Market,
    Position,
    Waterfall,
    World,
)
from plimsoll.model.vault_state import Vault

Values = tuple[Any, ...]


class _Shape:
    """The attributes of a class that may be shared between a world and its snapshot."""

    def __init__(self, kind: type[Any], *others: str) -> None:
        """`others` are the attributes that must be copied one by one."""
        self.names = tuple(f.name for f in fields(kind) if f.name not in others)
        read = attrgetter(*self.names)
        # of a single attribute it returns the value itself
        self.read: Callable[[Any], Values] = read if len(self.names) > 1 else lambda x: (read(x),)

    def write(self, target: object, values: Values) -> None:
        """Put the values back."""
        for name, value in zip(self.names, values, strict=True):
            setattr(target, name, value)


_VAULT_DICTS: Final = ("shares", "requests", "allowances")
BROKERS_DICTS: Final = ("seats", "shares", "sponsored", "calls", "clients", "risks")
WATERFALL_DICTS: Final = (
    "global_ppm",
    "market_ppm",
    "own_market_ppm",
    "reservations",
    "reserved",
    "used",
    "drawn",
    "concessions",
)
_WORLD_DICTS: Final = ("auctions", "filled_wad", "cancelled_below", "agents", "tokens")
_WORLD_LISTS: Final = ("main_lane", "urgent_lane")
_WORLD_OBJECTS: Final = (
    "markets",
    "custody",
    "junior",
    "senior",
    "waterfall",
    "accounts",
    "positions",
    "job",
    "brokers",
)
_COMPARERS: Final = (
    "close",
    "verdicts",
    "forced",
    "sizes_wad",
    "closed_places",
    "charged_places",
)

_FEED: Final = _Shape(Feed)
_MARKET: Final = _Shape(Market, "feeds", "worst_fine", "dust_wad")
_ACCOUNT: Final = _Shape(Account)
_POSITION: Final = _Shape(Position)
_CUSTODY: Final = _Shape(Custody)
_VAULT: Final = _Shape(Vault, *_VAULT_DICTS)
_BROKER: Final = _Shape(BrokerVault, "pool", "locks")
_BROKERS: Final = _Shape(Brokers, *BROKERS_DICTS, "vaults", "used")
_WATERFALL: Final = _Shape(Waterfall, *WATERFALL_DICTS)
_JOB: Final = _Shape(Job, "legs")
_JOB_LEG: Final = _Shape(JobLeg)
_WORLD: Final = _Shape(World, *_WORLD_DICTS, *_WORLD_LISTS, *_WORLD_OBJECTS, *_COMPARERS)

_vault_dicts: Final = attrgetter(*_VAULT_DICTS)
_brokers_dicts: Final = attrgetter(*BROKERS_DICTS)
_waterfall_dicts: Final = attrgetter(*WATERFALL_DICTS)
_world_dicts: Final = attrgetter(*_WORLD_DICTS)
_world_lists: Final = attrgetter(*_WORLD_LISTS)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A world at one moment; for `restore` only."""

    plain: Values
    dicts: tuple[dict[Any, Any], ...]
    lists: tuple[list[int], ...]
    markets: dict[int, tuple[Values, tuple[Values, ...], dict[Any, int], dict[Any, int]]]
    accounts: dict[int, Values]
    positions: dict[tuple[int, int], Values]
    custody: Values
    vaults: tuple[tuple[Values, tuple[dict[Any, Any], ...]], ...]
    waterfall: tuple[Values, tuple[dict[Any, Any], ...]]
    job: tuple[Values, tuple[Values, ...]] | None
    brokers: tuple[Values, tuple[dict[Any, Any], ...], set[GuaranteeTerms]]
    broker_vaults: dict[str, tuple[Values, dict[int, int], Values, tuple[dict[Any, Any], ...]]]


def save(world: World) -> Snapshot:
    """The world as it is now."""
    account, position = _ACCOUNT.read, _POSITION.read
    job = world.job
    brokers = world.brokers
    return Snapshot(
        plain=_WORLD.read(world),
        dicts=tuple(map(dict, _world_dicts(world))),
        lists=tuple(map(list, _world_lists(world))),
        markets={
            key: (
                _MARKET.read(market),
                tuple(map(_FEED.read, market.feeds)),
                dict(market.worst_fine),
                dict(market.dust_wad),
            )
            for key, market in world.markets.items()
        },
        accounts={key: account(owner) for key, owner in world.accounts.items()},
        positions={key: position(leg) for key, leg in world.positions.items()},
        custody=_CUSTODY.read(world.custody),
        vaults=tuple(
            (_VAULT.read(vault), tuple(map(dict, _vault_dicts(vault))))
            for vault in (world.junior, world.senior)
        ),
        waterfall=(
            _WATERFALL.read(world.waterfall),
            tuple(map(dict, _waterfall_dicts(world.waterfall))),
        ),
        job=(_JOB.read(job), tuple(map(_JOB_LEG.read, job.legs))) if job else None,
        brokers=(
            _BROKERS.read(brokers),
            tuple(map(dict, _brokers_dicts(brokers))),
            set(brokers.used),
        ),
        broker_vaults={
            key: (
                _BROKER.read(vault),
                dict(vault.locks),
                _VAULT.read(vault.pool),
                tuple(map(dict, _vault_dicts(vault.pool))),
            )
            for key, vault in brokers.vaults.items()
        },
    )


def restore(world: World, saved: Snapshot) -> None:
    """Bring a world back to what was saved of it.

    Markets, vaults and books stay the same objects; accounts and positions are new ones.
    """
    _WORLD.write(world, saved.plain)
    _write_dicts(world, _WORLD_DICTS, saved.dicts)
    world.main_lane, world.urgent_lane = map(list, saved.lists)
    for key, (plain, feeds, worst_fine, dust_wad) in saved.markets.items():
        market = world.markets[key]
        _MARKET.write(market, plain)
        market.feeds = [Feed(*feed) for feed in feeds]
        market.worst_fine = dict(worst_fine)
        market.dust_wad = dict(dust_wad)
    world.accounts = {key: Account(*values) for key, values in saved.accounts.items()}
    world.positions = {key: Position(*values) for key, values in saved.positions.items()}
    _CUSTODY.write(world.custody, saved.custody)
    for vault, (plain, dicts) in zip((world.junior, world.senior), saved.vaults, strict=True):
        _VAULT.write(vault, plain)
        _write_dicts(vault, _VAULT_DICTS, dicts)
    plain, dicts = saved.waterfall
    _WATERFALL.write(world.waterfall, plain)
    _write_dicts(world.waterfall, WATERFALL_DICTS, dicts)
    _restore_brokers(world.brokers, saved)
    world.job = None
    if saved.job is not None:
        plain, legs = saved.job
        world.job = Job(**dict(zip(_JOB.names, plain, strict=True)))
        world.job.legs = tuple(JobLeg(*leg) for leg in legs)


def _restore_brokers(brokers: Brokers, saved: Snapshot) -> None:
    plain, dicts, used = saved.brokers
    _BROKERS.write(brokers, plain)
    _write_dicts(brokers, BROKERS_DICTS, dicts)
    brokers.used = set(used)
    for key in [key for key in brokers.vaults if key not in saved.broker_vaults]:
        del brokers.vaults[key]
    for key, (plain, locks, pool, dicts) in saved.broker_vaults.items():
        shares = Vault(**dict(zip(_VAULT.names, pool, strict=True)))
        _write_dicts(shares, _VAULT_DICTS, dicts)
        names = dict(zip(_BROKER.names, plain, strict=True))
        brokers.vaults[key] = BrokerVault(pool=shares, locks=dict(locks), **names)


def _write_dicts(target: object, names: tuple[str, ...], dicts: tuple[dict[Any, Any], ...]) -> None:
    """Put copies back, so that the snapshot can be restored again."""
    for name, values in zip(names, dicts, strict=True):
        setattr(target, name, dict(values))
