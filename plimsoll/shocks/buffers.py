"""Free insurance capital, and how several losses share it.

`Lens.dry_run` answers for one account as if it were alone. For several, this repeats what
`Waterfall.reserve` does one after the other, from rooms that the waterfall itself states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from plimsoll.errors import ChainError
from plimsoll.loss_weights import SHARES, Weight, pack, unpack
from plimsoll.shocks.holders import Market
from plimsoll.shocks.reading import Reader
from plimsoll.units import div_down, div_up

LAYERS: Final = ("junior", "senior")

_JUNIOR, _SENIOR, _FUND = 1, 2, 3  # places in the contracts' arrays over layers 2 to 5
_HIGHEST_MARKET: Final = 255
_WINDOW_S: Final = 86_400
_STEP_S: Final = 14_400  # as contracts/_lib/rolling_limit.vy


@dataclass(frozen=True)
class Capital:
    """What stands in front of the winners; wad of claims unless said otherwise.

    Pairs are (junior, senior). `free` is net of reservations and of the limits of the day.
    """

    assets_tokens: tuple[int, int]  # token units
    assets: tuple[int, int]
    reserved: tuple[int, int]
    free: tuple[int, int]  # for losses in all markets together
    free_in: Mapping[int, tuple[int, int]]  # for losses in one market
    unnamed: tuple[int, int]  # for a loss that no market can be named for
    time: int  # unix seconds, of the block
    fund_tokens: int  # of the brokers' guaranty fund, token units
    fund: int
    """All of the guaranty fund, for its size only: it pays after the senior vault, within limits
    of the day and of the broker whose client lost, and is in no sum of the view."""


def read_capital(reader: Reader, markets: Mapping[int, Market]) -> Capital:
    """Both vaults as the waterfall counts them now, and the size of the guaranty fund."""
    client = reader.client
    buffers = reader.many(client.lens, "buffers", [(number,) for number in markets], "buffers")
    # no loss has ever been in a market that is not listed, and next to nothing of this one is:
    # what binds are the assets and the limit over all markets
    stranger = next((n for n in range(_HIGHEST_MARKET, 0, -1) if n not in markets), None)
    if stranger is None:
        raise ChainError(
            "all 255 markets are listed", next_step="none is left to ask the waterfall with"
        )
    words = [(pack([Weight(stranger, False, 1)]),), (0,)]
    together, unnamed = reader.many(client.waterfall, "capacity", words, "buffers")
    books = reader.one(client.lens, "books")
    first = buffers[0]
    return Capital(
        assets_tokens=(books["junior_assets"], books["senior_assets"]),
        assets=_pair(first["capital"]),
        reserved=_pair(first["reserved"]),
        free=_pair(together),
        free_in={
            number: _pair(entry["free"]) for number, entry in zip(markets, buffers, strict=True)
        },
        unnamed=_pair(unnamed),
        time=reader.time,
        fund_tokens=reader.one(client.fund, "totalAssets"),
        fund=first["capital"][_FUND],
    )


@dataclass(frozen=True)
class Loss:
    """A loss to be paid for; wad. `held` is what both vaults have reserved for the account already.

    `broker` is the part that its own guarantee pays. It is nobody else's and knows no limit, so it
    is the same whatever else happens.
    """

    account: int
    amount: int
    weights: int  # packed, see `plimsoll.loss_weights`
    held: tuple[int, int] = (0, 0)
    broker: int = 0

    @property
    def rest(self) -> int:
        """What the vaults are asked for."""
        return self.amount - self.broker


@dataclass
class Rooms:
    """What is left of the buffers while one loss after another is reserved; wad."""

    capital: Capital
    _free: list[int] = field(init=False)
    _in: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._free = list(self.capital.free)
        self._in = {market: list(pair) for market, pair in self.capital.free_in.items()}

    def reserve(self, loss: Loss) -> tuple[int, int]:
        """What junior and senior would hold for the rest of a loss after those before it.

        What the contract does, or less by its own rounding of limits: some 1e-13 of a unit. An
        older reservation is given back whole; what the limits of the day have forgotten of it is
        not looked at.
        """
        rest = loss.rest
        planned = []
        for layer, held in enumerate(loss.held):
            room = held + self._room(layer, loss.weights)
            part = min(rest, room)
            self._take(layer, part - held, loss.weights)
            planned.append(part)
            rest -= part
        junior, senior = planned
        return junior, senior

    def _of(self, market: int) -> list[int]:
        """Junior's and senior's room in a market; one that nobody holds any more has not been read:
        it gets what a market has that was never used.
        """
        return self._in.setdefault(market, list(self.capital.unnamed))

    def _room(self, layer: int, weights: int) -> int:
        room = self._free[layer]
        if weights == 0:
            room = min(room, self.capital.unnamed[layer])
        for weight in unpack(weights):
            room = min(room, div_down(self._of(weight.market)[layer] * SHARES, weight.share))
        return max(room, 0)

    def _take(self, layer: int, amount: int, weights: int) -> None:
        self._free[layer] -= self._counted(amount)
        for weight in unpack(weights):
            part = div_up(amount * weight.share, SHARES)
            self._of(weight.market)[layer] -= self._counted(part)

    def _counted(self, amount: int) -> int:
        """What an amount takes off a limit of the day: it is kept as a rate, rounded up."""
        end = div_up(self.capital.time + _WINDOW_S, _STEP_S) * _STEP_S
        seconds = end - self.capital.time
        return div_up(amount, seconds) * seconds


def reserve_all(capital: Capital, losses: Sequence[Loss]) -> list[tuple[int, int]]:
    """Junior's and senior's part of each loss, after its broker, if reserved in this order.

    The order matters: a loss in one market can use up the room without which a loss split over
    several gets nothing.
    """
    rooms = Rooms(capital)
    return [rooms.reserve(loss) for loss in losses]


def _pair(layers: Sequence[int]) -> tuple[int, int]:
    return layers[_JUNIOR], layers[_SENIOR]
