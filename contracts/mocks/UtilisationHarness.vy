# pragma version 0.4.3
"""
@title Utilisation and its surcharge by themselves
"""

from contracts._lib import utilisation


@external
@pure
def utilisation_ppm_down(notional: uint256, cap: uint256) -> uint256:
    return utilisation._utilisation_ppm_down(notional, cap)


@external
@pure
def surcharge_ppm_down(utilisation_ppm: uint256) -> uint256:
    return utilisation._surcharge_ppm_down(utilisation_ppm)
