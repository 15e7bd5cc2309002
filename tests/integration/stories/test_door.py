"""Winners who run for the door while a loss does not fit into the insurance.

The rest of such a loss comes out of the winners' profit that is not realised yet. A winner who
makes its profit cash first leaves its part to the others; if that worked nobody would stay.
"""

from __future__ import annotations

import pytest

from tests.support.flows import one, people, tighten
from tests.support.stories import CENT, demo_risk, equity, free_units, near, quiet, with_risk
from tests.support.venue import BTC, RAY, SCALE, WAD, Person, Venue

OPENING = 50_000
AFTER_JUMP = 45_000
SIZES = {"runner": 6, "loyal": 9, "sleeper": 15}  # shorts, BTC
CLASSES = {"runner": 4, "loyal": 3, "sleeper": 2}  # up to 20x, 10x, 5x
DEPOSIT = 200_000


@pytest.fixture
def market(venue: Venue) -> Venue:
    """Three shorts; `loser` is long 20 of their 30 BTC at 17x, `rich` the others with cash."""
    tighten(venue)
    people(venue, "friend", "rich", tokens=1_000_000)
    people(venue, "loser", tokens=60_000)
    people(venue, "bystander", tokens=5_000)
    buyers = {"runner": ("loser", 6), "loyal": ("loser", 9), "sleeper": ("loser", 5)}
    for name, (buyer, size) in buyers.items():
        (winner,) = people(venue, name, tokens=DEPOSIT)
        venue.set_class(winner, BTC, CLASSES[name])
        venue.trade(venue.person(buyer), winner, BTC, size * WAD)
    venue.trade(venue.person("rich"), venue.person("sleeper"), BTC, 10 * WAD)
    with_risk(venue, BTC)
    return venue


def winners(venue: Venue) -> dict[str, Person]:
    return {name: venue.person(name) for name in SIZES}


def leave(venue: Venue, who: Person) -> int:
    """Closes what is left against `friend` and withdraws all; what the person then has, wad."""
    size = -venue.client.leg(who.account, BTC)["size"]
    if size:
        venue.trade(who, venue.person("friend"), BTC, size)
    venue.withdraw(who, equity(venue, who) // SCALE)
    return venue.balance(who.address) * SCALE


def test_jump__the_runner_ends_where_the_loyal_do(market: Venue) -> None:
    """The mark falls by a tenth at once; the keeper comes after 100 seconds, at the last moment.

    `runner` tries everything at once: hand the position to a friend, withdraw the gain. It gets out
    only what it brought and does not need. When the loss is seen not to fit, the hold starts anew
    and nobody withdraws, not even the `bystander`, until somebody has called `resolve`. In the
    end each winner has paid the same share of its profit.
    """
    venue, hold_s = market, demo_risk().hold_seconds
    runner, bystander = venue.person("runner"), venue.person("bystander")
    venue.set_price(BTC, AFTER_JUMP * WAD)
    jumped_at = venue.rpc.timestamp()
    assert venue.client.risk(BTC)["hold_until"] == jumped_at + hold_s
    size = SIZES["runner"] * WAD
    venue.rejected("hold: profit", venue.trade, runner, venue.person("friend"), BTC, size)
    free = free_units(venue, runner)
    assert 0 < free < DEPOSIT * 10**6, "its own money, without the gain"
    venue.rejected("margin: below initial", venue.withdraw, runner, free + 1)
    venue.withdraw(runner, free)
    venue.withdraw(bystander, 1_000 * 10**6)

    quiet(venue, 100)
    before = {name: equity(venue, person) for name, person in winners(venue).items()}
    venue.start(venue.person("loser").account)
    assert venue.client.risk(BTC)["hold_until"] == venue.rpc.timestamp() + hold_s
    venue.rejected("custody: resolve first", venue.withdraw, bystander, 1)
    venue.rejected("custody: resolve first", venue.withdraw, runner, 1)
    events = venue.resolve_all()
    venue.withdraw(bystander, 4_000 * 10**6)
    assert venue.balance(bystander.address) == 5_000 * 10**6

    haircut = one(events, "HaircutSet")
    assert one(events, "Finished")["shortfall"] == 0
    fall = OPENING - AFTER_JUMP
    share = haircut["credited"] * RAY // (sum(SIZES.values()) * fall * WAD)
    assert RAY // 5 < share < RAY // 2, "a part of the profit that is worth running from"
    for name, person in winners(venue).items():
        paid = before[name] - equity(venue, person)
        assert near(paid, SIZES[name] * fall * WAD * share // RAY), name

    venue.wait(hold_s)
    for name, person in winners(venue).items():
        kept = SIZES[name] * fall * WAD * (RAY - share) // RAY
        fees = SIZES[name] * 50_000 * 700 * WAD // 10**6  # 5 bp in, at most 2 bp out
        assert 0 <= DEPOSIT * WAD + kept - leave(venue, person) <= fees + WAD, name


def test_slide__without_a_jump__the_loss_that_does_not_fit_holds_the_winners(market: Venue) -> None:
    """The same fall in steps too small for a jump, with keepers asleep: `runner` is gone in time.

    That is the limit of the rule. From the moment on at which a keeper finds that the loss does not
    fit, the others are held as after a jump, and pay for the loss in proportion.
    """
    venue = market
    runner, loyal, friend = (venue.person(name) for name in ("runner", "loyal", "friend"))
    while venue.mark(BTC) > AFTER_JUMP * WAD:
        venue.wait(900)
        venue.move(BTC, -15_000)
        assert not venue.client.risk(BTC)["shorts_held"]
    mark = venue.mark(BTC)
    assert leave(venue, runner) > DEPOSIT * WAD + 5 * (OPENING * WAD - mark)

    venue.start(venue.person("loser").account)
    risk = venue.client.risk(BTC)
    assert risk["shorts_held"]
    assert not risk["longs_held"]
    assert risk["hold_until"] == venue.rpc.timestamp() + demo_risk().hold_seconds
    venue.rejected("hold: profit", venue.trade, loyal, friend, BTC, SIZES["loyal"] * WAD)
    before = {name: equity(venue, venue.person(name)) for name in ("loyal", "sleeper")}
    events = venue.resolve_all()
    assert one(events, "Finished")["shortfall"] == 0
    paid = {name: before[name] - equity(venue, venue.person(name)) for name in before}
    assert paid["loyal"] > 0
    assert near(paid["loyal"] * SIZES["sleeper"], paid["sleeper"] * SIZES["loyal"], 30 * CENT)
