"""Stress: in a wild market initial margin rises at once, maintenance margin slowly.

Whoever opens shall bring what the day's moves ask for. Whoever is there already shall have time to
bring it: nobody is liquidated by a jump of volatility, only by hours of it.
"""

from __future__ import annotations

import pytest

from tests.support.flows import leveraged, people
from tests.support.margin_model import ceil_div
from tests.support.risk_word import Word
from tests.support.stories import quiet, with_risk
from tests.support.venue import BTC, DAY_S, PPM, WAD, Venue

PPB = 10**9
CALM = 48_300
WILD = 49_266  # 2 % above, too little for a jump
NOTIONAL = 10 * CALM * WAD  # of each long
MM = NOTIONAL * 25_000 // PPM  # without stress
STEP_S = 300
RISE_PPB_PER_HOUR = 100_000_000
# three who bought 10 BTC at 50,000; the comments say what is left at CALM of equity over MM
DEPOSITS = {
    "near": 30_000,  # 1.07
    "middle": 31_000,  # 1.15
    "far": 36_500,  # 1.6
}


@pytest.fixture
def market(venue: Venue) -> Venue:
    """Three longs have lost 1,700 a unit in the calm; the market's volatility begins at zero."""
    (rich,) = people(venue, "rich", tokens=2_000_000)
    for name, tokens in DEPOSITS.items():
        leveraged(venue, name, rich, BTC, 10 * WAD, tokens)
    venue.set_price(BTC, CALM * WAD)
    with_risk(venue, BTC)
    return venue


def is_below_margin(venue: Venue, name: str) -> bool:
    """By the view, and by trying."""
    account = venue.person(name).account
    health = venue.client.health(account)
    below = bool(health["equity"] < health["mm"])
    with venue.rpc.undone():
        if below:
            venue.start(account)
        else:
            venue.rejected("liquidation: not below margin", venue.start, account)
    return below


def swing(venue: Venue, seconds: int) -> None:
    """The mark goes 2 % up and comes back, every five minutes; never below where it began."""
    end = venue.rpc.timestamp() + seconds
    while venue.rpc.timestamp() < end:
        price = WILD if venue.mark(BTC) == CALM * WAD else CALM
        quiet(venue, STEP_S)
        venue.set_price(BTC, price * WAD)
    venue.set_price(BTC, CALM * WAD)


def test_stress__initial_margin_rises_at_once_and_nobody_is_liquidated_by_it(market: Venue) -> None:
    """One move of 2 % in a quiet market: a year of such moves would be a volatility of 180 %.

    In the same block openings need 1.8 times the margin. `opener`, who could have sold 3.9 BTC a
    block before, sells half of it. Maintenance margin is what it was; `near` is not liquidated.
    """
    venue = market
    quiet_word = Word(changed_at=venue.rpc.timestamp())
    (opener,) = people(venue, "opener", tokens=10_000)
    rich = venue.person("rich")
    with venue.rpc.undone():
        venue.trade(rich, opener, BTC, 39 * WAD // 10)
    venue.set_price(BTC, WILD * WAD)
    factor = quiet_word.after(CALM * WAD, WILD * WAD, venue.rpc.timestamp()).s_im_ppm
    assert 700_000 < factor < 900_000
    risk = venue.client.risk(BTC)
    assert (risk["s_im_ppm"], risk["s_mm_ppb"]) == (factor, 0)

    venue.rejected("margin: below initial", venue.trade, rich, opener, BTC, 39 * WAD // 10)
    # 5 % times the factor of what is sold, and the taker's fee, meet the deposit
    cost_ppm = 50_000 * (PPM + factor) // PPM + 500
    most = 10_000 * WAD * PPM // cost_ppm // WILD
    venue.rejected("margin: below initial", venue.trade, rich, opener, BTC, most * 1_001 // 1_000)
    venue.trade(rich, opener, BTC, most * 999 // 1_000)
    venue.set_price(BTC, CALM * WAD)
    assert not any(is_below_margin(venue, name) for name in DEPOSITS)


def test_stress__hours_of_it_liquidate_the_nearest_first__at_the_same_price(market: Venue) -> None:
    """The mark swings by 2 % for two hours and is never below where it began.

    Maintenance margin rises by 10 % an hour. `near` has 6.8 % more than it needs, so 41 minutes;
    `middle` 15 %, so an hour and a half; `far` would need six hours. They are liquidated by stress
    alone, when the rule says, and not a swing earlier.
    """
    venue = market
    venue.set_price(BTC, WILD * WAD)
    began = venue.rpc.timestamp()
    due_s: dict[str, int] = {}
    fell: dict[str, int] = {}
    while venue.rpc.timestamp() < began + 7_200:
        venue.set_price(BTC, CALM * WAD)
        elapsed = venue.rpc.timestamp() - began
        factor_ppb = venue.client.risk(BTC)["s_mm_ppb"]
        # each change of the mark rounds down once
        assert 0 <= RISE_PPB_PER_HOUR * elapsed // 3_600 - factor_ppb <= 2 * elapsed // STEP_S + 2
        for name in DEPOSITS:
            health = venue.client.health(venue.person(name).account)
            assert health["mm"] == ceil_div(MM * (PPB + factor_ppb), PPB)
            spare_ppb = (health["equity"] - MM) * PPB // MM
            due_s[name] = spare_ppb * 3_600 // RISE_PPB_PER_HOUR
            if is_below_margin(venue, name):
                fell.setdefault(name, elapsed)
        quiet(venue, STEP_S)
        venue.set_price(BTC, WILD * WAD)
        quiet(venue, STEP_S)
    assert set(fell) == {"near", "middle"}
    for name, seconds in fell.items():
        assert 0 <= seconds - due_s[name] <= 2 * STEP_S + 2, name
    assert 2_400 < fell["near"] < 3_100
    assert 5_400 < fell["middle"] < 6_100
    assert due_s["far"] > 6 * 3_600


def test_stress__calm_returns__margin_falls_at_once(market: Venue) -> None:
    """After two wild hours nobody has called `start` on `middle`. Then the mark stands still.

    For an hour maintenance margin goes on rising, then it stops: a market that stands still says
    nothing new. The next move, days later and tiny, shows that the storm is over, and both
    factors are gone in the same block. `middle` is safe again, at the same price.
    """
    venue = market
    venue.set_price(BTC, WILD * WAD)
    swing(venue, 7_200)
    assert is_below_margin(venue, "middle")
    before = venue.client.risk(BTC)
    venue.wait(3_600)
    risen = venue.client.risk(BTC)
    assert risen["s_mm_ppb"] == before["s_mm_ppb"] + RISE_PPB_PER_HOUR
    for _ in range(3):
        venue.wait(DAY_S)
    assert venue.client.risk(BTC)["s_mm_ppb"] == risen["s_mm_ppb"]
    assert venue.client.risk(BTC)["s_im_ppm"] == before["s_im_ppm"]
    assert is_below_margin(venue, "middle")
    venue.set_price(BTC, CALM * WAD + WAD)
    risk = venue.client.risk(BTC)
    assert (risk["s_im_ppm"], risk["s_mm_ppb"]) == (0, 0)
    assert not is_below_margin(venue, "middle")
