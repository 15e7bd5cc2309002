"""Whose money is whose: a client cannot take what its broker guarantees, depositors cannot leave a
client's loss to those who stay, and an operator cannot take its stake away from under it.
"""

from __future__ import annotations

import pytest

from plimsoll.errors import BrokerRefused
from tests.support.broker_desk import BUFFER_PPM, UNIT, Brokerage
from tests.support.flows import people
from tests.support.venue import BTC, DAY_S, PPM, SCALE, WAD, Person, Venue, named

GUARANTEE = 2_500
STAKE = 1_600
NOTICE_S = 7 * DAY_S


class House:
    """A broker with 1,600 of stake and two depositors of 2,250; its client is long one BTC."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.brokerage = Brokerage(venue, minimum=100)
        self.operator, self.early, self.late, self.taker = people(
            venue, "operator", "early", "late", "taker"
        )
        (self.trader,) = people(venue, "trader", tokens=1_000_000)
        self.broker = self.brokerage.open(self.operator, STAKE)
        self.vault = self.brokerage.sdk.vault(self.broker)
        for depositor in (self.early, self.late):
            self.brokerage.invest(depositor, self.broker, 2_250)
        self.client = self.brokerage.client("client", self.broker, 1_600, GUARANTEE, WAD)

    def ask_to_leave(self, *who: Person) -> None:
        """All their shares; the window is open afterwards."""
        for person in who:
            shares = self.vault.read("balanceOf", person.address)
            self.brokerage.sdk.request_withdrawal(person.signer, self.broker, shares)
        self.brokerage.sdk.request_stake(self.operator.signer, self.broker, 500 * UNIT)
        self.venue.wait(NOTICE_S + 60)

    def leave(self, who: Person) -> int:
        """Redeem everything; returns token units."""
        before = self.venue.balance(who.address)
        shares = self.vault.read("balanceOf", who.address)
        self.brokerage.sdk.redeem(who.signer, self.broker, shares)
        return self.venue.balance(who.address) - before


@pytest.fixture
def house(venue: Venue) -> House:
    return House(venue)


def test_client__withdraws_guaranteed_money__never(house: House) -> None:
    """With a position or without one, at a profit or not: what can leave is its own."""
    venue, client = house.venue, house.client
    health = venue.client.health(client.account)
    assert health["equity"] < health["im"] <= health["equity"] + health["shield"]
    venue.rejected("margin: below initial", venue.withdraw, client, 1)
    venue.move(BTC, 20_000)  # 1,000 of profit
    health = venue.client.health(client.account)
    own = (health["equity_im"] - health["im"]) // SCALE
    venue.rejected("margin: below initial", venue.withdraw, client, own + 1)
    venue.trade(house.trader, client, BTC, WAD)
    cash = venue.client.health(client.account)["cash"] // SCALE
    venue.rejected("margin: below initial", venue.withdraw, client, cash + 1)
    venue.withdraw(client, cash)
    held = venue.client.escrow.read("held", house.broker)
    assert held >= house.vault.read("client_locks") == GUARANTEE * UNIT
    venue.rejected("margin: below initial", venue.withdraw, client, 1)


def test_client__loses_to_its_own_second_account__cannot_move_the_guarantee(house: House) -> None:
    """A bad fill on purpose costs own equity, and stops at the buffer: the guarantee stays."""
    venue, client = house.venue, house.client
    (friend,) = people(venue, "friend")
    mark = venue.mark(BTC)
    venue.rejected(
        "margin: ratio worsened", venue.trade, friend, client, BTC, WAD // 2, mark * 96 // 100
    )
    for part in (2, 4, 8):
        venue.trade(friend, client, BTC, WAD // part, mark * 98 // 100)
    health = venue.client.health(client.account)
    assert health["equity"] * PPM >= health["mm"] * (PPM + BUFFER_PPM), "own money only"
    gained = venue.client.health(friend.account)["equity"] - 100_000 * WAD
    assert 0 < gained < 1_600 * WAD
    assert house.brokerage.stake(house.broker) == STAKE * UNIT


def test_depositors__leave_when_a_client_is_in_trouble__bear_what_may_be_lost(house: House) -> None:
    """Notice given long before, the trouble comes in the window. Who goes now goes at the price of
    the worst case; when the loss comes, those who stayed are not the worse for it.
    """
    venue, brokerage = house.venue, house.brokerage
    house.ask_to_leave(house.early)
    par = house.vault.read("previewRedeem", house.vault.read("balanceOf", house.early.address))
    assert par == 2_250 * UNIT
    venue.move(BTC, -20_000)
    brokerage.measure(house.client)  # by anybody, such as the other depositor
    seen = brokerage.sdk.broker(house.broker)
    assert seen.at_risk == GUARANTEE * UNIT, "four times its margin, less its equity, is more"
    assert seen.provision == seen.at_risk + seen.commitment - seen.stake > 0
    paid = house.leave(house.early)
    assert abs(paid - (par - seen.provision // 2)) <= 2
    stayed = brokerage.pool(house.broker)
    venue.move(BTC, -150_000)
    venue.start(house.client.account)
    venue.take(house.taker, house.client.account, BTC)
    assert house.vault.read("client_locks") == 0
    assert named(venue.events, "Drawn")[0]["layer"] == 2
    lost = stayed - brokerage.pool(house.broker)
    assert lost <= seen.provision
    # late has at least what it would have had, had both stayed
    assert brokerage.pool(house.broker) >= 2_250 * UNIT - seen.provision // 2 - 2
    brokerage.assert_sound(house.broker)


def test_depositors__leave_with_locked_capital__never(house: House) -> None:
    """Only what is neither locked for a client nor committed can go, whoever asked first."""
    venue, brokerage = house.venue, house.brokerage
    house.ask_to_leave(house.early, house.late)
    free = brokerage.free(house.broker)
    assert free < 4_500 * UNIT
    assert house.leave(house.early) == 2_250 * UNIT
    with pytest.raises(BrokerRefused, match="vault: capital locked"):
        house.leave(house.late)
    venue.trade(house.trader, house.client, BTC, WAD)
    brokerage.keep(brokerage.sdk.release(house.client.signer, house.client.account))
    assert house.leave(house.late) == 2_250 * UNIT


def test_operator__takes_its_stake_during_a_call__refused(house: House) -> None:
    """The stake pays first, so it is the last to go."""
    venue, sdk = house.venue, house.brokerage.sdk
    house.ask_to_leave()
    operator = house.operator
    venue.move(BTC, -20_000)
    house.brokerage.call(house.client)
    house.brokerage.measure(house.client)
    with pytest.raises(BrokerRefused, match="vault: loss measured"):
        sdk.withdraw_stake(operator.signer, house.broker, 60 * UNIT, operator.address)
    venue.deposit(house.client, 2_000)
    house.brokerage.cure(house.client)
    house.brokerage.measure(house.client)
    with pytest.raises(BrokerRefused, match="vault: locks above stake"):
        sdk.withdraw_stake(operator.signer, house.broker, 360 * UNIT, operator.address)
    sdk.withdraw_stake(operator.signer, house.broker, 60 * UNIT, operator.address)
    assert house.brokerage.stake(house.broker) == (STAKE - 60) * UNIT
