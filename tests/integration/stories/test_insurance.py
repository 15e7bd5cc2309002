"""Insurance capital leaves while open interest is full.

A market may grow only as far as the capital that would pay for a gap in it. Capital may leave with
two weeks' notice, positions may not be forced out: so the cap falls at once with the notice, and
from then on positions may change hands and shrink, and not grow.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from plimsoll.contract import Event
from plimsoll.orders import Flags, unsigned
from tests.support.books import check_everything
from tests.support.flows import people
from tests.support.stories import equity, near, next_bucket
from tests.support.venue import BTC, DAY_S, PPM, PRICES, WAD, Person, Venue, named

KAPPA_PPM = 1_000_000  # once
SHARE_PPM = 1_000_000  # all of the capital stands behind BTC
GAP_PPM = 100_000  # a gap of a tenth
CAPITAL = 500_002  # whole tokens: 100,000 and 400,000, and the two dead deposits
BASE_PPM = {"maker": 200, "taker": 500}
FREE_PPM = 800_000  # utilisation up to which there is no surcharge
SURCHARGE_MAX_PPM = 1_000


@pytest.fixture
def capped(venue: Venue) -> Venue:
    """BTC is backed by all insurance, for a gap of a tenth: open interest up to ten times that."""
    people(venue, "long", "short", "newcomer", tokens=2_000_000)
    with venue.owner() as owner:
        terms = (KAPPA_PPM, SHARE_PPM, GAP_PPM)
        venue.send(owner, venue.client.clearinghouse, "set_buffer_terms", BTC, terms)
    return venue


def cap_of(venue: Venue) -> int:
    """Wad of notional that each side may have."""
    return int(venue.client.clearinghouse.read("buffer_cap", BTC))


def cap_for(capital: int) -> int:
    """The same from whole tokens of capital, before it is rounded down by at most a thousandth."""
    return KAPPA_PPM * SHARE_PPM * capital * WAD // (GAP_PPM * PPM)


def is_cap_for(cap: int, capital: int) -> bool:
    exact = cap_for(capital)
    return exact * 999 // 1_000 <= cap <= exact


def notional(venue: Venue) -> int:
    """Wad, of the larger side."""
    return max(venue.client.clearinghouse.read("open_interest", BTC)) * PRICES[BTC] // WAD


def surcharge_ppm(venue: Venue) -> int:
    """What each side that does not reduce pays beyond its rate, by the open interest now."""
    used_ppm = notional(venue) * PPM // cap_of(venue)
    above = min(max(used_ppm - FREE_PPM, 0), PPM - FREE_PPM)
    return above * SURCHARGE_MAX_PPM // (PPM - FREE_PPM)


def deal(
    venue: Venue, buyer: Person, seller: Person, size: int, cap_ppm: int = 5_000
) -> list[Event]:
    """At the mark, with orders that accept a fee of `cap_ppm`; the buyer is the maker."""
    price = venue.mark(BTC)
    maker = venue.signed(buyer, BTC, size, price, flags=Flags.POST_ONLY, max_fee_ppm=cap_ppm)
    taker = venue.order(seller.account, BTC, -size, price, max_fee_ppm=cap_ppm)
    return venue.settle_one(maker, unsigned(taker), size, seller.signer)


def fees(venue: Venue) -> int:
    """Wad of trading fees that nobody has swept."""
    return int(venue.client.clearinghouse.read("fee_balances")[0])


def test_open_interest__near_the_cap__costs_more_and_ends_there(capped: Venue) -> None:
    """`long` and `short` fill the market in steps: up to 80 % of the cap at the ordinary fees.

    Beyond that both sides pay up to ten basis points more, by what the fill found. An order says
    what fee it accepts, surcharge included. At the cap it ends.
    """
    venue = capped
    long, short = venue.person("long"), venue.person("short")
    assert is_cap_for(cap_of(venue), CAPITAL)
    full = cap_of(venue) * WAD // PRICES[BTC]
    seen = []
    for _ in range(10):
        extra_ppm, before = surcharge_ppm(venue), fees(venue)
        assert venue.client.lens.read("buffers", BTC)["surcharge_ppm"] == extra_ppm
        deal(venue, long, short, full // 10)
        paid = (fees(venue) - before) * PPM // (full // 10 * PRICES[BTC] // WAD)
        assert paid - sum(BASE_PPM.values()) - 2 * extra_ppm in (0, 1)
        seen.append(extra_ppm)
    assert seen[:9] == [0] * 9, "the ninth finds 80 %"
    assert near(seen[9], SURCHARGE_MAX_PPM // 2, 2), "the tenth finds 90 %"
    # the rest of the division by ten, and a little
    rest = full - full // 10 * 10
    venue.rejected("market: open interest cap", deal, venue, long, short, rest + WAD // 50)

    newcomer = venue.person("newcomer")
    too_low = BASE_PPM["taker"] + surcharge_ppm(venue) - 1
    call = (deal, venue, long, newcomer, WAD, too_low)
    venue.rejected("order: fee above cap", *call)


def test_insurance_leaves__the_cap_falls_with_the_notice_and_nobody_is_forced_out(
    capped: Venue,
) -> None:
    """Open interest is full when the senior depositor announces to leave with half of its capital.

    The cap falls with the next five minutes, though the capital will stay for two weeks. `long` and
    `short` keep their positions, margin and peace. A fill that would raise open interest is
    refused; `newcomer` may take over a position, and anybody may shrink.
    Two weeks later the capital is gone and nothing else happens. When the rest of the market has
    shrunk under the cap, openings go on.
    """
    venue = capped
    long, short, newcomer = (venue.person(name) for name in ("long", "short", "newcomer"))
    size = cap_of(venue) * WAD // PRICES[BTC]
    deal(venue, long, short, size)
    next_bucket(venue)
    venue.poke(BTC)
    before = {who: venue.client.health(who.account) for who in (long, short)}
    insurer, senior = venue.person("insurer"), venue.client.senior
    shares = senior.read("balanceOf", insurer.address) // 2
    venue.send(insurer.signer, senior, "request_withdrawal", shares)
    next_bucket(venue)
    venue.poke(BTC)
    assert is_cap_for(cap_of(venue), CAPITAL - 200_000)
    assert named(venue.events, "BufferCapSet")[-1]["cap"] == cap_of(venue)
    assert notional(venue) > cap_of(venue)
    for who, health in before.items():
        now = venue.client.health(who.account)
        assert (now["mm"], now["im"]) == (health["mm"], health["im"])
        assert near(now["equity"], health["equity"], 100 * WAD)  # five minutes of funding
        venue.rejected("liquidation: not below margin", venue.start, who.account)

    venue.rejected("market: open interest cap", deal, venue, newcomer, short, WAD)
    # who takes over uses no room, and pays no more than in an empty market; nor does who leaves
    for buyer, seller in ((newcomer, long), (short, newcomer)):
        before_fees = fees(venue)
        deal(venue, buyer, seller, 10 * WAD)
        assert (fees(venue) - before_fees) * PPM // (10 * PRICES[BTC]) == sum(BASE_PPM.values())

    for _ in range(14):
        venue.wait(DAY_S)
    leave = (insurer.signer, senior, "redeem", shares, insurer.address, insurer.address)
    venue.send(*leave)
    next_bucket(venue)
    venue.poke(BTC)
    assert is_cap_for(cap_of(venue), CAPITAL - 200_000), "counted once, when announced"
    assert equity(venue, long) > 0
    room = cap_of(venue) * WAD // PRICES[BTC]
    left = venue.client.leg(long.account, BTC)["size"]
    venue.rejected("market: open interest cap", deal, venue, newcomer, short, WAD)
    deal(venue, short, long, left - room + 2 * WAD)
    deal(venue, newcomer, short, WAD)
    check_everything(venue)


def test_insurance_stays__a_notice_taken_back_gives_the_cap_back(capped: Venue) -> None:
    """A depositor cannot have it both ways: capital counts while it is not on its way out.

    With the notice the cap falls, with its withdrawal the cap is what it was, each time from the
    next five minutes on. Fills in between see the cap of the last poke that set it.
    """
    venue = capped
    insurer, senior = venue.person("insurer"), venue.client.senior
    caps = [cap_of(venue)]
    for part in (4, 2, 1, 0):
        shares = senior.read("balanceOf", insurer.address) // part if part else 0
        venue.send(insurer.signer, senior, "request_withdrawal", shares)
        next_bucket(venue)
        venue.poke(BTC)
        caps.append(cap_of(venue))
    expected = [CAPITAL - gone for gone in (0, 100_000, 200_000, 400_000, 0)]
    assert all(is_cap_for(cap, capital) for cap, capital in zip(caps, expected, strict=True))
    assert all(a > b for a, b in pairwise(caps[:-1]))
    assert caps[0] == caps[-1]
