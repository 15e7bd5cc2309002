"""Accounts and their positions as the ledger shows them, and where to look for accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plimsoll import abi, artifacts
from plimsoll.client import Client
from plimsoll.errors import ChainError, ContractReverted, InputError, RpcError
from plimsoll.model.concentration import Concentration, extra_wad
from plimsoll.model.margin import STALE_PPM, margins
from plimsoll.model.state import LEVERAGES, Terms
from plimsoll.shocks.reading import Progress, Reader, silent
from plimsoll.units import PPB, PPM, WAD, div_down, div_up

LOG_BLOCKS: Final = 10_000
"""Blocks asked for in one request for events; halved as often as the endpoint refuses."""

NO_CAP: Final = 2**256 - 1  # what a market without buffer terms shows

_METHOD_MISSING: Final = -32_601


@dataclass(frozen=True)
class Clock:
    """Whether a market goes on; unix seconds."""

    since: int  # of the last stop; 0: never
    until: int
    open: bool  # positions can be taken and resolved
    settled: bool  # its mark is final


@dataclass(frozen=True)
class Backing:
    """How far insurance capital lets a market grow."""

    cap: int | None  # wad, of either side at mark; None: no bound
    utilisation_ppm: int
    surcharge_ppm: int  # on the fee of whoever opens


@dataclass(frozen=True)
class Market:
    """A listed market as of the block that is read."""

    id: int
    name: str
    mark: int  # wad, the last good one
    priced: bool
    terms: Terms
    im_stress_ppm: int  # factors on margins now, above one
    mm_stress_ppb: int
    concentration: Concentration
    larger_side: int  # wad, size
    clock: Clock
    backing: Backing

    def margins(self, notional: int, choice: int, price: int) -> tuple[int, int]:
        """Initial and maintenance margin (wad, rounded up) at a price, under the stress of now."""
        if self.clock.settled:
            return 0, 0
        im, mm, _ = margins(self.terms, notional, choice)
        im += extra_wad(self.concentration, notional, self.larger_side, price)
        im, mm = (
            div_up(im * (PPM + self.im_stress_ppm), PPM),
            div_up(mm * (PPB + self.mm_stress_ppb), PPB),
        )
        if not self.priced:
            im += div_up(notional * STALE_PPM, PPM)
        return im, mm


@dataclass(frozen=True)
class Leg:
    """An open position; `choice` is the leverage class + 1 as far as its margin shows it."""

    market: Market
    size: int  # wad, signed
    entry: int  # wad
    choice: int

    def notional(self, price: int) -> int:
        """Wad, rounded up as the ledger does."""
        return div_up(abs(self.size) * price, WAD)

    def profit(self, price: int) -> int:
        """Against the entry (wad, rounded down)."""
        return div_down(self.size * (price - self.entry), WAD)


@dataclass(frozen=True)
class Holder:
    """An account with what it holds; amounts wad."""

    account: int
    cash: int  # with funding and ADL cash up to now
    equity: int  # its own, without a guarantee
    shield: int  # what its guarantee adds for maintenance margin now
    lock: int  # what its broker has locked for its losses, also when that shields no more
    mm: int
    im: int
    started: bool
    reserved: tuple[int, int]  # junior and senior, for an account under liquidation
    legs: tuple[Leg, ...]

    def assumed(self, prices: Mapping[int, int]) -> dict[int, int]:
        """Of these prices (by market) the ones that matter to this account."""
        return {leg.market.id: prices[leg.market.id] for leg in self.legs}

    def equity_at(self, prices: Mapping[int, int]) -> int:
        """Equity at other prices, to the wei what `Lens.dry_run` says."""
        return self.equity + sum(
            div_down(leg.size * (prices[leg.market.id] - leg.market.mark), WAD) for leg in self.legs
        )

    def margins_at(self, prices: Mapping[int, int]) -> tuple[int, int]:
        """Initial and maintenance margin at other prices."""
        im = mm = 0
        for leg in self.legs:
            notional = leg.notional(prices[leg.market.id])
            leg_im, leg_mm = leg.market.margins(notional, leg.choice, prices[leg.market.id])
            im, mm = im + leg_im, mm + leg_mm
        return im, mm


# --- which accounts ---------------------------------------------------------------------------


def find_accounts(client: Client, progress: Progress = silent) -> list[int]:
    """Every account that ever held a position, by first appearance, from the ledger's events.

    A position begins with an event `PositionChanged`; re-matching only makes positions smaller.
    InputError if the endpoint keeps no events.
    """
    # logged at the ledger's address, by the engine that runs on its storage
    topic = "0x" + abi.topic(artifacts.load("TradeEngine").events["PositionChanged"]).hex()
    newest = client.rpc.block_number()
    found: dict[int, None] = {}
    start, width = client.deployment.block, LOG_BLOCKS
    while start <= newest:
        end = min(start + width - 1, newest)
        progress(start - client.deployment.block, newest - client.deployment.block + 1, "events")
        try:
            logs = client.rpc.call("eth_getLogs", [_filter(client, topic, start, end)])
        except RpcError as error:
            if error.code == _METHOD_MISSING:
                raise InputError(
                    "this chain keeps no events, so accounts cannot be found",
                    next_step="give the accounts as a list",
                ) from error
            if width == 1:
                raise
            width = div_up(width, 2)
            continue
        found.update(dict.fromkeys(int(log["topics"][1], 16) for log in logs))
        start = end + 1
    return list(found)


def _filter(client: Client, topic: str, start: int, end: int) -> dict[str, Any]:
    return {
        "address": client.clearinghouse.address,
        "topics": [topic],
        "fromBlock": hex(start),
        "toBlock": hex(end),
    }


# --- what they hold ---------------------------------------------------------------------------


def read_venue(
    reader: Reader, accounts: Iterable[int]
) -> tuple[dict[int, Market], tuple[Holder, ...]]:
    """Markets by id, and the accounts in the order given, each once, with what they hold."""
    wanted = list(dict.fromkeys(accounts))
    open_in = reader.many(
        reader.client.clearinghouse, "markets_of", [(one,) for one in wanted], "accounts"
    )
    markets = _read_markets(reader, {number for held in open_in for number in held})
    return markets, tuple(_read_holders(reader, dict(zip(wanted, open_in, strict=True)), markets))


def _read_markets(reader: Reader, seen: set[int]) -> dict[int, Market]:
    """Markets of the deployment, and others that somebody holds: listed later."""
    ledger = reader.client.clearinghouse
    names = {number: name for name, number in reader.client.deployment.markets.items()}
    ids = sorted(names.keys() | seen)
    marks = reader.many(ledger, "mark", [(number,) for number in ids], "markets")
    configs = reader.many(ledger, "market_config", [(number,) for number in ids], "markets")
    risks = reader.many(ledger, "risk", [(number,) for number in ids], "markets")
    backings = _read_backings(reader, ids)
    return {
        number: Market(
            id=number,
            name=names.get(number, f"market {number}"),
            mark=mark,
            priced=priced,
            terms=_terms(config),
            im_stress_ppm=risk["s_im_ppm"],
            mm_stress_ppb=risk["s_mm_ppb"],
            concentration=concentration,
            larger_side=larger_side,
            clock=_clock(stop, priced, reader.time),
            backing=backing,
        )
        for number, (mark, priced), config, risk, (
            concentration,
            larger_side,
            stop,
            backing,
        ) in zip(ids, marks, configs, risks, backings, strict=True)
    }


def _read_backings(
    reader: Reader, ids: Sequence[int]
) -> list[tuple[Concentration, int, tuple[int, int, bool], Backing]]:
    """Concentration terms, larger side, last stop and backing of each market."""
    ledger, calls = reader.client.clearinghouse, [(number,) for number in ids]
    found = zip(
        reader.many(ledger, "concentration", calls, "markets"),
        reader.many(ledger, "open_interest", calls, "markets"),
        reader.many(ledger, "clock_stop", calls, "markets"),
        reader.many(reader.client.lens, "buffers", calls, "markets"),
        strict=True,
    )
    return [
        (
            Concentration(**terms),
            max(interest),
            stop,
            Backing(
                cap=room["cap"] if room["cap"] != NO_CAP else None,
                utilisation_ppm=room["utilisation_ppm"],
                surcharge_ppm=room["surcharge_ppm"],
            ),
        )
        for terms, interest, stop, room in found
    ]


def _clock(stop: tuple[int, int, bool], priced: bool, now: int) -> Clock:
    """The stop of a market without a price lasts until now, unless the market was settled."""
    since, until, is_open = stop
    return Clock(since, until, is_open, settled=not priced and until < now)


def _read_holders(
    reader: Reader, open_in: Mapping[int, Sequence[int]], markets: Mapping[int, Market]
) -> Iterator[Holder]:
    ledger = reader.client.clearinghouse
    calls = [(account,) for account in open_in]
    places = [(account, market) for account, held in open_in.items() for market in held]
    legs: dict[int, list[Leg]] = {account: [] for account in open_in}
    try:
        healths = reader.many(ledger, "health", calls, "accounts")
        found = reader.many(ledger, "leg", places, "positions")
    except ContractReverted:
        _blame(reader, places)
        raise
    for (account, number), leg in zip(places, found, strict=True):
        if leg["size"]:
            market = markets[number]
            legs[account].append(Leg(market, leg["size"], leg["entry"], _choice(leg, market)))
    started = reader.many(ledger, "is_started", calls, "accounts")
    reserved = reader.many(reader.client.waterfall, "reservation", calls, "accounts")
    locks = reader.many(reader.client.sponsorship, "guaranteed", calls, "accounts")
    for account, health, under, held, lock in zip(
        open_in, healths, started, reserved, locks, strict=True
    ):
        yield Holder(
            account=account,
            cash=health["cash"],
            equity=health["equity"],
            shield=health["shield"],
            lock=lock,
            mm=health["mm"],
            im=health["im"],
            started=under,
            reserved=(held[1], held[2]),
            legs=tuple(legs[account]),
        )


def _blame(reader: Reader, places: Sequence[tuple[int, int]]) -> None:
    """Name the position that cannot be read."""
    for account, market in places:
        try:
            reader.one(reader.client.clearinghouse, "leg", account, market)
        except ContractReverted as error:
            raise ChainError(
                f"account {account:#066x} cannot be read in market {market}: {error.reason}",
                next_step="anybody may call Clearinghouse.sync(account, market): do so until it"
                " answers True, then ask again",
            ) from error


def _choice(leg: Mapping[str, Any], market: Market) -> int:
    """The chosen leverage class + 1, from the margin it leads to.

    The ledger does not show the choice. Where brackets alone explain the initial margin, it is the
    lowest class that agrees with it, so that margins at other prices are never too low.
    """
    for choice in range(leg["leverage_class"] + 1, len(LEVERAGES) + 1):
        if market.margins(leg["notional"], choice, leg["mark"])[0] == leg["im"]:
            return choice
    return 0


def _terms(config: Mapping[str, Any]) -> Terms:
    """A market's terms as the margin formulas take them."""
    first, second, third = config["brackets"]
    return Terms(
        oi_cap_wad=config["oi_cap"],
        min_notional_wad=config["min_notional"] * WAD,
        taker_fee_ppm=config["taker_fee_ppm"],
        maker_fee_ppm=config["maker_fee_ppm"],
        band_ppm=config["band_ppm"],
        max_class=config["max_class"],
        thresholds_wad=(
            first["threshold"] * WAD,
            second["threshold"] * WAD,
            third["threshold"] * WAD,
        ),
        im_ppm=(first["im_ppm"], second["im_ppm"], third["im_ppm"]),
        mm_ppm=(first["mm_ppm"], second["mm_ppm"], third["mm_ppm"]),
        funding_base_ppb=config["funding_base_ppb"],
        funding_cap_ppb=config["funding_cap_ppb"],
        premium_volume_wad=config["premium_volume"] * WAD,
    )
