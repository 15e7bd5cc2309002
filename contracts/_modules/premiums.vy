# pragma version 0.4.3
"""
@title What fills tell about the price people pay above mark
"""

from contracts._lib import premium_window
from contracts._modules import ledger
from contracts._modules import market_terms

uses: ledger


@internal
def _record(market: uint256, terms: market_terms.Terms, price: uint256, notional: uint256):
    """
    @dev Adds a fill (notional in wad at mark) to the running premium bucket.
    """
    state: ledger.Market = ledger._market(market)
    premium: int256 = premium_window._clamped_premium(
        price, state.mark, terms.funding_base_ppb, terms.funding_cap_ppb
    )
    volume: uint256 = notional // ledger.MICRO
    state.premium_volume += volume
    assert state.premium_volume < 2**72, "funding: volume too large"
    state.premium_sum += convert(volume, int256) * premium // 10**9
    ledger._store_clock(market, state)
