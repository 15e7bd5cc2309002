"""Feeds, time, keepers, the owner and the attacker."""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import action
from plimsoll.fuzz.role_calls import MAX_LIMIT, ROLE_CALLS
from plimsoll.fuzz.stage import ATTACKER, ISOLATED_SUB, KEEPER, MARKETS, OWNER
from plimsoll.fuzz.stories import crowding, losses, trades
from plimsoll.fuzz.stories.desk import DAY_S, TRADING, Desk, Story
from plimsoll.model.state import PPM

_FEED_STEP: Final = 10**10  # wad per unit of a feed with eight decimals
_PARAMS: Final = (
    [5_000, 30_000, 1_800, 1_200_000, 5_000, 10_000],
    [0, 100_000, 60, 1_010_000, 20_000, 0],
    [30_000, 5_000, 1_800, 1_200_000, 5_000, 10_000],
    [5_000, 100_001, 1_800, 1_200_000, 5_000, 10_000],
    [5_000, 30_000, 59, 1_200_000, 5_000, 10_000],
    [5_000, 30_000, 1_800, 2_000_001, 5_000, 10_000],
    [5_000, 30_000, 1_800, 1_200_000, 20_001, 10_000],
    [5_000, 30_000, 1_800, 1_200_000, 5_000, 10_001],
)
# EMA, volatility, calm volatility, largest stress, jump, hold
RISK: Final = (
    [900, 3_600, 5_000_000, 1_000_000, 30_000, 120],
    [900, 300, 5_000_000, 1_200_000, 50_000, 300],
    [60, 300, 5_000_000, 4_000_000, 10_000, 60],
    [86_400, 604_800, 50_000, 1_000_000, 100_000, 600],
    [3_600, 86_400, 700_000, 2_000_000, 30_000, 600],
)
_BAD_RISK: Final = (
    [59, 3_600, 1_000_000, 2_000_000, 30_000, 120],
    [86_401, 3_600, 1_000_000, 2_000_000, 30_000, 120],
    [900, 299, 1_000_000, 2_000_000, 30_000, 120],
    [900, 604_801, 1_000_000, 2_000_000, 30_000, 120],
    [900, 3_600, 49_999, 2_000_000, 30_000, 120],
    [900, 3_600, 5_000_001, 2_000_000, 30_000, 120],
    [900, 3_600, 1_000_000, 999_999, 30_000, 120],
    [900, 3_600, 1_000_000, 4_000_001, 30_000, 120],
    [900, 3_600, 1_000_000, 2_000_000, 9_999, 120],
    [900, 3_600, 1_000_000, 2_000_000, 100_001, 120],
    [900, 3_600, 1_000_000, 2_000_000, 30_000, 59],
    [900, 3_600, 1_000_000, 2_000_000, 30_000, 601],
)
_UNKNOWN_MARKET: Final = 9


def feeds(d: Desk) -> Story:
    """Feeds that disagree, stop, or report nonsense times, while life goes on."""
    rng = d.rng
    market = d.market()
    count = len(d.m.stage.feeds[market])
    if count > 1 and rng.random() < 0.35:
        mark = d.mark(market)
        answers = [
            mark * (PPM + rng.choice((-45_000, -5_000, 0, 5_000, 21_000))) // PPM
            for _ in range(count)
        ]
        prices = [answer // _FEED_STEP * _FEED_STEP for answer in answers]
        yield action("price", market=market, prices=prices)
        return
    for _ in range(rng.randint(1, count)):
        age = rng.choice((None, None, 3 * DAY_S, -60))
        updated_at = 0 if age is None else d.m.world.now - age
        number = rng.randrange(count)
        yield action("stop_feed", market=market, number=number, updated_at=updated_at)
    for _ in range(rng.randint(0, 4)):
        yield from rng.choice((trades.trading, trades.paying, losses.taking, losses.resolving))(d)
    yield action("wait", seconds=rng.choice((30, 400, 3_600)), refresh=0)
    if rng.random() < 0.7:
        yield d.gap(market, rng.randint(-60_000, 60_000))
        yield from losses.start_all(d)


def waiting(d: Desk) -> Story:
    """Time passes."""
    rng = d.rng
    seconds = rng.choice((1, 30, 299, 301, 900, 3_600, 20_000, DAY_S, 3 * DAY_S))
    yield action("wait", seconds=seconds, refresh=int(rng.random() < 0.9))


def housekeeping(d: Desk) -> Story:
    """What anybody may call, and choices of class."""
    rng = d.rng
    who, sub = rng.choice(d.accounts())
    name = rng.choice(("touch", "remark", "sync", "sync", "poke", "start", "class", "isolated"))
    if name == "sync":
        yield action("sync", sender=KEEPER, owner=who, sub=sub, market=rng.choice(MARKETS))
    elif name == "poke":
        yield action("poke", market=rng.choice(MARKETS))
    elif name == "class":
        yield action(
            "set_leverage_class",
            sender=rng.choice((who, who, who, ATTACKER)),
            owner=who,
            sub=sub,
            market=rng.choice(MARKETS),
            leverage_class=rng.randint(0, 5),
        )
    elif name == "isolated":
        yield action("open_isolated", sender=who, sub=rng.choice((0, ISOLATED_SUB, 2)))
    else:
        yield action(name, sender=KEEPER, owner=who, sub=sub)


def attack(d: Desk) -> Story:
    """Somebody without the role."""
    rng = d.rng
    victim = rng.choice(TRADING)
    kind = rng.random()
    if kind < 0.2:
        tokens = rng.randint(1, 10**9)
        yield action("withdraw", who=ATTACKER, owner=victim, sub=0, tokens=tokens, to=ATTACKER)
    elif kind < 0.4:
        yield action(
            "take",
            sender=ATTACKER,
            owner=victim,
            sub=0,
            market=rng.choice(MARKETS),
            size=rng.randint(0, 10**20),
            limit=MAX_LIMIT,
            into=rng.choice((victim, ATTACKER)),
            into_sub=0,
        )
    else:
        yield action(
            "attack",
            sender=rng.choice((ATTACKER, ATTACKER, KEEPER)),
            number=rng.randrange(ROLE_CALLS),
            victim=victim,
            amount=rng.randint(0, 10**24),
        )


def governing(d: Desk) -> Story:
    """The owner moves parameters within their bounds, and tries to leave them."""
    rng = d.rng
    sender = rng.choice((OWNER, OWNER, OWNER, ATTACKER))
    kind = rng.randrange(8)
    if kind == 0:
        yield action(
            "set_limits",
            sender=sender,
            layer=rng.choice((3, 4, 5)),
            global_ppm=rng.choice((99_999, 100_000, 500_000, PPM, PPM + 1)),
            market_ppm=rng.choice((9_999, 10_000, 250_000, PPM)),
        )
    elif kind == 1:
        yield action(
            "set_market_limit",
            sender=sender,
            layer=rng.choice((2, 3, 4)),
            market=rng.choice(MARKETS),
            ppm=rng.choice((0, 9_999, 10_000, 400_000, PPM + 1)),
        )
    elif kind == 2:
        budget = rng.choice((0, 10_000, 50_000, 50_001))
        yield action("set_concession_budget", sender=sender, ppm=budget)
    elif kind == 3:
        yield action("set_params", sender=sender, params=rng.choice(_PARAMS))
    elif kind < 6:
        yield crowding.owned(d, sender, rng.choice((*MARKETS, *MARKETS, _UNKNOWN_MARKET)))
    else:
        terms = rng.choice(RISK if rng.random() < 0.6 else _BAD_RISK)
        market = rng.choice((*MARKETS, *MARKETS, _UNKNOWN_MARKET))
        yield action("set_risk_terms", sender=sender, market=market, terms=terms)
