"""Who may gain or lose by a transaction: nobody but by a fill, a payment or ADL that is logged."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.invariants.deleveraging import Resolve
from plimsoll.fuzz.invariants.events import (
    BucketHaircut,
    BucketRematched,
    Deposited,
    Finished,
    Matched,
    PositionChanged,
    PositionSettled,
    ShortfallBooked,
    Taken,
    Withdrawn,
)
from plimsoll.fuzz.invariants.step import (
    CASH,
    CASH_FINE,
    CLASS,
    ENTRY,
    LONG,
    SIZE,
    SIZE_FINE,
    TICK,
    Step,
    funding_moves,
)
from plimsoll.model.state import FINE, RAY, WAD

_ENTRY_BITS: Final = 32  # an entry is written down to so many bits: a touch may move it by its part
_CHARGE_FINE: Final = 10**6 * FINE  # rounding of one haircut
_UNIT_WAD: Final = 10**12  # one token unit


class _Logged:
    """What the events of a transaction move, by account: cash (wad) and sizes (wad)."""

    def __init__(self, step: Step, reserve: int) -> None:
        self.cash: dict[int, int] = {}
        self.sizes: dict[tuple[int, int], int] = {}
        self.judged_apart = {reserve}
        for event in step.events:
            if isinstance(event, PositionChanged):
                self.pay(event.account, -event.fee)
            elif isinstance(event, Matched):
                self._move(event.maker, event.taker, event.market, event.size, event.price)
            elif isinstance(event, Taken):
                price = event.account_price
                self._move(event.account, event.taker, event.market, event.size, price)
                self.pay(event.taker, event.insurance_concession)
            elif isinstance(event, Deposited):
                self.pay(event.account, event.credited)
            elif isinstance(event, Withdrawn):
                self.pay(event.account, -event.claims)
            elif isinstance(event, Finished):
                self.pay(event.account, event.loss)
            elif isinstance(event, PositionSettled):
                self.pay(event.account, event.size * event.price // WAD)
                place = event.account, event.market
                self.sizes[place] = self.sizes.get(place, 0) - event.size

    def pay(self, account: int, amount: int) -> None:
        self.cash[account] = self.cash.get(account, 0) + amount

    def _move(self, giver: int, taker: int, market: int, size: int, price: int) -> None:
        """`taker` gets the signed size from `giver` and pays for it, rounded down."""
        paid = size * price // WAD
        self.pay(giver, paid)
        self.pay(taker, -paid)
        for account, change in ((giver, -size), (taker, size)):
            place = account, market
            self.sizes[place] = self.sizes.get(place, 0) + change


def judge(step: Step, resolve: Resolve, reserve: int) -> str | None:
    """I-12, I-13, I-14, I-16, I-32 and I-36; `reserve` is the protocol's own account."""
    problem = _shortfalls(step) or _dust_reserve(step, reserve)
    if problem is not None:
        return problem
    due = _funding_due(step)
    logged = _Logged(step, reserve)
    if step.name == "resolve" and resolve.account:
        # what its winners paid is credited after the last charge, without an event of its own
        logged.judged_apart.add(resolve.account)
    if any(isinstance(event, BucketRematched | BucketHaircut) for event in step.events):
        return _deleveraged(step, resolve, logged, due)
    return _cash(step, logged, due) or _sizes(step, logged) or _withdrawals(step)


def _funding_due(step: Step) -> dict[int, int]:
    """What the time since the last call pays each account (fine)."""
    due: dict[int, int] = {}
    moves = funding_moves(step)
    if moves:
        for (account, market), leg in step.before.positions.items():
            if leg[SIZE] and market in moves:
                due[account] = due.get(account, 0) + -leg[SIZE] * moves[market] // RAY
    return due


def _cash(step: Step, logged: _Logged, due: dict[int, int]) -> str | None:
    """Cash changes by funding and by what is logged; a bystander's by funding alone, exactly."""
    then = step.before.accounts
    for account, owner in step.world.accounts.items():
        if account in logged.judged_apart:
            continue
        old = then[account][CASH] if account in then else 0
        change = owner.cash_fine - old - due.get(account, 0)
        paid = logged.cash.get(account)
        if paid is None:
            if change:
                return f"I-12 bystander: {account:#x} is no party and changed by {change} fine"
        elif abs(change - paid * FINE) > CASH_FINE:
            wrong = change // FINE - paid
            return f"I-36 cash: {account:#x} got {wrong} wei that no event explains"
    return None


def _sizes(step: Step, logged: _Logged) -> str | None:
    """Sizes change by fills and takes only, equal and opposite; dust aside."""
    then = step.before.positions
    for place, leg in step.world.positions.items():
        old = then[place][SIZE] if place in then else 0
        if leg.size_fine == old and place not in logged.sizes:
            continue
        wrong = leg.size_fine - old - logged.sizes.get(place, 0) * FINE
        if abs(wrong) > 2 * SIZE_FINE:
            return f"I-16 size: {place[0]:#x} in market {place[1]}: {wrong} fine from nowhere"
    return None


def _withdrawals(step: Step) -> str | None:
    """Whoever took money out meets initial margin on chain."""
    for event in step.events:
        if isinstance(event, Withdrawn):
            left = step.seen.accounts[event.account]
            if left.equity_im < left.im:
                return f"I-32 withdrawal: left {left.equity_im}, initial margin {left.im}"
    return None


def _shortfalls(step: Step) -> str | None:
    """What nobody paid is booked, and lowers the rate."""
    booked = unpaid = 0
    for event in step.events:
        if isinstance(event, ShortfallBooked):
            booked += event.amount
            if event.rate_after >= event.rate_before:
                return f"I-14 shortfall: rate {event.rate_before} became {event.rate_after}"
        elif isinstance(event, Finished):
            unpaid += event.shortfall
    if booked != unpaid:
        return f"I-14 shortfall: {booked} booked, {unpaid} not paid"
    return None


def _dust_reserve(step: Step, reserve: int) -> str | None:
    """The protocol's own account pays a finished account's rounding, a token unit at most."""
    change = step.world.accounts[reserve].cash_fine - step.before.accounts[reserve][CASH]
    if change:
        finished = sum(isinstance(event, Finished) for event in step.events)
        if not -_UNIT_WAD * FINE * finished <= change <= 0:
            return f"I-12 dust reserve: changed by {change} fine in {finished} bankruptcies"
    return None


# --- ADL --------------------------------------------------------------------------------------


def _deleveraged(step: Step, resolve: Resolve, logged: _Logged, due: dict[int, int]) -> str | None:
    """Counterparties get the price for what they took over, and pay eta of their own profit."""
    for event in step.events:
        if isinstance(event, BucketRematched | Finished):
            logged.judged_apart.add(event.account)
    prices = {e.market: e.price for e in step.events if isinstance(e, BucketRematched)}
    charged = {event.key for event in step.events if isinstance(event, BucketHaircut)}
    settled = {(e.account, e.market): e for e in step.events if isinstance(e, PositionSettled)}
    legs: dict[int, list[int]] = {}
    for account, market in step.before.positions:
        legs.setdefault(account, []).append(market)
    for account, owner in step.world.accounts.items():
        if account in logged.judged_apart:
            continue
        old = step.before.accounts.get(account, (0,))[CASH]
        rest = owner.cash_fine - old - due.get(account, 0)
        slack = CASH_FINE if account in legs else 0
        for market in legs.get(account, ()):
            leg = step.before.positions[account, market]
            closed = leg[SIZE] - step.world.positions[account, market].size_fine
            if (final := settled.get((account, market))) is not None:
                rest -= final.size * final.price // WAD * FINE
                closed -= final.size * FINE
                slack += CASH_FINE
            if closed:
                price = prices.get(market, 0)
                if abs(closed) > 2 * SIZE_FINE and not price:
                    return f"I-16 size: {account:#x} lost {closed} fine of market {market}"
                rest -= closed * price // WAD
                slack += 2 * SIZE_FINE * (1 + price // WAD)
            if leg[SIZE] and charged & _keys(step, account, market, leg):
                mark, eta = resolve.marks[market], resolve.etas[market]
                gain = max(leg[SIZE] * (mark * FINE - leg[ENTRY]) // (WAD * FINE), 0)
                rest += gain * eta // RAY
                slack += _CHARGE_FINE + (abs(leg[SIZE]) * mark // WAD >> _ENTRY_BITS - 1)
        if rest < -slack:
            return f"I-13 haircut: {account:#x} paid {-rest} fine beyond eta of its profit"
        if rest > slack:
            return f"I-30 haircut: {account:#x} has {rest} fine more than its share leaves it"
    return None


def _keys(step: Step, account: int, market: int, leg: tuple[int, ...]) -> set[int]:
    """The bucket a saved position stands in, and the one a touch in this call has put it in."""
    side = market << 17 | leg[LONG] << 16
    now = step.world.positions[account, market]
    return {side | leg[CLASS] << 13 | leg[TICK], side | now.leverage_class << 13 | now.tick}
