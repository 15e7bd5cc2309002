# pragma version 0.4.3
"""
@title What fills tell about the price people pay above mark
"""

from contracts._lib import bits
from contracts._lib import premium_window
from contracts._modules import ledger

uses: ledger


@internal
def _record(
    market: uint256,
    clock: uint256,
    mark: uint256,
    base_ppb: int256,
    cap_ppb: uint256,
    price: uint256,
    notional: uint256,
):
    """
    @dev Adds a fill (notional in wad at mark) to the running premium bucket in the market's clock word.
    """
    premium: int256 = premium_window._clamped_premium(price, mark, base_ppb, cap_ppb)
    volume: uint256 = notional // ledger.MICRO
    assert unsafe_add(clock >> 80 & (2**72 - 1), volume) < 2**72, "funding: volume too large"
    # volume < 2**72 by now, and a premium is within one
    change: int256 = unsafe_div(unsafe_mul(convert(volume, int256), premium), 10**9)
    total: int256 = unsafe_add(bits._sign_extend(clock >> 152, 184), change)
    ledger.market_clock[market] = (
        clock & ~((2**72 - 1) << 152) | bits._low_bits(total, 184) << 152
    ) + (volume << 80)
