# pragma version 0.4.3
"""
@title Averages, stress and holds of a market
@notice risk word:   changed at 40 | distance of the average int32 | news int32 | variance 48 | stress on IM 24
                     | stress on MM 32 | hold until 40 | held 2 (1 longs, 2 shorts)
        terms word:  ema seconds 24 | volatility seconds 24 | calm ppm 24 | stress max ppm 24 | jump ppm 24
                     | hold seconds 16; 0: the market has neither averages nor stress nor holds

        Nothing of this costs a market whose mark stands still. The word is written by a poke that changes the mark, and by
        a hold; what it says at a later time follows from it. The bit STIRRED of the market's status says that it
        matters for margins. Without it nobody reads the word but the next change.

        *News* is the move of the mark away from a reference that follows it with the fixed time constant NEWS_SECONDS.
        News above the market's jump holds the side it favours from the poke that stores it, before anybody can
        act on it (docs/adr/0012): the winners' gains stay until those who lost have been dealt with.
"""

from contracts._lib import bits
from contracts._lib import stress
from contracts._modules import ledger
from contracts._modules import outages
from interfaces import IClearinghouse

uses: ledger

NEWS_SECONDS: constant(uint256) = 900
LEAST_DISTANCE_PPB: constant(uint256) = 100_000  # of the average that counts: 1 basis point
LONGS: constant(uint256) = 1
SHORTS: constant(uint256) = 2


# The risk word, unpacked.
struct State:
    changed_at: uint256  # timestamp
    distance_ppb: int256  # average over mark, less one
    news_ppb: int256  # mark over its reference, less one
    variance: uint256  # 1e-18 per second
    im_stress_ppm: uint256  # above one
    mm_stress_ppb: uint256  # above one
    hold_until: uint256  # timestamp
    held: uint256  # LONGS, SHORTS


# What margins need of it, now. All zero: nothing to heed.
struct Reading:
    distance_ppb: int256
    im_stress_ppm: uint256
    mm_stress_ppb: uint256
    held: uint256  # LONGS, SHORTS


# --- words ---------------------------------------------------------------------------------


@internal
@pure
def _unpacked(word: uint256) -> State:
    """
    @dev The fields of a risk word.
    """
    return State(
        changed_at=word & (2**40 - 1),
        distance_ppb=bits._sign_extend(word >> 40, 224),
        news_ppb=bits._sign_extend(word >> 72, 224),
        variance=word >> 104 & (2**48 - 1),
        im_stress_ppm=word >> 152 & (2**24 - 1),
        mm_stress_ppb=word >> 176 & (2**32 - 1),
        hold_until=word >> 208 & (2**40 - 1),
        held=word >> 248,
    )


@internal
@pure
def _packed(state: State) -> uint256:
    """
    @dev A risk word. Distances and variance are cut where they are made, factors are bounded by the terms.
    """
    return (
        state.changed_at
        | bits._low_bits(state.distance_ppb, 224) << 40
        | bits._low_bits(state.news_ppb, 224) << 72
        | state.variance << 104
        | state.im_stress_ppm << 152
        | state.mm_stress_ppb << 176
        | state.hold_until << 208
        | state.held << 248
    )


@internal
@pure
def _unpacked_terms(word: uint256) -> IClearinghouse.RiskTerms:
    """
    @dev The fields of a terms word.
    """
    return IClearinghouse.RiskTerms(
        ema_seconds=word & (2**24 - 1),
        volatility_seconds=word >> 24 & (2**24 - 1),
        calm_ppm=word >> 48 & (2**24 - 1),
        stress_max_ppm=word >> 72 & (2**24 - 1),
        jump_ppm=word >> 96 & (2**24 - 1),
        hold_seconds=word >> 120 & (2**16 - 1),
    )


@internal
def _store_terms(market: uint256, terms: IClearinghouse.RiskTerms):
    """
    @dev Checks the hard bounds and packs. Averages start from the mark as it stands when there are terms first.
    """
    assert ledger.market_terms[market] != 0, "market: unknown"
    assert ledger.market_clock[market] >> 224 & ledger.SETTLED == 0, "market: settled"
    assert terms.ema_seconds >= 60 and terms.ema_seconds <= 86_400, "risk: bad ema time"
    assert (
        terms.volatility_seconds >= 300 and terms.volatility_seconds <= 604_800
    ), "risk: bad volatility time"
    assert terms.calm_ppm >= 50_000 and terms.calm_ppm <= 5_000_000, "risk: bad calm volatility"
    assert (
        terms.stress_max_ppm >= stress.PPM and terms.stress_max_ppm <= 4 * stress.PPM
    ), "risk: bad stress limit"
    assert terms.jump_ppm >= 10_000 and terms.jump_ppm <= 100_000, "risk: bad jump"
    assert terms.hold_seconds >= 60 and terms.hold_seconds <= 600, "risk: bad hold"
    ledger.risk_terms[market] = (
        terms.ema_seconds
        | terms.volatility_seconds << 24
        | terms.calm_ppm << 48
        | terms.stress_max_ppm << 72
        | terms.jump_ppm << 96
        | terms.hold_seconds << 120
    )
    if ledger.risk_words[market] == 0:
        ledger.risk_words[market] = block.timestamp
    log IClearinghouse.RiskTermsSet(market=market, terms=terms)


# --- changes -------------------------------------------------------------------------------


@internal
@view
def _after_change(
    word: uint256,
    terms: IClearinghouse.RiskTerms,
    old_mark: uint256,
    new_mark: uint256,
    least_hold: uint256,
) -> (State, uint256):
    """
    @dev The risk state after a change of the mark now, and the side that it holds (0: none), for the hold's time
         from `least_hold` (a timestamp) on if that is later.
    """
    state: State = self._unpacked(word)
    elapsed: uint256 = block.timestamp - state.changed_at
    state.changed_at = block.timestamp
    state.distance_ppb = stress._moved_floor(
        stress._decayed_toward_zero(state.distance_ppb, terms.ema_seconds, elapsed),
        old_mark,
        new_mark,
    )
    state.variance = stress._variance_down(
        state.variance, stress._return_down(old_mark, new_mark), terms.volatility_seconds, elapsed
    )
    # until now the factor rose by the old word's rules; from now on the new one bounds it
    mm_stress_ppb: uint256 = stress._mm_stress_down(
        state.mm_stress_ppb, elapsed, state.im_stress_ppm
    )
    state.im_stress_ppm = stress._im_stress_down(
        stress._volatility_down(state.variance), terms.calm_ppm, terms.stress_max_ppm
    )
    state.mm_stress_ppb = stress._mm_stress_down(mm_stress_ppb, 0, state.im_stress_ppm)
    state.held = self._held(word)
    state.news_ppb = stress._moved_floor(
        stress._decayed_toward_zero(state.news_ppb, NEWS_SECONDS, elapsed), new_mark, old_mark
    )
    side: uint256 = 0
    if convert(abs(state.news_ppb), uint256) > terms.jump_ppm * (stress.PPB // stress.PPM):
        side = LONGS if state.news_ppb > 0 else SHORTS
        state.news_ppb = 0
        state = self._with_hold(state, side, terms, least_hold)
    return state, side


@internal
@view
def _with_hold(
    state: State, side: uint256, terms: IClearinghouse.RiskTerms, least_hold: uint256
) -> State:
    """
    @dev Holds a side from now on, beside those that are held still; the latest end counts for both. The hold's time
         begins when accounts can be resolved: not before `least_hold` (a timestamp).
    """
    changed: State = state
    changed.held |= side
    changed.hold_until = max(
        state.hold_until, max(block.timestamp, least_hold) + terms.hold_seconds
    )
    return changed


@internal
@pure
def _is_stirred(state: State) -> bool:
    """
    @dev Whether margins must heed a state from now on. The factor on maintenance margin is never above the other.
    """
    return (
        convert(abs(state.distance_ppb), uint256) >= LEAST_DISTANCE_PPB
        or state.im_stress_ppm != 0
        or state.held != 0
    )


@internal
def _hold(market: uint256, long: bool):
    """
    @dev Holds one side from now on; in a grace the hold's time begins at its end, as nobody can be resolved before.
         Nothing to do in a market without risk terms, nor in a settled one, whose gains count as zero until they are
         cash.
    """
    terms_word: uint256 = ledger.risk_terms[market]
    status: uint256 = ledger.market_clock[market] >> 224
    if terms_word == 0 or status & ledger.SETTLED != 0:
        return
    least_hold: uint256 = 0
    if status & ledger.WAITING != 0:
        least_hold = outages._grace_until(ledger.outage_words[market])
    word: uint256 = ledger.risk_words[market]
    state: State = self._unpacked(word)
    state.held = self._held(word)
    state = self._with_hold(
        state, LONGS if long else SHORTS, self._unpacked_terms(terms_word), least_hold
    )
    ledger.risk_words[market] = self._packed(state)
    ledger.market_clock[market] |= ledger.STIRRED << 224
    self._log_hold(market, long, state.hold_until)


@internal
def _log_hold(market: uint256, long: bool, hold_until: uint256):
    """
    @dev Says which side is held, and until when.
    """
    log IClearinghouse.SideHeld(market=market, long=long, hold_until=hold_until)


# --- readings ------------------------------------------------------------------------------


@internal
@view
def _held(word: uint256) -> uint256:
    """
    @dev Sides that are held now.
    """
    return word >> 248 if block.timestamp < self._hold_end(word) else 0


@internal
@pure
def _hold_end(word: uint256) -> uint256:
    """
    @dev When the last hold ends or has ended.
    """
    return word >> 208 & (2**40 - 1)


@internal
@view
def _read(word: uint256, terms_word: uint256) -> Reading:
    """
    @dev What a word says now.
    """
    elapsed: uint256 = unsafe_sub(block.timestamp, word & (2**40 - 1))
    im_stress_ppm: uint256 = word >> 152 & (2**24 - 1)
    return Reading(
        distance_ppb=stress._decayed_toward_zero(
            bits._sign_extend(word >> 40, 224), terms_word & (2**24 - 1), elapsed
        ),
        im_stress_ppm=im_stress_ppm,
        mm_stress_ppb=stress._mm_stress_down(word >> 176 & (2**32 - 1), elapsed, im_stress_ppm),
        held=self._held(word),
    )


@internal
@view
def _reading(market: uint256, status: uint256) -> Reading:
    """
    @dev What a market's stored word says now, as far as it matters.
    """
    if status & ledger.STIRRED == 0:
        return empty(Reading)
    return self._read(ledger.risk_words[market], ledger.risk_terms[market])


@internal
@view
def _described(word: uint256, terms_word: uint256, mark: uint256) -> IClearinghouse.Risk:
    """
    @dev Everything a word says now, whether it matters for margins or not.
    """
    reading: Reading = self._read(word, terms_word)
    return IClearinghouse.Risk(
        ema=stress._average_down(mark, reading.distance_ppb),
        s_im_ppm=reading.im_stress_ppm,
        s_mm_ppb=reading.mm_stress_ppb,
        volatility_ppm=stress._volatility_down(word >> 104 & (2**48 - 1)) // (
            stress.PPB // stress.PPM
        ),
        longs_held=reading.held & LONGS != 0,
        shorts_held=reading.held & SHORTS != 0,
        hold_until=self._hold_end(word) if reading.held != 0 else 0,
    )
