# pragma version 0.4.3
"""
@title How a loss is split over an account's markets, in one slot
@dev   Ten fields of 25 bits, field i at bits 25 * i: market id (8 bits), 1 if the account was
       short there (1 bit; the winners are the other side, also after the leg is gone), share
       (16 bits) in units of 2e-5. Shares sum to exactly `SHARES`; markets without a share are
       left out; the first empty field ends the list.
"""

# constants
SHARES: constant(uint256) = 50_000
FIELDS: constant(uint256) = 10
_FIELD_BITS: constant(uint256) = 25
_FIELD_MASK: constant(uint256) = 2**25 - 1
_MARKET_MASK: constant(uint256) = 2**8 - 1
_SHORT_BIT: constant(uint256) = 2**8
_SHARE_OFFSET: constant(uint256) = 9
# Of notional: stands for the margin of a leg that needs none any more.
_SETTLED_PART: constant(uint256) = 20


# One leg's part in the account's loss.
struct LegLoss:
    market: uint256
    short: bool
    loss: uint256  # any unit, the same for all legs


@internal
@pure
def _with_margins(
    legs: DynArray[LegLoss, 10], margins: DynArray[uint256, 10]
) -> DynArray[LegLoss, 10]:
    """
    @dev Losses against entry, and what they leave of the maintenance margin unexplained in proportion to each
         leg's part of it. An account that lost its way down to MM has lost about that much; one that took its
         profits out before has not, and a tiny losing leg must not send its whole loss to the wrong market.
    """
    mm: uint256 = 0
    lost: uint256 = 0
    for i: uint256 in range(len(legs), bound=FIELDS):
        mm += margins[i]
        lost += legs[i].loss
    spread: DynArray[LegLoss, 10] = legs
    if lost < mm:
        for i: uint256 in range(len(legs), bound=FIELDS):
            spread[i].loss += (mm - lost) * margins[i] // mm
    return spread


@internal
@pure
def _margin(mm: uint256, notional: uint256) -> uint256:
    """
    @dev What a leg counts for in `_with_margins`. In a settled market it needs no maintenance margin, and what an account has
         lost there after it took its profits out would be explained by nothing.
    """
    return mm if mm != 0 else notional // _SETTLED_PART


@internal
@pure
def _pack(legs: DynArray[LegLoss, 10]) -> uint256:
    """
    @dev Shares in proportion to the losses, rounded down; what rounding leaves goes to the largest.
    """
    total: uint256 = 0
    largest: uint256 = 0
    for i: uint256 in range(len(legs), bound=FIELDS):
        total += legs[i].loss
        if legs[i].loss > legs[largest].loss:
            largest = i
    if total == 0:
        return 0

    rest: uint256 = SHARES
    for leg: LegLoss in legs:
        rest -= leg.loss * SHARES // total

    packed: uint256 = 0
    offset: uint256 = 0
    for i: uint256 in range(len(legs), bound=FIELDS):
        share: uint256 = legs[i].loss * SHARES // total
        if i == largest:
            share += rest
        if share == 0:
            continue
        word: uint256 = legs[i].market | (share << _SHARE_OFFSET)
        if legs[i].short:
            word |= _SHORT_BIT
        packed |= word << offset
        offset += _FIELD_BITS
    return packed


@internal
@pure
def _field(weights: uint256, index: uint256) -> (uint256, uint256):
    """
    @dev Market and share of field `index`; (0, 0) behind the last one.
    """
    word: uint256 = (weights >> (index * _FIELD_BITS)) & _FIELD_MASK
    return word & _MARKET_MASK, word >> _SHARE_OFFSET


@internal
@pure
def _is_short(weights: uint256, index: uint256) -> bool:
    """
    @dev Whether the account was short in the market of field `index`.
    """
    return (weights >> (index * _FIELD_BITS)) & _SHORT_BIT != 0


@internal
@pure
def _kept(weights: uint256, markets: uint256) -> uint256:
    """
    @dev The fields whose market is in the bitmap, in the same proportions; 0 if there is none.
    """
    kept: DynArray[LegLoss, 10] = []
    for i: uint256 in range(FIELDS):
        market: uint256 = 0
        share: uint256 = 0
        market, share = self._field(weights, i)
        if market == 0:
            break
        if markets >> market & 1 == 1:
            kept.append(LegLoss(market=market, short=self._is_short(weights, i), loss=share))
    return self._pack(kept)
