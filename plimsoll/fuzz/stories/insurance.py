"""Capital that comes and goes."""

from __future__ import annotations

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.stage import BYSTANDER, INSURER, KEEPER, OWNER
from plimsoll.fuzz.stories import losses, trades
from plimsoll.fuzz.stories.desk import DAY_S, FIRST_LIQUIDATOR, Desk, Story
from plimsoll.model.state import WAD
from plimsoll.model.vault_state import Vault

_JUNIOR_LOW, _SENIOR_LOW = 6_000 * 10**6, 20_000 * 10**6  # token units


def _shares(d: Desk, vault: Vault, who: int) -> int:
    return vault.shares.get(d.m.address(who), 0)


def exodus(d: Desk) -> Story:
    """Insurers ask to leave, wait out the notice, and go, come what may."""
    rng, world = d.rng, d.m.world
    senior = int(rng.random() < 0.7)
    vault, who = (world.senior, INSURER) if senior else (world.junior, OWNER)
    part = _shares(d, vault, who) * rng.choice((5, 20, 50, 90)) // 100
    if not part:
        return
    yield action("request_withdrawal", sender=who, senior=senior, shares=part)
    seconds = vault.notice_s + rng.choice((0, 60, DAY_S, 2 * DAY_S))
    yield action("wait", seconds=seconds, refresh=1)
    if rng.random() < 0.3:
        market = d.market()
        holders = d.holders(market)
        if holders:
            yield d.to_depth(rng.choice(holders), market, -20_000)
            yield from losses.start_all(d)
    if rng.random() < 0.7:
        yield action("redeem", sender=who, senior=senior, shares=part, receiver=who, owner=who)
    else:
        tokens = part // 10**6 * rng.choice((50, 90, 100, 101)) // 100
        yield action(
            "withdraw_assets", sender=who, senior=senior, tokens=tokens, receiver=who, owner=who
        )


def insuring(d: Desk) -> Story:
    """Deposits, requests, transfers, fees, gifts: one of them."""
    rng, world = d.rng, d.m.world
    senior = int(rng.random() < 0.7)
    vault = world.senior if senior else world.junior
    who = rng.choice((INSURER, INSURER, OWNER, BYSTANDER))
    tokens = int(10 ** rng.uniform(0, 10))
    kind = rng.random()
    if kind < 0.35:
        payer = INSURER if who == OWNER else who
        receiver = who if senior else rng.choice((OWNER, who))
        yield action("insure", sender=payer, senior=senior, tokens=tokens, receiver=receiver)
    elif kind < 0.45:
        shares = tokens * 10**6 + rng.choice((0, 1))
        yield action("mint_shares", sender=INSURER, senior=1, shares=shares, receiver=who)
    elif kind < 0.55:
        part = _shares(d, vault, who) * rng.choice((0, 30, 100)) // 100 + rng.choice((0, 0, 1))
        yield action("request_withdrawal", sender=who, senior=senior, shares=part)
    elif kind < 0.62:
        part = _shares(d, world.senior, who) * rng.choice((1, 50, 101)) // 100
        yield action("transfer_shares", sender=who, senior=1, to=BYSTANDER, shares=part)
    elif kind < 0.68:
        yield action("clear_lapsed", sender=KEEPER, senior=senior, owner=who)
    elif kind < 0.80:
        yield action("sweep_fees", sender=KEEPER)
    elif kind < 0.88:
        yield action("contribute", sender=INSURER, tokens=tokens)
    elif kind < 0.94:
        yield action("donate", sender=INSURER, place=rng.randrange(3), tokens=tokens)
    else:
        yield action("forward_donation", sender=KEEPER, senior=senior)


def refill(d: Desk) -> Story:
    """Capital and margin come back after losses, or there would be nothing left to lose."""
    rng, world = d.rng, d.m.world
    if world.junior.assets_tokens < _JUNIOR_LOW:
        tokens = rng.randint(2_000, 9_000) * 10**6
        yield action("insure", sender=INSURER, senior=0, tokens=tokens, receiver=OWNER)
    if world.senior.assets_tokens < _SENIOR_LOW:
        tokens = rng.randint(5_000, 20_000) * 10**6
        yield action("insure", sender=INSURER, senior=1, tokens=tokens, receiver=INSURER)
    for who, sub in d.accounts():
        wanted = 400_000 if who >= FIRST_LIQUIDATOR else 20_000
        if d.free(who, sub) < wanted // 4 * WAD and rng.random() < 0.6:
            tokens = wanted * rng.randint(20, 100) // 100 * 10**6
            yield action("deposit", who=who, owner=who, sub=sub, tokens=tokens)
    if rng.random() < 0.5:
        yield action("wait", seconds=DAY_S, refresh=1)
    for _ in range(3):
        yield from trades.trading(d)
