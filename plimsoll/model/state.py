"""What the reference model knows: every account, position and promise, one by one.

The model does what `docs/protocol.md` says, eagerly and per account: when a bucket of the ADL
index is re-matched or charged on chain, the model changes each member at once. Nothing is
shared, lazy or packed.

Units. Names say them: `_wad` (1e18), `_ray` (1e27), `_ppm`, `_ppb`, `_tokens` (token units).
A quantity whose name ends in `_fine` is a wad times `FINE`: cash, sizes and entries, which the
contracts round and the model does not, so that model and chain differ by the chain's rounding only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from plimsoll.model.backing import BufferTerms
from plimsoll.model.broker_state import Brokers, Guarantee
from plimsoll.model.concentration import Concentration
from plimsoll.model.outages import NO_OUTAGE, Outage
from plimsoll.model.risk import NO_RISK, Risk, RiskTerms
from plimsoll.model.vault_state import Vault

WAD: Final = 10**18
RAY: Final = 10**27
PPM: Final = 10**6
PPB: Final = 10**9
FINE: Final = 10**18  # fine units per wad
MICRO: Final = 10**12  # wad per micro quote unit

LEVERAGES: Final = (1, 2, 5, 10, 20)
MAX_MARKETS: Final = 10
DUST_COVER_WAD: Final = 10**14  # a loss the dust reserve pays instead of everybody

# How far the chain may be from the model through rounding, in wei. Comparisons that fall
# inside may go either way (see `World.decide`).
CASH_BOUND_WAD: Final = 10**8
SIZE_BOUND_WAD: Final = 10**6

Place = tuple[bool, int, int]  # of the ADL queue: long, leverage class, entry tick


class Refused(Exception):
    """The call reverts with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def require(condition: bool, reason: str) -> None:
    """Revert with the reason unless the condition holds."""
    if not condition:
        raise Refused(reason)


# --- markets --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """What a market was listed with; as `IClearinghouse.MarketConfig`."""

    oi_cap_wad: int
    min_notional_wad: int
    taker_fee_ppm: int
    maker_fee_ppm: int
    band_ppm: int
    max_class: int
    thresholds_wad: tuple[int, int, int]
    im_ppm: tuple[int, int, int]
    mm_ppm: tuple[int, int, int]
    funding_base_ppb: int
    funding_cap_ppb: int
    premium_volume_wad: int  # V_set


@dataclass(slots=True)
class Feed:
    """The newest round of one price feed."""

    answer: int  # in the feed's own decimals
    updated_at: int  # unix seconds; 0: the round is not complete
    decimals: int = 8
    broken: bool = False  # a call to it fails


@dataclass(frozen=True, slots=True)
class Sequencer:
    """The newest round of the feed that says whether the chain's sequencer runs."""

    answer: int  # 0: up
    started_at: int  # unix seconds: since when; 0: the round is not valid


@dataclass(frozen=True, slots=True)
class FeedRules:
    """How a market's feeds become a mark; as `IPriceOracle` knows them."""

    max_age_s: tuple[int, ...]  # of each feed
    quorum: int
    max_deviation_ppm: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far a place of the ADL queue has come: a member may be eight ends of epochs behind."""

    number: int = 0  # ends so far; never reset
    left_ray: int = RAY  # of a size that was there when the epoch began
    charged: bool = False  # a haircut since the epoch began


@dataclass(slots=True)
class Market:
    """One market as of its last poke."""

    terms: Terms
    feeds: list[Feed]
    rules: FeedRules
    mark_wad: int  # last good one
    priced: bool
    block: int  # of the last poke
    time: int  # of the last poke
    funding_index_ray: int = 0
    rate_ppb: int = 0
    premium_volume: int = 0  # micro quote units, running five minutes
    premium_sum: int = 0  # micro quote units
    premiums_ppb: tuple[int, ...] = (0,) * 12  # last twelve five-minute premiums, newest first
    locked_longs: bool = False
    locked_shorts: bool = False
    funding_frozen: bool = False
    risk_terms: RiskTerms | None = None  # None: no average, no stress, no hold
    risk: Risk = NO_RISK
    outage: Outage = NO_OUTAGE
    waiting: bool = False  # in the grace after an outage
    buffer_terms: BufferTerms | None = None  # None: open interest needs no insurance capital
    cap_quote: int = 0  # notional they allow, as of the last refresh; 0 without terms
    concentration: Concentration | None = None  # None: no position counts as large
    # worst entry (fine) any member of a place may have, where a haircut has moved it away from the
    # tick's worse edge; it may outlive the last member until somebody joins
    worst_fine: dict[Place, int] = field(default_factory=dict)
    # places that saw ADL; replaced as a whole, never changed
    epochs: Mapping[Place, Epoch] = field(default_factory=dict)
    # what the chain's rounding left in places without members, wei: told to the model after
    # each step, bounded there; it decides nothing but how many buckets a call visits
    dust_wad: dict[Place, int] = field(default_factory=dict)


# --- accounts -------------------------------------------------------------------------------


@dataclass(slots=True)
class Account:
    """Cash, the list of markets in the order they were opened, and flags."""

    cash_fine: int = 0
    markets: tuple[int, ...] = ()
    isolated: bool = False
    started: bool = False  # under liquidation
    locked: bool = False  # held by a frozen resolve
    guarantee: Guarantee | None = None  # of its broker


@dataclass(slots=True)
class Position:
    """One leg. A flat one keeps the choice of class only.

    A leg that ADL closed whole keeps its side and place, and its account the market, until touched.
    """

    size_fine: int = 0  # positive long
    entry_fine: int = 0  # moved by haircuts, written into a tick on touch
    choice: int = 0  # chosen class + 1; 0: the market's largest
    leverage_class: int = 0  # of its place in the queue
    tick: int = 0  # of its place in the queue
    long: bool = False  # side of its place in the queue
    epoch: int = 0  # number of its place's epoch when it was last touched


# --- money ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Custody:
    """Tokens behind claims; amounts in wad, as on chain."""

    backing: int = 0
    claims: int = 0
    unvested: int = 0
    vesting_end_wad_s: int = 0
    vesting_since: int = 0
    junior_due: int = 0
    senior_due: int = 0


@dataclass(frozen=True, slots=True)
class Rolling:
    """Amounts that decay linearly to nothing within a day: what ends when, and how fast."""

    rates: tuple[tuple[int, int], ...] = ()  # unix seconds of the end, wei per second


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the layers hold for one account, units."""

    junior: int
    senior: int
    since: int
    broker: int = 0
    fund: int = 0


@dataclass(slots=True)
class Waterfall:
    """Limits and what has been used of them. Layers are 3 (junior), 4 (senior), 5 (guaranty fund).

    Layer 2, the broker of one account, has no limits.
    """

    global_ppm: dict[int, int]
    market_ppm: dict[int, int]
    concession_budget_ppm: int
    own_market_ppm: dict[tuple[int, int], int] = field(default_factory=dict)
    reservations: dict[int, Reservation] = field(default_factory=dict)
    reserved: dict[int, int] = field(default_factory=lambda: {2: 0, 3: 0, 4: 0, 5: 0})
    used: dict[tuple[int, int], Rolling] = field(default_factory=dict)  # layer, market (0: all)
    drawn: dict[int, Rolling] = field(default_factory=dict)
    concessions: dict[int, Rolling] = field(default_factory=dict)  # by market


# --- liquidation ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuctionParams:
    """As `ILiquidator.Params`."""

    concession_min_ppm: int
    concession_max_ppm: int
    duration: int
    kappa_ppm: int
    fee_ppm: int
    insurance_concession_ppm: int


@dataclass(frozen=True, slots=True)
class Auction:
    """One account's auction, running (`started` != 0) or remembered for a restart."""

    started: int = 0
    start_block: int = 0
    weights: int = 0  # as `plimsoll.loss_weights` packs them
    charged_next: int = 0  # those of the markets that no resolve has dealt with; 0: all
    offset: int = 0
    ended: int = 0
    reserving: bool = False
    place: int = 0  # in the main lane, from 1
    urgent_place: int = 0  # in the urgent lane, from 1; 0: not there


@dataclass(slots=True)
class JobLeg:
    """One market of the frozen account."""

    market: int
    mark_wad: int
    winners_long: bool
    uncovered_wad: int
    profit_fine: int = 0
    eta_ray: int = 0
    visited: tuple[Place, ...] = ()  # in the running walk


@dataclass(slots=True)
class Job:
    """The one frozen resolve in progress."""

    account: int
    started: int
    deficit_wad: int
    reserved_wad: int
    uncovered_wad: int
    credited_wad: int = 0
    legs: tuple[JobLeg, ...] = ()
    leg: int = 0
    phase: int = 0  # 0 sum profits, 1 haircut, 2 re-match


# --- orders ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agent:
    """A key that may trade for an account."""

    expiry: int
    markets: int  # bitmap, 0: all
    max_size_wad: int


# --- everything -----------------------------------------------------------------------------


@dataclass(slots=True)
class World:
    """The whole protocol at one moment.

    A call sets `now` and `block` first. A call that raises `Refused` may leave the world half
    changed: the caller saves before and restores after, as a chain does.
    """

    now: int
    block: int
    markets: dict[int, Market]
    custody: Custody
    junior: Vault
    senior: Vault
    waterfall: Waterfall
    params: AuctionParams
    addresses: dict[str, str]  # of our contracts, by name in lower case ("custody", …)
    sequencer: Sequencer | None = None  # None on a chain without one
    brokers: Brokers = field(default_factory=Brokers)
    accounts: dict[int, Account] = field(default_factory=dict)
    positions: dict[tuple[int, int], Position] = field(default_factory=dict)  # account, market
    auctions: dict[int, Auction] = field(default_factory=dict)
    # accounts, first come first; place p is at index p - 1, and 0 there is a hole
    main_lane: list[int] = field(default_factory=list)
    urgent_lane: list[int] = field(default_factory=list)
    main_head: int = 0  # first place not passed yet; 0: nobody was ever appended
    urgent_head: int = 0
    resolving: int = 0
    job: Job | None = None
    trading_fees_wad: int = 0
    insurance_fees_wad: int = 0
    filled_wad: dict[bytes, int] = field(default_factory=dict)  # by order hash
    chain_id: int = 31_337  # part of what an order's signature is for
    cancelled_below: dict[int, int] = field(default_factory=dict)  # by account
    agents: dict[tuple[int, str], Agent] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)  # settlement token, by lower-case address
    forced: dict[int, bool] = field(default_factory=dict)  # close decisions taken the other way
    close: list[str] = field(default_factory=list)  # what this call decided within the bound
    verdicts: list[bool] = field(default_factory=list)  # how it decided each of them
    sizes_wad: dict[int, int] = field(default_factory=dict)  # by market, slices the chain cut
    closed_places: int = 0  # of the queue, that this call closed in part or whole
    charged_places: int = 0  # that this call charged a haircut

    def decide(self, name: str, lead: int, bound: int) -> bool:
        """Whether `lead` >= 0; within `bound` of 0 the chain's rounding may say otherwise.

        Such a decision is noted under `name`; whoever compares model and chain may repeat the
        call with `forced` set for it and accept either outcome.
        """
        verdict = lead >= 0
        if -bound <= lead <= bound:
            verdict = self.forced.get(len(self.close), verdict)
            self.close.append(name)
            self.verdicts.append(verdict)
        return verdict

    def slice_fine(self, market: int, size_fine: int, bound_wad: int) -> int:
        """`size_fine`, or the slice the chain cut in the market if it is within the bound of it.

        A slice is a quotient of an equity that may be some wei apart, which it multiplies. Whoever
        compares may name the chain's slices in `sizes_wad`, so that the difference stays there.
        """
        told_wad = self.sizes_wad.get(market)
        if told_wad is not None and abs(told_wad * FINE - size_fine) <= bound_wad * FINE:
            return told_wad * FINE
        return size_fine

    def quotient(self, name: str, numerator: int, denominator: int, bound: int) -> int:
        """`numerator` // `denominator`; the whole number next to it if the numerator is within
        `bound` of one and the call is repeated so (see `decide`).
        """
        whole, rest = divmod(numerator, denominator)
        if rest <= bound and not self.decide(name, rest, bound):
            return whole - 1
        if denominator - rest <= bound and self.decide(name, rest - denominator, bound):
            return whole + 1
        return whole

    def account(self, account: int) -> Account:
        """The account, opened empty if it is new."""
        return self.accounts.setdefault(account, Account())

    def position(self, account: int, market: int) -> Position:
        """The leg, flat if there is none."""
        return self.positions.setdefault((account, market), Position())

    def members(self, market: int, place: Place) -> list[int]:
        """Accounts with a position in a place of the queue."""
        long, leverage_class, tick = place
        return [
            account
            for (account, where), leg in self.positions.items()
            if where == market
            and leg.tick == tick
            and leg.leverage_class == leverage_class
            and (leg.size_fine > 0 if long else leg.size_fine < 0)
        ]

    def open_interest_fine(self, market: int) -> tuple[int, int]:
        """Long and short size of a market."""
        long = short = 0
        for (_, where), leg in self.positions.items():
            if where == market:
                if leg.size_fine > 0:
                    long += leg.size_fine
                else:
                    short -= leg.size_fine
        return long, short


def owner_of(account: int) -> str:
    """Lower-case address in front of the sub-account number."""
    return f"0x{account >> 96:040x}"
