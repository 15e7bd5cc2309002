"""Who guarantees for whom: guarantees begin, move, end and are drawn.

Guarantees, locks and fees are token units; what the ledger counts is wad.
"""

from __future__ import annotations

from typing import Final

from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model import (
    broker_vaults,
    client_books,
    consents,
    guaranty_fund,
    margin,
    retest,
)
from plimsoll.model.broker_state import (
    CallState,
    Guarantee,
    Sponsored,
    State,
)
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import FINE, PPM, World, owner_of, require
from plimsoll.model.tokens import SCALE

YEAR_S: Final = 365 * 86_400
PORT_WINDOW_S: Final = 30 * 86_400
LINGER_S: Final = 7 * 86_400  # after expiry; then MM is enough to free a lock


def sponsor(
    world: World, sender: str, client: consents.Consent, operator: consents.Consent
) -> None:
    """Put a guarantee in force, or renew it, with both consents."""
    terms, broker = _agreed(world, sender, client, operator)
    account, brokers = terms.account, world.brokers
    record = brokers.sponsored.get(account)
    if record is not None:
        require(record.broker == broker, "sponsor: has a broker")
        open_call = brokers.call(account).state is CallState.CALLED
        require(not open_call, "sponsor: margin call open")
        _refuse_less(record, terms)
    health = margin.health(world, account)
    require(health.priced, "sponsor: no price")
    safe = client_books.holds_buffer(world, "sponsor: buffer", health, terms.buffer_ppm)
    require(safe, "sponsor: client below buffer")
    fee = fee_of(world, terms)
    if record is None:
        client_books.enter(world, broker, account)
    if brokers.call(account).state is CallState.DEFAULTED:
        del brokers.calls[account]
    brokers.risks.pop(account, None)  # above its buffer, as was just seen
    _put_in_force(world, terms, broker, fee)


def port(world: World, sender: str, client: consents.Consent, operator: consents.Consent) -> None:
    """Move a client away from a broker that is not active; an open margin call comes along."""
    terms, broker = _agreed(world, sender, client, operator)
    account, brokers = terms.account, world.brokers
    record = brokers.sponsored.get(account)
    require(record is not None, "port: no broker")
    assert record is not None
    require(record.broker != broker, "port: same broker")
    seat = brokers.seats[record.broker]
    in_time = world.now <= seat.since + PORT_WINDOW_S
    require(seat.state is not State.ACTIVE and in_time, "port: not open")
    require(brokers.call(account).state is not CallState.DEFAULTED, "port: defaulted")
    _refuse_less(record, terms)
    health = margin.health(world, account)
    require(health.priced, "sponsor: no price")
    above = world.decide("port: equity", health.equity_fine, retest.CLOSE_FINE)
    require(above, "port: below zero")
    fee = fee_of(world, terms)
    client_books.leave(world, record.broker, account)
    client_books.enter(world, broker, account)
    _put_in_force(world, terms, broker, fee)
    broker_vaults.unlock(world, record.broker, account)
    client_books.measure(world, account)


def release(world: World, sender: str, account: int) -> None:
    """End a guarantee that the client's margin does not need."""
    record = _record(world, account)
    # a default brings the expiry forward
    anybody = world.now >= record.expiry
    require(anybody or sender == owner_of(account), "access: not account owner")
    require(not world.account(account).started, "account: under liquidation")
    call = world.brokers.call(account)
    require(call.state is not CallState.CALLED, "sponsor: margin call open")
    require(_needs_none(world, account, record), "release: needs guarantee")
    _end(world, account, record)


def pay_loss(world: World, account: int, amount: int) -> None:
    """Draw on an account's lock; whatever is left of it is free, and the guarantee over."""
    record = _record(world, account)
    broker_vaults.pay_loss(world, record.broker, account, amount)
    _end(world, account, record)


# --- views ------------------------------------------------------------------------------------


def guaranteed_wad(world: World, account: int) -> int:
    """What the broker pays at most for the account."""
    record = world.brokers.sponsored.get(account)
    return 0 if record is None else record.lock * SCALE


def fee_of(world: World, terms: GuaranteeTerms) -> int:
    """Token units that agreeing on the terms costs now; a renewal gets back what is unused."""
    full = div_up(terms.guarantee * terms.fee_ppm * (terms.expiry - world.now), PPM * YEAR_S)
    record = world.brokers.sponsored.get(terms.account)
    if record is None or record.broker != terms.broker.lower():
        return full
    left_s = max(record.expiry - world.now, 0)
    return max(full - div_down(record.lock * record.fee_ppm * left_s, PPM * YEAR_S), 0)


def measure(world: World, _sender: str, account: int) -> None:
    """Note what a client may lose of its lock; anybody, at any time."""
    _record(world, account)
    client_books.measure(world, account)


# --- internals --------------------------------------------------------------------------------


def write_guarantee(world: World, account: int) -> None:
    """Tell the ledger what counts from now on: nothing for opening while a call is open."""
    record = world.brokers.sponsored[account]
    opening = record.expiry - consents.notice_s(record.cure_s)
    state = world.brokers.call(account).state
    if state is CallState.CALLED:
        opening = 0
    elif state is CallState.DEFAULTED:
        opening = record.expiry
    world.account(account).guarantee = Guarantee(
        record.lock * SCALE, opening, record.expiry, record.buffer_ppm
    )


def _agreed(
    world: World, sender: str, client: consents.Consent, operator: consents.Consent
) -> tuple[GuaranteeTerms, str]:
    """What sponsoring and porting ask for first: terms and broker."""
    terms = client.terms
    broker = terms.broker.lower()
    consents.check_bounds(world, terms)
    require(world.brokers.state_of(broker) is State.ACTIVE, "broker: not active")
    consents.use(world, sender, client, operator)
    require(not world.account(terms.account).started, "account: under liquidation")
    return terms, broker


def _refuse_less(record: Sponsored, terms: GuaranteeTerms) -> None:
    kept = terms.guarantee >= record.lock and terms.expiry >= record.expiry
    require(kept, "sponsor: lowers guarantee")


def _put_in_force(world: World, terms: GuaranteeTerms, broker: str, fee: int) -> None:
    """Record, ledger, lock, the fund's part, and last the fee."""
    account = terms.account
    world.brokers.sponsored[account] = Sponsored(
        broker=broker,
        lock=terms.guarantee,
        fee_ppm=terms.fee_ppm,
        expiry=terms.expiry,
        buffer_ppm=terms.buffer_ppm,
        cure_s=terms.cure_s,
        early_ppm=terms.early_ppm,
    )
    write_guarantee(world, account)
    broker_vaults.lock(world, broker, account, terms.guarantee)
    guaranty_fund.raise_to_required(world, broker)
    if fee:
        seconds = terms.expiry - world.now
        broker_vaults.receive_fee(world, broker, owner_of(account), fee, seconds)


def _record(world: World, account: int) -> Sponsored:
    record = world.brokers.sponsored.get(account)
    require(record is not None, "sponsor: no broker")
    assert record is not None
    return record


def _needs_none(world: World, account: int, record: Sponsored) -> bool:
    """E_im >= IM; a week after expiry E >= MM is enough."""
    health = margin.health(world, account)
    if not health.priced:
        return False
    lead = health.equity_im_fine - health.im_wad * FINE
    bound = retest.CLOSE_FINE + (health.entry_bound_wad + health.im_bound_wad) * FINE
    if world.decide("release: initial margin", lead, bound):
        return True
    if world.now < record.expiry + LINGER_S:
        return False
    lead = health.equity_fine - health.mm_wad * FINE
    return world.decide("release: maintenance margin", lead, retest.CLOSE_FINE)


def _end(world: World, account: int, record: Sponsored) -> None:
    """No guarantee, no client, no lock."""
    broker_vaults.unlock(world, record.broker, account)
    client_books.leave(world, record.broker, account)
    del world.brokers.sponsored[account]
    world.brokers.calls.pop(account, None)
    world.account(account).guarantee = None
