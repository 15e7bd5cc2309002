# pragma version 0.4.3
"""
@title What two orders do to each other: who is the maker, at which price, and whether they fit at all
"""

from interfaces import IClearinghouse
from interfaces import IExchange
from contracts._lib import revert_reason

# `IExchange.Order.flags`
REDUCE_ONLY: constant(uint256) = 1
POST_ONLY: constant(uint256) = 2
LIQUIDATION_ONLY: constant(uint256) = 4
TRIGGER_ABOVE: constant(uint256) = 8
ALL_FLAGS: constant(uint256) = 15

# `IClearinghouse.Fill.flags`
FILL_MAKER_REDUCES: constant(uint256) = 1
FILL_TAKER_REDUCES: constant(uint256) = 2
FILL_MAKER_FEE: constant(uint256) = 4
FILL_BLOCK: constant(uint256) = 8


@internal
@pure
def _check_match(pair: IExchange.Match, order_count: uint256, where: uint256):
    """
    @dev The two numbers must name orders of the call.
    """
    if pair.maker >= order_count or pair.taker >= order_count:
        revert_reason._raise(where, "match: no such order")


@internal
@pure
def _open(order_size: int256, already: uint256) -> uint256:
    """
    @dev Size not filled yet; `already` never exceeds the order's size.
    """
    return unsafe_sub(convert(abs(order_size), uint256), already)


@internal
@pure
def _match(
    maker: IExchange.Order,
    taker: IExchange.Order,
    size: uint256,
    maker_filled: uint256,
    taker_filled: uint256,
    where: uint256,
) -> IClearinghouse.Fill:
    """
    @dev Decides what two orders do to each other, or reverts if they do not fit.
    """
    if size == 0:
        revert_reason._raise(where, "match: zero size")
    if maker.market != taker.market:
        revert_reason._raise(where, "order: different markets")
    if (maker.size > 0) == (taker.size > 0):
        revert_reason._raise(where, "order: same side")
    if maker.account >> 96 == taker.account >> 96:
        revert_reason._raise(where, "order: self trade")
    if size > self._open(maker.size, maker_filled) or size > self._open(taker.size, taker_filled):
        revert_reason._raise(where, "order: over filled")

    flags: uint256 = 0
    if maker.counterparty | taker.counterparty != 0:
        if maker.counterparty != 0 and maker.counterparty != taker.account:
            revert_reason._raise(where, "order: wrong counterparty")
        if taker.counterparty != 0 and taker.counterparty != maker.account:
            revert_reason._raise(where, "order: wrong counterparty")
        flags = FILL_BLOCK

    bid: uint256 = maker.limit_price
    ask: uint256 = taker.limit_price
    if maker.size < 0:
        bid = taker.limit_price
        ask = maker.limit_price
    if bid < ask:
        revert_reason._raise(where, "order: prices do not cross")

    if taker.flags & POST_ONLY != 0:
        if maker.flags & POST_ONLY != 0:
            revert_reason._raise(where, "order: both post-only")
        return self._fill(taker, maker, size, taker.limit_price, flags | FILL_MAKER_FEE)
    if maker.flags & POST_ONLY != 0:
        return self._fill(maker, taker, size, maker.limit_price, flags | FILL_MAKER_FEE)
    # Rounded down, between the two limits: bid >= ask.
    return self._fill(maker, taker, size, ask + (bid - ask) // 2, flags)


@internal
@pure
def _fill(
    maker: IExchange.Order,
    taker: IExchange.Order,
    size: uint256,
    price: uint256,
    flags: uint256,
) -> IClearinghouse.Fill:
    """
    @dev The clearinghouse's form of a match. `size` is at most the size of an order, so it fits an int256.
    """
    signed_size: int256 = convert(size, int256)
    if taker.size < 0:
        signed_size = -signed_size
    return IClearinghouse.Fill(
        maker=maker.account,
        taker=taker.account,
        market=maker.market,
        size=signed_size,
        price=price,
        maker_fee_cap_ppm=maker.max_fee_ppm,
        taker_fee_cap_ppm=taker.max_fee_ppm,
        flags=(
            flags
            | ((maker.flags & REDUCE_ONLY) * FILL_MAKER_REDUCES)
            | ((taker.flags & REDUCE_ONLY) * FILL_TAKER_REDUCES)
        ),
    )
