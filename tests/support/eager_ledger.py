"""The ADL index without buckets: every account is charged and re-matched at once, in fractions.

Written from the protocol's rules, not from the contracts: no shares, no lazy sums, no
epochs. It keeps for each position its size, its entry (moved by haircuts) and the queue
place it got when it was last touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

LEVERAGES = (1, 2, 5, 10, 20)
WAD = 10**18
MANTISSA_BITS = 33
TICK_SHIFT = 27

Key = tuple[bool, int, int]  # long, leverage class, tick


def encode_entry(price: int, up: bool) -> int:
    """Entry code of a price (wad): 33 mantissa bits, rounded up for longs, down for shorts."""
    exponent = price.bit_length() - 1
    if exponent <= MANTISSA_BITS:
        return (exponent << MANTISSA_BITS) + (price << (MANTISSA_BITS - exponent)) - 2**33
    shift = exponent - MANTISSA_BITS
    code = (exponent << MANTISSA_BITS) + (price >> shift) - 2**33
    return code + (up and (price >> shift) << shift != price)


def decode_entry(code: int) -> int:
    """Price (wad) of an entry code."""
    exponent = code >> MANTISSA_BITS
    return ((2**33 | code & (2**33 - 1)) << exponent) >> MANTISSA_BITS


def worse_edge(tick: int, long: bool) -> int:
    """Edge of a tick (wad) that the queue's score uses."""
    return decode_entry((tick + long) << TICK_SHIFT)


@dataclass
class Position:
    """One account's position."""

    size: Fraction  # wad, not negative
    long: bool
    entry: Fraction  # wad
    place: tuple[int, int]  # leverage class, tick of the last touch


@dataclass
class Eager:
    """One market."""

    cash: dict[int, Fraction] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)
    worst: dict[Key, Fraction] = field(default_factory=dict)
    funding: Fraction = Fraction(0)  # wad quote per base unit

    def accrue(self, index_ray: int) -> None:
        """Funding up to the index: longs pay size times its change."""
        index = Fraction(index_ray, 10**9)
        for account, position in self.positions.items():
            flow = position.size * (index - self.funding) / WAD
            self.cash[account] -= flow if position.long else -flow
        self.funding = index

    def members(self, key: Key) -> list[int]:
        """Accounts in a bucket."""
        return [a for a, p in self.positions.items() if (p.long, *p.place) == key and p.size]

    def size(self, key: Key) -> Fraction:
        """What a bucket holds (wad)."""
        return sum((self.positions[a].size for a in self.members(key)), Fraction(0))

    def keys(self, long: bool) -> list[Key]:
        """Buckets of a side that hold size."""
        return sorted(
            {(p.long, *p.place) for p in self.positions.values() if p.size and p.long == long}
        )

    def score(self, key: Key, mark: int) -> tuple[Fraction, int, int]:
        """Queue score: highest first, ties to the higher class, then to the better tick."""
        long, leverage_class, tick = key
        edge = worse_edge(tick, long)
        roe = Fraction(mark - edge, edge) * (1 if long else -1)
        leverage = LEVERAGES[leverage_class]
        points = roe * leverage if roe >= 0 else roe / leverage
        return points, leverage_class, -tick if long else tick

    def queue(self, long: bool, mark: int) -> list[Key]:
        """Buckets in the order they are re-matched."""
        return sorted(self.keys(long), key=lambda key: self.score(key, mark), reverse=True)

    def rematch(self, account: int, size: Fraction, mark: int, price: int) -> dict[Key, Fraction]:
        """Give `size` (wad) of an account's position to the heads of the other side.

        Returns what each bucket took, in the order they were asked.
        """
        position = self.positions[account]
        touched = {}
        left = min(size, position.size)
        for key in self.queue(not position.long, mark):
            if left <= 0:
                break
            accounts = self.members(key)
            total = self.size(key)
            closed = min(left, total)
            touched[key] = closed
            for other in accounts:
                part = self.positions[other].size * closed / total
                self.positions[other].size -= part
                self._pay(other, part, price)
            position.size -= closed
            self._pay(account, closed, price)
            left -= closed
            if closed == total:
                self.worst.pop(key, None)
        return touched

    def _pay(self, account: int, size: Fraction, price: int) -> None:
        value = size * price / WAD
        self.cash[account] += value if self.positions[account].long else -value

    def winners(self, long: bool, mark: int) -> list[Key]:
        """Buckets in which even the worst entry is in profit."""
        sign = 1 if long else -1
        return [key for key in self.keys(long) if sign * (mark - self.worst[key]) > 0]

    def haircut(self, long: bool, mark: int, uncovered: Fraction) -> tuple[Fraction, Fraction]:
        """Take min(uncovered, profit) from a side's winners; returns profit and rate."""
        sign = 1 if long else -1
        keys = self.winners(long, mark)
        accounts = [a for key in keys for a in self.members(key)]
        gains = {
            a: sign * (mark - self.positions[a].entry) * self.positions[a].size / WAD
            for a in accounts
        }
        profit = sum(gains.values(), Fraction(0))
        rate = min(Fraction(1), uncovered / profit) if profit else Fraction(0)
        for account, gain in gains.items():
            self.cash[account] -= rate * gain
            position = self.positions[account]
            position.entry += rate * (mark - position.entry)
        for key in keys:
            self.worst[key] += rate * (mark - self.worst[key])
        return profit, rate

    def place(self, account: int, position: Position | None) -> None:
        """Set an account's position and its bucket after a touch."""
        old = self.positions.pop(account, None)
        if old is not None:
            key = (old.long, *old.place)
            if not self.members(key):
                self.worst.pop(key, None)
        if position is None or not position.size:
            return
        key = (position.long, *position.place)
        edge = Fraction(worse_edge(position.place[1], position.long))
        if key in self.worst:
            pick = max if position.long else min
            edge = pick(edge, self.worst[key])
        self.worst[key] = edge
        self.positions[account] = position
