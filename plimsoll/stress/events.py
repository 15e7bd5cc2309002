"""What may happen in a scenario: one class per kind of event, and how each is written.

An entry of `[[events]]` has a time `at`, counted from the end of the opening, a kind `do`, and
the keys of its kind. A new kind is a class here and a method in `play.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from plimsoll.stress.reading import Section

FeedState = Literal["live", "stopped", "delayed", "dead"]


@dataclass(frozen=True)
class Event:
    """Something at a time, in seconds after the opening."""

    at: int


@dataclass(frozen=True)
class Price(Event):
    """Markets move to these parts (ppm) of their first price, in a straight line over a time."""

    to_ppm: Mapping[str, int]
    over: int


@dataclass(frozen=True)
class Feeds(Event):
    """Feeds of a market change their state.

    `live` publishes the price; `stopped` nothing more, its last round grows old; `delayed`
    publishes what the price was `delay` seconds ago, dated so; `dead` answers zero.
    """

    market: str
    feeds: tuple[int, ...]  # from 1; empty: all
    state: FeedState
    delay: int


@dataclass(frozen=True)
class Trade(Event):
    """Two people trade, once or at intervals.

    `notional` (wad) at the price agreed: the mark and `premium_ppm` of it more. With `alternate`
    they change sides each time, so that neither keeps a position.
    """

    market: str
    buyer: str
    seller: str
    notional: int
    premium_ppm: int
    every: int
    times: int
    alternate: bool


@dataclass(frozen=True)
class Leave(Event):
    """Accounts sell out to `into` at the mark and withdraw everything.

    `who` is a pattern of names; of those that match, in the order of their names, the part
    `share_ppm` acts; `only_winners` leaves out whoever has no profit.
    """

    who: str
    share_ppm: int
    into: str
    only_winners: bool


@dataclass(frozen=True)
class Withdraw(Event):
    """Accounts withdraw a part (ppm) of what their margin allows."""

    who: str
    share_ppm: int


@dataclass(frozen=True)
class Deposit(Event):
    """Accounts get an amount (wad) each from outside."""

    who: str
    amount: int


@dataclass(frozen=True)
class Insurance(Event):
    """Depositors of the senior vault announce that a part (ppm) of the shares leaves, or redeem."""

    action: Literal["announce", "redeem"]
    share_ppm: int


@dataclass(frozen=True)
class Takers(Event):
    """Liquidators come or go, all of them."""

    present: bool


AnyEvent = Price | Feeds | Trade | Leave | Withdraw | Deposit | Insurance | Takers
_Reader = Callable[[Section, int, Collection[str]], AnyEvent]


def read_events(sections: list[Section], markets: Collection[str]) -> tuple[AnyEvent, ...]:
    """The timetable, in the order of time; events of one time keep the order of the file."""
    events = []
    for section in sections:
        kind = section.choice("do", tuple(_READERS))
        events.append(_READERS[kind](section, section.seconds("at"), markets))
    return tuple(sorted(events, key=lambda event: event.at))


def _market(section: Section, markets: Collection[str]) -> str:
    return section.choice("market", tuple(markets))


def _price(section: Section, at: int, markets: Collection[str]) -> Price:
    section.only("at", "do", "to", "over")
    targets = section.section("to")
    targets.only(*markets)
    if not targets.keys:
        section.wrong("to", "must name a market and a part of its first price: { BTC = 0.8 }")
    to_ppm = {name: targets.part(name, low="0.001", high="1000") for name in targets.keys}
    return Price(at, to_ppm, section.seconds("over", "0s"))


def _feeds(section: Section, at: int, markets: Collection[str]) -> Feeds:
    section.only("at", "do", "market", "feeds", "state", "delay")
    state = section.choice("state", ("live", "stopped", "delayed", "dead"))
    delay = section.seconds("delay", "0s")
    if (state == "delayed") != (delay > 0):
        section.wrong("delay", 'belongs to state = "delayed", and must be longer than 0s there')
    numbers = section.numbers("feeds")
    return Feeds(at, _market(section, markets), numbers, _STATES[state], delay)


_STATES: Final[Mapping[str, FeedState]] = {
    "live": "live",
    "stopped": "stopped",
    "delayed": "delayed",
    "dead": "dead",
}


def _trade(section: Section, at: int, markets: Collection[str]) -> Trade:
    section.only(
        "at", "do", "market", "buyer", "seller", "notional", "premium", "every", "times",
        "alternate",
    )  # fmt: skip
    times = section.whole("times", 1, 10_000, 1)
    every = section.seconds("every", "0s")
    if times > 1 and every == 0:
        section.wrong("every", "must say how long to wait between trades")
    return Trade(
        at,
        _market(section, markets),
        section.text("buyer"),
        section.text("seller"),
        section.wad("notional", positive=True),
        section.part("premium", "0", low="-0.2", high="0.2"),
        every,
        times,
        section.flag("alternate", default=False),
    )


def _leave(section: Section, at: int, _: Collection[str]) -> Leave:
    section.only("at", "do", "who", "share", "into", "only_winners")
    return Leave(
        at,
        section.text("who"),
        section.part("share", "1"),
        section.text("into"),
        section.flag("only_winners", default=True),
    )


def _withdraw(section: Section, at: int, _: Collection[str]) -> Withdraw:
    section.only("at", "do", "who", "share")
    return Withdraw(at, section.text("who"), section.part("share", "1"))


def _deposit(section: Section, at: int, _: Collection[str]) -> Deposit:
    section.only("at", "do", "who", "amount")
    return Deposit(at, section.text("who"), section.wad("amount", positive=True))


def _insurance(section: Section, at: int, _: Collection[str]) -> Insurance:
    section.only("at", "do", "action", "share")
    action = section.choice("action", ("announce", "redeem"))
    share = section.part("share", "1")
    return Insurance(at, "announce" if action == "announce" else "redeem", share)


def _takers(section: Section, at: int, _: Collection[str]) -> Takers:
    section.only("at", "do", "present")
    return Takers(at, section.flag("present"))


_READERS: Final[Mapping[str, _Reader]] = {
    "price": _price,
    "feeds": _feeds,
    "trade": _trade,
    "leave": _leave,
    "withdraw": _withdraw,
    "deposit": _deposit,
    "insurance": _insurance,
    "takers": _takers,
}
