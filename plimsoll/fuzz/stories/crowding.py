"""Markets whose open interest insurance capital backs, and positions large for their market.

Fills end at the cap, at the utilisation from which a surcharge is due, and at the size from which a
position counts as large: exactly there, and one step beside.
"""

from __future__ import annotations

from typing import Final

from plimsoll.fuzz.actions import Action, action
from plimsoll.fuzz.stage import INSURER, ISOLATED_SUB, KEEPER, MARKETS, OWNER
from plimsoll.fuzz.stories import trades
from plimsoll.fuzz.stories.desk import SCALE, Desk, Place, Story
from plimsoll.model import capital, concentration, margin
from plimsoll.model.backing import FREE_PPM
from plimsoll.model.state import PPM, WAD

# multiple, share, gap; ppm
BUFFERS: Final = (
    [100_000_000, 200_000, 10_000],
    [20_000_000, 400_000, 20_000],
    [10_000_000, 300_000, 30_000],
    [10_000_000, 300_000, 50_000],
    [5_000_000, 250_000, 50_000],
)
BAD_BUFFERS: Final = (
    [99_999, 200_000, 50_000],
    [100_000_001, 200_000, 50_000],
    [1_000_000, 0, 50_000],
    [1_000_000, 1_000_001, 50_000],
    [1_000_000, 200_000, 9_999],
    [1_000_000, 200_000, 1_000_001],
    [1_000_000, 1_000_000, 50_000],
    [0, 200_000, 0],
)
# share of open interest, rate (percent), code of the floor
LARGE: Final = ([1, 2, 0], [5, 5, 3], [10, 10, 4], [20, 50, 2], [31, 20, 5], [5, 1, 15])
BAD_LARGE: Final = (
    [32, 5, 3],
    [0, 5, 0],
    [0, 0, 1],
    [10, 0, 3],
    [10, 51, 3],
    [10, 5, 16],
)
OFF: Final = [0, 0, 0]
_BUCKET_S: Final = 300


def crowding(d: Desk) -> Story:
    """A market is filled to its cap, by what is bought or by what capital leaves."""
    rng = d.rng
    market = rng.choice(MARKETS)
    state = d.m.world.markets[market]
    if state.buffer_terms is None or rng.random() < 0.3:
        yield fitted(d, market)
    for _ in range(rng.randint(2, 6)):
        kind = rng.random()
        if kind < 0.30:
            yield from filled_to(d, market, PPM)
        elif kind < 0.50:
            yield from filled_to(d, market, FREE_PPM + rng.choice((0, 0, 200, 100_000)))
        elif kind < 0.65:
            yield from neutral(d, market)
        elif kind < 0.75:
            yield d.gap(market, rng.choice((-20_000, -1_000, 1_000, 20_000)))
        elif kind < 0.90:
            yield from capital_moves(d, market)
        else:
            yield from trades.trading(d)


def concentrating(d: Desk) -> Story:
    """Somebody comes to the size that counts as large, goes beyond it, and takes money out."""
    rng = d.rng
    market = rng.choice(MARKETS)
    if d.m.world.markets[market].concentration is None or rng.random() < 0.2:
        terms = rng.choice(LARGE)
        yield action("set_concentration", sender=OWNER, market=market, terms=terms)
    for _ in range(rng.randint(1, 3)):
        who, sub = rng.choice(d.accounts())
        wanted = _free_size(d, market) * rng.choice((100, 100, 150, 300)) // 100
        size = d.size(who, sub, market)
        sign = 1 if size >= 0 else -1
        step = wanted // SCALE * SCALE - abs(size) + rng.choice((-SCALE, 0, SCALE))
        yield d.fill((who, sub), _other(d, who), market, sign * step)
        if rng.random() < 0.5:
            tokens = d.free(who, sub) // SCALE + rng.choice((-1, 0, 1))
            if tokens > 0:
                yield action("withdraw", who=who, owner=who, sub=sub, tokens=tokens, to=who)


def owned(d: Desk, sender: int, market: int) -> Action:
    """The owner, or somebody who is not, sets terms: good ones, none, or bad ones."""
    rng = d.rng
    choices = rng.choice(("good", "good", "bad", "off"))
    if rng.random() < 0.5:
        some = {"good": BUFFERS, "bad": BAD_BUFFERS, "off": (OFF,)}[choices]
        return action("set_buffer_terms", sender=sender, market=market, terms=rng.choice(some))
    some = {"good": LARGE, "bad": BAD_LARGE, "off": (OFF,)}[choices]
    return action("set_concentration", sender=sender, market=market, terms=rng.choice(some))


def fitted(d: Desk, market: int) -> Action:
    """Terms by which the open interest of now is a chosen part of the cap."""
    rng, world = d.rng, d.m.world
    share_ppm, gap_ppm = rng.choice((50_000, 200_000, 300_000)), rng.choice((10_000, 50_000))
    notional = max(d.interest(market) * d.mark(market) // WAD, 50_000 * WAD)
    cap = notional * 100 // rng.choice((50, 78, 90, 99, 101, 130))
    there = max(capital.capital(world) * share_ppm, 1)
    kappa_ppm = cap * gap_ppm * PPM // there
    kappa_ppm = min(max(kappa_ppm, 100_000), 100_000_000)
    terms = [kappa_ppm, share_ppm, gap_ppm]
    return action("set_buffer_terms", sender=OWNER, market=market, terms=terms)


def filled_to(d: Desk, market: int, used_ppm: int) -> Story:
    """A fill that ends at a part of the cap, or a lot beside it; who has no money gets some."""
    rng = d.rng
    target = d.cap_size(market) * used_ppm // PPM
    size = target - d.interest(market) + rng.choice((-SCALE, 0, 0, SCALE, 2 * SCALE))
    size = size // SCALE * SCALE
    if size * d.mark(market) < 100 * WAD * WAD:
        yield from neutral(d, market)
        return
    long, short = _apart(d, market)
    for who, sub in (long, short):
        needed = size * d.mark(market) // WAD // 10 - d.free(who, sub)
        if needed > 0 and rng.random() < 0.9:
            tokens = needed // SCALE + 10**6
            yield action("deposit", who=who, owner=who, sub=sub, tokens=tokens)
    yield d.fill(long, short, market, size)


def neutral(d: Desk, market: int) -> Story:
    """A position changes hands, or gets smaller, whatever the cap says."""
    rng = d.rng
    holders = d.holders(market)
    if not holders:
        return
    holder = rng.choice(holders)
    part = d.size(*holder, market) * rng.choice((10, 50, 100)) // 100
    same = [place for place in holders if place[0] != holder[0]]
    other = rng.choice(same) if same and rng.random() < 0.5 else _other(d, holder[0])
    yield d.fill(holder, other, market, -part)


def capital_moves(d: Desk, market: int) -> Story:
    """Capital is offered, withdrawn or brought; the next five minutes know it."""
    rng, world = d.rng, d.m.world
    senior = int(rng.random() < 0.7)
    vault, who = (world.senior, INSURER) if senior else (world.junior, OWNER)
    shares = vault.shares.get(d.m.address(who), 0)
    kind = rng.random()
    if kind < 0.5 and shares:
        part = shares * rng.choice((0, 1, 10, 50, 100)) // 100
        yield action("request_withdrawal", sender=who, senior=senior, shares=part)
    elif kind < 0.6 and shares:
        request = vault.requests.get(d.m.address(who))
        if request is not None:
            yield action("wait", seconds=vault.notice_s, refresh=1)
            yield action(
                "redeem", sender=who, senior=senior, shares=request.shares, receiver=who, owner=who
            )
    else:
        tokens = rng.randint(1, 5_000) * 10**6
        yield action("insure", sender=INSURER, senior=senior, tokens=tokens, receiver=who)
    if rng.random() < 0.4:
        yield d.fill(_other(d, -1), (rng.randrange(6), 0), market, d.sized(market, 200 * WAD))
    into = world.now % _BUCKET_S
    yield action("wait", seconds=_BUCKET_S - into + rng.choice((-2, -1, 0, 1)), refresh=0)
    yield action("poke", market=market)
    if rng.random() < 0.3:
        yield action("sweep_fees", sender=KEEPER)


# --- people ---------------------------------------------------------------------------------------


def _free_size(d: Desk, market: int) -> int:
    """Size (wad) of a position that is just not large."""
    terms = d.m.world.markets[market].concentration
    if terms is None:
        return 0
    mark = d.mark(market)
    return concentration.free_wad(terms, d.interest(market), mark) * WAD // mark


def _other(d: Desk, who: int) -> Place:
    """Somebody else with money."""
    rich = [place for place in d.accounts() if place[0] != who and place[1] != ISOLATED_SUB]
    return max(d.rng.sample(rich, 3), key=lambda place: d.free(*place))


def _apart(d: Desk, market: int) -> tuple[Place, Place]:
    """A buyer who is not short and a seller who is not long, so that both sides grow."""
    rng = d.rng
    places = [place for place in d.accounts() if place[1] != ISOLATED_SUB]
    buyers = [place for place in places if d.size(*place, market) >= 0]
    buyer = rng.choice(buyers or places)
    sellers = [p for p in places if p[0] != buyer[0] and d.size(*p, market) <= 0]
    others = [p for p in places if p[0] != buyer[0]]
    seller = max(
        rng.sample(sellers or others, min(2, len(sellers or others))),
        key=lambda place: margin.health(d.m.world, d.m.account(*place)).equity_fine,
    )
    return buyer, seller
