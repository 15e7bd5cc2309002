"""The stress view as JSON: exact decimal strings in quote units (claims), moves in whole ppm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from plimsoll.accounts import split
from plimsoll.loss_weights import SHARES, unpack
from plimsoll.shocks.account import AccountRow, AccountView
from plimsoll.shocks.buffers import LAYERS, Capital
from plimsoll.shocks.cover import Cover, Frontier
from plimsoll.shocks.grid import Shock
from plimsoll.shocks.holders import Market
from plimsoll.shocks.venue import VenueRow, VenueView
from plimsoll.units import RAY, exact

Json = dict[str, Any]

UNITS: Final = (
    "amounts and prices: quote units, exact decimal strings; moves: ppm of the mark;"
    " *_tokens: units of the settlement token; rates: tokens per claim; if_largest_first: holds"
    " if the largest loss is reserved first, another order can give more or less;"
    " guaranty_fund: in no sum, so uncovered is an upper bound, and what follows from it holds if"
    " the fund pays nothing"
)


def account_document(view: AccountView) -> Json:
    """One account."""
    holder = view.holder
    owner, number = split(holder.account)
    return {
        **_head(view.block, view.time, view.markets),
        "account": {
            "id": full_id(holder.account),
            "owner": owner,
            "subaccount": number,
            "under_liquidation": holder.started,
            "equity": exact(holder.equity),
            "shield": exact(holder.shield),
            "guaranteed": exact(holder.lock),
            "initial_margin": exact(holder.im),
            "maintenance_margin": exact(holder.mm),
            "positions": [
                {"market": leg.market.id, "size": exact(leg.size), "entry": exact(leg.entry)}
                for leg in holder.legs
            ],
            "liquidated_at": [
                {"market": one.market, "fall_ppm": one.fall, "rise_ppm": one.rise}
                for one in view.distances
            ],
        },
        "buffers": _buffers(view.capital),
        "guaranty_fund": _fund(view.capital),
        "shocks": [_account_row(row) for row in view.rows],
    }


def full_id(account: int) -> str:
    """An account id in hex, 32 bytes."""
    return f"{account:#066x}"


def venue_document(view: VenueView, name_of: Callable[[int], str] = full_id) -> Json:
    """The whole venue; `name_of` says how accounts are called."""
    return {
        **_head(view.block, view.time, view.markets),
        "accounts": len(view.holders),
        "buffers": _buffers(view.capital),
        "guaranty_fund": _fund(view.capital),
        "redemption_rate": exact(view.custody.rate(0, 0), RAY),
        "shocks": [_venue_row(row, name_of) for row in view.rows],
        "cover_2_all_markets": {
            "fall": _frontier(view.largest_down),
            "rise": _frontier(view.largest_up),
        },
    }


def _head(block: int, time: int, markets: Mapping[int, Market]) -> Json:
    return {
        "units": UNITS,
        "block": block,
        "time": time,
        "markets": [
            {
                "id": one.id,
                "name": one.name,
                "mark": exact(one.mark),
                "priced": one.priced,
                "settled": one.clock.settled,
                "can_be_resolved": one.clock.open,
                "im_stress_ppm": one.im_stress_ppm,
                "mm_stress_ppb": one.mm_stress_ppb,
                "open_interest_cap": None if one.backing.cap is None else exact(one.backing.cap),
                "utilisation_ppm": one.backing.utilisation_ppm,
                "surcharge_ppm": one.backing.surcharge_ppm,
            }
            for one in markets.values()
        ],
    }


def _buffers(capital: Capital) -> Json:
    return {
        name: {
            "assets_tokens": capital.assets_tokens[place],
            "assets": exact(capital.assets[place]),
            "reserved": exact(capital.reserved[place]),
            "free": exact(capital.free[place]),
            "free_in": {
                str(market): exact(free[place]) for market, free in capital.free_in.items()
            },
        }
        for place, name in enumerate(LAYERS)
    }


def _fund(capital: Capital) -> Json:
    return {"assets_tokens": capital.fund_tokens, "assets": exact(capital.fund)}


def _shock(shock: Shock) -> Json:
    """`market` is null for all markets together."""
    return {"market": shock.market, "move_ppm": shock.ppm}


def _account_row(row: AccountRow) -> Json:
    run = row.run
    return {
        **_shock(row.shock),
        "equity": exact(run.equity),
        "shield": exact(row.shield),
        "initial_margin": exact(row.im),
        "maintenance_margin": exact(row.mm),
        "above_maintenance": exact(row.distance),
        "loss": exact(run.loss),
        "broker": exact(run.broker),
        "junior": exact(run.junior),
        "senior": exact(run.senior),
        "uncovered": exact(run.uncovered),
        "split": [
            {
                "market": weight.market,
                "asked_from": "longs" if weight.short else "shorts",
                "share": exact(weight.share, SHARES),
            }
            for weight in unpack(run.weights)
        ]
        if run.loss
        else [],
    }


def _venue_row(row: VenueRow, name_of: Callable[[int], str]) -> Json:
    return {
        **_shock(row.shock),
        "below_maintenance": [name_of(account) for account in row.below_margin],
        "below_zero": [name_of(account) for account in row.below_zero],
        "losses": exact(row.loss),
        "brokers": exact(row.brokers),
        "free_buffers": exact(row.free),
        "if_largest_first": {
            "junior": exact(row.junior),
            "senior": exact(row.senior),
            "uncovered": exact(row.uncovered),
            "winners_at_most": exact(row.winners_most),
            "shortfall_at_least": exact(row.shortfall_least),
            "redemption_rate_at_least": exact(row.rate_least, RAY),
            "redemption_rate_at_most": exact(row.rate_most, RAY),
        },
        "cover_2": _cover(row.cover, name_of),
    }


def _cover(cover: Cover, name_of: Callable[[int], str]) -> Json:
    return {
        "accounts": [
            {"account": name_of(account), "loss": exact(loss)}
            for account, loss in zip(cover.accounts, cover.losses, strict=True)
        ],
        "loss": exact(cover.loss),
        "brokers": exact(cover.brokers),
        "junior": exact(cover.junior),
        "senior": exact(cover.senior),
        "uncovered": exact(cover.uncovered),
        "survived": cover.survived,
    }


def _frontier(frontier: Frontier) -> Json:
    return {"survived_ppm": frontier.survived, "failed_ppm": frontier.failed}
