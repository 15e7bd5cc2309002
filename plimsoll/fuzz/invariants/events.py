"""The events that the rules read, their words cut out by position; amounts as the event's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from plimsoll import abi, artifacts
from plimsoll.fuzz.chains import Log
from plimsoll.fuzz.invariants import broker_events

_TOP: Final = 1 << 255


class Deposited(NamedTuple):
    """Custody credited a deposit."""

    sender: int
    account: int
    tokens: int
    credited: int


class Withdrawn(NamedTuple):
    """Custody paid claims of an account."""

    account: int
    receiver: int
    claims: int
    tokens: int


class ShortfallBooked(NamedTuple):
    """Everybody's claims are worth less."""

    amount: int
    rate_before: int
    rate_after: int


class PositionChanged(NamedTuple):
    """What a position has become."""

    account: int
    market: int
    size: int
    entry: int
    cash: int
    fee: int


class Matched(NamedTuple):
    """Two orders met."""

    maker_hash: int
    taker_hash: int
    market: int
    maker: int
    taker: int
    size: int
    price: int


class AuctionStarted(NamedTuple):
    """An account came under liquidation."""

    account: int
    equity: int
    mm: int
    weights: int
    queue_index: int


class AuctionEnded(NamedTuple):
    """An account is cured."""

    account: int
    equity: int
    mm: int


class Taken(NamedTuple):
    """A slice went to a taker."""

    account: int
    taker: int
    market: int
    size: int
    mark: int
    account_price: int
    fee: int
    insurance_concession: int
    equity: int
    mm: int


class Reserved(NamedTuple):
    """What the layers hold for a deficit."""

    account: int
    deficit: int
    reserved: int


class ReservationChanged(NamedTuple):
    """How a reservation is split."""

    account: int
    junior: int
    senior: int


class BrokerReservationChanged(NamedTuple):
    """What its broker and the guaranty fund hold for an account."""

    account: int
    broker: int
    fund: int


class Drawn(NamedTuple):
    """A layer paid."""

    layer: int
    account: int
    units: int
    tokens: int
    capacity_before: int
    capacity_after: int


class Finished(NamedTuple):
    """A bankrupt account is over."""

    account: int
    loss: int
    covered: int
    shortfall: int


class Rematched(NamedTuple):
    """A leg of a solvent account was re-matched."""

    account: int
    market: int
    size: int
    discount_ppm: int


class AdlFrozen(NamedTuple):
    """A frozen resolve began, or began anew."""

    account: int
    deficit: int
    reserved: int
    uncovered: int
    weights: int


class LegFrozen(NamedTuple):
    """One market of a frozen resolve."""

    account: int
    market: int
    size: int
    mark: int
    funding_index: int
    uncovered: int


class HaircutSet(NamedTuple):
    """The winners' profit is summed."""

    account: int
    market: int
    profit: int
    eta_ray: int
    credited: int


class BucketHaircut(NamedTuple):
    """A bucket was charged."""

    market: int
    key: int
    epoch: int


class BucketRematched(NamedTuple):
    """A bucket took over a part of a leg."""

    account: int
    market: int
    key: int
    size: int
    price: int
    epoch: int


class OutageBegan(NamedTuple):
    """A market has no price any more."""

    market: int


class OutageEnded(NamedTuple):
    """It has one again."""

    market: int
    seconds: int
    grace_until: int


class MarketSettled(NamedTuple):
    """A market is wound down."""

    market: int
    price: int
    converts_at: int


class PositionSettled(NamedTuple):
    """A position in a settled market became cash."""

    account: int
    market: int
    size: int
    price: int


Event = (
    Deposited
    | Withdrawn
    | ShortfallBooked
    | PositionChanged
    | Matched
    | AuctionStarted
    | AuctionEnded
    | Taken
    | Reserved
    | ReservationChanged
    | BrokerReservationChanged
    | Drawn
    | Finished
    | Rematched
    | AdlFrozen
    | LegFrozen
    | HaircutSet
    | BucketHaircut
    | BucketRematched
    | OutageBegan
    | OutageEnded
    | MarketSettled
    | PositionSettled
    | broker_events.BrokerEvent
)

_SOURCES: Final[dict[str, tuple[Any, ...]]] = {
    "Custody": (Deposited, Withdrawn, ShortfallBooked),
    "TradeEngine": (PositionChanged,),
    "RegistryEngine": (OutageBegan, OutageEnded, MarketSettled),
    "AdlEngine": (
        *(AdlFrozen, LegFrozen, HaircutSet, BucketHaircut, BucketRematched),
        PositionSettled,
    ),
    "Exchange": (Matched,),
    "Liquidator": (AuctionStarted, AuctionEnded, Taken, Reserved, Rematched, Finished),
    "Waterfall": (ReservationChanged, BrokerReservationChanged, Drawn),
    **broker_events.SOURCES,
}


class Decoder:
    """Reads the logs of a transaction."""

    def __init__(self) -> None:
        self._kinds: dict[bytes, tuple[Any, tuple[int, ...]]] = {}
        for source, kinds in _SOURCES.items():
            events = artifacts.load(source).events
            for kind in kinds:
                inputs = events[kind.__name__]["inputs"]
                # topics come before data: the fields stand in that order
                own = kind._fields[kind in broker_events.OF_A_VAULT :]
                assert tuple(item["name"] for item in inputs) == own, kind
                indexed = [item["indexed"] for item in inputs]
                assert indexed == sorted(indexed, reverse=True), kind
                types = [item["type"] for item in inputs]
                signed = tuple(i for i, name in enumerate(types) if name.startswith("int"))
                self._kinds[abi.topic(events[kind.__name__])] = kind, signed

    def read(self, logs: Sequence[Log]) -> list[Event]:
        """The events that the rules read, in order."""
        found: list[Event] = []
        for address, topics, data in logs:
            kind, signed = self._kinds.get(topics[0], (None, ())) if topics else (None, ())
            if kind is None:
                continue
            words = [int.from_bytes(topic, "big") for topic in topics[1:]]
            words += [int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32)]
            if kind in broker_events.OF_A_VAULT:
                words.insert(0, int(address, 16))
            for index in signed:
                words[index] = (words[index] ^ _TOP) - _TOP
            found.append(kind._make(words))
        return found
