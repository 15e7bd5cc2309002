"""Are the books right? Recomputed from every account and every event, to the wei.

Each check names the invariant of docs/invariants.md that it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from plimsoll.chain.revm import RevmChain
from plimsoll.contract import Contract, Event
from plimsoll.errors import ContractReverted
from tests.support.venue import JUNIOR, MARKETS, RAY, SENIOR, WAD, Venue

ROUNDING_PER_WRITE = 4  # wei of cash that one ledger write may leave to the pool
ROUNDING_PER_CHARGE = 10**6  # wei, of a haircut or a new epoch, whose indices carry 27 digits
SIZE_PER_WRITE = 4  # wei of size
SIZE_PER_CLOSE = 2  # wei of size that closing part of a bucket may lose
QUEUE = 64  # buckets that one call shows
HAIRCUT = 1  # phase of `AdlJob`
LEVERAGES = (1, 2, 5, 10, 20)
_WRITES = ("PositionChanged", "CashChanged", "BucketRematched")


@dataclass(frozen=True)
class Picture:
    """Everything at one block."""

    health: dict[int, dict[str, Any]]
    legs: dict[tuple[int, int], dict[str, Any]]  # by account and market
    started: dict[int, bool]
    reserved: dict[int, tuple[int, int]]  # junior and senior units by account
    interest: dict[int, tuple[int, int]]
    queues: dict[tuple[int, bool], list[dict[str, Any]]]
    marks: dict[int, tuple[int, bool]]
    books: dict[str, Any]
    job: dict[str, Any]
    layers: dict[int, LayerState] = field(default_factory=dict)
    open: dict[int, bool] = field(default_factory=dict)  # accounts can be resolved there

    def equity(self, account: int) -> int:
        return int(self.health[account]["equity"])

    def size(self, account: int, market: int) -> int:
        return int(self.legs[account, market]["size"])


@dataclass(frozen=True)
class LayerState:
    """A vault as a layer of the waterfall, wad units."""

    worth: int
    reserved: int
    used: dict[int, int]  # by market, 0: all
    global_ppm: int
    market_ppm: dict[int, int]


def read_many(
    venue: Venue, calls: Sequence[tuple[Contract, str, tuple[Any, ...]]], *, ahead: bool = False
) -> list[Any]:
    """Results of many calls in one round trip; `ahead`: as the next block will see them."""
    if isinstance(venue.rpc, RevmChain):
        return read_in_process(venue.rpc, calls, ahead)
    block = venue.rpc.call("eth_getBlockByNumber", ["latest", False])
    number, time = int(block["number"], 16), int(block["timestamp"], 16)
    overrides = [{}, {"number": hex(number + 1), "time": hex(time + 1)}] if ahead else []
    raw = venue.rpc.batch(
        [
            (
                "eth_call",
                [
                    {"to": contract.address, "data": "0x" + encoded(contract, name, args).hex()},
                    hex(number),
                    *overrides,
                ],
            )
            for contract, name, args in calls
        ]
    )
    return [
        decoded(contract, name, bytes.fromhex(text[2:]))
        for (contract, name, _), text in zip(calls, raw, strict=True)
    ]


def read_in_process(
    chain: RevmChain, calls: Sequence[tuple[Contract, str, tuple[Any, ...]]], ahead: bool
) -> list[Any]:
    """The same on the chain in process, which begins the next block and takes it back."""
    with chain.undone() if ahead else nullcontext():
        if ahead:
            chain.mine()
        return [
            decoded(contract, name, chain.static(contract.address, encoded(contract, name, args)))
            for contract, name, args in calls
        ]


@lru_cache(maxsize=4_096)
def encoded(contract: Contract, name: str, args: tuple[Any, ...]) -> bytes:
    """Call data; a picture asks the same every time."""
    return contract.encode(name, *args)


@lru_cache(maxsize=65_536)
def decoded(contract: Contract, name: str, raw: bytes) -> Any:
    """As `Contract.decode_result`, quicker for one struct of numbers and for an answer as before.

    Whoever gets it shares it: not to be changed.
    """
    outputs = contract.artifact.functions[name]["outputs"]
    parts = outputs[0].get("components") if len(outputs) == 1 else None
    if outputs[0]["type"] != "tuple" or any("(" in p["type"] or "[" in p["type"] for p in parts):
        return contract.decode_result(name, raw)
    if any(p["type"] == "tuple" for p in parts):
        return contract.decode_result(name, raw)
    return {
        part["name"]: int.from_bytes(
            raw[32 * i : 32 * i + 32], "big", signed=part["type"].startswith("int")
        )
        for i, part in enumerate(parts)
    }


def picture(venue: Venue, *, ahead: bool = False) -> Picture:
    """Read everything, now or as the next block will see it."""
    client = venue.client
    ledger, waterfall = client.clearinghouse, client.waterfall
    accounts = sorted(venue.accounts)
    vaults = {JUNIOR: client.junior, SENIOR: client.senior}
    sides = [(m, long) for m in MARKETS for long in (True, False)]
    places = [(a, m) for a in accounts for m in MARKETS]
    used = [(layer, market) for layer in vaults for market in (0, *MARKETS)]
    caps = [(layer, market) for layer in vaults for market in MARKETS]
    groups: list[list[tuple[Contract, str, tuple[Any, ...]]]] = [
        [(ledger, "health", (a,)) for a in accounts],
        [(ledger, "leg", place) for place in places],
        [(ledger, "is_started", (a,)) for a in accounts],
        [(waterfall, "reservation", (a,)) for a in accounts],
        [(ledger, "open_interest", (m,)) for m in MARKETS],
        [(ledger, "adl_queue", (*side, QUEUE)) for side in sides],
        [(ledger, "mark", (m,)) for m in MARKETS],
        [(client.lens, "books", ()), (ledger, "adl_job", ())],
        [(vault, "totalAssets", ()) for vault in vaults.values()],
        [(waterfall, "reserved_total", (layer,)) for layer in vaults],
        [(waterfall, "limits", (layer,)) for layer in vaults],
        [(waterfall, "used", place) for place in used],
        [(waterfall, "market_limit", place) for place in caps],
        [(ledger, "clock_stop", (m,)) for m in MARKETS],
    ]
    try:
        results = iter(read_many(venue, [call for group in groups for call in group], ahead=ahead))
    except ContractReverted as error:
        if error.reason != "adl: sync first":
            raise
        for account, market in places:
            venue.send(venue.keeper, ledger, "sync", account, market)
        return picture(venue, ahead=ahead)
    values = [[next(results) for _ in group] for group in groups]
    books, job = values[7]
    worth = {
        layer: assets * 10**12 * RAY // max(1, books["redemption_rate"])
        for layer, assets in zip(vaults, values[8], strict=True)
    }
    use, cap = dict(zip(used, values[11], strict=True)), dict(zip(caps, values[12], strict=True))
    return Picture(
        health=dict(zip(accounts, values[0], strict=True)),
        legs=dict(zip(places, values[1], strict=True)),
        started=dict(zip(accounts, values[2], strict=True)),
        reserved={a: (r[1], r[2]) for a, r in zip(accounts, values[3], strict=True)},
        interest={m: tuple(v) for m, v in zip(MARKETS, values[4], strict=True)},
        queues=dict(zip(sides, values[5], strict=True)),
        marks=dict(zip(MARKETS, values[6], strict=True)),
        books=books,
        job=job,
        layers={
            layer: LayerState(
                worth=worth[layer],
                reserved=values[9][i],
                used={m: use[layer, m] for m in (0, *MARKETS)},
                global_ppm=values[10][i]["global_ppm"],
                market_ppm={m: cap[layer, m] for m in MARKETS},
            )
            for i, layer in enumerate(vaults)
        },
        open={market: stop[2] for market, stop in zip(MARKETS, values[13], strict=True)},
    )


# --- custody -----------------------------------------------------------------------------


def check_custody(venue: Venue, now: Picture) -> None:
    """Tokens are there, and claims are exactly what everybody owns."""
    books, custody = now.books, now.books["custody"]
    counted = custody["backing"] + custody["unvested"] + custody["fees_in_transit"]
    assert custody["balance"] == counted + custody["uncounted"], "I-01 tokens = books of custody"
    assert custody["uncounted"] == 0, "I-01 no token came in outside of the books"
    for layer in ("junior", "senior"):
        assert books[f"{layer}_assets"] == books[f"{layer}_balance"], f"I-02 {layer} vault assets"

    owned = sum(health["equity"] for health in now.health.values())
    owned += books["trading_fees"] + books["insurance_fees"]
    slack = custody["claims"] - owned - rounded_up_draws(venue.events)
    low, high = rounding_bounds(venue.events, now)
    if now.job["phase"] == HAIRCUT:
        # winners are charged bucket by bucket, the account is credited at the end
        high += [e["credited"] for e in venue.events if e.name == "HaircutSet"][-1]
    assert low <= slack <= high, f"I-03 claims - signed equities = {slack}, not in {low}..{high}"
    expected = min(RAY, custody["backing"] * RAY // max(1, custody["claims"]))
    assert books["redemption_rate"] == expected, "I-04 rho = min(1, backing / claims)"


def rounded_up_draws(events: Sequence[Event]) -> int:
    """Wei that layers paid beyond what was asked: they pay whole token units."""
    received = sum(e["units"] for e in events if e.name == "DrawReceived")
    asked = sum(e["units"] for e in events if e.name in ("Drawn", "ConcessionPaid"))
    return int(received - asked)


def rounding_bounds(events: Sequence[Event], now: Picture) -> tuple[int, int]:
    """What rounding may have left to the pool (wei), and what unmatched size may be worth."""
    counts = Counter(event.name for event in events)
    writes = sum(counts[name] for name in _WRITES)
    limit = ROUNDING_PER_WRITE * writes + ROUNDING_PER_CHARGE * counts["BucketHaircut"]
    loose = ROUNDING_PER_CHARGE * counts["BucketHaircut"] + 1
    for market in MARKETS:
        closed = sum(e.name == "BucketRematched" and e["market"] == market for e in events)
        unmatched = abs(sum(now.size(a, m) for a, m in now.legs if m == market))
        loose += (unmatched + SIZE_PER_CLOSE * closed) * 3 * now.marks[market][0] // WAD
    return -loose, limit + loose


# --- positions and queue -----------------------------------------------------------------


def check_interest(venue: Venue, now: Picture) -> None:
    """Every long has a short, and the index holds exactly the open interest."""
    counts = Counter(event.name for event in venue.events)
    dust = SIZE_PER_WRITE * sum(counts[name] for name in _WRITES)
    for market in MARKETS:
        long, short = now.interest[market]
        assert abs(long - short) <= dust, f"I-05 market {market}: long {long}, short {short}"
        sizes = [now.size(a, m) for a, m in now.legs if m == market]
        for is_long, total in ((True, long), (False, short)):
            held = sum(abs(size) for size in sizes if size and (size > 0) == is_long)
            assert 0 <= total - held <= dust, f"I-06 market {market}: side {total}, members {held}"
            check_queue(now, market, is_long, total)


def check_queue(now: Picture, market: int, long: bool, total: int) -> None:
    """The queue holds the side's interest, each bucket once, best score first."""
    queue = now.queues[market, long]
    keys = [entry["key"] for entry in queue]
    assert len(set(keys)) == len(keys), "I-07 a bucket stands in the queue once"
    if len(queue) < QUEUE:
        assert sum(entry["size"] for entry in queue) == total, "I-07 buckets = open interest"
    order = [rank(key, now.marks[market][0]) for key in keys]
    assert order == sorted(order, reverse=True), "I-08 queue order: score, class, tick"


def rank(key: int, mark: int) -> tuple[int, int, int]:
    """Score (ray), class and tick of a bucket, computed anew; larger goes first."""
    long, leverage_class, tick = bool(key >> 16 & 1), key >> 13 & 7, key & (2**13 - 1)
    code = (tick + long) << 27
    exponent = code >> 33
    edge = ((2**33 | code & (2**33 - 1)) << exponent) >> 33
    roe = mark - edge if long else edge - mark
    leverage = LEVERAGES[leverage_class]
    score = roe * RAY * leverage // edge if roe >= 0 else roe * RAY // (edge * leverage)
    return score, leverage_class, -tick if long else tick


# --- waterfall ---------------------------------------------------------------------------


def check_waterfall(venue: Venue, now: Picture) -> None:
    """Reservations add up, fit into the assets, and block the exits."""
    for index, (layer, state) in enumerate(now.layers.items()):
        held = sum(pair[index] for pair in now.reserved.values())
        assert state.reserved == held, f"I-09 layer {layer}: reserved is not the sum"
        rate_change = state.worth // RAY + 10**13
        assert state.reserved <= state.worth + rate_change, f"I-09 layer {layer}: above its assets"
    blocked = venue.client.waterfall.read("exits_blocked")
    assert blocked == any(map(any, now.reserved.values())), "I-11 exits wait for reservations"
    if blocked:
        insurer = venue.person("insurer").address
        assert venue.client.senior.read("maxRedeem", insurer) == 0, "I-11 nobody may leave"


def check_everything(venue: Venue, now: Picture | None = None) -> Picture:
    """All checks that hold at any moment."""
    seen = now or picture(venue)
    check_custody(venue, seen)
    check_interest(venue, seen)
    check_waterfall(venue, seen)
    return seen
