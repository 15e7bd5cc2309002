"""The story of a run: what a reader who knows no symbol must be told. The run is made up."""

from __future__ import annotations

import io
from types import MappingProxyType
from typing import Any

import pytest
from rich.console import Console

from plimsoll.demo.snapshots import Snapshot, only_dust
from plimsoll.report.layout import small
from plimsoll.report.narrative import tell

CENT = 10**16


def auction(account: str, end: str, deficit: str) -> dict[str, Any]:
    return {
        "account": account, "started": 0, "ended": 60, "equity": "-1", "maintenance_margin": "2",
        "takes": [], "rematched": [], "end": end, "deficit": deficit, "equity_at_end": "0",
    }  # fmt: skip


def shock(market: int | None, ppm: int) -> dict[str, Any]:
    """What a shock would do to two of three accounts; brokers and insurance pay for them."""
    return {
        "market": market, "move_ppm": ppm, "below_maintenance": ["a", "b", "c"],
        "below_zero": ["a", "b"], "losses": "30", "brokers": "5",
        "if_largest_first": {"junior": "10", "senior": "2", "uncovered": "13"},
        "cover_2": {
            "accounts": [{"account": "late-1"}, {"account": "late-2"}], "loss": "29",
            "brokers": "4", "junior": "9", "senior": "2",
        },
    }  # fmt: skip


def state(**changes: Any) -> dict[str, Any]:
    """A market of 100 that is 90 % full and calm."""
    return {
        "market": 1, "mark": "100", "ema": "101", "volatility_ppm": 500_000, "s_im_ppm": 250_000,
        "s_mm_ppb": 13_000_000, "longs_held": False, "shorts_held": True, "priced": True,
        "waits": False, "settled": False, "stop": None, "open_interest": "900", "cap": "1000",
        "utilisation_ppm": 900_000, "surcharge_ppm": 500, "extra_margin": "7.5",
        "accounts_with_extra_margin": 1, **changes,
    }  # fmt: skip


def engine() -> dict[str, Any]:
    """One market, with a stop of ten minutes, a full market, a whale, and its end."""
    stop = {"since": 60, "until": 660}
    return {
        "terms": [
            {
                "market": 1, "name": "BTC",
                "buffer": {"kappa": "20", "share_ppm": 300_000, "gap_ppm": 120_000},
                "concentration": {"share_percent": 20, "rate_percent": 3, "floor": 80_000},
            }
        ],
        "before_fall": {"time": 0, "capital": "50", "markets": [state(shorts_held=False)]},
        "steps": [
            {
                "phase": phase, "time": seconds, "capital": "50", "surcharges_paid": [paid],
                "markets": [found],
            }
            for phase, seconds, paid, found in (
                ("open", 10, "0", state(cap="1001")),
                ("open", 20, "0.45", state(cap="1002")),
                ("fall", 90, "0", state(priced=False, stop=stop)),
                ("rise", 400, "0", state(waits=True, stop=stop)),
                ("after", 86_400, "0", state(settled=True, stop=stop)),
            )
        ],
        "surcharges": [{"market": 1, "sides": 2, "paid": "0.45", "highest_rate_ppm": 500}],
        "concentrated": [
            {
                "account": "winner-1", "market": 1, "notional": "450", "free": "200",
                "part_of_open_interest_ppm": 500_000, "extra_margin": "7.5",
                "initial_margin": "52.5",
            }
        ],
        "outages": [
            {
                "market": 1, "feeds": [1, 2], "began": 60, "ended": 360, "seconds": 300,
                "grace_until": 660, "auctions_stopped": ["late-1"], "closed_meanwhile": 0,
                "first_closed_after": 700, "takes_refused": {"oracle: grace": 3},
                "notional": "1800", "initial_margin_before": "180",
                "initial_margin_without_price": "270",
            }
        ],
        "wind_down": {
            "market": 1, "refused_at": 80_000, "refused_before": "market: alive",
            "settled": 86_400, "price": "100", "paid_in_all": "0", "size_in_all": "0",
            "positions": [
                {
                    "account": name, "size": size, "entry": "90", "price": "100", "paid": paid,
                    "profit": profit, "cash_after": "5", "equity_change": "-0.000000000000000001",
                }
                for name, size, paid, profit in (
                    ("late-9", "2", "200", "20"), ("winner-9", "-2", "-200", "-20"),
                )
            ],
        },
    }  # fmt: skip


@pytest.fixture
def story() -> list[str]:
    """The printed story of one bankrupt account and one with dust, by sections."""
    paid = (
        "own_margin", "broker", "junior", "senior", "fund", "haircut", "shortfall",
        "insurance_concessions",
    )  # fmt: skip
    bracket = {"threshold": 0, "im_ppm": 50_000, "mm_ppm": 25_000}
    document = {
        "scenario": {"name": "A day", "about": "It fell.", "sources": ["nowhere"]},
        "counts": dict.fromkeys(
            ("accounts", "trades", "signed_orders", "transactions", "links_read_back"), 1
        ),
        "markets": [
            {
                "name": "BTC", "mark_before_fall": "100", "open_interest_value": "10",
                "max_leverage": 20, "brackets": [bracket],
            }
        ],
        "fit": [
            {
                "what": "leverage", "unit": "notional / equity", "probabilities_ppm": [500_000],
                "data": ["1"], "ours": ["1"],
            }
        ],
        "series": [{"equity": {"winner": "0"}}],
        "steps": [],
        "auctions": [auction("late-1", "bankrupt", "5"), auction("late-2", "dust", "0.00002")],
        "refusals": [],
        "draws": [],
        "resolves": [],
        "risk_engine": engine(),
        "brokers": None,
        "waterfall": {
            **dict.fromkeys(paid, "0"), "broker": "2400", "fund": "7",
            "bankrupt_accounts": ["late-1"], "redemption_rate": "1",
        },
        "reconciliation": {
            "tokens": [], "claims": [], "claim_total": "0", "difference": "0", "vaults": [],
            "sizes": [],
        },
        "stress_before_fall": {
            "shocks": [shock(None, 0), shock(1, -50_000), shock(None, -200_000)],
            "cover_2_all_markets": {
                "fall": {"survived_ppm": -123_400}, "rise": {"survived_ppm": None},
            },
        },
        "reached": {},
    }  # fmt: skip
    console = Console(width=132, file=io.StringIO())
    tell(document, console)
    return console.file.getvalue().split("───\n")


def words(section: str) -> str:
    """A section as one line, however it was wrapped."""
    return " ".join(section.split())


def test_venue__units_and_symbols__explained_before_the_first_table(story: list[str]) -> None:
    before = words(story[1]).partition("mark before the fall")[0]
    assert "in quote units" in before
    assert "Initial margin (IM)" in before
    assert "maintenance margin (MM)" in before
    assert "notional / equity" in words(story[1])


def test_auctions__only_dust__is_not_called_bankrupt(story: list[str]) -> None:
    rows = [line for line in story[3].splitlines() if line.strip().startswith("00:00:00")]
    assert "bankrupt, 5.00 not its own" in rows[0]
    assert "dust, under 0.01 not its own" in rows[1]
    assert "bankrupt" not in rows[1]
    assert "Only dust, less than a cent that an earlier auction left: late-2." in words(story[3])


def test_waterfall__all_seven_layers__what_each_paid(story: list[str]) -> None:
    told = words(story[9])
    assert "own margin of 1 bankrupt accounts" in told
    assert "2 brokers, for their clients 2,400" in told
    assert "5 mutual guaranty fund 7" in told


def test_engine__each_moment_of_the_fall__stress_and_what_stands_still(story: list[str]) -> None:
    rows = [line.split() for line in story[7].splitlines()]
    assert ["00:00:00", "BTC", "100.00", "101.00", "50", "%", "1.250", "1.013"] in rows
    no_price = next(row for row in rows if row[:1] == ["00:01:30"])
    assert no_price[8:] == ["shorts", "no", "price", "00:01:00", "to", "00:11:00"]
    grace = next(row for row in rows if row[:1] == ["00:06:40"])
    assert grace[8:] == ["shorts", "grace", "00:01:00", "to", "00:11:00"]


def test_engine__outage__who_stood_still_and_what_it_cost(story: list[str]) -> None:
    told = words(story[7])
    assert "the auction clocks of late-1 stood still there" in told
    assert "needed 270.00 of initial margin instead of 180.00" in told


def test_engine__backing__only_steps_with_a_surcharge_and_the_fall(story: list[str]) -> None:
    rows = [line.split() for line in story[7].splitlines()]
    full = [row for row in rows if row[:2] == ["01", "Jan"] and "BTC" in row]
    assert [row[2] for row in full] == ["00:00:20", "00:01:30", "00:06:40"]
    assert full[0][3:] == [
        "50", "BTC", "900", "1,002", "90.0", "%", "0.0500", "%", "0.45", "8", "1",
    ]  # fmt: skip
    assert "Surcharges: BTC 0.45 by 2 sides of fills, at most 0.050 %." in words(story[7])


def test_engine__large_position__its_extra_margin(story: list[str]) -> None:
    rows = [line.split() for line in story[7].splitlines()]
    assert ["winner-1", "BTC", "450.00", "50.0", "%", "200.00", "7.50", "52.50"] in rows
    assert "BTC 3 % of what is above 20 % of open interest and above 80,000" in words(story[7])


def test_engine__wind_down__every_position_and_their_sum(story: list[str]) -> None:
    rows = [line.split() for line in story[7].splitlines()]
    assert ["late-9", "2", "90.00", "100.00", "200.00", "20.00", "5.00", "-1"] in rows
    assert ["sum", "0", "0.00", "0.00"] in rows
    assert "was refused with 'market: alive'" in words(story[7])


@pytest.mark.parametrize(
    ("amount", "says"),
    [("0", "0.00"), ("0.002", "under 0.01"), ("-0.002", "over -0.01"), ("-1234.5", "-1,234.50")],
)
def test_small__less_than_a_cent__is_not_called_nothing(amount: str, says: str) -> None:
    assert small(amount) == says


def test_stress__joint_shocks__who_loses_and_who_pays(story: list[str]) -> None:
    rows = [line.split() for line in story[11].splitlines() if line.strip()[:3] == "-20"]
    assert rows == [
        [
            "-20", "%", "3", "2", "30.00", "5.00", "12.00", "13.00", "late-1,", "late-2", "29.00",
            "15.00",
        ]
    ]  # fmt: skip
    assert "in full from -12.34 % to nothing" in words(story[11])


@pytest.mark.parametrize(
    ("equity", "maintenance", "dust"),
    [
        (-CENT + 1, CENT - 1, True),
        (0, 0, True),
        (-CENT, 0, False),
        (CENT, 0, False),
        (0, CENT, False),
    ],
)
def test_only_dust__less_than_a_cent_either_way(equity: int, maintenance: int, dust: bool) -> None:
    assert only_dust(equity, maintenance) is dust


def test_snapshot__dust__counts_neither_as_bankrupt_nor_as_below_margin() -> None:
    equity = {"healthy": 5 * CENT, "below": 2 * CENT, "bankrupt": -CENT, "dust": -1}
    maintenance = {"healthy": 3 * CENT, "below": 3 * CENT, "bankrupt": CENT, "dust": 1}
    snapshot = Snapshot(
        time=0,
        marks=(),
        equity=MappingProxyType(equity),
        maintenance=MappingProxyType(maintenance),
        started=frozenset(),
        positions=(),
        accrued=0,
        interest=(),
        junior=0,
        senior=0,
        capital=0,
        markets=(),
    )
    assert snapshot.bankrupt() == 1
    assert snapshot.below_maintenance() == 2
