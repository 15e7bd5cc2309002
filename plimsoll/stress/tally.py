"""What a run adds up from the protocol's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from plimsoll.stress.logs import Log
from plimsoll.units import RAY, div_down, div_up, wad_mul_down

LAYER_NAMES: Final = {2: "broker", 3: "junior", 4: "senior", 5: "fund"}
FAILED: Final = 8
SUSPENDED: Final = 4
TOKEN_UNIT: Final = 10**12  # wad


@dataclass
class Tally:
    """Sums of one run; amounts wad. `name_of` and `side_of` say whose account and which side."""

    name_of: Callable[[int], str]
    sign_of: Callable[[str, int], int]  # of somebody's position in a market, before the events
    started: list[str] = field(default_factory=list)
    liquidated: set[str] = field(default_factory=set)
    deficits: Counter[str] = field(default_factory=Counter)  # of each account, before any payer
    drawn: Counter[str] = field(default_factory=Counter)  # by name of the layer
    guaranteed: Counter[str] = field(default_factory=Counter)  # layer 2, by account
    operators_lost: int = 0
    depositors_lost: int = 0  # of broker vaults
    calls: dict[str, int] = field(default_factory=dict)  # open margin calls: deadline
    called: int = 0
    cured: int = 0
    defaulted: set[str] = field(default_factory=set)
    unsponsored: set[str] = field(default_factory=set)  # whose guarantee has ended
    dues: dict[str, int] = field(default_factory=dict)  # broker vault: when it must fill the fund
    unfillable: set[str] = field(default_factory=set)  # broker vaults without the capital for it
    states: dict[str, int] = field(default_factory=dict)  # broker vault: its last state
    covered: int = 0
    haircut: int = 0
    haircuts: dict[int, int] = field(default_factory=dict)  # by market
    shortfall: int = 0
    booked: int = 0
    dust_paid: int = 0  # by the protocol's own reserve
    concessions: int = 0
    insurance_concessions: int = 0
    received: int = 0  # claims that draws and concessions became
    kept_ray: dict[tuple[int, int], int] = field(default_factory=dict)  # left by all haircuts
    taken: Counter[int] = field(default_factory=Counter)  # size by market
    rematched: Counter[int] = field(default_factory=Counter)
    resolve_gas: list[int] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)

    def follow(self, logs: Sequence[Log]) -> None:
        """Add the events of one transaction."""
        for log in logs:
            handler = _HANDLERS.get(log.name)
            if handler is not None:
                handler(self, log)

    def resolved(self, gas: int) -> None:
        """One call of `resolve`."""
        self.resolve_gas.append(gas)

    def refuse(self, what: str) -> None:
        """Something was wanted and refused."""
        self.refusals[what] += 1

    @property
    def paid(self) -> int:
        """What layers 2 to 5 paid."""
        return self.drawn.total()

    def in_state(self, state: int) -> int:
        """Brokers whose last state this is."""
        return sum(found == state for found in self.states.values())

    @property
    def largest_haircut(self) -> int:
        """The largest part (ray) of a winner's profit that all haircuts of its side took."""
        return max((RAY - kept for kept in self.kept_ray.values()), default=0)

    # --- one event each ----------------------------------------------------------------

    def _auction_started(self, log: Log) -> None:
        name = self.name_of(log["account"])
        self.started.append(name)
        self.liquidated.add(name)

    def _auction_ended(self, log: Log) -> None:
        self.started.remove(self.name_of(log["account"]))

    def _taken(self, log: Log) -> None:
        size = abs(log["size"])
        self.taken[log["market"]] += size
        given = abs(log["mark"] - log["account_price"])
        self.concessions += wad_mul_down(size, given)

    def _finished(self, log: Log) -> None:
        name = self.name_of(log["account"])
        self.started.remove(name)
        self.deficits[name] += log["loss"]
        self.covered += log["covered"]
        self.shortfall += log["shortfall"]
        self.dust_paid += log["loss"] - log["covered"] - log["shortfall"]

    def _haircut_set(self, log: Log) -> None:
        name, market = self.name_of(log["account"]), log["market"]
        self.haircut += log["credited"]
        self.haircuts[market] = self.haircuts.get(market, 0) + log["credited"]
        self.deficits[name] += log["credited"]
        side = market, self.sign_of(name, market)
        kept = self.kept_ray.get(side, RAY)
        self.kept_ray[side] = div_down(kept * (RAY - log["eta_ray"]), RAY)

    def _bucket_rematched(self, log: Log) -> None:
        self.rematched[log["market"]] += log["size"]

    def _drawn(self, log: Log) -> None:
        name = LAYER_NAMES[log["layer"]]
        self.drawn[name] += log["units"]
        if name == "broker":
            self.guaranteed[self.name_of(log["account"])] += log["units"]

    def _loss_paid(self, log: Log) -> None:
        self.operators_lost += log["from_stake"] * TOKEN_UNIT
        self.depositors_lost += log["from_pool"] * TOKEN_UNIT

    def _margin_called(self, log: Log) -> None:
        self.called += 1
        self.calls[self.name_of(log["account"])] = log["deadline"]

    def _clock_stopped(self, log: Log) -> None:
        self.calls[self.name_of(log["account"])] = log["deadline"]

    def _margin_cured(self, log: Log) -> None:
        self.cured += 1
        del self.calls[self.name_of(log["account"])]

    def _margin_defaulted(self, log: Log) -> None:
        name = self.name_of(log["account"])
        self.defaulted.add(name)
        del self.calls[name]

    def _guarantee_ended(self, log: Log) -> None:
        name = self.name_of(log["account"])
        self.unsponsored.add(name)
        self.calls.pop(name, None)

    def _member_drawn(self, log: Log) -> None:
        vault = _address(log["broker"])
        if log["due"]:
            self.dues[vault] = log["due"]
            self.unfillable.discard(vault)

    def _filled(self, log: Log) -> None:
        self.dues.pop(_address(log["broker"]), None)

    def _state_changed(self, log: Log) -> None:
        vault = _address(log["broker"])
        self.states[vault] = log["state"]
        if log["state"] in (FAILED, SUSPENDED):
            self.dues.pop(vault, None)

    def _concession_paid(self, log: Log) -> None:
        self.insurance_concessions += log["units"]

    def _draw_received(self, log: Log) -> None:
        self.received += log["units"]

    def _shortfall_booked(self, log: Log) -> None:
        self.booked += log["amount"]


_HANDLERS: Mapping[str, Callable[[Tally, Log], None]] = {
    "AuctionStarted": Tally._auction_started,
    "AuctionEnded": Tally._auction_ended,
    "Taken": Tally._taken,
    "Finished": Tally._finished,
    "HaircutSet": Tally._haircut_set,
    "BucketRematched": Tally._bucket_rematched,
    "Drawn": Tally._drawn,
    "ConcessionPaid": Tally._concession_paid,
    "DrawReceived": Tally._draw_received,
    "ShortfallBooked": Tally._shortfall_booked,
    "LossPaid": Tally._loss_paid,
    "MarginCalled": Tally._margin_called,
    "ClockStopped": Tally._clock_stopped,
    "MarginCured": Tally._margin_cured,
    "MarginDefaulted": Tally._margin_defaulted,
    "GuaranteePaid": Tally._guarantee_ended,
    "Released": Tally._guarantee_ended,
    "MemberDrawn": Tally._member_drawn,
    "Filled": Tally._filled,
    "StateChanged": Tally._state_changed,
}


def _address(word: int) -> str:
    return f"0x{word:040x}"


def part_ray(amount: int, whole: int) -> int:
    """A part as ray, rounded up; 0 of nothing."""
    return div_up(amount * RAY, whole) if whole else 0
