"""Brokers: their capital, their seats, the guaranty fund, and what depositors do."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.stage import ATTACKER, BYSTANDER, INSURER, KEEPER, OPERATORS, OWNER
from plimsoll.fuzz.stories import guarantees, losses, margin_calls
from plimsoll.fuzz.stories.desk import DAY_S, Desk, Story
from plimsoll.fuzz.stories.guarantees import brokers
from plimsoll.model import broker_vaults
from plimsoll.model.broker_state import BrokerVault, State

JOIN, SUSPEND, REINSTATE, LEAVE, RETIRE = range(5)
_MOST: Final = 8  # vaults in one episode
_UNIT: Final = 10**6
# omega, first loss, client limit, commission, notice
_TERMS: Final = (
    [2_000_000, 250_000, 1_000_000, 100_000, 7 * DAY_S],
    [1_000_000, 50_000, 500_000, 0, 7 * DAY_S],
    [10_000_000, 50_000, 400_000, 500_000, 14 * DAY_S],
    [4_000_000, 100_000, 1_000_000, 200_000, 7 * DAY_S],
)
_BAD_TERMS: Final = (
    [999_999, 250_000, 1_000_000, 100_000, 7 * DAY_S],
    [10_000_001, 250_000, 1_000_000, 100_000, 7 * DAY_S],
    [2_000_000, 49_999, 1_000_000, 100_000, 7 * DAY_S],
    [2_000_000, 250_000, 9_999, 100_000, 7 * DAY_S],
    [2_000_000, 250_000, 1_000_000, 500_001, 7 * DAY_S],
    [2_000_000, 250_000, 1_000_000, 100_000, 7 * DAY_S - 1],
)
_FUNDS: Final = ((200, 100_000, 500_000), (1_000, 50_000, 1_000_000), (3_000, 10_000, 250_000))


def founding(d: Desk) -> Story:
    """Parameters of the fund, and brokers with capital and clients."""
    rng = d.rng
    minimum, rate_ppm, cause_ppm = rng.choice(_FUNDS)
    yield action(
        "set_fund", sender=OWNER, minimum=minimum * _UNIT, rate_ppm=rate_ppm, cause_ppm=cause_ppm
    )
    for _ in range(rng.randint(2, 3)):
        yield from opened(d)
    for _ in range(rng.randint(2, 5)):
        yield from guarantees.sponsoring(d)


def opened(d: Desk) -> Story:
    """One more vault, with a stake, depositors, and a seat."""
    rng = d.rng
    number = len(d.m.world.brokers.vaults)
    operator = OPERATORS[number % len(OPERATORS)]
    yield action("open_vault", sender=operator, terms=rng.choice(_TERMS))
    if len(d.m.world.brokers.vaults) == number:
        return
    stake = rng.choice((5_000, 20_000, 60_000)) * _UNIT
    yield action("add_stake", sender=operator, broker=number, tokens=stake)
    yield from deposited(d, number)
    yield action("registry", sender=operator, step=JOIN, broker=number)


def deposited(d: Desk, number: int) -> Story:
    """As much as the stake carries, or a token more."""
    rng = d.rng
    vault = list(d.m.world.brokers.vaults.values())[number]
    shown = broker_vaults.as_of_now(d.m.world, vault)
    room = broker_vaults.max_deposit(d.m.world, shown)
    tokens = room * rng.choice((5, 40, 90, 100)) // 100 + rng.choice((0, 0, 0, 1))
    who = rng.choice((INSURER, INSURER, BYSTANDER))
    yield action("fund_pool", sender=who, broker=number, tokens=tokens, receiver=who)


def brokering(d: Desk) -> Story:
    """One thing that a broker, its depositors or anybody may do."""
    rng = d.rng
    known = brokers(d)
    if not known:
        yield from opened(d)
        return
    number = rng.choice(known)
    kind = rng.random()
    if kind < 0.12:
        yield from deposited(d, number)
    elif kind < 0.25:
        yield from depositor_leaves(d, number)
    elif kind < 0.45:
        yield from stake_leaves(d, number)
    elif kind < 0.65:
        yield from capital_comes(d)
    elif kind < 0.82:
        yield from overdue(d)
    elif kind < 0.90:
        yield from retiring(d)
    else:
        yield from oddities(d, number)


def capital_comes(d: Desk) -> Story:
    """Operators replace what was lost, in the vault and in the fund; new brokers come."""
    rng = d.rng
    active = brokers(d, State.ACTIVE, State.SUSPENDED)
    if len(active) < 2 and len(brokers(d)) < _MOST:
        yield from opened(d)
    for number in active:
        operator = OPERATORS[number % len(OPERATORS)]
        vault = list(d.m.world.brokers.vaults.values())[number]
        if vault.stake < 10_000 * _UNIT or rng.random() < 0.2:
            tokens = rng.randint(1_000, 40_000) * _UNIT
            yield action("add_stake", sender=operator, broker=number, tokens=tokens)
        sender = operator if rng.random() < 0.95 else KEEPER
        yield action("fill_fund", sender=sender, broker=number)
        if d.m.world.brokers.state_of(vault.address) is State.SUSPENDED:
            yield action("registry", sender=KEEPER, step=REINSTATE, broker=number)


def overdue(d: Desk) -> Story:
    """Who does not replenish in time is suspended; clients may leave; some are reinstated."""
    rng = d.rng
    known = d.m.world.brokers
    for number, broker in enumerate(list(known.vaults)):
        share = known.share(broker)
        if share.deadline and known.state_of(broker) is State.ACTIVE:
            left = share.deadline - d.m.world.now + rng.choice((-60, 1, 1, 1))
            if left > 0:
                yield action("wait", seconds=left, refresh=1)
            yield action("registry", sender=KEEPER, step=SUSPEND, broker=number)
    if brokers(d, State.SUSPENDED, State.FAILED, State.LEAVING):
        yield from guarantees.porting(d)
    for number in brokers(d, State.SUSPENDED):
        if rng.random() < 0.6:
            operator = OPERATORS[number % len(OPERATORS)]
            tokens = rng.randint(1_000, 20_000) * _UNIT
            yield action("add_stake", sender=operator, broker=number, tokens=tokens)
            yield action("fill_fund", sender=operator, broker=number)
        yield action("registry", sender=KEEPER, step=REINSTATE, broker=number)


def retiring(d: Desk) -> Story:
    """A broker leaves, its clients too, and a week later the seat is free."""
    rng = d.rng
    gone = brokers(d, State.LEAVING, State.FAILED)
    if not gone or rng.random() < 0.2:
        number = rng.choice(brokers(d))
        sender = rng.choice((*[OPERATORS[number % len(OPERATORS)]] * 4, ATTACKER))
        yield action("registry", sender=sender, step=LEAVE, broker=number)
    yield from guarantees.porting(d)
    for number in brokers(d, State.LEAVING, State.FAILED):
        broker = d.m.broker(number)
        for place in guarantees.sponsored(d):
            record = guarantees.record_of(d, place)
            if record is not None and record.broker == broker:
                yield action("release", sender=place[0], owner=place[0], sub=place[1])
        since = d.m.world.brokers.seats[broker].since
        left = since + 7 * DAY_S - d.m.world.now + rng.choice((-2, 0, 0))
        if left > 0 and rng.random() < 0.5:
            yield action("wait", seconds=left, refresh=1)
        yield action("registry", sender=KEEPER, step=RETIRE, broker=number)
    if len(brokers(d)) < _MOST and rng.random() < 0.7:
        yield from opened(d)


def measured(d: Desk, number: int) -> Story:
    """What the broker's clients may lose, some of them or all; and perhaps a gap before it."""
    rng = d.rng
    broker = d.m.broker(number)
    clients = [
        place
        for place in guarantees.sponsored(d)
        if (record := guarantees.record_of(d, place)) is not None and record.broker == broker
    ]
    if clients and rng.random() < 0.4:
        yield from margin_calls.stressed(d, rng.choice(clients))
    for who, sub in clients:
        if rng.random() < 0.8:
            yield action("measure", sender=KEEPER, owner=who, sub=sub)


def depositor_leaves(d: Desk, number: int) -> Story:
    """A notice, a look at the clients, and a way out."""
    rng = d.rng
    vault = _vault(d, number)
    for who in (INSURER, BYSTANDER):
        shares = vault.pool.shares.get(d.m.address(who), 0)
        if not shares:
            continue
        request = vault.pool.requests.get(d.m.address(who))
        if request is None:
            part = shares * rng.choice((10, 50, 100)) // 100
            yield action("request_pool", sender=who, broker=number, shares=part)
            yield action("wait", seconds=vault.terms.notice_s, refresh=1)
        else:
            part = request.shares
            left = request.opens - d.m.world.now
            if left > 0:
                yield action("wait", seconds=left + rng.choice((-5, 0)), refresh=1)
        if rng.random() < 0.7:
            yield from measured(d, number)
        way = rng.choice((0, 0, 1))
        amount = part if way == 0 else part // 10**6 * rng.choice((50, 100, 101)) // 100
        yield action("leave_pool", sender=who, broker=number, way=way, amount=amount)
        if rng.random() < 0.2:
            yield action("clear_pool", sender=KEEPER, broker=number, owner=who)


def stake_leaves(d: Desk, number: int) -> Story:
    """The operator takes stake out, as far as it is let."""
    rng = d.rng
    vault = _vault(d, number)
    operator = OPERATORS[number % len(OPERATORS)]
    sender = operator if rng.random() < 0.95 else ATTACKER
    if not vault.offered:
        tokens = vault.stake * rng.choice((1, 5, 10, 30, 101)) // 100
        yield action("request_stake", sender=sender, broker=number, tokens=tokens)
        if rng.random() < 0.5:
            yield from guarantees.sponsoring(d)
        yield action("wait", seconds=vault.terms.notice_s, refresh=1)
    yield from measured(d, number)
    tokens = vault.offered * rng.choice((50, 100, 100)) // 100 + rng.choice((0, 0, 0, 0, 1))
    yield action("withdraw_stake", sender=sender, broker=number, tokens=tokens, receiver=operator)


def oddities(d: Desk, number: int) -> Story:
    """Gifts, transfers, wrong terms, wrong senders."""
    rng = d.rng
    kind = rng.randrange(8)
    if kind == 0:
        yield action("open_vault", sender=ATTACKER, terms=rng.choice(_BAD_TERMS))
    elif kind == 1:
        yield action("give_vault", sender=INSURER, broker=number, tokens=rng.randint(1, 10**9))
    elif kind == 2:
        shares = _vault(d, number).pool.shares.get(d.m.address(INSURER), 0)
        part = shares * rng.choice((1, 50, 101)) // 100
        yield action("transfer_pool", sender=INSURER, broker=number, to=BYSTANDER, shares=part)
    elif kind == 3:
        yield action(
            "mint_pool", sender=INSURER, broker=number, shares=rng.randint(0, 10**15),
            receiver=INSURER,
        )  # fmt: skip
    elif kind == 4:
        yield action("registry", sender=KEEPER, step=rng.randrange(5), broker=number)
    elif kind == 5:
        yield odd_fund(d)
    elif kind == 6:
        yield action("clear_pool", sender=KEEPER, broker=number, owner=INSURER)
    else:
        yield from measured(d, number)


def odd_fund(d: Desk) -> Action:
    """Parameters of the fund: within bounds or not, by the owner or not."""
    rng = d.rng
    minimum, rate_ppm, cause_ppm = rng.choice(
        (
            *((whole * _UNIT, rate, part) for whole, rate, part in _FUNDS),
            (0, 100_000, 500_000),
            (1, 9_999, 500_000),
            (1, 500_001, 500_000),
            (1, 100_000, 1_000_001),
        )
    )
    sender = rng.choice((OWNER, OWNER, OWNER, ATTACKER))
    return action(
        "set_fund", sender=sender, minimum=minimum, rate_ppm=rate_ppm, cause_ppm=cause_ppm
    )


def contagion(d: Desk) -> Story:
    """Losses beyond both vaults, so that brokers pay for each other; then they replenish."""
    yield from losses.rout(d)
    if d.rng.random() < 0.5:
        yield from margin_calls.client_crash(d)
    yield from capital_comes(d) if d.rng.random() < 0.5 else overdue(d)


def _vault(d: Desk, number: int) -> BrokerVault:
    return list(d.m.world.brokers.vaults.values())[number]
