"""The candidate rules: what each refuses or keeps back, and all that it must remember for that.

Amounts are wad, times unix seconds. "Winners" are the positions of the side that a move has put
into profit. A deficit is -E of an account under auction as of its last re-marking, which is all
that a contract can know of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from plimsoll import loss_weights
from plimsoll.model import auctions, deleveraging, margin, positions, waterfall
from plimsoll.model.state import FINE, RAY, WAD, Job, Position, World

MARKET: Final = 1
HOLD_S: Final = 120
JUMP: Final = 0.03  # of the reference price
REFERENCE_TAU_S: Final = 900
ANY: Final = 1e9  # as a factor: any pending loss at all

_ONE_MARKET: Final = {
    short: loss_weights.pack([loss_weights.Weight(MARKET, short, loss_weights.SHARES)])
    for short in (False, True)
}


@dataclass(frozen=True)
class Rule:
    """What happens while losses are pending; a factor of 0 switches a part off.

    A side is held for `hold_s` after a jump of the mark in its favour, and after each touch of an
    account whose loss, which that side has won, is larger than its reservation.
    """

    key: str
    title: str
    gate_factor: float = 0  # nobody withdraws while factor * pending > free waterfall,
    gate_jump: bool = False  # nor for `hold_s` after a jump,
    clear_first: bool = False  # nor while a deficit is larger than what is reserved for it
    lock_factor: float = 0  # winners do not reduce while factor * pending > free waterfall,
    lock_jump: bool = False  # nor while their side is held
    lock_takes: bool = False  # nor by taking over slices of accounts under auction
    keep_factor: float = 0  # realised gains are kept while factor * pending > free waterfall,
    keep_jump: bool = False  # and while their side is held
    gains_stay: bool = False  # nobody withdraws unrealised gains of a held side
    keep_rematched: bool = False  # gains of positions that a re-match closes are kept too
    basis_at_mark: bool = False  # an entry is never worse than the mark it was made at
    jump: float = JUMP
    hold_s: int = HOLD_S


NONE: Final = Rule("none", "no rule")
GATE: Final = Rule("gate", "gate", gate_factor=1, gate_jump=True)
LOCK: Final = Rule("lock", "gate + lock", gate_factor=1, gate_jump=True, lock_factor=2)
ESCROW: Final = Rule("escrow", "gate + escrow", gate_factor=1, gate_jump=True, keep_factor=ANY)
HOLD: Final = Rule(
    "hold",
    "hold from the jump",
    clear_first=True,
    lock_jump=True,
    gains_stay=True,
    basis_at_mark=True,
)
KEEP: Final = Rule(
    "keep",
    "kept from the jump",
    clear_first=True,
    keep_factor=2,
    keep_jump=True,
    gains_stay=True,
    basis_at_mark=True,
)
KEEP_ALL: Final = replace(
    KEEP, key="keep_all", title="kept, re-matched gains too", keep_rematched=True
)
RULES: Final = (NONE, GATE, LOCK, ESCROW, HOLD, KEEP, KEEP_ALL)


@dataclass
class Kept:
    """Realised gains of an account that it cannot withdraw yet."""

    amount: int
    long: bool  # the side they were made on
    since: int


@dataclass
class Guard:
    """A rule at work on one world; the fields below would have to be stored on chain."""

    world: World
    rule: Rule
    reference: float = 0  # price from which a jump is measured
    seen: float = 0  # mark of the last poke
    since: int = 0  # its time
    held_until: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})  # by long
    deficits: dict[int, int] = field(default_factory=dict)  # by started account
    winners_long: dict[int, bool] = field(default_factory=dict)  # who stands against them
    kept: dict[int, Kept] = field(default_factory=dict)
    kept_s: list[tuple[int, int]] = field(default_factory=list)  # account, how long kept

    def __post_init__(self) -> None:
        self.reference = self.seen = self.mark / WAD
        self.since = self.world.now

    # --- what it sees -------------------------------------------------------------------

    @property
    def mark(self) -> int:
        """Mark of the last poke, wad."""
        return self.world.markets[MARKET].mark_wad

    def position(self, account: int) -> Position:
        """The account's leg, flat or not."""
        return self.world.positions.get((account, MARKET), Position())

    def poke(self) -> None:
        """See the mark of a block: a jump holds the side it favours, and is measured from anew."""
        price, now = self.mark / WAD, self.world.now
        # left-continuous, as all averages of the protocol: the mark stored until now counts
        left = REFERENCE_TAU_S / (REFERENCE_TAU_S + now - self.since)
        self.reference = self.seen + (self.reference - self.seen) * left
        move = price / self.reference - 1
        if abs(move) > self.rule.jump:
            self._hold(move > 0)
            self.reference = price
        self.seen, self.since = price, now
        self.let_go()

    def _hold(self, long: bool) -> None:
        """Hold a side from now on."""
        self.held_until[long] = self.world.now + self.rule.hold_s

    def note(self, account: int) -> None:
        """See what a touch of an account under auction has found."""
        started = self.world.account(account).started
        deficit = -(margin.health(self.world, account).equity_fine // FINE) if started else 0
        if deficit > 0:
            self.deficits[account] = deficit
            self.winners_long[account] = long = not self.position(account).long
            reserved = sum(waterfall.reservation(self.world, account))
            if deficit > reserved and (self.rule.lock_jump or self.rule.keep_jump):
                self._hold(long)
        else:
            self.deficits.pop(account, None)

    def pending(self, winners_long: bool) -> int:
        """Sum of the deficits that one side has won."""
        return sum(d for a, d in self.deficits.items() if self.winners_long[a] == winners_long)

    def uncovered(self, winners_long: bool) -> int:
        """The part of them that is not reserved in the waterfall."""
        return sum(
            max(0, deficit - sum(waterfall.reservation(self.world, account)))
            for account, deficit in self.deficits.items()
            if self.winners_long[account] == winners_long
        )

    def exceeds(self, factor: float, winners_long: bool) -> bool:
        """Whether factor * pending > what layers 3 and 4 can still give."""
        pending = self.pending(winners_long) if factor else 0
        if pending == 0:
            return False
        return factor * pending > sum(waterfall.capacity(self.world, _ONE_MARKET[winners_long]))

    def held(self, long: bool) -> bool:
        """Whether a side is held."""
        return self.world.now < self.held_until[long]

    # --- what it decides ----------------------------------------------------------------

    def gate_closed(self) -> bool:
        """Whether nobody may withdraw."""
        rule = self.rule
        if rule.gate_jump and any(self.held(long) for long in (False, True)):
            return True
        if rule.clear_first and any(self.uncovered(long) for long in (False, True)):
            return True
        return any(self.exceeds(rule.gate_factor, long) for long in (False, True))

    def locked(self, account: int, delta: int, price: int) -> bool:
        """Whether the account may not fill `delta` at a price because it would take a gain."""
        rule, leg = self.rule, self.position(account)
        if leg.size_fine == 0 or (delta > 0) == leg.long or self.world.account(account).started:
            return False
        sign = 1 if leg.long else -1
        if rule.lock_jump and self.held(leg.long):
            return sign * (self.mark * FINE - leg.entry_fine) > 0
        better = sign * (price * FINE - leg.entry_fine) > 0
        return better and self.exceeds(rule.lock_factor, leg.long)

    def keeping(self, long: bool) -> bool:
        """Whether gains realised on a side are kept back."""
        rule = self.rule
        return (rule.keep_jump and self.held(long)) or self.exceeds(rule.keep_factor, long)

    def free_margin(self, account: int) -> int:
        """Most the account may withdraw."""
        health = margin.health(self.world, account)
        spare = health.equity_im_fine // FINE - health.im_wad
        if account in self.kept:
            spare -= self.kept[account].amount
        leg = self.position(account)
        if (
            self.rule.gains_stay
            and leg.size_fine
            and (self.held(leg.long) or self.keeping(leg.long))
        ):
            spare -= _gain(leg, leg.size_fine, self.mark)
        return max(0, spare)

    # --- gains and entries --------------------------------------------------------------

    def filled(self, account: int, before: Position, price: int) -> None:
        """Apply the rules on gains and entries to a fill, given the leg before it."""
        after = self.position(account)
        stays = before.size_fine * after.size_fine > 0
        closed = before.size_fine - (after.size_fine if stays else 0)
        if closed * before.size_fine > 0 and self.keeping(before.long):
            self._keep(account, before, closed)
        held = before.size_fine if stays else 0
        added = after.size_fine - held
        worse = price > self.mark if after.long else price < self.mark
        if not self.rule.basis_at_mark and added * after.size_fine > 0 and worse:
            # the protocol itself has counted the mark: without the rule it is the price
            basis = held * before.entry_fine + added * price * FINE
            positions.change(
                self.world,
                account,
                MARKET,
                after.size_fine,
                basis // after.size_fine,
                after.leverage_class,
            )

    def rematched(self, before: Mapping[int, Position]) -> None:
        """Keep what a resolve has realised for the winners, given the legs before it."""
        for account, leg in before.items():
            after = self.position(account)
            closed = leg.size_fine - after.size_fine
            if closed * leg.size_fine > 0 and self.keeping(leg.long):
                # a haircut of the same resolve has moved the entry already
                entry = after.entry_fine or leg.entry_fine
                self._keep(account, replace(leg, entry_fine=entry), closed)

    def _keep(self, account: int, leg: Position, closed: int) -> None:
        """Keep the gain of closing a part of a leg at the mark."""
        gain = _gain(leg, closed, self.mark)
        if gain > 0:
            kept = self.kept.setdefault(account, Kept(0, leg.long, self.world.now))
            kept.amount += gain

    def let_go(self) -> None:
        """Release what was kept on a side that nothing holds any more."""
        for account, kept in list(self.kept.items()):
            if not self.keeping(kept.long):
                self.kept_s.append((account, self.world.now - kept.since))
                del self.kept[account]

    def begin_resolve(self) -> Job | None:
        """Freeze the next bankrupt account as `resolve` would, kept gains counted as profit."""
        world = self.world
        for account in self._resolvable():
            reserved = sum(waterfall.reservation(world, account))
            world.resolving = account
            deleveraging.adl_begin(world, account, reserved, world.auctions[account].weights)
            assert world.job is not None
            for leg in world.job.legs:
                sums = [k.amount for k in self.kept.values() if k.long == leg.winners_long]
                leg.profit_fine += sum(sums) * FINE
            return world.job
        return None

    def charge(self, job: Job) -> None:
        """Take the share eta of a haircut off kept gains too."""
        for leg in job.legs:
            for account, kept in self.kept.items():
                if leg.eta_ray and kept.long == leg.winners_long:
                    due = -(-kept.amount * leg.eta_ray // RAY)
                    kept.amount -= due
                    self.world.account(account).cash_fine -= due * FINE

    def _resolvable(self) -> Sequence[int]:
        """Bankrupt accounts in the order of the queue: urgent ones, then those that ran out."""
        running = self.world.auctions
        urgent = [a for a in self.deficits if running[a].urgent_place]
        late = [a for a in self.deficits if auctions.has_run_out(self.world, a, running[a])]
        urgent.sort(key=lambda account: running[account].urgent_place)
        late.sort(key=lambda account: running[account].place)
        return urgent + late


def _gain(leg: Position, size_fine: int, mark: int) -> int:
    """What closing `size_fine` (signed as the leg) at the mark would win; 0 for a loss."""
    return max(0, (mark * FINE - leg.entry_fine) * size_fine // (WAD * FINE * FINE))
