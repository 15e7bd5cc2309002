"""Calls that obey one role only, for those who do not have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plimsoll.orders import NOBODY

if TYPE_CHECKING:
    from plimsoll.fuzz.machine import Machine

MAX_LIMIT: Final = 2**200
ROLE_CALLS: Final = 44


def _of_vault(
    broker: str, own: int, me: str, amount: int
) -> tuple[tuple[str, str, tuple[Any, ...]], ...]:
    """Those of a broker's vault; of its registry while there is none."""
    calls = (
        ("vault", "lock", (broker, own, amount)),
        ("vault", "unlock", (broker, own)),
        ("vault", "pay_loss", (broker, own, amount)),
        ("vault", "receive_fee", (broker, me, amount, 1)),
        ("vault", "commit", (broker, amount)),
        ("vault", "uncommit", (broker, amount)),
        ("vault", "pay_commitment", (broker, amount)),
    )
    return (("registry", "fail", (broker,)),) * len(calls) if broker == NOBODY else calls


def role_call(
    m: Machine, number: int, victim: int, amount: int, sender: int
) -> tuple[str, str, tuple[Any, ...]]:
    """One of `ROLE_CALLS` privileged functions: contract, name, arguments.

    `victim` is an account, `sender` a person without the role.
    """
    own, me, market = m.account(sender, 0), m.address(sender), 1 + amount % 4
    broker = m.broker(amount % 3)
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
        ("clearinghouse", "wire", (me, me, me, me)),
        ("clearinghouse", "transfer_ownership", (me,)),
        ("custody", "receive_draw", (amount,)),
        ("custody", "book_shortfall", (amount,)),
        ("custody", "wire", (me, me, me, me)),
        ("waterfall", "reserve", (own, amount, 0)),
        ("waterfall", "draw", (own, amount, 0)),
        ("waterfall", "pay_concession", (victim, market, amount)),
        ("waterfall", "wire", (me, me, me)),
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
        ("clearinghouse", "set_guarantee", (own, amount, 2**32, 2**32, 50_000)),
        ("sponsorship", "pay_loss", (victim, amount)),
        ("fund", "pay_loss", (broker, amount)),
        ("fund", "release", (broker,)),
        ("fund", "transfer_ownership", (me,)),
        ("registry", "fail", (broker,)),
        ("registry", "wire", (me, me, me)),
        *_of_vault(broker, own, me, amount),
    )
    return calls[number % len(calls)]
