"""The story of brokers: what a reader is told of a made-up run with two clients."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from plimsoll.report.broker_story import tell_brokers


def outcome(account: str, **changes: Any) -> dict[str, Any]:
    """An account that came through, paid in 300 and has 250 left."""
    return {
        "account": account, "refused": None, "equity_before_fall": "299", "least_equity": "10",
        "paid_in": "300", "guarantee_fees": "0", "liquidations": [], "concessions": "0",
        "rematch_discounts": "0", "liquidation_fees": "0", "deficit": "0",
        "paid_by": dict.fromkeys(
            ("broker", "junior", "senior", "fund", "winners", "shortfall"), "0"
        ),
        "equity_at_end": "250", "result": "-50", "calls": [], "answers": [], **changes,
    }  # fmt: skip


def broker_layer() -> dict[str, Any]:
    """One broker; a client that is cured and one that could not open alone."""
    call = {"time": 90, "amount": "40", "deadline": 3_690, "end": "cured", "ended": 120}
    answer = {"time": 110, "deposited": "250", "sold": "0", "price": "0", "fee": "0"}
    lost = {
        "started": 100,
        "ended": 200,
        "equity": "-5",
        "maintenance_margin": "2",
        "end": "bankrupt",
    }
    paid = {"broker": "0", "junior": "8", "senior": "0", "fund": "4", "winners": "0",
            "shortfall": "0"}  # fmt: skip
    plain = {"broker": "broker-a", "moved_to": None, "market": 1, "notional": "2400"}
    member = {"broker": "broker-a", "cause": "nobody", "contribution": "7", "assessment": "0"}
    amounts = ("stake", "pool", "guaranteed", "fees_prepaid", "fees_earned", "lost_by_stake",
               "lost_to_fund_for_clients", "lost_to_fund_for_others", "lost_by_pool",
               "stake_at_end", "pool_at_end", "locked_at_end", "free_at_end")  # fmt: skip
    return {
        "vaults": [
            {
                **dict.fromkeys(amounts, "1"), "name": "broker-a", "state": "active", "days": 72,
                "lost_for_clients": "2400", "return_on_stake_ppm": -999_100,
                "return_on_pool_ppm": 6_600,
            }
        ],
        "clients": [
            {
                **plain, "name": "client-1", "deposit": "300", "guarantee": "240",
                "with_broker": outcome(
                    "client-1", calls=[call], answers=[answer], paid_in="550",
                    equity_at_end="520", result="-37", guarantee_fees="7",
                ),
                "alone": outcome(
                    "client-1-alone", liquidations=[lost], concessions="1",
                    rematch_discounts="0.5", liquidation_fees="0.3", deficit="12",
                    paid_by=paid, equity_at_end="0", result="-300",
                ),
            },
            {
                **plain, "name": "client-2", "deposit": "100", "guarantee": "30",
                "with_broker": outcome("client-2"),
                "alone": outcome("client-2-alone", refused="margin: below initial"),
            },
        ],
        "fund": {
            "draws": [
                {"time": 300, "account": "client-1-alone", "cause": "nobody", "amount": "7",
                 "tokens": "7", "members": [member]}
            ],
        },
    }  # fmt: skip


@pytest.fixture
def story() -> str:
    """What is printed."""
    console = Console(width=132, file=io.StringIO())
    tell_brokers({"brokers": broker_layer(), "markets": [{"name": "BTC"}]}, console)
    return console.file.getvalue()


def words(text: str) -> str:
    """A text as one line, however it was wrapped."""
    return " ".join(text.split())


def test_brokers__each_client_beside_its_twin__when_and_at_what_cost(story: str) -> None:
    rows = [line.split() for line in story.splitlines()]
    assert ["client-1", "never", "550", "520.00", "-37.00"] in rows
    assert ["client-1-alone", "00:01:40", "-5.00", "2.00", "1.50", "0.30", "300", "0.00",
            "-300.00"] in rows  # fmt: skip
    assert ["client-1", "7.00"] in rows
    assert ["client-1-alone", "12.00", "8.00", "4.00"] in rows
    told = words(story)
    assert "client-1 00:01:30 40.00 01:01:30 deposited 250 cured 00:02:00" in told
    assert "lost 37.00 and left 0.00 to others" in told
    assert "without brokers 300.00 and 12.00" in told


def test_brokers__twin_refused__says_what_the_guarantee_was_for(story: str) -> None:
    told = words(story)
    assert "client-2-alone could not open alone: 'margin: below initial'" in told
    assert "client-2-alone not opened" in told


def test_brokers__vault_and_fund__what_was_earned_and_lost(story: str) -> None:
    told = words(story)
    assert "return on the stake -99.91 %" in told
    assert "lost: first loss on own clients 2,400.00" in told
    assert "01 Jan 00:05:00 client-1-alone nobody 7.00 7.00" in told
    assert "of 7.00 drawn 7.00 went to accounts without a broker" in told


def test_brokers__none_in_the_scenario__says_so() -> None:
    console = Console(width=132, file=io.StringIO())
    tell_brokers({"brokers": None}, console)
    assert console.file.getvalue().strip() == "The scenario has no brokers."
