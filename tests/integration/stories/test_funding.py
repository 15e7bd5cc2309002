"""Funding: who pays whom, what the rate follows, and what it would cost to bend it.

The rate of an hour is a base plus the median of the last twelve five-minute premiums, where a
premium is how far above the mark people trade. It is cut off at a cap.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.books import check_everything
from tests.support.flows import people
from tests.support.margin_model import ceil_div, fee_of
from tests.support.premium_model import clamped_premium, median, rate, v_min, window
from tests.support.stories import BUCKET_S, equity, near, next_bucket
from tests.support.venue import BTC, PPM, RAY, TERMS, WAD, Person, Venue

MARK = 50_000
PPB = 10**9
HOUR_S = 3_600
WEI = 4  # of rounding
BASE, CAP = TERMS[BTC].funding_base_ppb, TERMS[BTC].funding_cap_ppb
FEES_PPM = TERMS[BTC].maker_fee_ppm + TERMS[BTC].taker_fee_ppm


def rate_of(venue: Venue) -> int:
    """Ppb an hour, as stored."""
    return int(venue.client.clearinghouse.read("funding", BTC)[1])


def index_of(venue: Venue) -> int:
    """Ray quote that one unit has paid since the market opened."""
    return int(venue.client.clearinghouse.read("funding", BTC)[0])


# --- it flips and persists -----------------------------------------------------------------


def dealing(venue: Venue, a: Person, b: Person, size: int) -> Iterator[tuple[Person, Person]]:
    """Two dealers who turn their positions over in turn: who buys `size`, and from whom."""
    while True:
        yield a, b
        yield b, a


def test_funding__positive_for_an_hour_then_negative_for_hours__both_ways_to_the_wei(
    venue: Venue,
) -> None:
    """`long` and `short` hold 10 BTC against each other and do nothing; dealers set the premium.

    For an hour people pay 0.3 % above the mark, then, when the mood turns, 2 % below it. The rate
    follows half an hour late, since six of twelve five-minute premiums are no majority, and no
    further than the cap. What one side pays is what the other gets: size times the change of the
    index, which is rate times mark times time.
    """
    long, short = people(venue, "long", "short", tokens=200_000)
    one, two = people(venue, "one", "two", tokens=600_000)
    next_bucket(venue)
    venue.trade(one, two, BTC, 10 * WAD)
    next_bucket(venue)
    venue.trade(long, short, BTC, 10 * WAD)
    opened_at, opened = venue.rpc.timestamp(), index_of(venue)
    before = {who: equity(venue, who) for who in (long, short)}
    turns = dealing(venue, two, one, 20 * WAD)

    premiums: list[int] = []
    flow, since, current = 0, opened_at, rate_of(venue)
    moods = [(3_000, 12), (-20_000, 42)]
    for premium_ppm, buckets in moods:
        price = MARK * (PPM + premium_ppm) // PPM * WAD
        for _ in range(buckets):
            next_bucket(venue)
            venue.trade(*next(turns), BTC, 20 * WAD, price)
            now = venue.rpc.timestamp()
            # the old rate held to the end of its five minutes, this one holds from then on
            turned = now // BUCKET_S * BUCKET_S
            flow += current * (turned - since)
            since, current = turned, rate_of(venue)
            assert current == rate(BASE, int(median(window(premiums))), CAP)
            premiums.append(clamped_premium(price, MARK * WAD, BASE, CAP))
    rates = [e["rate_ppb"] for e in venue.events if e.name == "FundingRateSet"]
    assert rates[-42 + 5 :][:3] == [BASE + 3_000_000, (3_000_000 - CAP - BASE) // 2 + BASE, -CAP]
    assert set(rates[-42 + 7 :]) == {-CAP}

    flow += current * (venue.rpc.timestamp() - since)
    moved = index_of(venue) - opened
    assert abs(moved - flow * MARK * WAD // HOUR_S) < 200  # each poke rounds down once, ray
    assert moved < 0, "three hours of shorts paying outweigh one of longs paying"
    paid = 10 * WAD * moved // RAY
    assert abs(equity(venue, long) - before[long] + paid) <= WEI
    assert abs(equity(venue, short) - before[short] - paid) <= WEI
    check_everything(venue)


# --- bending it ----------------------------------------------------------------------------


class Washers:
    """An attacker: short 20 BTC against honest longs, and two more accounts that trade together."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.honest, self.short = people(venue, "honest", "attacker", tokens=200_000)
        self.one, self.two = people(venue, "wash 1", "wash 2", tokens=200_000)
        next_bucket(venue)
        venue.trade(self.honest, self.short, BTC, 20 * WAD)
        # nobody has ever paid a premium: the attack begins with an empty window
        assert rate_of(venue) == BASE

    def wealth(self) -> int:
        """Wad, of all the attacker's accounts."""
        return equity(self.venue, self.short, self.one, self.two)

    def v_min(self) -> int:
        """Wad notional in five minutes that proves a premium, from the contract's own views."""
        config = self.venue.client.clearinghouse.read("market_config", BTC)
        notional = max(self.venue.client.clearinghouse.read("open_interest", BTC)) * MARK
        fees_ppm = config["maker_fee_ppm"] + config["taker_fee_ppm"]
        return v_min(config["premium_volume"] * WAD, config["funding_cap_ppb"], notional, fees_ppm)

    def wash(self, volume: int, price: int) -> int:
        """Buys and sells within five minutes: open interest stays. Returns the fees, wad."""
        size = ceil_div(volume, 2 * MARK)
        next_bucket(self.venue)
        self.venue.trade(self.one, self.two, BTC, size, price)
        self.venue.trade(self.two, self.one, BTC, size, price)
        fees = (fee_of(size, price, ppm) for ppm in (200, 500))
        return 2 * sum(fees)


def play(venue: Venue, volume: int, rounds: int) -> tuple[int, int, int, list[int]]:
    """Washes seven of every twelve buckets; what it cost and brought (wad), wealth lost, the rates.

    Brought is what the shorts get beyond the base rate, which longs pay anyway.
    """
    washers = Washers(venue)
    price = MARK * WAD * (PPB + CAP - BASE) // PPB
    start, index, at = washers.wealth(), index_of(venue), venue.rpc.timestamp()
    cost, rates = 0, []
    for _ in range(rounds):
        for bucket in range(12):
            if bucket < 7:
                cost += washers.wash(volume, price)
            else:
                next_bucket(venue)
                venue.poke(BTC)
            rates.append(rate_of(venue))
    base = BASE * MARK * WAD * (venue.rpc.timestamp() - at) // HOUR_S
    brought = 20 * WAD * (index_of(venue) - index - base) // RAY
    lost = start + 20 * WAD * base // RAY - washers.wealth()
    return cost, brought, lost, rates


def test_washing__seven_of_twelve_buckets__costs_what_an_hour_at_the_cap_brings(
    venue: Venue,
) -> None:
    """An attacker short of all open interest buys the median: seven of twelve premiums at the cap.

    The least volume V_min that proves a premium is set so that seven times it costs in fees what
    an hour at the cap brings: cap * OI = 7 * V_min * fees. So the rate can be had, hour after
    hour, for what it pays at the very best: three hours are played, and the attacker has lost.
    """
    with venue.rpc.undone():
        volume = Washers(venue).v_min()
    open_interest = 20 * MARK * WAD
    best = open_interest * CAP // PPB
    assert near(7 * volume * FEES_PPM // PPM, best)
    cost, brought, lost, rates = play(venue, volume, 3)
    assert cost >= 3 * best
    assert 2 * best < brought < 3 * best, "the rate was bought: at the cap but for the first hour"
    assert min(rates[12:]) >= CAP - 100, "but for the rounding of premiums"
    assert near(lost, cost - brought)
    assert lost > 0
    check_everything(venue)


@pytest.mark.parametrize("part", [2, 10, 100])
def test_washing__with_less_volume__brings_less_in_proportion(venue: Venue, part: int) -> None:
    """Cheaper washing is no better: below V_min a premium counts only for its part of the volume.

    Without that rule a hundredth of the volume would buy the cap, and what it brings, for a
    hundredth of the price.
    """
    with venue.rpc.undone():
        volume = Washers(venue).v_min() // part
    cost, brought, lost, rates = play(venue, volume, 2)
    premium = (CAP - BASE) // part
    assert all(abs(now - BASE - premium) < 1_000 for now in rates[12:])
    assert 0 < brought < cost
    assert near(lost, cost - brought)
