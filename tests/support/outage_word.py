"""A market's outage word by the rules as written down, and the means to take its price away.

Straight from docs/oracle.md: whole seconds, one rule a line.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from tests.support.bare_ledger import BareLedger

GRACE_MAX_S = 1_800
GRACE_BUDGET_S = 3_600
GRACE_WINDOW_S = 86_400
GAP_S = 300
DEAD_S = 259_200
SETTLE_WINDOW_S = 3_600
PRICED, WAITING, SETTLED = 1, 32, 128
_BITS = (40, 40, 40, 40, 16, 40, 40)


@dataclass(frozen=True)
class Outage:
    """The fields of an outage word."""

    began: int = 0
    resumed: int = 0
    grace_until: int = 0
    window_start: int = 0
    granted: int = 0
    settled_at: int = 0
    lost_at: int = 0

    @classmethod
    def read(cls, word: int) -> Outage:
        """Unpack; the fields stand in this order, the first in the lowest bits."""
        values = []
        for bits in _BITS:
            values.append(word % 2**bits)
            word >>= bits
        return cls(*values)

    def packed(self) -> int:
        """The word that holds these fields."""
        word, shift = 0, 0
        for field, bits in zip(fields(self), _BITS, strict=True):
            word |= getattr(self, field.name) << shift
            shift += bits
        return word

    def lost(self, since: int, seen: int | None = None) -> Outage:
        """The price is gone since then; `seen` by a poke."""
        state = self if seen is None else replace(self, lost_at=seen)
        rest = state.grace_until - since
        if rest > 0:
            return replace(state, granted=max(0, state.granted - rest), grace_until=0)
        return replace(state, began=since, grace_until=0)

    def found(self, since: int) -> Outage:
        """The price is back since then."""
        state = self
        if since >= state.window_start + GRACE_WINDOW_S:
            state = replace(state, window_start=since, granted=0)
        grace = min(since - state.began, GRACE_MAX_S, GRACE_BUDGET_S - state.granted)
        return replace(
            state, resumed=since, grace_until=since + grace, granted=state.granted + grace
        )

    def waiting(self, now: int) -> bool:
        """Whether a market with a price waits."""
        return now < self.grace_until

    def stop(self, now: int, priced: bool) -> tuple[int, int, bool]:
        """What `clock_stop` says of a market that is not settled."""
        if not priced:
            return self.began, now, False
        return self.began, max(self.resumed, self.grace_until), not self.waiting(now)


def outage_of(ledger: BareLedger, market: int = 1) -> Outage:
    """The stored word."""
    return Outage.read(ledger.word("ledger.outage_words", market))


def status_of(ledger: BareLedger, market: int = 1) -> int:
    """The status field of the market's clock word."""
    return ledger.word("ledger.market_clock", market) >> 224


def stop_of(ledger: BareLedger, market: int = 1) -> tuple[int, int, bool]:
    """The view."""
    since, until, is_open = ledger.ledger.read("clock_stop", market)
    return since, until, is_open


def poke_at(ledger: BareLedger, then: int, market: int = 1) -> list[dict[str, object]]:
    """Poke at a time; returns the events, each with its name."""
    ledger.rpc.set_next_timestamp(then)
    receipt = ledger.poke(market)
    return [{"name": event.name, **event.args} for event in ledger.ledger.events(receipt)]


def outage(ledger: BareLedger, began: int, ended: int, price: int = 100, market: int = 1) -> None:
    """A poke loses the price at one time, another finds it at the other (whole units)."""
    ledger.lose_price(market)
    poke_at(ledger, began, market)
    ledger.rpc.set_next_timestamp(ended - 1)
    ledger.set_price(price * 10**18, market)
    poke_at(ledger, ended, market)
