"""The waterfall: who pays a loss, in which order, and how much of it."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.invariants.deleveraging import shares_of
from plimsoll.fuzz.invariants.events import (
    AdlFrozen,
    BrokerReservationChanged,
    BucketRematched,
    Drawn,
    Finished,
    Matched,
    ReservationChanged,
    Reserved,
    ShortfallBooked,
    Taken,
)
from plimsoll.fuzz.invariants.step import CASH_FINE, Step, record_before
from plimsoll.model.snapshot import WATERFALL_DICTS
from plimsoll.model.state import CASH_BOUND_WAD, PPM, RAY, Reservation, Rolling, World

_Split = dict[tuple[int, type], ReservationChanged | BrokerReservationChanged]

_KINDS: Final = (ReservationChanged, BrokerReservationChanged)

LAYERS = BROKER, JUNIOR, SENIOR, FUND = 2, 3, 4, 5
_NONE: Final = Reservation(junior=0, senior=0, since=0)
_RESERVATIONS: Final = WATERFALL_DICTS.index("reservations")
_UNIT_WAD: Final = 10**12  # one token unit
_SHARES: Final = 50_000
_CASH: Final = CASH_BOUND_WAD


def judge(step: Step, weights: dict[int, int]) -> str | None:
    """I-10, I-21 to I-25 and I-37; `weights` of each account's newest auction."""
    draws: dict[int, list[Drawn]] = {}
    finished: list[Finished] = []
    asked: dict[int, Reserved] = {}
    split: _Split = {}
    for event in step.events:
        problem = None
        if isinstance(event, Drawn):
            draws.setdefault(event.account, []).append(event)
            problem = _draw(step, event)
        elif isinstance(event, Finished):
            finished.append(event)
            problem = _finish(step, event, draws.pop(event.account, []))
        elif isinstance(event, ReservationChanged | BrokerReservationChanged):
            split[event.account, type(event)] = event
        elif isinstance(event, Reserved):
            asked[event.account] = event
            problem = _reservation(step, event, split)
        if problem is not None:
            return problem
    if draws:
        return f"I-21 draw: {[hex(account) for account in draws]} not finished by this call"
    if not asked:
        return None
    return _deficits(step, asked, finished) or _layers(step, asked, finished, weights)


def _draw(step: Step, event: Drawn) -> str | None:
    unit = _token_unit(step)
    taken = event.capacity_before - event.capacity_after
    # what is left of a broker's lock is free again
    if taken > event.units + 2 * unit and event.layer != BROKER:
        return f"I-37 draw: {event} takes more than it pays"
    if event.units > event.capacity_before + unit:
        return f"I-37 draw: {event} pays more than there is"
    return None


def _finish(step: Step, event: Finished, draws: list[Drawn]) -> str | None:
    layers = [draw.layer for draw in draws]
    if layers != sorted(set(layers)):
        return f"I-21 draw: layers {layers}"
    covered = sum(draw.units for draw in draws)
    if covered != event.covered:
        return f"I-22 loss: draws of {covered}, covered {event.covered}"
    if not 0 <= event.loss - event.covered - event.shortfall <= _UNIT_WAD:
        return f"I-22 loss: {event} does not add up"
    now, owner = step.seen.accounts[event.account], step.world.accounts[event.account]
    if now.markets or now.equity or owner.markets or abs(owner.cash_fine) > CASH_FINE:
        return f"I-22 loss: {event.account:#x} is finished and has {now.equity}"
    if event.shortfall and any(isinstance(other, Taken | Matched) for other in step.events):
        return "I-23 shortfall: a take or a fill ended in one"
    return None


def _reservation(step: Step, event: Reserved, split: _Split) -> str | None:
    if event.reserved > event.deficit:
        return f"I-24 reservation: {event.reserved} for {event.deficit}"
    # what has not changed is not logged
    held = step.before.waterfall[1][_RESERVATIONS].get(event.account, _NONE)
    parts = [held.junior + held.senior, held.broker + held.fund]
    for place, kind in enumerate(_KINDS):
        changed = split.get((event.account, kind))
        if changed is not None:
            parts[place] = sum(changed[1:])
    # what is logged is exact, what was held before is the model's
    close = 0 if all((event.account, kind) in split for kind in _KINDS) else _CASH
    if abs(sum(parts) - event.reserved) > close:
        return f"I-24 reservation: {parts} are not {event.reserved}"
    return None


def _deficits(step: Step, asked: dict[int, Reserved], finished: list[Finished]) -> str | None:
    """What is reserved for is -E, unless ADL has gone on after it."""
    if any(isinstance(event, AdlFrozen | BucketRematched) for event in step.events):
        return None
    over = {event.account for event in finished}
    for account, event in asked.items():
        now = step.seen.accounts[account]
        if account not in over and now.started and event.deficit != max(0, -now.equity):
            return f"I-24 reservation: asked for {event.deficit}, equity is {now.equity}"
    return None


# --- layers -------------------------------------------------------------------------------------


def _layers(
    step: Step, asked: dict[int, Reserved], finished: list[Finished], weights: dict[int, int]
) -> str | None:
    """Senior and a shortfall only after what comes before has given all it can.

    Judged at the end of the call, so only where one account alone has reserved in it.
    """
    if len(asked) != 1:
        return None
    ((account, event),) = asked.items()
    given = dict.fromkeys(LAYERS, 0)
    if finished:
        missing = finished[0].shortfall
        for draw in step.events:
            if isinstance(draw, Drawn):
                given[draw.layer] += draw.units
    else:
        missing = event.deficit - event.reserved
        held = step.world.waterfall.reservations.get(account)
        if held is not None:
            parts = (held.broker, held.junior, held.senior, held.fund)
            given = dict(zip(LAYERS, parts, strict=True))
    shares = shares_of(weights.get(account, 0))
    slack = (
        4 * _token_unit(step) * (1 + _SHARES // min(shares.values(), default=_SHARES)) + 2 * _CASH
    )
    left = missing + sum(given.values())
    record = record_before(step, account)
    locked = record.lock * _UNIT_WAD if record is not None else 0
    if abs(given[BROKER] - min(left, locked)) > _CASH:
        return f"I-25 order: the broker gave {given[BROKER]} of {left}, {locked} are locked"
    left -= given[BROKER]
    for layer in LAYERS[1:]:
        rooms = _rooms(step, layer, shares, given[layer])
        left -= given[layer]
        if layer == FUND and record is not None:
            rooms.insert(0, _room_of_cause(step, record.broker))
        # what was set aside stays set aside, though limits shrink as old draws are forgotten
        more = given[layer] - held_before(step, account, layer)
        if more > _CASH and min(rooms[1:]) < -slack:
            return f"I-10 limit: layer {layer} gave {given[layer]}, {-min(rooms[1:])} above it"
        if left > _CASH and min(rooms) > slack:
            number = "I-23 shortfall" if finished and missing else "I-25 order"
            return f"{number}: layer {layer} could give {min(rooms)} more of {left}"
    return None


def held_before(step: Step, account: int, layer: int) -> int:
    """What a layer had set aside for an account when the call came."""
    held = step.before.waterfall[1][_RESERVATIONS].get(account, _NONE)
    parts = (held.broker, held.junior, held.senior, held.fund)
    return int(parts[LAYERS.index(layer)])


def _rooms(step: Step, layer: int, shares: dict[int, int], given: int) -> list[int]:
    """What a layer could still give: by its assets, its day's limit and each market's; signed.

    It has `given` so much. A loss that no market is named for gets what one market may have.
    """
    world = step.world
    state = world.waterfall
    tokens = step.seen.brokers.fund
    if layer != FUND:
        tokens = (world.junior if layer == JUNIOR else world.senior).assets_tokens
    assets = tokens * _UNIT_WAD * RAY // _rate(step)
    base = assets + _left(world, state.drawn.get(layer))
    used = {market: _left(world, state.used.get((layer, market))) for market in (0, *shares)}
    rooms = [assets - state.reserved[layer], base * state.global_ppm[layer] // PPM - used[0]]
    for market, share in shares.items():
        own = state.own_market_ppm.get((layer, market)) or state.market_ppm[layer]
        rooms.append((base * own // PPM - used[market]) * _SHARES // share)
    if not shares:
        rooms.append(base * state.market_ppm[layer] // PPM - given)
    return rooms


def _room_of_cause(step: Step, cause: str) -> int:
    """What clients of one broker may still cost the fund: its own part, some of the others'."""
    brokers = step.world.brokers
    own = brokers.share(cause)
    mine = own.total if cause in brokers.members else 0
    others = step.seen.brokers.fund - mine
    tokens = mine + max((others + own.cost) * brokers.fund.cause_ppm // PPM - own.cost, 0)
    reserved = sum(
        held.fund
        for account, held in step.world.waterfall.reservations.items()
        if brokers.broker_of(account) == cause
    )
    return tokens * _UNIT_WAD * RAY // _rate(step) - reserved


def _left(world: World, amounts: Rolling | None) -> int:
    """What a day has not yet forgotten: each line falls to nothing at its end."""
    if amounts is None:
        return 0
    return sum(rate * max(end - world.now, 0) for end, rate in amounts.rates)


def _token_unit(step: Step) -> int:
    """What one token unit is in claims (wad): the lower the redemption rate, the more."""
    return -(-_UNIT_WAD * RAY // _rate(step))


def _rate(step: Step) -> int:
    """Redemption rate at which the layers paid: before a shortfall was booked."""
    for event in step.events:
        if isinstance(event, ShortfallBooked):
            return event.rate_before
    return max(1, step.seen.books.redemption_rate)
