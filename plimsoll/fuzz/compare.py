"""The model's state against what the chain's views say.

Amounts that the ADL touches may differ by the chain's rounding, within the stated bounds; all
others must be equal to the unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Final

from plimsoll.fuzz import broker_compare
from plimsoll.fuzz.probe import AccountState, Books, HolderState, LegState, MarketState, State
from plimsoll.fuzz.tally import Tally
from plimsoll.model import (
    auctions,
    backing,
    capital,
    concentration,
    custody,
    lanes,
    margin,
    positions,
    prices,
    vault_shares,
    waterfall,
)
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    FINE,
    SIZE_BOUND_WAD,
    WAD,
    World,
)

_MARGIN_BOUND_WAD: Final = 16
_FIELDS: Final = MarketState._fields
_RISK_WORDS: Final = _FIELDS[_FIELDS.index("ema") : _FIELDS.index("hold_until") + 1]
_BUFFER_WORDS: Final = (*_FIELDS[_FIELDS.index("buffer_cap") :], "offered", "capital")

_NUMBERS: Final = {
    **dict.fromkeys(_RISK_WORDS, "M-10 risk"),
    **dict.fromkeys(_BUFFER_WORDS, "M-11 backing"),
    **dict.fromkeys(broker_compare.WORDS, "M-13 brokers"),
}

Difference = tuple[str, int, int, int]  # what, model, chain, bound


def difference(world: World, state: State, tally: Tally) -> str | None:
    """The first thing that differs by more than its bound, or None; notes the largest ones."""
    for what, model, chain, bound in _all(world, state):
        apart = abs(model - chain)
        kind = what.rpartition(" ")[2]
        if apart > bound:
            number = _NUMBERS.get(kind, "M-05 state")
            return f"{number}: {what} is {model} in the model, {chain} on chain"
        if apart and apart > tally.largest[kind]:
            tally.largest[kind] = apart
    return None


def _all(world: World, state: State) -> Iterator[Difference]:
    yield from _books(world, state.books)
    for market in state.markets.values():
        yield from _market(world, market)
        yield from _risk(world, market)
        yield from _backing(world, market)
    for account in state.accounts.values():
        yield from _account(world, account)
    for leg in state.legs.values():
        yield from _leg(world, leg)
    for holder in state.holders.values():
        yield from _holder(world, holder)
    yield from broker_compare.differences(world, state.brokers, _value_bound(world))


def _books(world: World, books: Books) -> Iterator[Difference]:
    cash = CASH_BOUND_WAD
    names = ("backing", "unvested", "fees_in_transit", "balance", "uncounted", "claims")
    chain: Sequence[int] = books[:6]
    for name, model, seen in zip(names, custody.reconciliation(world), chain, strict=True):
        yield f"custody {name}", model, seen, cash
    yield "trading fees", world.trading_fees_wad, books.trading_fees, 0
    yield "insurance fees", world.insurance_fees_wad, books.insurance_fees, cash
    for name, vault, layer in (("junior", world.junior, 3), ("senior", world.senior, 4)):
        yield f"{name} assets", vault.assets_tokens, getattr(books, f"{name}_assets"), 0
        yield f"{name} supply", vault.supply, getattr(books, f"{name}_supply"), 0
        requested = vault_shares.requested_assets(vault)
        yield f"{name} requested", requested, getattr(books, f"{name}_requested"), 0
        offered = capital.offered_assets(vault)
        yield f"{name} offered", offered, getattr(books, f"{name}_offered"), 0
        yield f"{name} generation", vault.generation, getattr(books, f"{name}_generation"), 0
        balance = world.tokens.get(vault.address, 0)
        yield f"{name} balance", balance, getattr(books, f"{name}_balance"), 0
        reserved = world.waterfall.reserved[layer]
        yield f"{name} reserved", reserved, getattr(books, f"{name}_reserved"), cash
    yield "capital", capital.capital(world), books.capital, capital.bound(world)
    yield "resolving", world.resolving, books.resolving, 0
    job = world.job
    if job is None:
        yield "job account", 0, books.job_account, 0
    else:
        yield "job account", job.account, books.job_account, 0
        yield "job started", job.started, books.job_started, 0
        yield "job deficit", job.deficit_wad, books.job_deficit, _value_bound(world)
        yield "job reserved", job.reserved_wad, books.job_reserved, _value_bound(world)
        yield "job credited", job.credited_wad, books.job_credited, _value_bound(world)
        yield "job legs", len(job.legs), books.job_legs, 0
        yield "job leg", job.leg, books.job_leg, 0
        yield "job phase", job.phase, books.job_phase, 0
    bounds = (books.main_head, books.main_end, books.urgent_head, books.urgent_end)
    for place, (model, seen) in enumerate(zip(lanes.bounds(world), bounds, strict=True)):
        yield f"queue bound {place}", model, seen, 0


def _market(world: World, seen: MarketState) -> Iterator[Difference]:
    market = seen.market
    now = prices.peek(world, market)
    name = f"market {market}"
    yield f"{name} mark", now.mark_wad, seen.mark, 0
    yield f"{name} priced", now.priced, seen.priced, 0
    yield f"{name} funding_index", now.funding_index_ray, seen.funding_index, 0
    begun, until, is_open = prices.clock_stop(world, market)
    yield f"{name} stopped_from", begun, seen.stopped_from, 0
    yield f"{name} stopped_until", until, seen.stopped_until, 0
    yield f"{name} open", is_open, seen.open, 0
    long, short = world.open_interest_fine(market)
    dust = sum(world.markets[market].dust_wad.values()) + SIZE_BOUND_WAD
    yield f"{name} long_interest", long // FINE, seen.long_interest, dust
    yield f"{name} short_interest", short // FINE, seen.short_interest, dust


def _risk(world: World, seen: MarketState) -> Iterator[Difference]:
    """What a market remembers of its mark's moves."""
    shown = prices.risk_view(world, seen.market)
    for word, model in zip(_RISK_WORDS, shown, strict=True):
        yield f"market {seen.market} {word}", int(model), getattr(seen, word), 0


def _backing(world: World, seen: MarketState) -> Iterator[Difference]:
    """The cap that insurance capital backs, its terms, and what counts as a large position."""
    state = world.markets[seen.market]
    name = f"market {seen.market}"
    yield f"{name} buffer_cap", prices.cap_view(world, seen.market), seen.buffer_cap, 0
    terms = state.buffer_terms or backing.NO_TERMS
    large = state.concentration or concentration.NO_TERMS
    for part in (terms, large):
        for field in fields(part):
            yield f"{name} {field.name}", getattr(part, field.name), getattr(seen, field.name), 0


def _account(world: World, seen: AccountState) -> Iterator[Difference]:
    account = seen.account
    state = world.account(account)
    health = margin.health(world, account)
    name = f"account {account:#x}"
    value = _value_bound(world) if state.markets else CASH_BOUND_WAD
    yield f"{name} started", state.started, seen.started, 0
    yield f"{name} markets", len(state.markets), seen.markets, 0
    yield f"{name} cash", health.cash_fine // FINE, seen.cash, value
    yield f"{name} equity", health.equity_fine // FINE, seen.equity, value
    entries = health.entry_bound_wad
    yield f"{name} equity_im", health.equity_im_fine // FINE, seen.equity_im, 2 * value + entries
    yield f"{name} mm", health.mm_wad, seen.mm, value
    yield f"{name} im", health.im_wad, seen.im, value + health.im_bound_wad
    yield f"{name} priced", health.priced, seen.priced, 0
    yield f"{name} shield", health.shield_wad, seen.shield, 0
    started, block, weights, place, elapsed = auctions.shown(world, account)
    yield f"{name} auction_started", started, seen.auction_started, 0
    yield f"{name} auction_block", block, seen.auction_block, 0
    yield f"{name} auction_place", place, seen.auction_place, 0
    yield f"{name} auction_elapsed", elapsed, seen.auction_elapsed, 0
    yield f"{name} weights", weights, seen.auction_weights, 0
    broker, junior, senior, fund = waterfall.reservation(world, account)
    if seen.junior_reserved or seen.senior_reserved or seen.fund_reserved:
        yield f"{name} broker_reserved", broker, seen.broker_reserved, value
    yield f"{name} junior_reserved", junior, seen.junior_reserved, value
    yield f"{name} senior_reserved", senior, seen.senior_reserved, value
    yield f"{name} fund_reserved", fund, seen.fund_reserved, value


def _leg(world: World, seen: LegState) -> Iterator[Difference]:
    leg = margin.leg(world, seen.account, seen.market)
    name = f"leg {seen.account:#x} of market {seen.market}"
    yield f"{name} size", _toward_zero(leg.size_fine), seen.size, SIZE_BOUND_WAD
    if abs(seen.size) > SIZE_BOUND_WAD:
        yield (
            f"{name} entry",
            leg.entry_fine // FINE,
            seen.entry,
            seen.entry // positions.ENTRY_PARTS,
        )
    yield f"{name} notional", leg.notional_wad, seen.notional, _value_bound(world)
    if abs(leg.notional_wad - seen.notional) <= _MARGIN_BOUND_WAD:
        yield f"{name} mm_rate_ppm", leg.mm_rate_ppm, seen.mm_rate_ppm, 0
    yield f"{name} mm", leg.mm_wad, seen.mm, _value_bound(world)
    yield f"{name} im", leg.im_wad, seen.im, _value_bound(world)
    if positions.is_open(world, seen.account, seen.market):
        yield f"{name} leverage_class", leg.leverage_class, seen.leverage_class, 0


def _holder(world: World, seen: HolderState) -> Iterator[Difference]:
    address = f"0x{seen.holder:040x}"
    yield f"holder {address} tokens", world.tokens.get(address, 0), seen.tokens, 0
    for name, vault, shares, request, opens in (
        ("junior", world.junior, seen.junior_shares, seen.junior_request, seen.junior_opens),
        ("senior", world.senior, seen.senior_shares, seen.senior_request, seen.senior_opens),
    ):
        yield f"holder {address} {name}_shares", vault_shares.balance(vault, address), shares, 0
        if shares:
            model = vault_shares.withdrawal_request(world, vault, address)
            yield f"holder {address} {name}_request", model[0], request, 0
            yield f"holder {address} {name}_opens", model[1], opens, 0


def _value_bound(world: World) -> int:
    """What rounding of cash and sizes may move an account's value by, wei."""
    marks = sum(market.mark_wad for market in world.markets.values())
    return CASH_BOUND_WAD + SIZE_BOUND_WAD * (1 + marks // WAD)


def _toward_zero(size_fine: int) -> int:
    magnitude = abs(size_fine) // FINE
    return magnitude if size_fine > 0 else -magnitude
