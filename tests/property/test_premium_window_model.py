"""premium_window against lists and fractions."""

from __future__ import annotations

import pytest
from brownie import accounts
from hypothesis import strategies as st
from hypothesis.core import given  # without Brownie's snapshot around each example

from tests.support import premium_model as model

premium = st.one_of(
    st.just(0),
    st.integers(-500, 500),
    st.integers(-model.PREMIUM_MAX_PPB, model.PREMIUM_MAX_PPB),
    st.integers(-(2**255), 2**255 - 1),
    st.sampled_from([40_000_000, -40_000_000]),
)
volume = st.one_of(st.integers(0, 10), st.integers(0, 2**160))
rate = st.integers(-(10**9), 10**9)
cap = st.integers(0, 10**9)


@pytest.fixture(scope="module")
def harness(PremiumWindowHarness):
    return PremiumWindowHarness.deploy({"from": accounts[0]})


@given(premiums=st.lists(premium, max_size=30))
def test_median__any_buckets__exactly_the_models(harness, premiums):
    expected = model.median(model.window(premiums))
    assert expected.denominator == 1
    assert harness.median(harness.push_all(premiums)) == expected


@given(premiums=st.lists(premium, min_size=12, max_size=12), data=st.data())
def test_median__order_of_buckets__does_not_matter(harness, premiums, data):
    shuffled = data.draw(st.permutations(premiums))
    assert harness.median(harness.push_all(premiums)) == harness.median(harness.push_all(shuffled))


@given(premiums=st.lists(premium, max_size=12))
def test_median__mirrored_buckets__mirrored_median(harness, premiums):
    mirrored = [-max(premium, -(2**255) + 1) for premium in premiums]
    assert harness.median(harness.push_all(mirrored)) == -harness.median(harness.push_all(premiums))


@given(premiums=st.lists(premium, max_size=20), skipped=st.integers(0, 15))
def test_push_zeros__as_zeros_pushed(harness, premiums, skipped):
    window = harness.push_zeros(harness.push_all(premiums), skipped)
    assert window == harness.push_all(premiums + [0] * skipped)


@given(
    honest=st.lists(st.integers(-1_000_000, 1_000_000), min_size=6, max_size=6),
    forged=st.lists(premium, min_size=6, max_size=6),
    data=st.data(),
)
def test_median__five_washed_buckets__stays_between_honest_ones(harness, honest, forged, data):
    honest = [*honest, data.draw(st.integers(-1_000_000, 1_000_000))]
    buckets = data.draw(st.permutations(honest + forged[:5]))
    median = harness.median(harness.push_all(buckets))
    stored = [model.stored(bucket) for bucket in honest]
    assert min(stored) <= median <= max(stored)


@given(volumes=st.lists(st.tuples(volume, rate), max_size=8), v_min=volume)
def test_bucket_premium__any_fills__as_the_model(harness, volumes, v_min):
    sum_vp = sum(v * p for v, p in volumes)
    sum_v = sum(v for v, _ in volumes)
    got = harness.bucket_premium(sum_vp, sum_v, v_min)
    assert got == model.bucket_premium(sum_vp, sum_v, v_min)
    assert abs(got) <= max([abs(p) for _, p in volumes], default=0)


@given(v_set=volume, cap_ppb=cap, oi=volume, fees=st.integers(0, 20_000))
def test_v_min__as_the_model(harness, v_set, cap_ppb, oi, fees):
    assert harness.v_min(v_set, cap_ppb, oi, fees) == model.v_min(v_set, cap_ppb, oi, fees)


@given(base=rate, median=rate, cap_ppb=cap)
def test_rate__as_the_model(harness, base, median, cap_ppb):
    assert harness.rate(base, median, cap_ppb) == model.rate(base, median, cap_ppb)


@given(
    price=st.integers(0, 2**96),
    mark=st.integers(1, 2**96 - 1),
    near=st.booleans(),
    base=rate,
    cap_ppb=cap,
)
def test_clamped_premium__as_the_model(harness, price, mark, near, base, cap_ppb):
    if near:
        price = mark + price % (mark // 10 + 1) - mark // 20
    got = harness.clamped_premium(price, mark, base, cap_ppb)
    assert got == model.clamped_premium(price, mark, base, cap_ppb)
