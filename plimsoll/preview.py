"""What a fill would do, asked before anybody signs.

    fill = Fill(maker=bob, taker=ann, market=1, size=2 * WAD, price=mark, flags=FillFlags.MAKER_FEE)
    preview = client.preview(fill)
    preview.success, preview.reason
    preview.taker.fee, preview.taker.after.liquidation_prices[1]

Sizes, prices and amounts are wad (1e18), rates say their unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Final

from plimsoll.errors import ContractReverted, InputError

ANY_FEE: Final = 2**256 - 1
"""A fee cap that never binds."""
HIGHEST_MARK: Final = 2**96 - 1
"""What a mark can be."""


class FillFlags(IntFlag):
    """Bits of `Fill.flags`."""

    NONE = 0
    MAKER_REDUCES = 1
    """The maker's order is reduce-only."""
    TAKER_REDUCES = 2
    MAKER_FEE = 4
    """The maker pays the maker fee: its order is post-only. Otherwise both pay the taker fee."""
    BLOCK = 8
    """One order names the other's account: the price does not count for funding."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What two orders come to, see `IClearinghouse.Fill`; ids of accounts."""

    maker: int
    taker: int
    market: int
    size: int
    """Wad of base units, signed as the taker's: positive if the taker buys."""
    price: int
    """Wad quote per base unit."""
    maker_fee_cap_ppm: int = ANY_FEE
    taker_fee_cap_ppm: int = ANY_FEE
    flags: FillFlags = FillFlags.NONE

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            low, high = (1 - 2**255, 2**255 - 1) if name == "size" else (0, 2**256 - 1)
            if not isinstance(value, int) or not low <= value <= high:
                raise InputError(
                    f"fill: {name} out of range: {value!r}",
                    next_step="give integers: sizes and prices in wad, fee caps in ppm",
                )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Fill:
        """A fill from the contracts."""
        return cls(**{**values, "flags": FillFlags(values["flags"])})

    def as_tuple(self) -> tuple[int, ...]:
        """The fill as a contract argument."""
        return tuple(int(getattr(self, name)) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class Standing:
    """An account, and its position in the market of the fill."""

    started: bool
    """Under liquidation."""
    health: Mapping[str, Any]
    """See `IClearinghouse.Health`."""
    leg: Mapping[str, Any]
    """See `IClearinghouse.Leg`."""
    rank: Mapping[str, Any] | None
    """Its place in the ADL queue, see `IClearinghouse.QueueRank`; None without a position."""
    liquidation_prices: Mapping[int, int | None]
    """By open market, see `liquidation_price`."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Standing | None:
        """A standing from the lens; None if it could not read the account."""
        if values["leg"]["mark"] == 0:
            return None
        return cls(
            started=values["started"],
            health=values["health"],
            leg=values["leg"],
            rank=values["rank"] if values["leg"]["size"] else None,
            liquidation_prices={
                entry["market"]: liquidation_price(entry["price"])
                for entry in values["liquidation_prices"]
            },
        )


@dataclass(frozen=True, slots=True)
class SidePreview:
    """What the fill does to one side."""

    account: int
    fee: int
    """Wad, taken from the account."""
    fee_ppb: int
    """Of the fill's notional at its price."""
    before: Standing | None
    """None if the account cannot be read, which is a reason to refuse the fill."""
    after: Standing | None
    """None if the fill is refused."""

    @classmethod
    def of(cls, values: Mapping[str, Any], success: bool) -> SidePreview:
        """A side from the lens."""
        return cls(
            account=values["account"],
            fee=values["fee"],
            fee_ppb=values["fee_ppb"],
            before=Standing.of(values["before"]),
            after=Standing.of(values["after"]) if success else None,
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a fill would do. `reason` says why it is refused, in the words of the transaction."""

    fill: Fill
    success: bool
    reason: str
    maker: SidePreview
    taker: SidePreview

    @classmethod
    def of(cls, fill: Fill, values: Mapping[str, Any]) -> Preview:
        """A preview from the lens."""
        success = values["success"]
        return cls(
            fill=fill,
            success=success,
            reason=values["reason"],
            maker=SidePreview.of(values["maker"], success),
            taker=SidePreview.of(values["taker"], success),
        )

    def require(self) -> Preview:
        """The preview itself; ContractReverted if the fill is refused."""
        if not self.success:
            raise ContractReverted(self.reason)
        return self


def liquidation_price(price: int) -> int | None:
    """A liquidation price as the lens writes it (wad); None: no mark of that market liquidates.

    For a long the account may be liquidated at this mark and below, for a short at and above it.
    `HIGHEST_MARK` of a long and 1 of a short: at every mark.
    """
    return price or None
