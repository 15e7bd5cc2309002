"""A venue with losers of a fall and of a rise, and what really happens to it after a shock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plimsoll.chain.revm import RevmChain
from plimsoll.contract import Contract, Event
from plimsoll.shocks import AccountView, Shock, VenueView, grid
from tests.support.broker_desk import Brokerage
from tests.support.venue import BTC, DOGE, ETH, MARKETS, WAD, Venue, venue_in_process

SHOCKS = grid(MARKETS)
LOSERS = ("ann", "ben", "cem")
SMALL, LARGE = 4_000, 30_000
"""Whole tokens that a broker guarantees for the clients of these names."""


def opened(venue: Venue) -> Venue:
    """Three losers of a fall, one with legs that hedge, one of a rise, a rich winner, a saver."""
    for name, tokens in (("ann", 6_000), ("ben", 7_000), ("cem", 4_000), ("eva", 9_000)):
        venue.deposit(venue.person(name), tokens)
    venue.deposit(venue.person("dot"), 2_000_000)
    venue.deposit(venue.person("fay"), 1_000)
    dot, ben = venue.person("dot"), venue.person("ben")
    venue.set_class(venue.person("cem"), ETH, 3)
    venue.trade(venue.person("ann"), dot, BTC, 2_012_345_678_901_234_567)
    venue.trade(ben, dot, BTC, 1_500_000_000_000_000_001)
    venue.trade(dot, ben, ETH, 10 * WAD + 7)
    venue.trade(ben, dot, DOGE, 60_000 * WAD + 3)
    venue.trade(venue.person("cem"), dot, ETH, 19_876_543_210_987_654_321)
    venue.trade(dot, venue.person("eva"), ETH, 80 * WAD)
    venue.wait(7_200)
    return venue


def sponsored() -> Brokerage:
    """A client with a small guarantee, one with a large one, two accounts without; all long BTC."""
    venue = venue_in_process(junior=4_000, senior=12_000)
    desk = Brokerage(venue)
    trader = venue.person("trader")
    venue.deposit(trader, 2_000_000)
    broker = desk.open(venue.person("operator"), stake=60_000)
    desk.client("small", broker, 6_000, SMALL, 2 * WAD)
    desk.client("large", broker, 7_000, LARGE, 25 * WAD // 10)
    for name, tokens, size in (("ann", 6_000, 15 * WAD // 10), ("ben", 4_000, WAD)):
        venue.deposit(venue.person(name), tokens)
        venue.trade(venue.person(name), trader, BTC, size)
    venue.wait(7_200)
    return desk


def everybody(venue: Venue) -> list[int]:
    return sorted(venue.accounts)


def account_of(venue: Venue, name: str) -> int:
    return venue.person(name).account


def act(venue: Venue, sender: str, contract: Contract, function: str, *args: Any) -> list[Event]:
    """A transaction in the same second: no funding accrues. Returns what the waterfall logged."""
    chain = venue.rpc
    assert isinstance(chain, RevmChain)
    data = contract.encode(function, *args)
    outcome = chain.transact(sender, contract.address, data, timestamp=chain.time)
    assert outcome.ok, outcome.reason
    logs = [
        {
            "address": address,
            "topics": ["0x" + topic.hex() for topic in topics],
            "data": "0x" + data.hex(),
            "blockNumber": hex(chain.number),
        }
        for address, topics, data in outcome.logs
    ]
    return venue.client.waterfall.events({"logs": logs})


def keep(venue: Venue, contract: Contract, function: str, *args: Any) -> None:
    act(venue, venue.keeper.address, contract, function, *args)


def hit(venue: Venue, shock: Shock, marks: Mapping[int, int]) -> None:
    """The feeds jump, and everybody knows."""
    for market, price in shock.prices(marks).items():
        assert price % 10**10 == 0  # the feeds can say it
        keep(venue, venue.feed(market), "set_answer", price // 10**10)
        keep(venue, venue.client.clearinghouse, "poke", market)
        assert venue.client.mark(market) == (price, True)


def marks_of(view: VenueView | AccountView) -> dict[int, int]:
    return {number: market.mark for number, market in view.markets.items()}


def start_all(venue: Venue, accounts: Sequence[int]) -> tuple[int, int]:
    """Junior's and senior's reservations once these have been started, in this order."""
    found = [0, 0]
    for account in accounts:
        keep(venue, venue.client.liquidator, "start", account)
    for account in accounts:
        _, junior, senior, _ = venue.client.waterfall.read("reservation", account)
        found = [found[0] + junior, found[1] + senior]
    return found[0], found[1]


def vaults(venue: Venue) -> list[int]:
    """Token units in junior and senior."""
    return [vault.read("totalAssets") for vault in (venue.client.junior, venue.client.senior)]


def can_start(venue: Venue, account: int) -> bool:
    """Whether anybody can start the liquidation now; nothing is left of the attempt."""
    with venue.rpc.undone():
        chain, liquidator = venue.rpc, venue.client.liquidator
        assert isinstance(chain, RevmChain)
        data = liquidator.encode("start", account)
        sent = chain.transact(venue.keeper.address, liquidator.address, data, timestamp=chain.time)
        assert sent.ok or sent.reason == "liquidation: not below margin", sent.reason
        return sent.ok


def reserved(venue: Venue, accounts: Sequence[int]) -> list[int]:
    """What layers 2 to 4 reserve if these are started in this order, in sum."""
    with venue.rpc.undone():
        for account in accounts:
            keep(venue, venue.client.liquidator, "start", account)
        found = [venue.client.waterfall.read("reservation", account)[:3] for account in accounts]
    return [sum(layer) for layer in zip(*found, strict=True)] or [0, 0, 0]
