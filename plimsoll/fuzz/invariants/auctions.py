"""Auctions and takes: when one opens and ends, what a slice may cost the account."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.invariants.events import AuctionEnded, AuctionStarted, Finished, Matched, Taken
from plimsoll.fuzz.invariants.step import (
    SIZE,
    Step,
    guarantee_before,
    health_before,
    leg_margin,
    shield_before,
    value_bound,
)
from plimsoll.fuzz.probe import AccountState
from plimsoll.model.state import FINE, PPM, WAD

_TOUCHING: Final = ("touch", "remark", "start", "take", "deposit", "take_with_order")
_BUSY: Final = (
    *("liquidation: already started", "account: locked", "adl: sync first"),
    "adl: side locked",  # of a leg without a price, which is written back
)
_BONUS_PPM: Final = 10_000


class Open:
    """Accounts under liquidation, as the events tell."""

    def __init__(self) -> None:
        self.accounts: set[int] = set()
        self.weights: dict[int, int] = {}  # of each account's newest auction

    def judge(self, step: Step) -> str | None:
        """I-17 to I-20 and I-35."""
        for event in step.events:
            problem = None
            if isinstance(event, AuctionStarted):
                problem = _started(step, event)
                self.accounts.add(event.account)
                self.weights[event.account] = event.weights
            elif isinstance(event, AuctionEnded | Finished):
                if event.account not in self.accounts:
                    return f"I-35 auction: {event.account:#x} ended without one, or twice"
                self.accounts.remove(event.account)
                if isinstance(event, AuctionEnded):
                    covered = event.equity + shield_before(step, event.account)
                    if not _cured(step, covered, event.mm):
                        return f"I-20 auction: ended with {covered} of {event.mm}"
            elif isinstance(event, Taken):
                problem = _take(step, event)
            if problem is not None:
                return problem
        if step.name == "start" and step.reason is not None:
            return _refused_start(step, step.reason)
        return self._left_open(step) if self.accounts and step.reason is None else None

    def _left_open(self, step: Step) -> str | None:
        """No auction stays open after a touch that found it cured."""
        touched = {arg for arg in step.args if isinstance(arg, int)}
        if step.name not in _TOUCHING:
            touched = set()
        for event in step.events:
            if isinstance(event, Matched):
                touched.update((event.maker, event.taker))
            elif isinstance(event, Taken):
                touched.add(event.account)
        for account in touched & self.accounts:
            now = step.seen.accounts[account]
            owes = now.equity < 0 and not now.markets  # and is finished, whoever guarantees
            if _cured(step, now.equity + now.shield, now.mm) and not owes:
                return f"I-20 auction: {account:#x} is cured and still open"
        return None


def _cured(step: Step, equity: int, mm: int) -> bool:
    return equity >= 0 and equity * PPM >= step.world.params.kappa_ppm * mm


def _started(step: Step, event: AuctionStarted) -> str | None:
    covered = event.equity + shield_before(step, event.account)
    # a flat account that owes anything is finished, whoever guarantees for it
    debtor = event.equity < 0 and event.mm == 0
    if covered >= event.mm and not debtor:
        return f"I-19 start: {covered} is not below {event.mm}"
    health, bound = health_before(step, event.account), value_bound(step)
    if abs(health.equity - event.equity) > bound or abs(health.mm - event.mm) > bound:
        return f"I-19 start: announced {event.equity} of {event.mm}, it was {health}"
    return None


def _refused_start(step: Step, reason: str) -> str | None:
    if reason in _BUSY:
        return None
    account = step.seen.accounts.get(step.args[0])
    if account is None:
        return None
    debtor = account.equity < 0 and not account.markets
    if account.equity + account.shield < account.mm or debtor:
        covered = account.equity + account.shield
        return f"I-19 start: refused ({reason!r}) with {covered} of {account.mm}"
    return None


def _take(step: Step, event: Taken) -> str | None:
    """What the account pays, and what it leaves of it."""
    before, bound = health_before(step, event.account), value_bound(step)
    size, mark = abs(event.size), event.mark
    notional = size * mark // WAD
    worsening = abs(mark - event.account_price) * size // WAD
    held = step.before.positions[event.account, event.market][SIZE]
    margin = leg_margin(step, event.market, held)
    cost = (worsening + event.fee - 2) * before.mm * abs(held)
    if cost > (max(before.equity, 0) + bound) * margin * (size + 1) * FINE:
        return f"I-17 take: it cost {worsening} and a fee of {event.fee}, E was {before.equity}"
    offered = notional * step.world.params.concession_max_ppm // PPM
    if worsening + event.insurance_concession > offered + 2:
        return f"I-17 take: {worsening} and {event.insurance_concession} are above c(T)"
    if event.insurance_concession * PPM > notional * _BONUS_PPM:
        return f"I-17 take: insurance concession {event.insurance_concession} above 1 %"
    if before.equity > 0:
        if event.equity < -bound:
            return f"I-18 take: made {event.account:#x} bankrupt: {event.equity}"
        if (event.equity + bound) * before.mm < before.equity * event.mm:
            return f"I-18 take: {event.equity} of {event.mm} left, it was {before}"
    elif event.equity < before.equity - bound:
        return f"I-18 take: {event.equity} left, it was {before}"
    taker = step.seen.accounts[event.taker]
    if not may_open(step, taker):
        return f"I-18 take: the taker has {taker.equity_im} of {taker.im}"
    return None


def may_open(step: Step, account: AccountState) -> bool:
    """Whether an account has initial margin, or with a guarantee and more than its buffer alone."""
    if account.equity_im >= account.im:
        return True
    guarantee = guarantee_before(step, account.account)
    if guarantee is None:
        return False
    covered = account.equity_im + guarantee.opening_wad(step.world.now)
    needed = account.mm * (PPM + guarantee.buffer_ppm)
    return covered >= account.im and account.equity_im * PPM >= needed
