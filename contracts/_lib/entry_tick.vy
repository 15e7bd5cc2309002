# pragma version 0.4.3
"""
@title Entry prices as small floats, and the ticks they fall into
@notice A price p (wad, 1 <= p < 2**128) is written as exponent e = index of its highest set bit and a
        33-bit mantissa f: p ~ (2**33 + f) * 2**(e - 33), code = e << 33 | f. Codes order as prices do,
        and a mantissa that overflows carries into the exponent by itself.
        The entry tick is the code without its low 27 bits: the same exponent and the first 6 bits of the
        mantissa. One tick spans at most 1/64 = 1.6 % of price; the stored average errs by at most 2**-33.
        A long's score uses the upper edge of its tick, a short's the lower: the worse one.
"""

from contracts._lib import bits

MANTISSA_BITS: constant(uint256) = 33
TICK_SHIFT: constant(uint256) = 27  # code >> 27 = exponent and 6 mantissa bits
CODE_MAX: constant(uint256) = 2**40 - 1


@internal
@pure
def _encode(price: uint256, up: bool) -> uint256:
    """
    @dev Code of a price, rounded up (longs) or down (shorts): never a better entry than the true one.
    """
    return self._encode_near(price, up, 0)


@internal
@pure
def _encode_near(price: uint256, up: bool, near: uint256) -> uint256:
    """
    @dev `_encode`, given the code of a price that probably has the same exponent: it saves the search for it.
    """
    assert price != 0, "entry: zero price"
    e: uint256 = near >> MANTISSA_BITS
    if price >> e != 1:
        e = bits._highest(price)
    # e < 256; the leading one of the price adds 1 to the exponent, which starts one lower
    base: uint256 = unsafe_sub(e, 1) << MANTISSA_BITS
    if e <= MANTISSA_BITS:
        return unsafe_add(base, price << unsafe_sub(MANTISSA_BITS, e))
    bit_shift: uint256 = unsafe_sub(e, MANTISSA_BITS)
    significand: uint256 = price >> bit_shift
    code: uint256 = unsafe_add(base, significand)
    if up and significand << bit_shift != price:
        code = unsafe_add(code, 1)
    assert code <= CODE_MAX, "entry: price too large"
    return code


@internal
@pure
def _decode(code: uint256) -> uint256:
    """
    @dev Price (wad) of a code.
    """
    e: uint256 = code >> MANTISSA_BITS
    significand: uint256 = (1 << MANTISSA_BITS) | (code & ((1 << MANTISSA_BITS) - 1))
    return (significand << e) >> MANTISSA_BITS


@internal
@pure
def _tick(code: uint256) -> uint256:
    """
    @dev Entry tick of a code (13 bits).
    """
    return code >> TICK_SHIFT


@internal
@pure
def _worse_edge(tick: uint256, long: bool) -> uint256:
    """
    @dev Upper edge of a tick for longs, lower edge for shorts (wad).
    """
    return self._decode((tick + (1 if long else 0)) << TICK_SHIFT)
