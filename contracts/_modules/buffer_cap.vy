# pragma version 0.4.3
"""
@title Open interest backed by insurance capital
@notice terms word:  kappa ppm 32 | share ppm 24 | gap ppm 24; 0: nothing but the listed cap bounds open interest
            cap = kappa * share * C / gap       in quote, for either side at mark
        C is what the vaults hold and nobody has reserved or asked back. `share` is the market's part of it; the parts
        of all markets are at most one together, so that the same capital backs no two of them. `gap` is the loss in a
        crash that the market is prepared for, and `kappa` how many times C may be missing in it.

        The cap stands in the top 16 bits of the market's brackets word, which every fill reads anyway, as a small
        float (contracts/_lib/cap_code.vy). It is set anew by the first poke of each five minutes: C is then read
        from the Liquidator's waterfall. A fill never looks at a vault.
"""

from contracts._lib import cap_code
from contracts._lib import fixed_point
from contracts._modules import ledger
from interfaces import IClearinghouse

uses: ledger

SHARES: constant(uint256) = 10**6
CAPITAL_MAX: constant(uint256) = 2**128


@internal
@pure
def _unpacked(word: uint256) -> IClearinghouse.BufferTerms:
    """
    @dev The fields of a terms word.
    """
    return IClearinghouse.BufferTerms(
        kappa_ppm=word & (2**32 - 1),
        share_ppm=word >> 32 & (2**24 - 1),
        gap_ppm=word >> 56 & (2**24 - 1),
    )


@internal
def _store_terms(market: uint256, terms: IClearinghouse.BufferTerms, liquidator: address):
    """
    @dev Checks the hard bounds, packs, and sets the cap. All zero takes the terms away.
    """
    assert ledger.market_terms[market] != 0, "market: unknown"
    status: uint256 = ledger.market_clock[market] >> 224
    assert status & ledger.SETTLED == 0, "market: settled"
    word: uint256 = terms.kappa_ppm | terms.share_ppm | terms.gap_ppm
    if word != 0:
        assert (
            terms.kappa_ppm >= 100_000 and terms.kappa_ppm <= 100_000_000
        ), "buffer: bad multiple"
        assert terms.share_ppm >= 1 and terms.share_ppm <= SHARES, "buffer: bad share"
        assert terms.gap_ppm >= 10_000 and terms.gap_ppm <= 10**6, "buffer: bad gap"
        word = terms.kappa_ppm | terms.share_ppm << 32 | terms.gap_ppm << 56
    before: IClearinghouse.BufferTerms = self._unpacked(ledger.buffer_terms[market])
    shares: uint256 = ledger.buffer_shares - before.share_ppm + terms.share_ppm
    assert shares <= SHARES, "buffer: shares above one"
    ledger.buffer_shares = shares
    ledger.buffer_terms[market] = word
    log IClearinghouse.BufferTermsSet(market=market, terms=terms)
    clock: uint256 = ledger.market_clock[market] & ~(ledger.CAPPED << 224)
    code: uint256 = 0
    if word != 0:
        clock |= ledger.CAPPED << 224
        code = self._code_now(word, liquidator)
    ledger.market_clock[market] = clock
    self._store_code(market, code)


@internal
def _release(market: uint256):
    """
    @dev Takes the terms away from a settled market: its share of the capital is free for others.
    """
    ledger.buffer_shares -= self._unpacked(ledger.buffer_terms[market]).share_ppm
    ledger.buffer_terms[market] = 0
    self._store_code(market, 0)


@internal
def _store_code(market: uint256, code: uint256):
    """
    @dev Puts a cap where fills find it.
    """
    word: uint256 = ledger.market_brackets[market]
    if word >> cap_code.PLACE == code:
        return
    ledger.market_brackets[market] = word & (2**cap_code.PLACE - 1) | code << cap_code.PLACE
    log IClearinghouse.BufferCapSet(market=market, cap=self._cap(code))


@internal
@pure
def _cap(code: uint256) -> uint256:
    """
    @dev What a code stands for, in wad quote; no bound without terms.
    """
    return cap_code._decode(code) * fixed_point.WAD if code != 0 else max_value(uint256)


@internal
@view
def _code_now(word: uint256, liquidator: address) -> uint256:
    """
    @dev Code of the cap that a terms word gives with the capital there is now. Never reverts.
    """
    terms: IClearinghouse.BufferTerms = self._unpacked(word)
    capital: uint256 = min(self._capital(liquidator), CAPITAL_MAX)
    return cap_code._encode_down(
        terms.kappa_ppm * terms.share_ppm * capital // (terms.gap_ppm * SHARES * fixed_point.WAD)
    )


@internal
@view
def _capital(liquidator: address) -> uint256:
    """
    @dev C (wad) by the liquidator's waterfall.
    """
    waterfall: uint256 = self._answer(liquidator, method_id("WATERFALL()"))
    return self._answer(convert(waterfall & (2**160 - 1), address), method_id("capital()"))


@internal
@view
def _answer(target: address, method: Bytes[4]) -> uint256:
    """
    @dev The word a view returns. Who does not answer has no capital: the poke that asks must go on.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        target, method, max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    return convert(answer, uint256) if success and len(answer) == 32 else 0
