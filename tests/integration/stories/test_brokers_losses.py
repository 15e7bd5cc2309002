"""When a client's loss is more than its guarantee: the broker, then insurance, then all brokers.

Two brokers. `small` has a client whose position is large for its guarantee; insurance is as thin as
its bounds allow. A gap takes the client far below zero in one block: nobody could have acted.
"""

from __future__ import annotations

import pytest

from plimsoll.broker_views import BrokerState, CallState
from plimsoll.errors import BrokerRefused
from tests.support.broker_desk import UNIT, Brokerage
from tests.support.flows import people, tighten
from tests.support.venue import BTC, DAY_S, PPM, WAD, Venue, named

GUARANTEE = 10_000
SIZE = 10 * WAD
REPLENISH_S = 5 * DAY_S


class Gap:
    """`reckless` is long 10 BTC with 26,000 of its own; the mark falls by 9 % at once."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.brokerage = Brokerage(venue, minimum=1_000)
        self.operator, self.other_operator = people(venue, "operator", "other operator")
        people(venue, "trader", tokens=5_000_000)
        (self.taker,) = people(venue, "taker", tokens=3_000_000)
        self.small = self.brokerage.open(self.operator, 8_000, pool=8_000)
        self.large = self.brokerage.open(self.other_operator, 40_000)
        self.reckless = self.brokerage.client("reckless", self.small, 26_000, GUARANTEE, SIZE)
        self.careful = self.brokerage.client("careful", self.small, 20_000, 1_000, WAD)
        tighten(venue)
        with venue.owner() as owner:  # the fund gives all it has, also for one market
            venue.send(owner, venue.client.waterfall, "set_limits", 5, (PPM, PPM))
        self.before = {broker: self._capital(broker) for broker in (self.small, self.large)}

    def _capital(self, broker: str) -> int:
        return self.brokerage.stake(broker) + self.brokerage.pool(broker)

    def lost(self, broker: str) -> int:
        """Token units."""
        return self.before[broker] - self._capital(broker)

    def state(self, broker: str) -> BrokerState:
        return BrokerState(self.venue.client.brokers.read("state_of", broker)[0])

    def fund(self, view: str, broker: str) -> int:
        return int(self.venue.client.fund.read(view, broker))

    def fall(self) -> None:
        """Below what equity and guarantee cover, in one block; then resolved without takers."""
        self.venue.move(BTC, -90_000)
        self.venue.start(self.reckless.account)
        self.venue.resolve_all()


@pytest.fixture
def gap(venue: Venue) -> Gap:
    return Gap(venue)


def test_gap__covered_equity_below_margin__auction_at_once_call_or_not(gap: Gap) -> None:
    """No notice, no cure period: the guarantee shields only as far as it reaches."""
    venue = gap.venue
    venue.move(BTC, -40_000)
    venue.rejected("liquidation: not below margin", venue.start, gap.reckless.account)
    gap.brokerage.call(gap.reckless)
    venue.move(BTC, -20_000)
    health = venue.client.health(gap.reckless.account)
    assert health["equity"] + health["shield"] < health["mm"]
    call = gap.brokerage.margin_call(gap.reckless)
    assert call is not None
    assert call.state == CallState.CALLED
    assert call.deadline > venue.rpc.timestamp()
    venue.start(gap.reckless.account)
    with pytest.raises(BrokerRefused, match="account: under liquidation"):
        gap.brokerage.cure(gap.reckless)


def test_gap__beyond_the_guarantee__stake_pool_insurance_own_fund_others_in_this_order(
    gap: Gap,
) -> None:
    """Each payer gives all it owes before the next one gives anything; winners pay the rest."""
    venue, brokerage = gap.venue, gap.brokerage
    owed = {name: gap.fund(name, gap.small) for name in ("contribution", "assessment")}
    others = gap.fund("contribution", gap.large) + gap.fund("assessment", gap.large)
    gap.fall()
    drawn = {e["layer"]: e["tokens"] for e in named(venue.events, "Drawn")}
    assert list(drawn) == [2, 3, 4, 5]
    assert drawn[2] == GUARANTEE * UNIT
    own = sum(owed.values())
    assert gap.lost(gap.small) == GUARANTEE * UNIT + own
    assert brokerage.stake(gap.small) == 0, "the stake pays first"
    assert brokerage.pool(gap.small) == 16_000 * UNIT - GUARANTEE * UNIT - own
    # one broker's client never costs another more than contribution and assessment
    assert 0 < gap.lost(gap.large) == drawn[5] - own <= others
    assert gap.fund("cost", gap.small) == gap.lost(gap.large)
    brokerage.assert_sound(gap.small, gap.large)


def test_fund_drawn__not_replenished_in_time__suspended_until_it_is(gap: Gap) -> None:
    """Five days; then anybody suspends it, it sponsors nobody new, and filling brings it back."""
    venue, brokerage, sdk = gap.venue, gap.brokerage, gap.brokerage.sdk
    gap.fall()
    due = gap.fund("due", gap.large)
    assert abs(due - venue.rpc.timestamp() - REPLENISH_S) < 60
    newcomer = people(venue, "newcomer", tokens=1_000)[0]
    with pytest.raises(BrokerRefused, match="fund: not overdue"):
        sdk.suspend(venue.keeper, gap.large)
    venue.wait(REPLENISH_S + 60)
    sdk.suspend(venue.keeper, gap.large)
    with pytest.raises(BrokerRefused, match="broker: not active"):
        brokerage.sponsor(newcomer, gap.large, 100)
    with pytest.raises(BrokerRefused, match="fund: contribution too low"):
        sdk.reinstate(venue.keeper, gap.large)
    sdk.fill_fund(gap.other_operator.signer, gap.large)
    sdk.reinstate(venue.keeper, gap.large)
    brokerage.sponsor(newcomer, gap.large, 100)
    assert gap.state(gap.large) == BrokerState.ACTIVE


def test_broker_fails__its_other_client_is_covered_on_and_moves_within_the_window(
    gap: Gap,
) -> None:
    """Others paid for its client: final. The guarantee of the next client is prefunded, so it runs
    on; that client may take the same guarantee elsewhere, for thirty days.
    """
    venue, brokerage = gap.venue, gap.brokerage
    with pytest.raises(BrokerRefused, match="port: not open"):
        brokerage.port(gap.careful, gap.large, 1_000, expiry=venue.rpc.timestamp() + 365 * DAY_S)
    gap.fall()
    assert gap.state(gap.small) == BrokerState.FAILED
    shield = venue.client.health(gap.careful.account)["shield"]
    assert shield == 1_000 * WAD
    with pytest.raises(BrokerRefused, match="sponsor: lowers guarantee"):
        brokerage.port(gap.careful, gap.large, 999, expiry=venue.rpc.timestamp() + 365 * DAY_S)
    kept = venue.rpc.snapshot()
    venue.wait(30 * DAY_S + 60)
    with pytest.raises(BrokerRefused, match="port: not open"):
        brokerage.port(gap.careful, gap.large, 1_000, expiry=venue.rpc.timestamp() + 365 * DAY_S)
    venue.rpc.revert(kept)
    brokerage.port(gap.careful, gap.large, 1_000, expiry=venue.rpc.timestamp() + 365 * DAY_S)
    moved = brokerage.guarantee(gap.careful)
    assert moved is not None
    assert moved.broker == gap.large
    assert venue.client.health(gap.careful.account)["shield"] == shield
    assert brokerage.sdk.vault(gap.small).read("client_locks") == 0
    brokerage.assert_sound(gap.small, gap.large)


def test_fund__however_large_the_loss__others_pay_half_of_what_they_committed(
    gap: Gap,
) -> None:
    """The rest goes to the winners, not to the other brokers: that is what `cause` bounds."""
    venue = gap.venue
    others = gap.fund("contribution", gap.large) + gap.fund("assessment", gap.large)
    venue.move(BTC, -300_000)
    venue.start(gap.reckless.account)
    venue.resolve_all()
    assert gap.lost(gap.large) == others // 2
    assert named(venue.events, "HaircutSet")
