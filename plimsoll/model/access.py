"""Functions that obey one role only, and what everybody else is told.

The roles that are contracts of ours call them in the course of other calls, which the model runs as
plain functions; here are the direct calls of outsiders. Some calls look at the market before they
look at the sender.
"""

from __future__ import annotations

from typing import Any, Final

from plimsoll.model.state import World, require

NOT_OWNER: Final = "ownable: caller is not the owner"
WIRED: Final = "wire: already done"

_OWNED: Final = ("clearinghouse", "liquidator", "waterfall", "oracle", "junior", "senior", "fund")
_LIQUIDATORS: Final = (
    *("set_started", "take", "rematch", "adl_begin", "adl_step", "cover", "hold"),
)
_WIRED_BY_DEPLOYER: Final = ("custody", "exchange", "waterfall", "junior", "senior", "registry")

# (contract, function) -> (role, reason)
ROLE_ONLY: Final[dict[tuple[str, str], tuple[str, str]]] = {
    **{
        ("clearinghouse", name): ("custody", "access: not custody")
        for name in ("credit", "debit", "collect_fees")
    },
    ("clearinghouse", "trade"): ("exchange", "access: not exchange"),
    **{("clearinghouse", name): ("liquidator", "access: not liquidator") for name in _LIQUIDATORS},
    ("clearinghouse", "list_market"): ("timelock", NOT_OWNER),
    ("custody", "receive_draw"): ("waterfall", "access: not waterfall"),
    ("custody", "book_shortfall"): ("liquidator", "access: not liquidator"),
    **{
        ("waterfall", name): ("liquidator", "access: not liquidator")
        for name in ("reserve", "draw", "pay_concession")
    },
    **{
        (vault, name): (role, f"access: not {role}")
        for vault in ("junior", "senior")
        for name, role in (("pay_loss", "waterfall"), ("receive_fees", "custody"))
    },
    ("clearinghouse", "set_guarantee"): ("sponsorship", "access: not sponsorship"),
    ("sponsorship", "pay_loss"): ("waterfall", "access: not waterfall"),
    ("fund", "pay_loss"): ("waterfall", "access: not waterfall"),
    ("fund", "release"): ("registry", "access: not registry"),
    ("registry", "fail"): ("fund", "access: not fund"),
    **{
        ("vault", name): ("sponsorship", "access: not sponsorship")
        for name in ("lock", "unlock", "pay_loss", "receive_fee")
    },
    **{
        ("vault", name): ("fund", "access: not fund")
        for name in ("commit", "uncommit", "pay_commitment")
    },
    ("liquidator", "take_for"): ("exchange", "access: not exchange"),
    ("exchange", "settle_pair"): ("exchange", "access: not self"),
    ("timelock", "update_delay"): ("timelock", "timelock: only itself"),
    **{(contract, "transfer_ownership"): ("timelock", NOT_OWNER) for contract in _OWNED},
    **{(contract, "wire"): ("deployer", "wire: only deployer") for contract in _WIRED_BY_DEPLOYER},
}

_FIELDS: Final = 10  # of a word of loss weights,
_FIELD_BITS: Final = 25  # a market in the lowest bits of each
_MARKET_MASK: Final = 255


def only_owner(world: World, sender: str) -> None:
    """Raise unless the sender is the timelock, which owns every contract with parameters."""
    require(sender == world.addresses["timelock"], NOT_OWNER)


def refuse_outsider(
    world: World, sender: str, contract: str, function: str, args: tuple[Any, ...]
) -> None:
    """Raise what a direct call by somebody without the role reverts with.

    A `ValueError` says that the sender has the role: this is not how the model is asked to do it.
    """
    if contract == "clearinghouse":
        require(function != "wire", WIRED)
        for market in _markets_poked_first(function, args):
            require(market in world.markets, "market: unknown")
    role, reason = ROLE_ONLY[contract, function]
    require(sender == world.addresses.get(role), reason)
    require(function != "wire", WIRED)
    raise ValueError(f"{contract}.{function} is refused to outsiders only, not to {role}")


def _markets_poked_first(function: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """Markets named in the arguments, which the ledger pokes before it asks who calls."""
    if function in {"trade", "take"}:
        return (args[0][2],)
    if function == "rematch":
        return (args[1],)
    if function == "hold":
        return (args[0],)
    if function == "adl_begin":
        markets = []
        for i in range(_FIELDS):
            market = args[2] >> _FIELD_BITS * i & _MARKET_MASK
            if market == 0:
                break
            markets.append(market)
        return tuple(markets)
    return ()
