# pragma version 0.4.3
"""
@title One side of a trade or take: what it becomes, and whether its margin allows it
@notice Both sides of a trade and the taker of an auction's slice go through `_settle_side`. The account under auction does not:
        it always may lose a slice, and the liquidator checks what that costs it.
"""

from contracts._lib import concentration
from contracts._lib import entry_tick
from contracts._lib import fixed_point
from contracts._lib import stress
from contracts._modules import flat_bucket
from contracts._modules import ledger
from contracts._modules import margin
from contracts._modules import market_risk
from contracts._modules import market_terms
from contracts._modules import portfolio
from interfaces import IClearinghouse

uses: ledger
uses: margin
uses: portfolio
uses: flat_bucket

PPM: constant(int256) = 10**6
FEE_UNIT: constant(uint256) = fixed_point.PPM * ledger.MICRO  # fees are whole micro quote units


# One side of a fill.
struct Side:
    account: uint256
    delta: int256  # wad
    cash: int256  # wad, before fees
    fee_ppm: uint256
    reduce_only: bool
    opening: bool  # must meet initial margin whatever it does (takers of auctions)


# What both sides of a fill share.
struct Deal:
    market: uint256
    clock: uint256  # the word of the market, see ledger.vy
    mark: uint256  # wad
    funding_index: int256  # ray
    price: uint256  # wad
    magnitude: uint256  # wad, of the size
    cash: int256  # wad: the size at the price, rounded down: what the taker pays
    notional: uint256  # wad: its magnitude, rounded up
    min_notional: uint256  # wad
    max_class: uint256
    brackets: uint256  # word, see brackets.vy
    interest: uint256  # word of the open interest before the fill, see ledger.vy
    least_free: uint256  # wad: notional up to which nobody needs extra margin for concentration


# What has become of a side.
struct Outcome:
    reduces: bool
    started: bool  # under liquidation
    fee: uint256  # wad, taken
    interest: uint256  # still to be added to the word of the market's open interest, modulo 2**256


@internal
@view
def _deal(
    market: uint256,
    interest: uint256,
    size: int256,
    price: uint256,
    min_notional: uint256,
    max_class: uint256,
) -> Deal:
    """
    @dev What the sides of a fill share, given the open interest it finds; refuses a market without a mark of this
         block.
    """
    clock: uint256 = ledger.market_clock[market]
    assert clock & (2**40 - 1) == block.number, "oracle: poke first"
    assert clock >> 224 & ledger.PRICED != 0, "oracle: no price"
    concentrated: uint256 = clock >> concentration.PLACE & concentration.TERMS
    least_free: uint256 = max_value(uint256)
    if concentrated != 0:
        least_free = concentration.FLOOR << (concentrated >> concentration.FLOOR_PLACE)
    pulse: uint256 = ledger.market_pulse[market]
    magnitude: uint256 = convert(abs(size), uint256)
    cash: int256 = 0
    notional: uint256 = 0
    cash, notional = fixed_point._value_and_notional(magnitude, size > 0, price)
    return Deal(
        market=market,
        clock=clock,
        mark=pulse >> 128 & (2**96 - 1),
        funding_index=convert(convert(pulse << 128, bytes32), int256) >> 128,
        price=price,
        magnitude=magnitude,
        cash=cash,
        notional=notional,
        min_notional=unsafe_mul(min_notional, fixed_point.WAD),
        max_class=max_class,
        brackets=ledger.market_brackets[market],
        interest=interest,
        least_free=least_free,
    )


@internal
def _settle_side(deal: Deal, side: Side) -> Outcome:
    """
    @dev Moves one side and checks its margin: E1 >= IM, or a reduction that does not worsen E / MM.
    """
    owner: ledger.Account = ledger._account(side.account)
    assert owner.flags & ledger.LOCKED == 0, "account: locked"
    member: flat_bucket.Member = flat_bucket._member(side.account, deal.market)
    # while a side is locked, everybody takes the long way, which looks at the lock
    flat: bool = member.bucket >> 240 == 0 and deal.clock >> 224 & ledger.LOCKS == 0
    entry_code: uint256 = member.head >> 120 & (2**40 - 1)
    was_long: bool = member.head >> 179 & 1 == 1
    size_before: int256 = 0
    moved: int256 = 0  # what of the accrued goes to cash
    magnitude_before: uint256 = member.head & flat_bucket.SHARES
    if flat:
        size_before = convert(magnitude_before, int256)
        if not was_long:
            size_before = unsafe_sub(0, size_before)
    else:
        size_before, moved, entry_code = self._indexed(side.account, deal.market)
        magnitude_before = convert(abs(size_before), uint256)
    size: int256 = size_before + side.delta
    magnitude: uint256 = convert(abs(size), uint256)
    long: bool = size > 0
    stays: bool = magnitude_before != 0 and magnitude != 0 and was_long == long  # on its side
    reduces: bool = magnitude < magnitude_before and (stays or magnitude == 0)
    accrued: int256 = moved
    if flat and magnitude_before != 0:
        accrued, moved = flat_bucket._accrued(
            member.tail,
            was_long,
            size_before,
            unsafe_sub(size_before, size) if stays else size_before,
            deal.funding_index,
        )

    assert reduces or not side.reduce_only, "order: would not reduce"
    assert (
        reduces or side.opening or deal.notional >= deal.min_notional
    ), "trade: below least notional"
    # rounded up; a notional is a quotient by 1e18, a fee with its surcharge has 17 bits
    fee: uint256 = unsafe_mul(
        unsafe_div(unsafe_add(unsafe_mul(deal.notional, side.fee_ppm), FEE_UNIT - 1), FEE_UNIT),
        ledger.MICRO,
    )
    started: bool = owner.flags & ledger.STARTED != 0
    # nothing is opened under liquidation: the loss weights fixed at its start name all its markets and sides; and
    # nothing is taken over, since nobody would look whether the taker's own auction is over
    assert not started or reduces and not side.opening, "account: under liquidation"
    entry: uint256 = entry_tick._decode(entry_code)
    new_entry: uint256 = entry
    if not reduces:
        # opened, flipped or increased; never entered at a worse price than the mark: a bad fill costs cash, and
        # leaves the profit at mark where a haircut finds it
        price: uint256 = deal.price
        if long == (price > deal.mark):
            price = deal.mark
        entry_code = portfolio._new_entry(
            magnitude_before if stays else 0,
            entry,
            entry_code,
            magnitude,
            long,
            price,
        )
        new_entry = entry_tick._decode(entry_code)
    class_in_force: uint256 = 0
    others: IClearinghouse.Health = empty(IClearinghouse.Health)
    others.equity = owner.cash
    others.equity_im = owner.cash
    if owner.markets != 0 and owner.markets != deal.market:
        others = margin._health_without(side.account, owner, deal.market)
    choice: uint256 = member.head >> 176 & 7
    worth: int256 = 0
    notional: uint256 = 0
    im: uint256 = 0
    mm: uint256 = 0
    worth, notional = fixed_point._value_and_notional(magnitude, long, deal.mark)
    im, mm, class_in_force = market_terms._margins(deal.brackets, notional, choice, deal.max_class)
    if notional > deal.least_free:
        im += concentration._extra_up(
            deal.clock >> concentration.PLACE,
            notional,
            ledger._larger_side_down(deal.interest, deal.mark),
        )
    mm_stress_ppb: uint256 = 0
    excess: int256 = 0  # what the leg is worth at mark and does not count for initial margin
    if deal.clock >> 224 & ledger.STIRRED != 0:
        risk: market_risk.Reading = margin._stirred_reading(deal.market)
        # takes are welcome whatever they close
        if not (side.opening or (stays and not reduces)):
            self._assert_no_held_profit(risk.held, size_before, entry, deal.mark)
        excess = worth - margin._worth_im(size, deal.mark, new_entry, True, risk)
        mm_stress_ppb = risk.mm_stress_ppb
        im = stress._raised_up(im, risk.im_stress_ppm, stress.PPM)
        mm = stress._raised_up(mm, mm_stress_ppb, stress.PPB)
    # all are quotients by 1e18 or more of one word
    gained: int256 = unsafe_add(unsafe_add(accrued, side.cash), worth)
    # what E as for initial margin, the fee paid, lacks of IM
    missing: int256 = unsafe_sub(
        unsafe_add(convert(unsafe_add(unsafe_add(others.im, im), fee), int256), excess),
        unsafe_add(others.equity_im, gained),
    )
    if missing > 0:
        guarantee: uint256 = 0  # a broker's
        if owner.flags & ledger.SPONSORED != 0:
            guarantee = ledger.guarantees[side.account]
            # it makes up for initial margin while E >= MM * (1 + buffer) is the client's own, so that no fill puts it
            # at stake by itself. This leg's margin is below 2**201 (a notional is a word over 1e18, stress raises it at
            # most sixfold), those of the others are below 2**174, the buffer has 24 bits: the product is below 2**227,
            # and so is the equity, whose parts are bounded alike, times 1e6
            least: uint256 = unsafe_mul(
                unsafe_add(others.mm, mm), unsafe_add(fixed_point.PPM, guarantee >> 192)
            )
            own: int256 = unsafe_sub(convert(unsafe_add(others.im, im), int256), missing)
            if unsafe_mul(own, PPM) >= convert(least, int256):
                missing = unsafe_sub(missing, convert(ledger._opening(guarantee), int256))
        if missing > 0:
            assert reduces and not side.opening, "margin: below initial"
            worth, notional = fixed_point._value_and_notional(magnitude_before, was_long, deal.mark)
            # gains of other legs that are held or have no price pay for no bad fill
            equity_before: int256 = others.equity_im + accrued + worth
            # E1 * MM0 >= E0 * MM1, the fee capped so that it holds; without equity E1 >= E0, and no fee.
            # A guarantee is no equity: nobody trades it away.
            needed: int256 = equity_before
            if equity_before >= 0:
                mm_before: uint256 = stress._raised_up(
                    market_terms._margins(deal.brackets, notional, choice, deal.max_class)[1],
                    mm_stress_ppb,
                    stress.PPB,
                )
                needed = convert(
                    fixed_point._mul_div_up(
                        convert(equity_before, uint256), others.mm + mm, others.mm + mm_before
                    ),
                    int256,
                )
            else:
                shield: int256 = convert(ledger._shielding(guarantee), int256)
                assert (
                    started or others.equity + accrued + worth + shield >= 0
                ), "account: start auction first"
                fee = 0
            spare: int256 = others.equity_im + gained - needed
            assert spare >= 0, "margin: ratio worsened"
            fee = min(fee, convert(spare, uint256) // ledger.MICRO * ledger.MICRO)
    leverage_class: uint256 = member.head >> 173 & 7
    if not reduces:
        leverage_class = class_in_force
        if magnitude_before == 0:
            owner = ledger._with_market(owner, deal.market)
    elif magnitude == 0:
        owner = ledger._without_market(owner, deal.market)
        new_entry = 0
    interest: uint256 = 0
    if flat:
        flat, interest = flat_bucket._replace(
            side.account,
            deal.market,
            member,
            entry,
            magnitude,
            long,
            entry_code,
            new_entry,
            leverage_class,
            deal.funding_index,
        )
        if flat:
            portfolio._book(
                side.account, owner, deal.market, size, new_entry, moved + side.cash, fee
            )
    if not flat:
        portfolio._change(
            side.account, owner, deal.market, size, entry_code, leverage_class, side.cash, fee
        )
    return Outcome(reduces=reduces, started=started, fee=fee, interest=interest)


@internal
@pure
def _assert_no_held_profit(held: uint256, size: int256, entry: uint256, mark: uint256):
    """
    @dev While a side is held nobody on it realises a profit; the mark decides, not the price of the fill. Without a
         position there is none.
    """
    won: bool = mark > entry
    side: uint256 = market_risk.LONGS
    if size < 0:
        won = mark < entry
        side = market_risk.SHORTS
    assert held & side == 0 or not won or size == 0, "hold: profit"


@internal
@view
def _indexed(account: uint256, market: uint256) -> (int256, int256, uint256):
    """
    @dev Size, accrued cash and entry code of a position by the general rules of the ADL index.
    """
    before: portfolio.Before = portfolio._before(account, market, ledger._market(market))
    return before.size, before.member.accrued, before.member.entry_code


@internal
@pure
def _is_near(price: uint256, mark: uint256, band_ppm: uint256) -> bool:
    """
    @dev |price - mark| <= band * mark; a mark has 96 bits, a band 26.
    """
    distance: uint256 = unsafe_sub(price, mark) if price > mark else unsafe_sub(mark, price)
    return distance * fixed_point.PPM <= unsafe_mul(mark, band_ppm)
