# pragma version 0.4.3
"""
@title Parameters of a market: bounds, packing, leverage classes
@notice terms word:    oi cap 100 | least notional 32 | taker fee 16 | maker fee 16 | band 24 | max class 4
                       | funding base int32 | funding cap 32
        brackets word: see contracts/_lib/brackets.vy
        Leverage classes 0 to 4 stand for 1, 2, 5, 10 and 20 times.
"""

from contracts._lib import bits
from contracts._lib import brackets
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._lib import premium_window
from contracts._modules import ledger
from interfaces import IClearinghouse

uses: ledger

LEVERAGES: constant(uint256) = 1 | 2 << 8 | 5 << 16 | 10 << 24 | 20 << 32  # a byte per class
CLASSES: constant(uint256) = 5
P_MIN: constant(uint256) = 10**21  # ray: 1e-6, below which a bucket starts a new epoch
FEE_MAX_PPM: constant(uint256) = 10_000
BAND_MIN_PPM: constant(uint256) = 1_000
BAND_MAX_PPM: constant(uint256) = 200_000
RATE_MAX_PPB: constant(uint256) = 40_000_000  # 4 % an hour


struct Terms:
    oi_cap: uint256  # wad base units per side
    min_notional: uint256  # whole quote units
    taker_fee_ppm: uint256
    maker_fee_ppm: uint256
    band_ppm: uint256
    max_class: uint256
    funding_base_ppb: int256  # per hour
    funding_cap_ppb: uint256  # per hour


@internal
@view
def _terms(market: uint256) -> Terms:
    """
    @dev Unpacks a market's terms; refuses a market that is not listed.
    """
    word: uint256 = ledger.market_terms[market]
    assert word != 0, "market: unknown"
    return Terms(
        oi_cap=word & (2**100 - 1),
        min_notional=word >> 100 & (2**32 - 1),
        taker_fee_ppm=word >> 132 & (2**16 - 1),
        maker_fee_ppm=word >> 148 & (2**16 - 1),
        band_ppm=word >> 164 & (2**24 - 1),
        max_class=word >> 188 & 15,
        funding_base_ppb=bits._sign_extend(word >> 192, 224),
        funding_cap_ppb=word >> 224,
    )


@internal
@pure
def _funding_terms(word: uint256) -> (int256, uint256, uint256):
    """
    @dev Base and cap of the funding rate (ppb per hour) and the fees of both sides together (ppm), of a terms word.
    """
    return (
        bits._sign_extend(word >> 192, 224),
        word >> 224,
        (word >> 132 & (2**16 - 1)) + (word >> 148 & (2**16 - 1)),
    )


@internal
def _store(market: uint256, config: IClearinghouse.MarketConfig, mark: uint256):
    """
    @dev Checks the hard bounds of a listing and packs a market's parameters.
    """
    assert config.max_class < CLASSES, "market: bad leverage class"
    assert (
        config.min_notional >= 100 and config.min_notional < 2**32
    ), "market: bad least notional"
    assert config.taker_fee_ppm <= FEE_MAX_PPM, "market: fee too high"
    assert config.maker_fee_ppm <= config.taker_fee_ppm, "market: maker fee above taker"
    assert config.band_ppm >= BAND_MIN_PPM and config.band_ppm <= BAND_MAX_PPM, "market: bad band"
    assert config.funding_cap_ppb <= RATE_MAX_PPB, "market: funding cap too high"
    base_ppb: uint256 = fixed_point._magnitude(config.funding_base_ppb)
    assert base_ppb <= config.funding_cap_ppb, "market: base rate above cap"
    # a premium is clamped to cap + |base| and must fit its lane of the window
    premium_max: uint256 = convert(premium_window.PREMIUM_MAX_PPB, uint256)
    assert base_ppb + config.funding_cap_ppb <= premium_max, "market: funding cap too high"
    # a share may be worth 1e-6 of a unit, so T reaches max OI / P_MIN and N reaches that times the mark
    assert config.oi_cap != 0 and config.oi_cap < 2**99, "market: bad open interest cap"
    assert config.oi_cap // P_MIN * fixed_point.RAY < 2**119, "market: bad open interest cap"
    assert (
        config.oi_cap * mark // fixed_point.WAD * 10**6 < 2**117
    ), "market: notional too large"
    ledger.market_terms[market] = (
        config.oi_cap
        | config.min_notional << 100
        | config.taker_fee_ppm << 132
        | config.maker_fee_ppm << 148
        | config.band_ppm << 164
        | config.max_class << 188
        | bits._low_bits(config.funding_base_ppb, 224) << 192
        | config.funding_cap_ppb << 224
    )
    assert config.premium_volume < 2**48, "market: bad premium volume"
    ledger.premium_volumes[market] = config.premium_volume
    ledger.market_brackets[market] = self._packed_brackets(config)


@internal
@pure
def _packed_brackets(config: IClearinghouse.MarketConfig) -> uint256:
    """
    @dev Checks that the brackets are convex, that initial exceeds maintenance margin, and packs them.
    """
    word: uint256 = 0
    low: IClearinghouse.Bracket = empty(IClearinghouse.Bracket)
    unit: uint256 = brackets.RATE_UNIT_PPM
    for k: uint256 in range(3):
        bracket: IClearinghouse.Bracket = config.brackets[k]
        assert (
            bracket.threshold >= low.threshold and bracket.threshold < 2**48
        ), "market: bad bracket threshold"
        assert k != 0 or bracket.threshold == 0, "market: bad bracket threshold"
        assert (
            bracket.im_ppm >= low.im_ppm and bracket.mm_ppm >= low.mm_ppm
        ), "market: bad bracket rate"
        assert (
            bracket.mm_ppm >= unit * 100 and bracket.im_ppm <= unit * 65_535
        ), "market: bad bracket rate"
        assert bracket.im_ppm * 10 >= bracket.mm_ppm * 12, "market: initial margin too low"
        assert bracket.im_ppm % unit == 0 and bracket.mm_ppm % unit == 0, "market: bad bracket rate"
        word |= (
            bracket.threshold | bracket.im_ppm // unit << 48 | bracket.mm_ppm // unit << 64
        ) << (80 * k)
        low = bracket
    return word


@internal
@view
def _config(market: uint256) -> IClearinghouse.MarketConfig:
    """
    @dev The parameters as they were given.
    """
    terms: Terms = self._terms(market)
    config: IClearinghouse.MarketConfig = empty(IClearinghouse.MarketConfig)
    config.oi_cap = terms.oi_cap
    config.min_notional = terms.min_notional
    config.taker_fee_ppm = terms.taker_fee_ppm
    config.maker_fee_ppm = terms.maker_fee_ppm
    config.band_ppm = terms.band_ppm
    config.max_class = terms.max_class
    config.funding_base_ppb = terms.funding_base_ppb
    config.funding_cap_ppb = terms.funding_cap_ppb
    config.premium_volume = ledger.premium_volumes[market]
    word: uint256 = ledger.market_brackets[market]
    for k: uint256 in range(3):
        config.brackets[k] = IClearinghouse.Bracket(
            threshold=word & (2**48 - 1),
            im_ppm=(word >> 48 & (2**16 - 1)) * brackets.RATE_UNIT_PPM,
            mm_ppm=(word >> 64 & (2**16 - 1)) * brackets.RATE_UNIT_PPM,
        )
        word >>= 80
    return config


@internal
@pure
def _leverage(leverage_class: uint256) -> uint256:
    """
    @dev Times that a class stands for.
    """
    return LEVERAGES >> unsafe_mul(8, leverage_class) & 255


@internal
@pure
def _margins(
    brackets_word: uint256, notional: uint256, choice: uint256, max_class: uint256
) -> (uint256, uint256, uint256):
    """
    @dev Initial and maintenance margin (wad, rounded up) of a position, IM = max(N / L, bracket IM), and the class
         in force: the largest <= min(L, N / bracket IM), which ranks the position in the ADL queue.
    """
    im: uint256 = 0
    mm: uint256 = 0
    im, mm = brackets._requirements(brackets_word, notional)
    # the class an account chose; the market's largest if it never chose or the market allows less now
    class_now: uint256 = max_class
    if choice != 0:
        class_now = min(unsafe_sub(choice, 1), max_class)
    leverage: uint256 = LEVERAGES >> unsafe_mul(8, class_now) & 255
    # a notional is a quotient by 1e18, im below it, and leverage 1 to 20
    by_class: uint256 = unsafe_div(unsafe_add(notional, unsafe_sub(leverage, 1)), leverage)
    for _: uint256 in range(CLASSES):
        # im is rounded up: the wei it may be above N / L must not decide about a class
        if unsafe_mul(leverage, im) < unsafe_add(notional, leverage) or class_now == 0:
            break
        class_now = unsafe_sub(class_now, 1)
        leverage = LEVERAGES >> unsafe_mul(8, class_now) & 255
    return max(im, by_class), mm, class_now
