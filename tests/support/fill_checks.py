"""A fill, previewed and then settled in the same block: both must say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plimsoll.chain.evm import Outcome
from plimsoll.chain.revm import RevmChain
from plimsoll.contract import Event, all_events
from plimsoll.errors import ContractReverted
from plimsoll.orders import Flags, SignedOrder
from plimsoll.preview import Fill, Preview, SidePreview, Standing
from tests.support.venue import BTC, GAS, WAD, Person, Venue


def chain_of(venue: Venue) -> RevmChain:
    """The chain in process behind a venue."""
    assert isinstance(venue.rpc, RevmChain)
    return venue.rpc


def held(venue: Venue, who: Person, other: Person, size: int, market: int = BTC) -> None:
    """`who` holds `size` (signed) against `other`, for a while."""
    buyer, seller = (who, other) if size > 0 else (other, who)
    venue.trade(buyer, seller, market, abs(size))
    venue.wait(700)


def started(venue: Venue, who: Person, rich: Person, fall: int) -> None:
    """Long 29 BTC and under liquidation."""
    venue.trade(who, rich, BTC, 29 * WAD)
    venue.move(BTC, fall)
    venue.start(who.account)


@dataclass(frozen=True)
class Sides:
    """Two signed orders about to be matched; the first is the maker if it is post-only."""

    first: SignedOrder
    second: SignedOrder
    size: int


def sides(
    venue: Venue,
    buyer: Person,
    seller: Person,
    market: int = BTC,
    size: int = WAD,
    price: int | None = None,
    **changes: Any,
) -> Sides:
    """`buyer`, post-only, buys from `seller`; `buyer_flags` and the like change an order."""
    at = venue.mark(market) if price is None else price
    own: dict[str, dict[str, Any]] = {
        "buyer_": {"flags": Flags.POST_ONLY},
        "seller_": {},
    }
    for name, value in changes.items():
        prefix, field = name.split("_", 1)
        own[f"{prefix}_"][field] = value
    bid = venue.signed(buyer, market, size, at, **own["buyer_"])
    ask = venue.signed(seller, market, -size, at, **own["seller_"])
    return Sides(bid, ask, size)


def check(venue: Venue, pair: Sides) -> Preview:
    """Previews a match, settles it in the same block, and compares everything."""
    fill = Fill.of(
        venue.client.lens.read(
            "fill_of", pair.first.order.as_tuple(), pair.second.order.as_tuple(), pair.size
        )
    )
    chain = chain_of(venue)
    chain.new_block()
    before = standings(venue, fill)
    preview = venue.client.preview(fill)
    assert standings(venue, fill) == before, "a preview changes nothing"
    outcome = settle(venue, pair)
    assert (preview.success, preview.reason) == (outcome.ok, outcome.reason or "")
    for side, known in zip((preview.maker, preview.taker), before, strict=True):
        assert side.before == known, "before"
    if outcome.ok:
        compare(venue, preview, outcome)
    else:
        assert preview.maker.after is preview.taker.after is None
        assert preview.maker.fee == preview.taker.fee == 0
    return preview


def settle(venue: Venue, pair: Sides) -> Outcome:
    """The transaction, in the newest block."""
    data = venue.client.exchange.encode(
        "settle_one", pair.first.as_tuple(), pair.second.as_tuple(), pair.size
    )
    return chain_of(venue).run(venue.keeper.address, venue.client.exchange.address, data, 0, GAS)


def compare(venue: Venue, preview: Preview, outcome: Outcome) -> None:
    """What was previewed is what the ledger says now, and what the settlement announced."""
    after = standings(venue, preview.fill)
    for side, known in zip((preview.maker, preview.taker), after, strict=True):
        assert side.after == known, "after"
    events = events_of(venue, outcome)
    for side in (preview.maker, preview.taker):
        announced = sum(
            event["fee"]
            for event in events
            if event.name == "PositionChanged" and event["account"] == side.account
        )
        assert side.fee == announced, "fee"
        notional = -(-abs(preview.fill.size) * preview.fill.price // WAD)
        assert side.fee_ppb == side.fee * 10**9 // notional, "rate"


def events_of(venue: Venue, outcome: Outcome) -> list[Event]:
    """The protocol's events of a transaction in process."""
    logs = [
        {
            "address": address,
            "topics": ["0x" + topic.hex() for topic in topics],
            "data": "0x" + data.hex(),
            "blockNumber": "0x0",
        }
        for address, topics, data in outcome.logs
    ]
    client = venue.client
    return all_events([client.clearinghouse, client.exchange, client.liquidator], {"logs": logs})


def standings(venue: Venue, fill: Fill) -> list[Standing | None]:
    """Both sides as the ledger's own views have them; None for who cannot be read."""
    return [standing(venue, account, fill.market) for account in (fill.maker, fill.taker)]


def standing(venue: Venue, account: int, market: int) -> Standing | None:
    """One account by the views of the ledger, one by one."""
    client = venue.client
    ledger = client.clearinghouse
    try:
        leg = client.leg(account, market)
        health = client.health(account)
    except ContractReverted:
        return None
    return Standing(
        started=ledger.read("is_started", account),
        health=health,
        leg=leg,
        rank=dict(ledger.read("adl_rank", account, market)) if leg["size"] else None,
        liquidation_prices={
            number: client.liquidation_price(account, number)
            for number in ledger.read("markets_of", account)
        },
    )


def side_of(preview: Preview, person: Person) -> SidePreview:
    """The side of somebody's main account."""
    found = {side.account: side for side in (preview.maker, preview.taker)}
    return found[person.account]


def both(side: SidePreview) -> tuple[Standing, Standing]:
    """Before and after of a side of a fill that goes through."""
    assert side.before is not None
    assert side.after is not None
    return side.before, side.after
