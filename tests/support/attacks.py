"""What an attacker tries: every function that obeys one role only."""

from __future__ import annotations

from typing import Any

from tests.support.venue import BTC, PPM, WAD


def attacks(victim: int, own: int, me: str) -> list[tuple[str, str, tuple[Any, ...], str]]:
    """(contract, function, arguments, reason) of everything only some role may do."""
    custody, liquidator = "access: not custody", "access: not liquidator"
    owner = "ownable: caller is not the owner"
    fill = (victim, own, BTC, WAD, WAD, 1_000, 1_000, 4)
    return [
        ("clearinghouse", "credit", (own, 10**24), custody),
        ("clearinghouse", "debit", (victim, 10**18), custody),
        ("clearinghouse", "collect_fees", (), custody),
        ("clearinghouse", "trade", (fill,), "access: not exchange"),
        ("clearinghouse", "set_started", (victim, True), liquidator),
        ("clearinghouse", "take", ((victim, own, BTC, WAD, WAD, 0, 0),), liquidator),
        ("clearinghouse", "rematch", (victim, BTC, WAD, 0, 1), liquidator),
        ("clearinghouse", "adl_begin", (victim, 0, 0), liquidator),
        ("clearinghouse", "adl_step", (1,), liquidator),
        ("clearinghouse", "cover", (victim, 1), liquidator),
        ("clearinghouse", "wire", (me, me, me, me), "wire: already done"),
        ("custody", "withdraw", (victim, 10**6, me), "custody: only owner"),
        ("custody", "receive_draw", (10**6,), "access: not waterfall"),
        ("custody", "book_shortfall", (10**18,), liquidator),
        ("custody", "wire", (me, me, me, me), "wire: only deployer"),
        ("waterfall", "reserve", (own, 10**18, 0), liquidator),
        ("waterfall", "draw", (own, 10**18, 0), liquidator),
        ("waterfall", "pay_concession", (own, BTC, 10**18), liquidator),
        ("waterfall", "set_limits", (3, (PPM, PPM)), owner),
        ("waterfall", "set_concession_budget", (50_000,), owner),
        ("junior", "pay_loss", (1,), "access: not waterfall"),
        ("senior", "receive_fees", (1,), "access: not custody"),
        ("junior", "deposit", (10**6, me), "vault: receiver not allowed"),
        ("liquidator", "take_for", (own, victim, BTC, WAD, 2**200), "access: not exchange"),
        ("liquidator", "set_params", ((0, 0, 60, 1_010_000, 0, 0),), owner),
        (
            "liquidator",
            "take",
            (victim, BTC, WAD, 2**200, victim),
            "liquidation: not taker's account",
        ),
        ("exchange", "wire", (me,), "wire: only deployer"),
        ("exchange", "set_agent", (victim, me, 2**40, 0, 2**100), "agent: only owner"),
        ("exchange", "cancel_below", (victim, 2**100), "cancel: only owner"),
    ]
