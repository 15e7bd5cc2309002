# pragma version 0.4.3
# pragma optimize gas
"""
@title Calls every function of `premium_window`
"""

from contracts._lib import premium_window


@external
@pure
def push(window: uint256, premium_ppb: int256) -> uint256:
    return premium_window._push(window, premium_ppb)


@external
@pure
def push_all(premiums_ppb: DynArray[int256, 64]) -> uint256:
    """
    @notice The window after the premiums, the oldest given first.
    """
    window: uint256 = 0
    for premium_ppb: int256 in premiums_ppb:
        window = premium_window._push(window, premium_ppb)
    return window


@external
@pure
def push_zeros(window: uint256, skipped: uint256) -> uint256:
    return premium_window._push_zeros(window, skipped)


@external
@pure
def median(window: uint256) -> int256:
    return premium_window._median(window)


@external
@pure
def bucket_premium(sum_vp: int256, sum_v: uint256, v_min: uint256) -> int256:
    return premium_window._bucket_premium(sum_vp, sum_v, v_min)


@external
@pure
def v_min(
    v_set: uint256, cap_ppb_per_hour: uint256, oi_notional: uint256, fee_sum_ppm: uint256
) -> uint256:
    return premium_window._v_min(v_set, cap_ppb_per_hour, oi_notional, fee_sum_ppm)


@external
@pure
def rate(base_ppb: int256, median_ppb: int256, cap_ppb: uint256) -> int256:
    return premium_window._rate(base_ppb, median_ppb, cap_ppb)


@external
@pure
def clamped_premium(price: uint256, mark: uint256, base_ppb: int256, cap_ppb: uint256) -> int256:
    return premium_window._clamped_premium(price, mark, base_ppb, cap_ppb)
