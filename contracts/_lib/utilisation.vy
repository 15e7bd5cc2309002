# pragma version 0.4.3
"""
@title How full a market is, and what the last of its room costs
@notice Utilisation is the worth of the larger side's open interest over the market's cap. Above 80 % both sides of
        a fill that makes open interest (neither reduces) pay a surcharge on their fee rate, 0 at 80 % and 10 basis points at
        100 % and above, straight between.
"""

from contracts._lib import fixed_point

CALM_PPM: constant(uint256) = 800_000
SLOPE_PPM: constant(uint256) = 200_000  # utilisation over which the surcharge rises
SURCHARGE_MAX_PPM: constant(uint256) = 1_000


@internal
@pure
def _utilisation_ppm_down(notional: uint256, cap: uint256) -> uint256:
    """
    @dev A notional (wad, a quotient by 1e18) over a cap (wad, not 0).
    """
    return unsafe_div(unsafe_mul(notional, fixed_point.PPM), cap)


@internal
@pure
def _surcharge_ppm_down(utilisation_ppm: uint256) -> uint256:
    """
    @dev What is added to the fee rates of a fill in which neither side reduces.
    """
    if utilisation_ppm <= CALM_PPM:
        return 0
    above: uint256 = min(unsafe_sub(utilisation_ppm, CALM_PPM), SLOPE_PPM)
    return unsafe_div(unsafe_mul(above, SURCHARGE_MAX_PPM), SLOPE_PPM)
