"""feed_median against exact fractions, and the oracle against the same model."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, chain
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.core import given  # without Brownie's snapshot around each example

from tests.support import price_model
from tests.support.plain_values import plain
from tests.support.price_model import FeedStatus

WAD = 10**18

# near each other and near the outlier limit, or anywhere
near = st.integers(95_000, 105_000).map(lambda thousandths: thousandths * WAD // 1_000)
price = st.one_of(near, near, near, st.integers(1, 10), st.integers(1, price_model.PRICE_MAX))
prices = st.lists(price, min_size=0, max_size=5)
deviation = st.integers(1_000, 100_000)


@pytest.fixture(scope="module")
def harness(FeedMedianHarness):
    return FeedMedianHarness.deploy({"from": accounts[0]})


@given(prices=prices, quorum=st.integers(1, 5), deviation_ppm=deviation)
def test_decide__any_prices__as_the_model(harness, prices, quorum, deviation_ppm):
    got, ok, lowest, highest = harness.decide(prices, quorum, deviation_ppm)
    expected = price_model.decide(prices, quorum, deviation_ppm)

    assert (got, ok) == (expected.price, expected.ok)
    assert tuple(lowest <= p <= highest for p in prices) == expected.kept


def test_decide__bounds_between_two_wei__lie_inwards(harness):
    middle = 100 * WAD + 1  # a hundredth of it is no whole wei
    assert plain(harness.decide([middle - WAD, middle, middle + WAD], 3, 10_000))[1] is True
    for outlier in (middle - WAD - 1, middle + WAD + 1):
        got, ok, lowest, highest = harness.decide([middle, middle, outlier], 3, 10_000)
        assert (got, ok) == (0, False)
        assert (lowest, highest) == (middle - WAD, middle + WAD)


@given(prices=prices, quorum=st.integers(1, 5), deviation_ppm=deviation, data=st.data())
def test_decide__order_of_feeds__does_not_matter(harness, prices, quorum, deviation_ppm, data):
    shuffled = data.draw(st.permutations(prices))
    straight = harness.decide(prices, quorum, deviation_ppm)
    assert plain(straight) == plain(harness.decide(shuffled, quorum, deviation_ppm))


@given(prices=st.lists(price, min_size=1, max_size=5), deviation_ppm=deviation)
def test_decide__a_price__lies_between_the_kept(harness, prices, deviation_ppm):
    got, ok, _, _ = harness.decide(prices, len(prices) // 2 + 1, deviation_ppm)
    kept = price_model.decide(prices, len(prices) // 2 + 1, deviation_ppm).kept
    inside = [p for p, keep in zip(prices, kept, strict=True) if keep]
    assert (got == 0) if not ok else (min(inside) <= got <= max(inside))


@given(prices=prices)
def test_sorted__any_prices__ascending(harness, prices):
    assert list(harness.ordered(prices)) == sorted(prices)


@given(prices=st.lists(price, min_size=5, max_size=5), data=st.data())
def test_median__any_range__as_the_model(harness, prices, data):
    first = data.draw(st.integers(0, 4))
    last = data.draw(st.integers(first + 1, 5))
    ordered = sorted(prices)
    assert harness.median(ordered, first, last) == price_model.median(ordered[first:last])


@given(
    answer=st.one_of(
        st.integers(-(2**255), 2**255 - 1),
        st.integers(-10, 10),
        st.integers(2**96 - 10, 2**96 + 10),
        st.integers(0, 18).map(lambda shift: price_model.PRICE_MAX // 10**shift),
        st.integers(0, 18).map(lambda shift: price_model.PRICE_MAX // 10**shift + 1),
    ),
    decimals=st.integers(0, 18),
)
def test_to_wad__any_answer__as_the_model(harness, answer, decimals):
    assert harness.to_wad(answer, decimals) == price_model.to_wad(answer, decimals)


@given(
    price=st.sampled_from([0, 1, price_model.PRICE_MAX]),
    updated_at=st.one_of(st.integers(0, 20), st.integers(0, 2**256 - 1)),
    staleness=st.integers(0, 10),
    now=st.integers(1, 20),
)
def test_status__any_time__as_the_model(harness, price, updated_at, staleness, now):
    got = harness.status(price, updated_at, staleness, now)
    assert got == price_model.status(price, updated_at, staleness, now)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_oracle__any_feeds__read_and_observations_as_the_model(
    PriceOracle, TestFeed, fn_isolation, count
):
    """One chain of rounds per feed count; `read`'s shortcut for one feed is the general rule."""
    owner = accounts[0]
    staleness = 5_400
    oracle = PriceOracle.deploy(ZERO_ADDRESS, {"from": owner})
    feeds = [TestFeed.deploy(8, 10**10, {"from": owner}) for _ in range(count)]
    quorum = count // 2 + 1
    oracle.set_market(1, [(feed, 3_600, staleness) for feed in feeds], quorum, 10_000)

    # the same rounds in each run: a draw that Hypothesis finds too large is not our failure
    @settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.data_too_large])
    @given(
        rounds=st.lists(
            st.tuples(
                st.one_of(st.integers(98 * 10**8, 102 * 10**8), st.integers(-1, 2**70)),
                st.one_of(st.integers(0, 100), st.integers(-5_500, -5_300), st.just(None)),
            ),
            min_size=count,
            max_size=count,
        )
    )
    def check(rounds):
        start = chain[-1].timestamp + 100
        for feed, (answer, offset) in zip(feeds, rounds, strict=True):
            feed.set_round(answer, 0 if offset is None else start + offset, {"from": owner})
        chain.mine(timestamp=max(start + 50, chain[-1].timestamp + 1))
        now = chain[-1].timestamp

        seen = []
        for answer, offset in rounds:
            wad = price_model.to_wad(answer, 8)
            updated_at = 0 if offset is None else start + offset
            seen.append((wad, price_model.status(wad, updated_at, staleness, now)))
        fresh = [wad for wad, status in seen if status == FeedStatus.ACCEPTED]
        verdict = price_model.decide(fresh, quorum, 10_000)
        kept = iter(verdict.kept)
        expected = [
            FeedStatus.OUTLIER if status == FeedStatus.ACCEPTED and not next(kept) else status
            for _, status in seen
        ]
        assert plain(oracle.read(1)) == (verdict.price, verdict.ok)
        assert [(row[1], row[3]) for row in oracle.observations(1)] == [
            (wad, status) for (wad, _), status in zip(seen, expected, strict=True)
        ]

    check()
