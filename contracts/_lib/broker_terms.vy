# pragma version 0.4.3
"""
@title Bounds of the terms on which a broker's vault is opened
@dev   Fixed in code: whoever deposits into, or is sponsored by, any broker can rely on them.
"""

from contracts._lib import fixed_point
from interfaces import IBrokerVault

PPM: constant(uint256) = fixed_point.PPM
MIN_OMEGA_PPM: constant(uint256) = 1_000_000
MAX_OMEGA_PPM: constant(uint256) = 10_000_000
MIN_FIRST_LOSS_PPM: constant(uint256) = 50_000
MIN_CLIENT_PPM: constant(uint256) = 10_000
MAX_COMMISSION_PPM: constant(uint256) = 500_000
MIN_NOTICE_S: constant(uint256) = 7 * 86_400
MAX_NOTICE_S: constant(uint256) = 60 * 86_400


@internal
@pure
def _check_bounds(terms: IBrokerVault.Terms):
    """
    @dev What no vault may be opened with.
    """
    assert (
        terms.omega_ppm >= MIN_OMEGA_PPM and terms.omega_ppm <= MAX_OMEGA_PPM
    ), "broker: bad omega"
    assert (
        terms.first_loss_ppm >= MIN_FIRST_LOSS_PPM and terms.first_loss_ppm <= PPM
    ), "broker: bad first loss"
    assert (
        terms.client_ppm >= MIN_CLIENT_PPM and terms.client_ppm <= PPM
    ), "broker: bad client limit"
    assert terms.commission_ppm <= MAX_COMMISSION_PPM, "broker: commission too high"
    assert (terms.notice_s >= MIN_NOTICE_S and terms.notice_s <= MAX_NOTICE_S), "broker: bad notice"
