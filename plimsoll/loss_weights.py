"""How a loss is split over an account's markets: the packed word of the Liquidator.

Ten fields of 25 bits, field i at bits 25 * i: market id (8 bits), 1 if the account was
short there (1 bit), share (16 bits) in units of 1/50,000. The same as
`contracts/_lib/loss_weights.vy`, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.errors import InputError

SHARES = 50_000
MAX_FIELDS = 10

_FIELD_BITS = 25
_MARKET_MASK = 2**8 - 1
_SHORT_BIT = 2**8
_SHARE_OFFSET = 9


@dataclass(frozen=True)
class LegLoss:
    """One leg's part in a loss; `loss` in any unit, the same for all legs."""

    market: int
    short: bool
    loss: int


@dataclass(frozen=True)
class Weight:
    """One market's share of a loss, in units of 1/50,000."""

    market: int
    short: bool
    share: int


def split(legs: Sequence[LegLoss]) -> list[Weight]:
    """Shares in proportion to the losses; what rounding down leaves goes to the largest."""
    total = sum(leg.loss for leg in legs)
    if total == 0:
        return []
    shares = [leg.loss * SHARES // total for leg in legs]
    largest = max(range(len(legs)), key=lambda i: (legs[i].loss, -i))
    shares[largest] += SHARES - sum(shares)
    return [
        Weight(leg.market, leg.short, share)
        for leg, share in zip(legs, shares, strict=True)
        if share
    ]


def pack(weights: Sequence[Weight]) -> int:
    """The word that the contracts store."""
    if len(weights) > MAX_FIELDS:
        raise InputError(
            f"{len(weights)} markets share a loss, the limit is {MAX_FIELDS}",
            next_step="an account has at most ten markets: check the input",
        )
    word = 0
    for i, weight in enumerate(weights):
        if not 0 < weight.market <= _MARKET_MASK or not 0 < weight.share <= SHARES:
            raise InputError(
                f"{weight} cannot be packed",
                next_step=f"use a market id from 1 to 255 and a share from 1 to {SHARES}",
            )
        field = weight.market | (weight.share << _SHARE_OFFSET)
        if weight.short:
            field |= _SHORT_BIT
        word |= field << (_FIELD_BITS * i)
    return word


def unpack(word: int) -> list[Weight]:
    """The shares in a word; the first empty field ends the list."""
    weights = []
    for i in range(MAX_FIELDS):
        field = (word >> (_FIELD_BITS * i)) & (2**_FIELD_BITS - 1)
        if field == 0:
            break
        weights.append(
            Weight(field & _MARKET_MASK, bool(field & _SHORT_BIT), field >> _SHARE_OFFSET)
        )
    return weights
