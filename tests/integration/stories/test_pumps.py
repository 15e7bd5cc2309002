"""Profit that is only a spike: it cannot be withdrawn, and an attacker cannot make it for himself.

In October 2022 somebody traded with himself in a thin market, pushed its price up many times over,
and withdrew the paper profit of one account as a loan; the other was left to the venue. Here a gain
counts for withdrawals at the worse of mark and average, and after a jump not at all.
"""

from __future__ import annotations

import pytest

from tests.support.books import check_everything
from tests.support.flows import people
from tests.support.margin_model import fee_of
from tests.support.risk_word import Word
from tests.support.stories import equity, free_units, near, quiet, with_risk
from tests.support.venue import BTC, DOGE, PPM, PRICES, SCALE, WAD, Venue, named

# --- a spike -------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1], ids=["long, spike up", "short, spike down"])
def test_spike__the_gain_can_be_withdrawn_when_the_average_has_caught_up(
    venue: Venue, side: int
) -> None:
    """The mark jumps 2.5 % in favour of `trader`, who wants to withdraw the gain of 12,500.

    It is not there yet: the position counts at the average, which still is the old price. After
    ten minutes, the time constant of the average, half of it counts; after ninety, nine tenths.
    """
    (rich,) = people(venue, "rich", tokens=1_000_000)
    (trader,) = people(venue, "trader", tokens=62_000)
    buyer, seller = (trader, rich) if side > 0 else (rich, trader)
    venue.trade(buyer, seller, BTC, 10 * WAD)
    before = equity(venue, trader)
    terms = with_risk(venue, BTC)
    word = Word(changed_at=venue.rpc.timestamp())
    spike = PRICES[BTC] * (PPM + side * 25_000) // PPM
    venue.set_price(BTC, spike)
    spiked = venue.rpc.timestamp()
    gain = 10 * abs(spike - PRICES[BTC])
    assert near(equity(venue, trader), before + gain)

    stress_ppm = word.after(PRICES[BTC], spike, spiked).s_im_ppm
    margin = 10 * spike * 50_000 // PPM * (PPM + stress_ppm) // PPM
    assert near(free_units(venue, trader) * SCALE, before - margin)
    venue.rejected("margin: below initial", venue.withdraw, trader, gain // SCALE)
    for waited, counted_ppm in ((terms.ema_seconds, 500_000), (9 * terms.ema_seconds, 900_000)):
        quiet(venue, spiked + waited - venue.rpc.timestamp())
        venue.poke(BTC)
        counted = gain * counted_ppm // PPM
        free = free_units(venue, trader) * SCALE
        assert near(free, before + counted - margin, 10 * WAD)  # and ninety minutes of funding
        if counted_ppm == 500_000:
            venue.rejected("margin: below initial", venue.withdraw, trader, gain // SCALE)
    venue.withdraw(trader, gain // SCALE)
    assert venue.balance(trader.address) == gain // SCALE


def test_spike_down__the_loss_counts_at_once(venue: Venue) -> None:
    """The other side of the same rule: the average never makes anybody richer than the mark.

    The mark falls by 2.5 %; by its average `trader` has lost nothing, and would like to take its
    margin out while this is so. The worse of both counts.
    """
    (rich,) = people(venue, "rich", tokens=1_000_000)
    (trader,) = people(venue, "trader", tokens=100_000)
    venue.trade(trader, rich, BTC, 10 * WAD)
    before = equity(venue, trader)
    with_risk(venue, BTC)
    venue.move(BTC, -25_000)
    health, risk = venue.client.health(trader.account), venue.client.risk(BTC)
    assert near(risk["ema"], PRICES[BTC], WAD)
    assert near(health["equity"], before - 12_500 * WAD)
    assert health["equity_im"] == health["equity"]
    free = free_units(venue, trader)
    venue.rejected("margin: below initial", venue.withdraw, trader, free + 10**6)
    venue.withdraw(trader, free - 10**4)  # the next block's funding may cost a little


# --- trading with oneself ------------------------------------------------------------------

SIZE = 1_600_000  # DOGE, 400,000 quote
NOTIONAL = SIZE * PRICES[DOGE]
BROUGHT = {"left": 50_000, "right": 300_000}


def test_self_trade__at_the_edge_of_the_band__moves_own_money_and_never_below_margin(
    venue: Venue,
) -> None:
    """`left` buys from `right` 5 % above the mark and sells back at it, again and again.

    Both belong to the attacker. Each round makes `right` richer by what `left` loses: 5 % of the
    notional. No mark moves, since fills make none. The round that would leave `left` with less
    than initial margin is refused, so there is nothing for others to pay; the fees are gone.
    """
    left, right = (people(venue, name, tokens=n)[0] for name, n in BROUGHT.items())
    with_risk(venue, DOGE)
    high = PRICES[DOGE] * 105 // 100
    size, fees, rounds = SIZE * WAD, 0, 0
    margin = NOTIONAL * 50_000 // PPM
    while equity(venue, left) - NOTIONAL // 20 - fee_of(size, high, 200) >= margin:
        venue.trade(left, right, DOGE, size, high)
        venue.trade(right, left, DOGE, size)
        fees += fee_of(size, high, 200) + fee_of(size, high, 500)
        fees += fee_of(size, PRICES[DOGE], 200) + fee_of(size, PRICES[DOGE], 500)
        rounds += 1
    assert rounds == 1
    venue.rejected("margin: below initial", venue.trade, left, right, DOGE, size, high)
    too_high = high + 10**12
    venue.rejected("trade: price outside band", venue.trade, left, right, DOGE, WAD * 500, too_high)
    assert venue.mark(DOGE) == PRICES[DOGE]
    assert venue.client.risk(DOGE)["ema"] == PRICES[DOGE]
    for person in (left, right):
        venue.withdraw(person, equity(venue, person) // SCALE)
    out = sum(venue.balance(person.address) for person in (left, right)) * SCALE
    assert near(out, sum(BROUGHT.values()) * WAD - fees, 3 * SCALE)


@pytest.mark.parametrize("steps", [1, 16], ids=["at once", "in steps of 3 %"])
def test_pump__of_a_thin_market_for_four_minutes__brings_out_no_more_than_was_brought(
    venue: Venue, steps: int
) -> None:
    """The attacker is long with `left` and short with `right`, and pushes the only feed by 60 %.

    `left` has 240,000 of paper profit on 50,000 of its own. It tries to withdraw whatever it can,
    every twenty seconds, and to open in another market on the strength of it. The jump holds the
    gain for two minutes; then the average lets in D / (600 s + D) of it, while initial margin of
    the pumped notional, in stress 2.5 times 5 %, eats that up. They meet what was brought after
    300 s. Then the price is back: `left` has taken out less than it brought, nobody else pays.
    """
    left, right = (people(venue, name, tokens=n)[0] for name, n in BROUGHT.items())
    (maker,) = people(venue, "maker", tokens=1_000_000)
    venue.trade(left, right, DOGE, SIZE * WAD)
    start = equity(venue, left, right)
    terms = with_risk(venue, DOGE)
    # D / (600 + D) * 60 % of the notional = stress * 5 % * 160 % of it
    limit_s = (
        terms.ema_seconds * 80 * terms.stress_max_ppm // (600 * PPM - 80 * terms.stress_max_ppm)
    )
    assert limit_s == 300

    top = PRICES[DOGE] * 160 // 100
    began = venue.rpc.timestamp()
    for step in range(1, steps + 1):
        venue.set_price(DOGE, PRICES[DOGE] + (top - PRICES[DOGE]) * step // steps)
        assert free_units(venue, left) < BROUGHT["left"] * 10**6
    assert venue.client.risk(DOGE)["longs_held"]
    assert near(equity(venue, left, right), start)
    assert near(equity(venue, left), (BROUGHT["left"] + 240_000) * WAD, 100 * WAD)
    venue.rejected("margin: below initial", venue.withdraw, left, 1)
    venue.rejected("margin: below initial", venue.trade, left, maker, BTC, 4 * WAD)
    venue.rejected("hold: profit", venue.trade, maker, left, DOGE, SIZE * WAD)

    taken = 0
    while venue.rpc.timestamp() < began + limit_s - 60:
        free = free_units(venue, left)
        if free > 0:
            assert not venue.client.risk(DOGE)["longs_held"]
            venue.withdraw(left, free)
            taken += free
        quiet(venue, 20)
        venue.poke(DOGE)
    assert 0 < taken < BROUGHT["left"] * 10**6
    venue.set_price(DOGE, PRICES[DOGE])
    rest = max(0, equity(venue, left)) + max(0, equity(venue, right))
    assert near(taken * SCALE + rest, start)
    assert equity(venue, left) > 0
    assert not named(venue.events, "Drawn")
    check_everything(venue)
