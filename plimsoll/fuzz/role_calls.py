"""Calls that obey one role only, for those who do not have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from plimsoll.fuzz.machine import Machine

MAX_LIMIT: Final = 2**200
ROLE_CALLS: Final = 30


def role_call(
    m: Machine, number: int, victim: int, amount: int, sender: int
) -> tuple[str, str, tuple[Any, ...]]:
    """One of `ROLE_CALLS` privileged functions: contract, name, arguments.

    `victim` is an account, `sender` a person without the role.
    """
    own, me, market = m.account(sender, 0), m.address(sender), 1 + amount % 4
    fill = (victim, own, market, amount + 1, 10**18, 1_000, 1_000, 4)
    calls: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
        ("clearinghouse", "credit", (own, amount)),
        ("clearinghouse", "debit", (victim, amount)),
        ("clearinghouse", "collect_fees", ()),
        ("clearinghouse", "trade", (fill,)),
        ("clearinghouse", "set_started", (victim, True)),
        ("clearinghouse", "take", ((victim, own, market, amount + 1, 10**18, 0, 0),)),
        ("clearinghouse", "rematch", (victim, market, amount, 0, 1)),
        ("clearinghouse", "adl_begin", (victim, amount, 0)),
        ("clearinghouse", "adl_step", (1,)),
        ("clearinghouse", "cover", (victim, amount)),
        ("clearinghouse", "wire", (me, me, me)),
        ("clearinghouse", "transfer_ownership", (me,)),
        ("custody", "receive_draw", (amount,)),
        ("custody", "book_shortfall", (amount,)),
        ("custody", "wire", (me, me, me, me)),
        ("waterfall", "reserve", (own, amount, 0)),
        ("waterfall", "draw", (own, amount, 0)),
        ("waterfall", "pay_concession", (market, amount)),
        ("waterfall", "wire", (me,)),
        ("waterfall", "transfer_ownership", (me,)),
        ("junior", "pay_loss", (amount,)),
        ("senior", "pay_loss", (amount,)),
        ("junior", "receive_fees", (amount,)),
        ("senior", "receive_fees", (amount,)),
        ("junior", "wire", (me,)),
        ("liquidator", "take_for", (own, victim, market, amount, MAX_LIMIT)),
        ("liquidator", "transfer_ownership", (me,)),
        ("exchange", "wire", (me,)),
        ("oracle", "transfer_ownership", (me,)),
        ("clearinghouse", "hold", (market, bool(amount & 4))),
    )
    return calls[number % len(calls)]
