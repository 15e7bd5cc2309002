"""What prices are, and what the feeds say they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.stress.events import Feeds, Price
from plimsoll.stress.markets import MarketPlan
from plimsoll.stress.venue import Venue
from plimsoll.units import PPM, div_down


class Path:
    """A market's true price (wad) over time: straight lines between knots."""

    def __init__(self, time: int, price: int) -> None:
        self._knots = [(time, price)]

    def move(self, time: int, over: int, price: int) -> None:
        """From `time` on the price moves to another one, at once or over some seconds."""
        self._knots = [knot for knot in self._knots if knot[0] < time] + [(time, self.at(time))]
        self._knots.append((time + over, price))

    def at(self, time: int) -> int:
        """The price at a time; before the first knot it is the first one's."""
        before = self._knots[0]
        for knot in self._knots:
            if knot[0] > time:
                span = knot[0] - before[0]
                if span <= 0:
                    return before[1]
                return before[1] + div_down((knot[1] - before[1]) * (time - before[0]), span)
            before = knot
        return before[1]

    @property
    def ends(self) -> int:
        """When the last move ends."""
        return self._knots[-1][0]


@dataclass
class _Feed:
    """One feed: its state, and its newest round."""

    number: int
    state: str = "live"
    delay: int = 0
    said: int = 0
    said_at: int = 0


class Prices:
    """All markets' paths and feeds. Times count from the opening; `zero` is its time on chain."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.zero = venue.chain.time
        self.paths = {market.name: Path(0, market.price) for market in venue.markets}
        self._feeds = {
            market.name: [_Feed(number) for number in range(market.terms.feeds)]
            for market in venue.markets
        }

    def begin(self) -> None:
        """The opening is over: time starts at zero, at the first prices."""
        self.zero = self._venue.chain.time
        self.paths = {market.name: Path(0, market.price) for market in self._venue.markets}

    def apply(self, event: Price) -> None:
        """A move begins."""
        for name, target in self.targets(event).items():
            self.paths[name].move(event.at, event.over, target)

    def targets(self, event: Price) -> dict[str, int]:
        """Where a move ends, wad."""
        first = {market.name: market.price for market in self._venue.markets}
        return {name: div_down(first[name] * part, PPM) for name, part in event.to_ppm.items()}

    def switch(self, event: Feeds) -> None:
        """Feeds change their state."""
        for feed in self._feeds[event.market]:
            if not event.feeds or feed.number + 1 in event.feeds:
                feed.state, feed.delay = event.state, event.delay

    def publish(self, time: int) -> None:
        """Every feed says what it has to say now, and markets whose feeds spoke are poked."""
        for market in self._venue.markets:
            spoke = False
            for feed in self._feeds[market.name]:
                spoke = self._speak(market, feed, time) or spoke
            if spoke:
                self._venue.poke(market)

    def set_all(self, prices: Mapping[str, int]) -> None:
        """All feeds say these prices (wad) now, whatever their state, and every market is poked."""
        for market in self._venue.markets:
            for feed in self._feeds[market.name]:
                self._venue.publish(
                    market, feed.number, prices[market.name], self._venue.chain.time
                )
            self._venue.poke(market)

    def _speak(self, market: MarketPlan, feed: _Feed, time: int) -> bool:
        """A new round, if the price changed or the heartbeat asks for one."""
        if feed.state == "stopped":
            return False
        dated = time - feed.delay if feed.state == "delayed" else time
        price = 0 if feed.state == "dead" else self.paths[market.name].at(dated)
        if price == feed.said and dated - feed.said_at < market.heartbeat // 2:
            return False
        self._venue.publish(market, feed.number, price, self.zero + dated)
        feed.said, feed.said_at = price, dated
        return True
