# pragma version 0.4.3
"""
@title The take formula by itself
"""

from contracts._lib import take_formula


@external
@pure
def margin_share_ppm(equity: int256, mm: uint256, leg_mm: uint256, notional: uint256) -> uint256:
    return take_formula._margin_share_ppm(equity, mm, leg_mm, notional)


@external
@pure
def slice_terms(
    equity: int256,
    mm: uint256,
    leg_mm: uint256,
    size: uint256,
    mark: uint256,
    rate_ppm: uint256,
    concession_ppm: uint256,
    fee_ppm: uint256,
    kappa_ppm: uint256,
    min_notional: uint256,
) -> (uint256, uint256, uint256, uint256):
    """
    @notice c_a, phi_a (ppm), largest and smallest size (wad).
    """
    notional: uint256 = size * mark // take_formula.WAD
    share_ppm: uint256 = take_formula._margin_share_ppm(equity, mm, leg_mm, notional)
    concession: uint256 = 0
    fee: uint256 = 0
    concession, fee = take_formula._account_terms(share_ppm, concession_ppm, fee_ppm)
    wanted: uint256 = take_formula._restoring_notional(
        equity, mm, notional, rate_ppm, concession + fee, kappa_ppm
    )
    size_max: uint256 = 0
    size_min: uint256 = 0
    size_max, size_min = take_formula._slice_bounds(size, notional, mark, wanted, min_notional)
    return concession, fee, size_max, size_min


@external
@pure
def worsened(mark: uint256, ppm: uint256, account_is_long: bool) -> uint256:
    return take_formula._worsened(mark, ppm, account_is_long)
