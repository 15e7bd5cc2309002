"""premium_window: edges of the packed window, the bucket and the rate."""

from __future__ import annotations

import pytest
from brownie import accounts

from tests.support import premium_model as model

WAD = 10**18
CAP_PPB = 40_000_000  # 4 % an hour
MARK = 122_000 * WAD


@pytest.fixture(scope="module")
def harness(PremiumWindowHarness):
    return PremiumWindowHarness.deploy({"from": accounts[0]})


# --- the window ------------------------------------------------------------------------


def test_median__empty_window__is_zero(harness):
    assert harness.median(0) == 0


@pytest.mark.parametrize("premium_ppb", [model.PREMIUM_MAX_PPB, -model.PREMIUM_MAX_PPB, 100, -100])
def test_push__within_the_lane__comes_back_exactly(harness, premium_ppb):
    assert harness.median(harness.push_all([premium_ppb] * 12)) == premium_ppb


@pytest.mark.parametrize(
    "premium_ppb",
    [model.PREMIUM_MAX_PPB + 100, -model.PREMIUM_MAX_PPB - 100, 2**255 - 1, -(2**255)],
)
def test_push__beyond_the_lane__saturates(harness, premium_ppb):
    sign = 1 if premium_ppb > 0 else -1
    assert harness.median(harness.push_all([premium_ppb] * 12)) == sign * model.PREMIUM_MAX_PPB


@pytest.mark.parametrize(("premium_ppb", "stored"), [(199, 100), (-199, -100), (99, 0), (-99, 0)])
def test_push__part_of_a_unit__toward_zero(harness, premium_ppb, stored):
    assert harness.median(harness.push_all([premium_ppb] * 12)) == stored


def test_push__thirteenth__drops_the_oldest(harness):
    full = harness.push_all([CAP_PPB] * 12)
    window = full
    for _ in range(5):
        window = harness.push(window, 0)
    assert harness.median(window) == CAP_PPB
    assert harness.median(harness.push(window, 0)) == CAP_PPB // 2
    for _ in range(7):
        window = harness.push(window, 0)
    assert window == 0


@pytest.mark.parametrize("skipped", [0, 1, 5, 11, 12, 13, 2**256 - 1])
def test_push_zeros__as_many_pushes_of_zero(harness, skipped):
    full = harness.push_all([-300] * 12)
    window = full
    for _ in range(min(skipped, 12)):
        window = harness.push(window, 0)
    assert harness.push_zeros(full, skipped) == window


def test_median__is_the_mean_of_the_sixth_and_seventh(harness):
    premiums = [500, -900, 300, 1_200, -100, 0, 700, 200, -400, 100, 900, -200]
    assert sorted(premiums)[5:7] == [100, 200]
    assert harness.median(harness.push_all(premiums)) == 150


# --- washed buckets --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("washed", "expected"), [(5, 0), (6, CAP_PPB // 2), (7, CAP_PPB), (12, CAP_PPB)]
)
def test_median__washed_buckets__seven_of_twelve_set_it(harness, washed, expected):
    window = harness.push_all([CAP_PPB] * washed + [0] * (12 - washed))
    assert harness.median(window) == expected


def test_v_min__seven_washed_buckets__cost_what_an_hour_at_the_cap_brings(harness):
    open_interest, fees_ppm = 50_000_000 * WAD, 700
    volume = harness.v_min(0, CAP_PPB, open_interest, fees_ppm)
    cost = 7 * volume * fees_ppm // 10**6
    gain = CAP_PPB * open_interest // 10**9
    assert cost >= gain
    assert 7 * (volume - 10**4) * fees_ppm // 10**6 < gain


def test_bucket_premium__ten_dollar_wash_trades__move_nothing(harness):
    volume = harness.v_min(100_000 * WAD, CAP_PPB, 50_000_000 * WAD, 700)
    washed = harness.bucket_premium(10 * WAD * CAP_PPB, 10 * WAD, volume)
    assert washed == 0
    assert harness.median(harness.push_all([washed] * 7 + [0] * 5)) == 0


def test_bucket_premium__any_pattern_of_full_washes__never_gains(harness):
    """Washing k buckets of each twelve, forever: what the rate brings never exceeds the fees."""
    for washed in range(13):
        pattern = [CAP_PPB] * washed + [0] * (12 - washed)
        window = harness.push_all(pattern * 2)
        gain = 0
        for premium in pattern:
            window = harness.push(window, premium)
            gain += harness.median(window)
        # in units of cap·OI an hour: each bucket lasts 1/12 hour, each wash costs 1/7
        assert gain * 7 <= 12 * washed * CAP_PPB


# --- bucket, volume, rate --------------------------------------------------------------


def test_bucket_premium__below_v_min__is_diluted(harness):
    traded = 1_000 * WAD
    assert harness.bucket_premium(traded * 50_000, traded, 4 * traded) == 12_500
    assert harness.bucket_premium(traded * 50_000, traded, traded) == 50_000
    assert harness.bucket_premium(traded * 50_000, traded, 0) == 50_000


@pytest.mark.parametrize(("sum_vp", "expected"), [(199, 1), (-199, -1), (-99, 0)])
def test_bucket_premium__toward_zero(harness, sum_vp, expected):
    assert harness.bucket_premium(sum_vp, 100, 0) == expected


def test_bucket_premium__nothing_traded__is_zero(harness):
    assert harness.bucket_premium(0, 0, 0) == 0
    assert harness.bucket_premium(0, 0, 10**24) == 0


def test_v_min__set_volume_is_a_floor(harness):
    assert harness.v_min(10**24, CAP_PPB, 0, 700) == 10**24
    assert harness.v_min(0, 0, 10**27, 700) == 0


def test_v_min__rounds_up(harness):
    # 1e9 ppb · 1 / (7 · 1e6 ppm) = 1/7
    assert harness.v_min(0, 10**9, 1, 10**6) == 1
    assert harness.v_min(0, 10**9, 7, 10**6) == 1
    assert harness.v_min(0, 10**9, 8, 10**6) == 2


def test_v_min__no_fees__no_volume_is_enough(harness):
    never = harness.v_min(10**24, CAP_PPB, 10**27, 0)
    assert never == model.NO_VOLUME_IS_ENOUGH
    assert harness.bucket_premium(10**60 * CAP_PPB, 10**60, never) == 0
    assert harness.bucket_premium(-(10**60) * CAP_PPB, 10**60, never) == 0


@pytest.mark.parametrize(
    ("base", "median", "expected"),
    [
        (12_500, 0, 12_500),
        (12_500, -20_000, -7_500),
        (12_500, CAP_PPB - 12_500, CAP_PPB),
        (12_500, CAP_PPB - 12_499, CAP_PPB),
        (12_500, -CAP_PPB - 12_500, -CAP_PPB),
        (12_500, -CAP_PPB - 12_501, -CAP_PPB),
    ],
)
def test_rate__base_plus_median_within_the_cap(harness, base, median, expected):
    assert harness.rate(base, median, CAP_PPB) == expected


@pytest.mark.parametrize("base", [0, 12_500, -12_500, CAP_PPB, -CAP_PPB])
@pytest.mark.parametrize("price", [1, MARK * 96 // 100, MARK, MARK * 104 // 100, 10 * MARK])
def test_clamped_premium__bound_is_where_the_rate_cap_binds(harness, base, price):
    premium = harness.clamped_premium(price, MARK, base, CAP_PPB)
    free = (price - MARK) * 10**9 // MARK
    assert premium == model.clamped_premium(price, MARK, base, CAP_PPB)
    assert harness.rate(base, premium, CAP_PPB) == max(-CAP_PPB, min(CAP_PPB, base + free))


@pytest.mark.parametrize(("price", "expected"), [(10**9 + 1, 1), (10**9 - 1, -1), (10**9, 0)])
def test_clamped_premium__one_part_per_billion(harness, price, expected):
    assert harness.clamped_premium(price, 10**9, 0, CAP_PPB) == expected


def test_clamped_premium__toward_zero(harness):
    mark = 3 * 10**9
    assert harness.clamped_premium(mark + 2, mark, 0, CAP_PPB) == 0
    assert harness.clamped_premium(mark - 2, mark, 0, CAP_PPB) == 0


def test_median__gas(harness):
    """Any order of twelve costs less than one cold slot and a half, besides the transaction."""
    for premiums in ([], range(0, 1_200, 100), range(1_200, 0, -100), [CAP_PPB, -CAP_PPB] * 6):
        window = harness.push_all(list(premiums))
        tx = harness.median.transact(window, {"from": accounts[0]})
        assert tx.gas_used < 21_000 + 600 + 4_000
