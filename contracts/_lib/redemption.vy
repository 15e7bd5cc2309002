# pragma version 0.4.3
"""
@title Redemption rate: what a claim is worth in tokens, and how repayments vest
@notice B is `backing` (wad of tokens), C is `claims` (wad of ledger units), U is `unvested` (wad of tokens).
        rho = min(1, B / C) is never stored: kept as the pair (B, C) it carries no rounding error, and the
        rules of the protocol become additions:

            shortfall s    C += s                       rho <- rho * B / (B + s * rho)
            deposit d      B += d, C += d / rho_d       rho <- (B + d) / (B / rho + d / rho_d)
            withdrawal w   B -= w * rho, C -= w         rho unchanged
            repayment v    B += v                       rho <- rho * (B + v) / B

        with rho_d = min(1, (B + U) / C). At B = 0 with claims outstanding rho is 0, and a repayment still
        raises it, where the product form would divide by zero. Products fit 256 bits while B, C < 2^127 wad.
"""

from contracts._lib import fixed_point

DEPOSIT_FLOOR: constant(uint256) = 100  # deposits stop below rho = 1 / 100
VESTING_S: constant(uint256) = 7 * 86400


@internal
@pure
def _rate_down(backing: uint256, claims: uint256) -> uint256:
    """
    @dev rho as a ray.
    """
    return (
        fixed_point.RAY
        if backing >= claims
        else fixed_point._mul_div_down(backing, fixed_point.RAY, claims)
    )


@internal
@pure
def _accepts_deposits(backing: uint256, claims: uint256) -> bool:
    """
    @dev rho >= 1 / 100, compared without dividing.
    """
    return backing * DEPOSIT_FLOOR >= claims


@internal
@pure
def _value_down(units: uint256, backing: uint256, claims: uint256) -> uint256:
    """
    @dev units * rho, for what the pool pays.
    """
    return units if backing >= claims else fixed_point._mul_div_down(units, backing, claims)


@internal
@pure
def _value_up(units: uint256, backing: uint256, claims: uint256) -> uint256:
    """
    @dev units * rho, for what the pool is paid.
    """
    return units if backing >= claims else fixed_point._mul_div_up(units, backing, claims)


@internal
@pure
def _units_down(tokens: uint256, backing: uint256, claims: uint256) -> uint256:
    """
    @dev tokens / rho; 0 at rho = 0, where no number of units is worth a token.
    """
    if backing >= claims:
        return tokens
    return 0 if backing == 0 else fixed_point._mul_div_down(tokens, claims, backing)


@internal
@pure
def _deposit_units_down(
    tokens: uint256, backing: uint256, unvested: uint256, claims: uint256
) -> uint256:
    """
    @dev tokens / rho_d: a newcomer buys at the price that already holds the unvested repayments.
    """
    return self._units_down(tokens, backing + unvested, claims)
