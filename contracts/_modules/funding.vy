# pragma version 0.4.3
"""
@title The funding rate at the end of five minutes
@notice The rate is base + median of the last twelve five-minute premiums, clamped to the cap.
"""

from contracts._lib import premium_window
from contracts._modules import ledger
from contracts._modules import market_terms


@internal
@pure
def _next_rate(
    terms_word: uint256,
    volume_set: uint256,
    notional: uint256,
    window: uint256,
    premium_sum: int256,
    premium_volume: uint256,
    steps: uint256,
) -> (int256, uint256):
    """
    @dev Closes the running premium bucket, lets skipped ones count as zero and sets the rate (ppb per hour); also returns
         the window. `volume_set` in quote units, `notional` of the larger side in wad, sums in micro quote units.
    """
    base_ppb: int256 = 0
    cap_ppb: uint256 = 0
    fees_ppm: uint256 = 0
    base_ppb, cap_ppb, fees_ppm = market_terms._funding_terms(terms_word)
    premium: int256 = premium_window._bucket_premium(
        premium_sum * 10**9,
        premium_volume,
        premium_window._v_min(
            volume_set * 10**6,
            cap_ppb,
            notional // ledger.MICRO,
            fees_ppm,
        ),
    )
    pushed: uint256 = premium_window._push(window, premium)
    if steps > 1:
        pushed = premium_window._push_zeros(pushed, steps - 1)
    rate_ppb: int256 = premium_window._rate(base_ppb, premium_window._median(pushed), cap_ppb)
    return rate_ppb, pushed
