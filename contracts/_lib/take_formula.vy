# pragma version 0.4.3
"""
@title The terms of a take: what a bankrupt-to-be account pays and how much of a leg may go
@dev   Symbols: E equity, MM maintenance margin of the account; N, m notional and margin of the
       leg, r its marginal rate; kappa > 1; n the notional of a slice; a = c_a + phi_a what the
       account pays per unit of notional.

       1. E/MM must not fall. After the slice E1 = E - a*n and MM1 = MM - d. Brackets are
       convex and start at 0, so d >= m*n/N for every n <= N. Then

           E1 * MM >= E * MM1   <=>   E*d >= a*n*MM   <=   a <= E*m / (MM*N).

       The same bound gives a*n <= E*(m/MM)*(n/N) <= E: equity cannot go negative. For E <= 0 it
       is 0. It is used one ppm under an exact multiple, so that the wei lost to rounding in the
       ledger never break the inequality: one ppm of a slice is worth more than they are.

       2. A slice that restores E1 = kappa * MM1 at the marginal rate r, d = r*n:

           E - a*n = kappa * (MM - r*n)   <=>   n = (kappa*MM - E) / (kappa*r - a).

       With a < kappa*m/N <= kappa*r the denominator is positive. It can fail only where m is
       rounded up on a few wei of notional; there the whole leg goes. Across a bracket
       threshold r overstates the relief, so n is too small, never too large: take again.

       Rounding: a down (for the account), n up by `_SLACK`, or an exact slice would end a wei
       short of kappa * MM and leave the auction open.
"""

# constants
PPM: constant(uint256) = 10**6
WAD: constant(uint256) = 10**18
_LEAST_SLICE_DIVISOR: constant(uint256) = 20  # 5 % of the leg
_SLACK: constant(uint256) = 10  # wei of quote


@internal
@pure
def _margin_share_ppm(equity: int256, mm: uint256, leg_mm: uint256, notional: uint256) -> uint256:
    """
    @dev The cap of point 1: the largest whole ppm strictly under E*m / (MM*N), or 0.
    """
    divisor: uint256 = mm * notional
    if equity <= 0 or divisor == 0:
        return 0
    product: uint256 = convert(equity, uint256) * leg_mm * PPM
    if product == 0:
        return 0
    return (product - 1) // divisor


@internal
@pure
def _account_terms(
    share_ppm: uint256, concession_ppm: uint256, fee_ppm: uint256
) -> (uint256, uint256):
    """
    @dev (c_a, phi_a): together at most `share_ppm`, the fee gives way first.
    """
    account_concession_ppm: uint256 = min(concession_ppm, share_ppm)
    return account_concession_ppm, min(fee_ppm, share_ppm - account_concession_ppm)


@internal
@pure
def _restoring_notional(
    equity: int256,
    mm: uint256,
    notional: uint256,
    rate_ppm: uint256,
    cost_ppm: uint256,
    kappa_ppm: uint256,
) -> uint256:
    """
    @dev n of point 2, at most the whole leg; the whole leg if E <= 0, nothing if E >= kappa * MM.
    """
    if equity <= 0:
        return notional
    target: uint256 = kappa_ppm * mm
    held: uint256 = convert(equity, uint256) * PPM
    if held >= target:
        return 0
    relief: uint256 = kappa_ppm * rate_ppm
    cost: uint256 = cost_ppm * PPM
    if relief <= cost:
        return notional
    return min(notional, ((target - held) // PPM + _SLACK) * PPM**2 // (relief - cost))


@internal
@pure
def _slice_bounds(
    size: uint256, notional: uint256, mark: uint256, wanted: uint256, min_notional: uint256
) -> (uint256, uint256):
    """
    @dev (largest, smallest) size: min(N, max(wanted, n_min)) and n_min = max(minimum, 5 %), or the whole leg.
    """
    least: uint256 = max(min_notional, notional // _LEAST_SLICE_DIVISOR)
    if notional <= least:
        return size, size
    return (
        self._size_worth(max(wanted, least), size, notional, mark),
        self._size_worth(least, size, notional, mark),
    )


@internal
@pure
def _worsened(mark: uint256, ppm: uint256, account_is_long: bool) -> uint256:
    """
    @dev Mark worsened for the account by `ppm`, the last wei in its favour.
    """
    if account_is_long:
        return mark - mark * ppm // PPM
    return mark + mark * ppm // PPM


@internal
@pure
def _size_worth(wanted: uint256, size: uint256, notional: uint256, mark: uint256) -> uint256:
    """
    @dev The whole leg once its notional is asked for, so that no dust stays behind.
    """
    if wanted >= notional:
        return size
    return min(size, (wanted * WAD + mark - 1) // mark)
