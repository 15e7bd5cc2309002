"""Guarantees: given, renewed, moved, ended; margin calls and how they come out."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.stage import (
    ATTACKER,
    GARBAGE,
    ISOLATED_SUB,
    KEEPER,
    OPERATORS,
    TRADERS,
    UNSIGNED,
    WITH_ISOLATED,
)
from plimsoll.fuzz.stories.desk import DAY_S, Desk, Place, Story
from plimsoll.model import broker_vaults
from plimsoll.model.broker_state import CallState, Sponsored, State
from plimsoll.model.state import PPM, WAD

HOUR_S: Final = 3_600
_NOTICE_S: Final = 2 * HOUR_S
_CURES_S: Final = (HOUR_S, HOUR_S, 2 * HOUR_S, 6 * HOUR_S, DAY_S)
_BUFFERS_PPM: Final = (50_000, 200_000, 200_000, 500_000, 1_000_000)
CLIENTS: Final = (*((who, 0) for who in range(len(TRADERS))),
                  *((who, ISOLATED_SUB) for who in WITH_ISOLATED))  # fmt: skip


def record_of(d: Desk, place: Place) -> Sponsored | None:
    """Who guarantees for somebody."""
    return d.m.world.brokers.sponsored.get(d.m.account(*place))


def sponsored(d: Desk) -> list[Place]:
    """Everybody with a broker."""
    return [place for place in CLIENTS if record_of(d, place) is not None]


def brokers(d: Desk, *states: State) -> list[int]:
    """Numbers of the brokers in some states; in any without."""
    known = d.m.world.brokers
    return [
        number
        for number, broker in enumerate(known.vaults)
        if not states or known.state_of(broker) in states
    ]


def number_of(d: Desk, broker: str) -> int:
    """Of a broker."""
    return list(d.m.world.brokers.vaults).index(broker)


def call_state(d: Desk, place: Place) -> CallState:
    """Of somebody's margin call."""
    return d.m.world.brokers.call(d.m.account(*place)).state


# --- agreeing -----------------------------------------------------------------------------------


def sponsoring(d: Desk) -> Story:
    """A broker guarantees for somebody, who opens a position with it."""
    rng = d.rng
    active = brokers(d, State.ACTIVE)
    free = [place for place in CLIENTS if record_of(d, place) is None]
    if not active or not free:
        yield from renewing(d)
        return
    place = rng.choice(free)
    number = max(rng.sample(active, min(2, len(active))), key=lambda n: _room(d, n))
    yield agreed(d, place, number, _amount(d, number))
    if rng.random() < 0.1:
        yield agreed(d, place, rng.choice(active), 10**6)
    for _ in range(rng.randint(1, 2)):
        yield from leveraged(d, place)


def renewing(d: Desk) -> Story:
    """For longer, for more, or for less, which is refused."""
    rng = d.rng
    clients = sponsored(d)
    if not clients:
        return
    place = rng.choice(clients)
    record = record_of(d, place)
    assert record is not None
    guarantee = record.lock * rng.choice((100, 100, 110, 150, 99)) // 100
    yield agreed(d, place, number_of(d, record.broker), guarantee, at_least=record.expiry)


def porting(d: Desk) -> Story:
    """Clients of a broker that is not active look for another one."""
    rng = d.rng
    active = brokers(d, State.ACTIVE)
    for place in sponsored(d):
        record = record_of(d, place)
        assert record is not None
        state = d.m.world.brokers.state_of(record.broker)
        if not active or (state is State.ACTIVE and rng.random() < 0.9):
            continue
        if rng.random() < 0.25:
            yield action("margin_call", sender=KEEPER, step=0, owner=place[0], sub=place[1])
        guarantee = record.lock * rng.choice((100, 100, 120, 90)) // 100
        number = rng.choice(active)
        yield agreed(d, place, number, guarantee, at_least=record.expiry, rule="port")


def releasing(d: Desk) -> Story:
    """Guarantees end: early, on time, or not at all."""
    rng = d.rng
    clients = sponsored(d)
    if not clients:
        return
    who, sub = rng.choice(clients)
    record = record_of(d, (who, sub))
    assert record is not None
    if rng.random() < 0.3:
        ends = record.expiry + rng.choice((-1, 0, 7 * DAY_S - 1, 7 * DAY_S))
        yield action("wait", seconds=max(ends - d.m.world.now, 1), refresh=1)
    sender = rng.choice((who, who, who, KEEPER))
    yield action("release", sender=sender, owner=who, sub=sub)


def agreed(
    d: Desk, place: Place, number: int, guarantee: int, *, at_least: int = 0, rule: str = "sponsor"
) -> Action:
    """Terms with both consents, now and then with one that is wrong or out of bounds."""
    rng, now = d.rng, d.m.world.now
    who, sub = place
    operator = OPERATORS[number % len(OPERATORS)]
    cure_s = rng.choice(_CURES_S)
    soonest = now + cure_s + _NOTICE_S + DAY_S
    lasts = rng.choice((5, HOUR_S, 5 * DAY_S, 60 * DAY_S, 60 * DAY_S, 300 * DAY_S))
    expiry = max(soonest + lasts, at_least)
    terms = [
        who, sub, number, max(guarantee, 0), rng.choice((0, 10_000, 40_000, 200_000)),
        expiry, now + DAY_S, rng.choice(_BUFFERS_PPM), cure_s,
        rng.choice((0, 300_000, 700_000, 1_000_000, 1_000_000)), rng.randrange(2**32),
    ]  # fmt: skip
    odd = rng.random()
    if odd < 0.06:
        place_of, value = rng.choice((
            (3, 0), (3, 2**104 // 10**12), (4, 500_001), (5, soonest - 1), (5, now + 367 * DAY_S),
            (6, now - 1), (7, 49_999), (7, 1_000_001), (8, 3_599), (8, 604_801), (9, 1_000_001),
        ))  # fmt: skip
        terms[place_of] = value
    sender, signers = rng.choice(
        (
            (KEEPER, [who, operator]),
            (who, [UNSIGNED, operator]),
            (operator, [who, UNSIGNED]),
        )
    )
    if 0.06 < odd < 0.09:
        signers = rng.choice(([UNSIGNED, operator], [who, GARBAGE], [ATTACKER, operator]))
    return action(rule, sender=sender, terms=terms, signers=signers)


def revoking(d: Desk) -> Story:
    """Terms are made void before the other party uses them."""
    rng = d.rng
    active = brokers(d)
    if not active:
        return
    place, number = rng.choice(CLIENTS), rng.choice(active)
    offer = agreed(d, place, number, _amount(d, number))
    terms = offer.args["terms"]
    sender = rng.choice((place[0], OPERATORS[number % len(OPERATORS)], ATTACKER))
    yield action("revoke_terms", sender=sender, terms=terms)
    yield offer
    if rng.random() < 0.3:
        yield offer


def leveraged(d: Desk, place: Place) -> Story:
    """A client opens what the guarantee lets it, or a little more."""
    rng = d.rng
    market = d.market()
    others = [other for other in d.accounts() if other[0] != place[0]]
    seller = max(rng.sample(others, 4), key=lambda other: d.free(*other))
    if not d.size(*place, market):
        highest = d.m.world.markets[market].terms.max_class
        yield action(
            "set_leverage_class", sender=place[0], owner=place[0], sub=place[1], market=market,
            leverage_class=highest,
        )  # fmt: skip
    # the thinnest bracket's margin; stress and other positions leave less
    im_ppm = d.m.world.markets[market].terms.im_ppm[0]
    most = (d.free(*place) + d.guaranteed(*place)) * PPM // im_ppm
    notional = min(most * rng.choice((60, 80, 90, 97, 103)) // 100, d.free(*seller) * 10)
    if notional > 200 * WAD:
        size = d.size(*place, market)
        sign = rng.choice((1, -1)) if size == 0 else (1 if size > 0 else -1)
        yield d.fill(place, seller, market, sign * d.sized(market, notional))


def _room(d: Desk, number: int) -> int:
    """What a broker can give to one more client, token units."""
    vault = list(d.m.world.brokers.vaults.values())[number]
    shown = broker_vaults.as_of_now(d.m.world, vault)
    room = broker_vaults.lock_room(d.m.world, shown)
    return min(room, broker_vaults.client_limit(d.m.world, shown))


def _amount(d: Desk, number: int) -> int:
    """A guarantee (token units) of about what a broker can give to one client, or a bit more."""
    most = _room(d, number)
    part = d.rng.choice((5, 10, 10, 20, 20, 40, 100))
    return most * part // 100 + d.rng.choice((0, 0, 0, 0, 1))
