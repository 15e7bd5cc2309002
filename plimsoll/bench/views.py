"""What views cost: gas for a contract that asks, milliseconds for a page that does."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Final

from plimsoll.bench.auctions import further_buckets
from plimsoll.bench.figures import ViewCost, gas_figure
from plimsoll.bench.venue import GAS, ONE_FEED, PRICE, RICH, SIZE, THREE_FEEDS, Venue, gas_of

_BUCKETS: Final = 11
_RUNS: Final = 21


def views(venue: Venue) -> Iterator[ViewCost]:
    """Each on the same state: eleven winning buckets, an account with two legs under auction."""
    client = venue.client
    counterparty, head = venue.traders(2, RICH)
    victim = venue.trader(120)
    for market in (ONE_FEED, THREE_FEEDS):
        venue.settle_one(
            venue.bank, venue.posted(victim, SIZE, market), venue.signed(head, -SIZE, market)
        )
    further_buckets(venue, counterparty, _BUCKETS - 1)
    venue.set_price(PRICE * 94 // 100)
    venue.set_price(PRICE * 94 // 100, THREE_FEEDS)
    venue.settle_down()
    last = venue.trader(RICH)
    venue.trade(last, counterparty, -SIZE, PRICE * 90 // 100)
    client.liquidator.write(venue.bank, "start", victim.account, gas=GAS)
    venue.wait(60)
    account = victim.account
    assumptions = [(market, PRICE * 85 // 100) for market in (ONE_FEED, THREE_FEEDS)]
    for name, contract, *args in (
        ("health", client.clearinghouse, account),
        ("leg", client.clearinghouse, account, ONE_FEED),
        ("adl_queue", client.clearinghouse, ONE_FEED, False, _BUCKETS),
        ("adl_rank", client.clearinghouse, last.account, ONE_FEED),
        ("take_terms", client.liquidator, account, ONE_FEED),
        ("overview", client.lens, account),
        ("dry_run", client.lens, account, assumptions),
        ("buffers", client.lens, ONE_FEED),
        ("books", client.lens),
    ):
        data = contract.encode(name, *args)
        seconds = []
        for _ in range(_RUNS):
            began = time.perf_counter()
            venue.rpc.eth_call(contract.address, data)
            seconds.append(time.perf_counter() - began)
        # a transaction may ask too: its receipt tells the gas
        gas = gas_of(contract.write(venue.bank, name, *args, gas=GAS))
        figure = gas_figure(f"view.{name}", gas)
        yield ViewCost(figure, round(statistics.median(seconds) * 1_000, 2))
