"""PriceOracle: who may set what, what counts as a price, and what a bad feed can do (nothing)."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, chain, reverts, web3
from web3.exceptions import ContractLogicError, Web3RPCError

from tests.support.plain_values import plain
from tests.support.price_model import FeedStatus, Mode

WAD = 10**18
MARKET = 7
HEARTBEAT = 3600
STALENESS = 5400
DEVIATION_PPM = 10_000
FEED_GAS = 100_000
DAY = 86_400


@pytest.fixture(scope="module")
def owner():
    return accounts[0]


@pytest.fixture(scope="module")
def attacker():
    return accounts[1]


@pytest.fixture(scope="module")
def timelock():
    return accounts[2]


@pytest.fixture(scope="module")
def oracle(PriceOracle, owner):
    return PriceOracle.deploy(ZERO_ADDRESS, {"from": owner})


@pytest.fixture(scope="module")
def new_feed(TestFeed, owner):
    def deploy(quote=100, decimals=8):
        return TestFeed.deploy(decimals, quote * 10**decimals, {"from": owner})

    return deploy


@pytest.fixture(scope="module")
def five_feeds(new_feed):
    return [new_feed() for _ in range(5)]


@pytest.fixture(scope="module")
def feed(five_feeds):
    return five_feeds[0]


@pytest.fixture(scope="module")
def broken(BrokenFeed, owner):
    return BrokenFeed.deploy(8, 100 * 10**8, {"from": owner})


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    """Each test starts from the deployed state."""


@pytest.fixture
def set_market(oracle, owner):
    def send(
        feeds,
        quorum=None,
        *,
        market=MARKET,
        heartbeat=HEARTBEAT,
        staleness=STALENESS,
        deviation_ppm=DEVIATION_PPM,
        sender=owner,
    ):
        rows = [(source, heartbeat, staleness) for source in feeds]
        majority = len(rows) // 2 + 1 if quorum is None else quorum
        return oracle.set_market(market, rows, majority, deviation_ppm, {"from": sender})

    return send


def statuses(oracle):
    return [FeedStatus(row[3]) for row in oracle.observations(MARKET)]


def quote(feeds, *values):
    """Write one fresh answer (8 decimals, in whole quote units) to each feed."""
    for source, value in zip(feeds, values, strict=True):
        source.set_answer(round(value * 10**8), {"from": accounts[0]})


# --- set_market: powers and limits -----------------------------------------------------


def test_set_market__owner__stores_and_logs(oracle, five_feeds, set_market):
    tx = set_market(five_feeds[:3])

    assert oracle.feed_count(MARKET) == 3
    assert plain(oracle.agreement(MARKET)) == (2, DEVIATION_PPM)
    assert plain(oracle.feeds(MARKET)) == tuple(
        (source.address, HEARTBEAT, STALENESS, 8) for source in five_feeds[:3]
    )
    event = tx.events["FeedsSet"]
    assert event["market"] == MARKET
    assert event["quorum"] == 2
    assert event["max_deviation_ppm"] == DEVIATION_PPM
    assert [row[0] for row in event["feeds"]] == [source.address for source in five_feeds[:3]]


def test_set_market__not_owner__reverts(feed, set_market, attacker):
    with reverts("ownable: caller is not the owner"):
        set_market([feed], sender=attacker)


def test_transfer_ownership__new_owner_sets_old_cannot(oracle, feed, set_market, owner, timelock):
    oracle.transfer_ownership(timelock, {"from": owner})

    assert oracle.owner() == timelock
    set_market([feed], sender=timelock)
    with reverts("ownable: caller is not the owner"):
        set_market([feed], sender=owner)


def test_transfer_ownership__zero_address__reverts(oracle, owner):
    with reverts("ownable: new owner is the zero address"):
        oracle.transfer_ownership(ZERO_ADDRESS, {"from": owner})


def test_ownership__cannot_be_renounced(oracle):
    assert not hasattr(oracle, "renounce_ownership")


@pytest.mark.parametrize("market", [1, 255])
def test_set_market__id_at_the_limits__stored(oracle, feed, set_market, market):
    set_market([feed], market=market)
    assert oracle.feed_count(market) == 1


@pytest.mark.parametrize("market", [0, 256, 2**256 - 1])
def test_set_market__id_past_the_limits__reverts(feed, set_market, market):
    with reverts("market: id out of range"):
        set_market([feed], market=market)


def test_set_market__no_feeds__reverts(set_market):
    with reverts("feeds: none given"):
        set_market([], 0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_set_market__quorum_at_and_past_its_limits(oracle, five_feeds, set_market, count):
    feeds = five_feeds[:count]
    majority = count // 2 + 1

    for quorum in range(majority, count + 1):
        set_market(feeds, quorum)
        assert oracle.agreement(MARKET)[0] == quorum
    with reverts("quorum: not a majority"):
        set_market(feeds, majority - 1)
    with reverts("quorum: above feed count"):
        set_market(feeds, count + 1)


@pytest.mark.parametrize("deviation_ppm", [1_000, 100_000])
def test_set_market__deviation_at_the_limits__stored(oracle, feed, set_market, deviation_ppm):
    set_market([feed], deviation_ppm=deviation_ppm)
    assert oracle.agreement(MARKET)[1] == deviation_ppm


@pytest.mark.parametrize("deviation_ppm", [0, 999, 100_001])
def test_set_market__deviation_past_the_limits__reverts(feed, set_market, deviation_ppm):
    with reverts("deviation: out of bounds"):
        set_market([feed], deviation_ppm=deviation_ppm)


@pytest.mark.parametrize("twin", [1, 4])
def test_set_market__duplicate_feed__reverts(five_feeds, set_market, twin):
    feeds = list(five_feeds)
    feeds[twin] = feeds[0]
    with reverts("feed: duplicate"):
        set_market(feeds)


@pytest.mark.parametrize(("heartbeat", "staleness"), [(1, 2), (2 * DAY, 3 * DAY)])
def test_set_market__heartbeat_at_the_limits__stored(
    oracle, feed, set_market, heartbeat, staleness
):
    set_market([feed], heartbeat=heartbeat, staleness=staleness)
    assert plain(oracle.feeds(MARKET)[0])[1:3] == (heartbeat, staleness)


@pytest.mark.parametrize("heartbeat", [0, 2 * DAY + 1])
def test_set_market__heartbeat_past_the_limits__reverts(feed, set_market, heartbeat):
    with reverts("feed: heartbeat out of bounds"):
        set_market([feed], heartbeat=heartbeat, staleness=3 * DAY)


@pytest.mark.parametrize(("heartbeat", "least"), [(3600, 5400), (3601, 5402)])
def test_set_market__staleness_below_one_and_a_half_heartbeats__reverts(
    feed, set_market, heartbeat, least
):
    set_market([feed], heartbeat=heartbeat, staleness=least)
    with reverts("feed: staleness too short"):
        set_market([feed], heartbeat=heartbeat, staleness=least - 1)


def test_set_market__staleness_above_three_days__reverts(feed, set_market):
    set_market([feed], staleness=3 * DAY)
    with reverts("feed: staleness too long"):
        set_market([feed], staleness=3 * DAY + 1)


def test_set_market__not_a_contract__reverts(set_market, attacker):
    for source in (attacker, ZERO_ADDRESS):
        with reverts("feed: no decimals"):
            set_market([source])


def test_set_market__contract_without_decimals__reverts(oracle, set_market):
    with reverts("feed: no decimals"):
        set_market([oracle])


def test_set_market__short_decimals__reverts(broken, set_market, owner):
    broken.set_decimals(31, 8, {"from": owner})
    with reverts("feed: no decimals"):
        set_market([broken])


@pytest.mark.parametrize("decimals", [19, 256, 2**256 - 1])
def test_set_market__too_many_decimals__reverts(broken, set_market, owner, decimals):
    broken.set_decimals(32, decimals, {"from": owner})
    with reverts("feed: more than 18 decimals"):
        set_market([broken])


@pytest.mark.parametrize(
    "mode",
    [
        Mode.REVERTS,
        Mode.BURNS_ALL_GAS,
        Mode.RETURNS_NOTHING,
        Mode.RETURNS_TOO_LITTLE,
        Mode.NEGATIVE,
        Mode.ZERO,
        Mode.TOO_LARGE,
    ],
)
def test_set_market__feed_without_a_valid_answer__reverts(broken, set_market, owner, mode):
    broken.set_mode(mode, {"from": owner})
    with reverts("feed: no valid answer"):
        set_market([broken])


def test_set_market__late_feed__is_accepted(oracle, feed, set_market, owner):
    feed.set_round(100 * 10**8, chain[-1].timestamp - 10 * DAY, {"from": owner})
    set_market([feed])
    assert statuses(oracle) == [FeedStatus.STALE]
    assert plain(oracle.read(MARKET)) == (0, False)


def test_set_market__refused__changes_nothing(oracle, five_feeds, broken, set_market, owner):
    set_market(five_feeds[:3])
    before = plain(oracle.feeds(MARKET))
    broken.set_mode(Mode.ZERO, {"from": owner})
    with reverts("feed: no valid answer"):
        set_market([five_feeds[4], broken])
    assert plain(oracle.feeds(MARKET)) == before


def test_set_market__fewer_feeds__old_ones_are_gone(oracle, five_feeds, set_market):
    set_market(five_feeds)
    set_market(five_feeds[:2])
    assert len(oracle.observations(MARKET)) == 2
    assert [oracle.words(MARKET, i) for i in (2, 3, 4)] == [0, 0, 0]


# --- read: one feed --------------------------------------------------------------------


def test_read__unknown_market__no_price(oracle):
    for market in (0, 1, 255, 256, 2**256 - 1):
        assert plain(oracle.read(market)) == (0, False)
        assert oracle.feed_count(market) == 0
        assert plain(oracle.observations(market)) == ()
        assert plain(oracle.agreement(market)) == (0, 0)


@pytest.mark.parametrize("decimals", [0, 6, 8, 18])
def test_read__any_decimals__price_in_wad(oracle, new_feed, set_market, decimals):
    set_market([new_feed(122_000, decimals)])
    assert plain(oracle.read(MARKET)) == (122_000 * WAD, True)


def test_read__price_of_96_bits__counts_and_above_does_not(oracle, new_feed, set_market, owner):
    feed = new_feed(1, 18)
    set_market([feed])
    feed.set_answer(2**96 - 1, {"from": owner})
    assert plain(oracle.read(MARKET)) == (2**96 - 1, True)
    feed.set_answer(2**96, {"from": owner})
    assert plain(oracle.read(MARKET)) == (0, False)


def test_read__answer_that_overflows_when_scaled__no_price(oracle, new_feed, set_market, owner):
    feed = new_feed(1, 0)
    set_market([feed])
    feed.set_answer(2**191 - 1, {"from": owner})
    assert plain(oracle.read(MARKET)) == (0, False)
    assert statuses(oracle) == [FeedStatus.INVALID]


def test_read__age_at_the_staleness_limit__counts(oracle, feed, set_market, owner):
    set_market([feed])
    written = chain[-1].timestamp
    feed.set_round(100 * 10**8, written, {"from": owner})

    chain.mine(timestamp=written + STALENESS)
    assert plain(oracle.read(MARKET)) == (100 * WAD, True)
    assert plain(oracle.observations(MARKET)) == (
        (feed.address, 100 * WAD, STALENESS, FeedStatus.ACCEPTED),
    )
    chain.mine(timestamp=written + STALENESS + 1)
    assert plain(oracle.read(MARKET)) == (0, False)
    assert plain(oracle.observations(MARKET)) == (
        (feed.address, 100 * WAD, STALENESS + 1, FeedStatus.STALE),
    )


BAD_MODES = [
    (Mode.REVERTS, FeedStatus.UNREACHABLE),
    (Mode.BURNS_ALL_GAS, FeedStatus.UNREACHABLE),
    (Mode.RETURNS_NOTHING, FeedStatus.UNREACHABLE),
    (Mode.RETURNS_TOO_LITTLE, FeedStatus.UNREACHABLE),
    (Mode.NEGATIVE, FeedStatus.INVALID),
    (Mode.ZERO, FeedStatus.INVALID),
    (Mode.TOO_LARGE, FeedStatus.INVALID),
    (Mode.IN_PROGRESS, FeedStatus.UNFINISHED),
    (Mode.IN_FUTURE, FeedStatus.FUTURE),
]


@pytest.mark.parametrize(("mode", "status"), BAD_MODES)
def test_read__bad_feed_alone__no_price(oracle, broken, set_market, owner, mode, status):
    set_market([broken])
    broken.set_mode(mode, {"from": owner})
    assert plain(oracle.read(MARKET)) == (0, False)
    assert statuses(oracle) == [status]
    assert oracle.observations(MARKET)[0][2] == 0


@pytest.mark.parametrize(("mode", "status"), BAD_MODES)
def test_read__bad_feed_among_three__the_others_decide(
    oracle, five_feeds, broken, set_market, owner, mode, status
):
    set_market([five_feeds[0], broken, five_feeds[1]])
    quote(five_feeds[:2], 100, 101)
    broken.set_mode(mode, {"from": owner})
    assert plain(oracle.read(MARKET)) == (100 * WAD + WAD // 2, True)
    assert statuses(oracle) == [FeedStatus.ACCEPTED, status, FeedStatus.ACCEPTED]


def test_read__too_much_data__the_round_in_front_counts(oracle, broken, set_market, owner):
    set_market([broken])
    broken.set_mode(Mode.RETURNS_TOO_MUCH, {"from": owner})
    assert plain(oracle.read(MARKET)) == (100 * WAD, True)


# --- read: several feeds ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("quotes", "median"),
    [
        ([100, 101], 100.5),
        ([101, 99, 100], 100),
        ([100, 101, 99.5, 100.5], 100.25),
        ([100.2, 99.9, 100.3, 100.1, 100], 100.1),
    ],
)
def test_read__several_feeds__their_median(oracle, five_feeds, set_market, quotes, median):
    feeds = five_feeds[: len(quotes)]
    set_market(feeds)
    quote(feeds, *quotes)
    assert plain(oracle.read(MARKET)) == (round(median * 10**8) * 10**10, True)


def test_read__odd_sum_of_two__rounded_down(oracle, new_feed, set_market, owner):
    feeds = [new_feed(1, 18), new_feed(1, 18)]
    set_market(feeds)
    feeds[0].set_answer(10_000, {"from": owner})
    feeds[1].set_answer(10_001, {"from": owner})
    assert plain(oracle.read(MARKET)) == (10_000, True)


def test_read__outlier_at_and_past_the_limit(oracle, five_feeds, set_market):
    feeds = five_feeds[:3]
    set_market(feeds)
    quote(feeds, 100, 100.5, 101)
    assert oracle.read(MARKET)[0] == 100 * WAD + WAD // 2
    # one per cent of the median 100 is 1: 101 counts, 101.00000001 does not
    quote(feeds, 99.9, 100, 101)
    assert plain(oracle.read(MARKET)) == (100 * WAD, True)
    quote(feeds, 99.9, 100, 101.00000001)
    assert plain(oracle.read(MARKET)) == (99 * WAD + 95 * WAD // 100, True)
    assert statuses(oracle) == [FeedStatus.ACCEPTED, FeedStatus.ACCEPTED, FeedStatus.OUTLIER]


def test_read__outliers_on_both_sides__the_middle_decides(oracle, five_feeds, set_market):
    set_market(five_feeds)
    quote(five_feeds, 50, 100, 100.2, 100.4, 900)
    assert plain(oracle.read(MARKET)) == (100 * WAD + 2 * WAD // 10, True)
    assert statuses(oracle) == [FeedStatus.OUTLIER, *[FeedStatus.ACCEPTED] * 3, FeedStatus.OUTLIER]


def test_read__two_that_disagree__no_price(oracle, five_feeds, set_market):
    set_market(five_feeds[:2])
    quote(five_feeds[:2], 100, 200)
    assert plain(oracle.read(MARKET)) == (0, False)
    assert statuses(oracle) == [FeedStatus.OUTLIER] * 2


def test_read__below_quorum_after_the_outliers__no_price(oracle, five_feeds, set_market):
    set_market(five_feeds)
    quote(five_feeds, 90, 95, 100, 100, 110)
    assert plain(oracle.read(MARKET)) == (0, False)
    quote(five_feeds, 90, 95, 100, 100, 101)
    assert plain(oracle.read(MARKET)) == (100 * WAD, True)


def test_read__below_quorum_of_fresh_feeds__no_price(oracle, five_feeds, set_market, owner):
    set_market(five_feeds, 3)
    for stale in (1, 2, 3):
        five_feeds[stale].set_round(100 * 10**8, 1, {"from": owner})
        expected = (100 * WAD, True) if stale < 3 else (0, False)
        assert plain(oracle.read(MARKET)) == expected
    assert statuses(oracle) == [
        FeedStatus.ACCEPTED,
        *[FeedStatus.STALE] * 3,
        FeedStatus.ACCEPTED,
    ]


def test_read__attacked_minority__cannot_move_the_price_beyond_honest_feeds(
    oracle, five_feeds, set_market
):
    set_market(five_feeds)
    for forged in (0.01, 99.2, 100.8, 10_000):
        quote(five_feeds, forged, forged, 99.9, 100, 100.1)
        price, ok = oracle.read(MARKET)
        assert not ok or 99.9 * WAD <= price <= 100.1 * WAD


# --- read: gas -------------------------------------------------------------------------


def test_read__five_feeds_that_burn_gas__cost_their_allowance_only(
    oracle, BrokenFeed, set_market, owner, attacker
):
    feeds = [BrokenFeed.deploy(8, 10**10, {"from": owner}) for _ in range(5)]
    set_market(feeds)
    for source in feeds:
        source.set_mode(Mode.BURNS_ALL_GAS, {"from": owner})
    tx = oracle.read.transact(MARKET, {"from": attacker, "gas_limit": 2_000_000})
    assert plain(tx.return_value) == (0, False)
    assert tx.gas_used <= 21_000 + 5 * FEED_GAS + 40_000


@pytest.mark.parametrize("mode", [Mode.HEALTHY, Mode.HUNGRY])
def test_read__little_gas__reverts_but_never_hides_the_price(
    oracle, broken, set_market, owner, mode
):
    set_market([broken])
    broken.set_mode(mode, {"from": owner})
    call = {"to": oracle.address, "data": oracle.read.encode_input(MARKET)}
    refused, answered = [], 0
    for gas in range(24_000, 260_000, 2_000):
        try:
            data = web3.eth.call({**call, "gas": gas})
        except (ValueError, ContractLogicError, Web3RPCError) as error:
            refused.append(str(error))
            continue
        assert plain(oracle.read.decode_output(data.hex())) == (100 * WAD, True)
        answered += 1
    assert answered > 0
    # a feed that needs little leaves too little to go on at all: plain out of gas
    named = any("oracle: too little gas" in reason for reason in refused)
    assert named or mode == Mode.HEALTHY


@pytest.mark.parametrize(("count", "most"), [(1, 12_000), (3, 38_000), (5, 62_000)])
def test_read__gas_of_healthy_feeds(oracle, five_feeds, set_market, attacker, count, most):
    set_market(five_feeds[:count])
    tx = oracle.read.transact(MARKET, {"from": attacker})
    data = bytes.fromhex(oracle.read.encode_input(MARKET).removeprefix("0x"))
    intrinsic = 21_000 + sum(16 if byte else 4 for byte in data)
    assert tx.gas_used - intrinsic <= most
