"""A market's risk word by the rules as they are written down, and the means to move its mark.

Straight from docs/protocol.md section 4 and docs/adr/0012: whole numbers, one formula a line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal
from math import isqrt

from tests.support.bare_ledger import BareLedger

WAD = 10**18
PPM = 10**6
PPB = 10**9
YEAR_S = 31_536_000
NEWS_S = 900
LONGS, SHORTS = 1, 2
STIRRED = 16
TERMS = (600, 3_600, 1_000_000, 2_500_000, 30_000, 120)
BOUNDS = (  # of each term, and what is said beyond them
    (0, 60, 86_400, "risk: bad ema time"),
    (1, 300, 604_800, "risk: bad volatility time"),
    (2, 50_000, 5_000_000, "risk: bad calm volatility"),
    (3, 1_000_000, 4_000_000, "risk: bad stress limit"),
    (4, 10_000, 100_000, "risk: bad jump"),
    (5, 60, 600, "risk: bad hold"),
)
_DIGITS = Context(prec=40)
_BITS = {
    "changed_at": 40,
    "distance_ppb": 32,
    "news_ppb": 32,
    "variance": 48,
    "s_im_ppm": 24,
    "s_mm_ppb": 32,
    "hold_until": 40,
    "held": 8,
}
_SIGNED = ("distance_ppb", "news_ppb")


@dataclass(frozen=True)
class Word:
    """The fields of a risk word."""

    changed_at: int = 0
    distance_ppb: int = 0
    news_ppb: int = 0
    variance: int = 0
    s_im_ppm: int = 0
    s_mm_ppb: int = 0
    hold_until: int = 0
    held: int = 0

    @classmethod
    def read(cls, word: int) -> Word:
        """Unpack; the fields stand in this order, the first in the lowest bits."""
        values = []
        for name, bits in _BITS.items():
            value = word % 2**bits
            values.append(value - 2**bits if name in _SIGNED and value >> bits - 1 else value)
            word >>= bits
        return cls(*values)

    def packed(self) -> int:
        """The word that holds these fields."""
        word, shift = 0, 0
        for name, bits in _BITS.items():
            word |= getattr(self, name) % 2**bits << shift
            shift += bits
        return word

    def held_at(self, now: int) -> int:
        """Sides held at a time."""
        return self.held if now < self.hold_until else 0

    def distance_at(self, now: int, terms: tuple[int, ...] = TERMS) -> int:
        """EMA / mark - 1 at a time."""
        return _toward_zero(self.distance_ppb * terms[0], terms[0] + now - self.changed_at)

    def s_mm_at(self, now: int) -> int:
        """Factor on maintenance margin above one at a time."""
        rise = min(now - self.changed_at, 3_600) * 100_000_000 // 3_600
        return min(self.s_mm_ppb + rise, self.s_im_ppm * 1_000)

    def stirred_at(self, now: int) -> bool:
        """Whether margins must heed a word that has just been written."""
        return abs(self.distance_ppb) >= 100_000 or self.s_im_ppm > 0 or self.held_at(now) != 0

    def after(self, old: int, new: int, now: int, terms: tuple[int, ...] = TERMS) -> Word:
        """A poke finds another mark."""
        _, volatility_s, calm_ppm, stress_max_ppm, jump_ppm, hold_s = terms
        elapsed = now - self.changed_at
        ratio = Decimal(new * WAD // old) / Decimal(WAD)
        ret = int(abs(_DIGITS.ln(ratio)) * PPB)
        variance = (self.variance * volatility_s + ret * ret) // (volatility_s + elapsed)
        sigma_ppb = isqrt(variance * YEAR_S)
        s_im = min(max(sigma_ppb * 1_000 // calm_ppm, PPM), stress_max_ppm) - PPM
        fading = _toward_zero(self.news_ppb * NEWS_S, NEWS_S + elapsed)
        news = (PPB + fading) * new // old - PPB
        word = replace(
            self,
            changed_at=now,
            distance_ppb=(PPB + self.distance_at(now, terms)) * old // new - PPB,
            news_ppb=news,
            variance=variance,
            s_im_ppm=s_im,
            s_mm_ppb=min(self.s_mm_at(now), s_im * 1_000),
            held=self.held_at(now),
        )
        if abs(news) > jump_ppm * 1_000:
            return word.with_hold(LONGS if news > 0 else SHORTS, now, hold_s, news_ppb=0)
        return word

    def with_hold(self, side: int, now: int, hold_s: int = TERMS[5], **changes: int) -> Word:
        """One side more is held."""
        end = max(self.hold_until, now + hold_s)
        return replace(self, held=self.held_at(now) | side, hold_until=end, **changes)


def word_of(ledger: BareLedger, market: int = 1) -> Word:
    """The stored word."""
    return Word.read(ledger.word("ledger.risk_words", market))


def is_stirred(ledger: BareLedger, market: int = 1) -> bool:
    """The bit in the market's clock word."""
    return ledger.word("ledger.market_clock", market) >> 224 & STIRRED != 0


def risk(ledger: BareLedger, market: int = 1) -> dict[str, int]:
    """The view."""
    return dict(ledger.ledger.read("risk", market))


def set_terms(ledger: BareLedger, *terms: int, market: int = 1) -> None:
    """Risk terms of a market; the usual ones unless given."""
    ledger.send(ledger.owner, "set_risk_terms", market, terms or TERMS)


def move(ledger: BareLedger, mark: int, seconds: int, market: int = 1) -> int:
    """Poke a new mark (wad) so many seconds from now; returns when that was."""
    then = ledger.rpc.timestamp() + seconds
    ledger.set_price(mark, market)
    ledger.rpc.set_next_timestamp(then)
    ledger.poke(market)
    return then


def stir(ledger: BareLedger, market: int = 1, **fields: int) -> Word:
    """Make a market's word say this, as of the last block; a hold lasts for an hour."""
    now = ledger.rpc.timestamp()
    word = Word(changed_at=now, hold_until=now + 3_600 if fields.get("held") else 0, **fields)
    ledger.set_word(word.packed(), "ledger.risk_words", market)
    clock = ledger.word("ledger.market_clock", market)
    ledger.set_word(clock | STIRRED << 224, "ledger.market_clock", market)
    return word


def at(ledger: BareLedger, then: int) -> None:
    """An empty block at a time, so that views are read there."""
    ledger.rpc.set_next_timestamp(then)
    ledger.rpc.mine()


def _toward_zero(numerator: int, divisor: int) -> int:
    quotient = abs(numerator) // divisor
    return quotient if numerator >= 0 else -quotient
