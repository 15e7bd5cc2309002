"""What the risk engine says about each market at one moment, read from the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.demo.stage import Stage


@dataclass(frozen=True)
class MarketState:
    """Averages, stress, holds, stops and backing of a market; times are the scenario's."""

    market: int
    mark: int  # wad
    priced: bool
    ema: int  # wad, average of the mark
    volatility_ppm: int  # annual
    s_im_ppm: int  # what the factor on initial margin is above one
    s_mm_ppb: int  # what the factor on maintenance margin is above one
    longs_held: bool
    shorts_held: bool
    stop_since: int  # auction clocks stood still from then on; 0: never
    stop_until: int  # until then: the price is back and the grace over, or now
    open: bool  # positions can be resolved
    settled: bool
    larger_side: int  # wad, open interest of the larger side at mark
    cap: int | None  # wad, what insurance capital backs of it; None: no bound
    utilisation_ppm: int
    surcharge_ppm: int  # on both fees of a fill in which neither side reduces

    @property
    def waits(self) -> bool:
        """Whether there is a price again, but nobody is taken or resolved yet."""
        return self.priced and not self.open


def read_market_states(stage: Stage) -> tuple[MarketState, ...]:
    """Every market as a transaction in this block would see it."""
    client, ledger, shift = stage.client, stage.client.clearinghouse, stage.clock.shift
    ids = [(terms.id,) for terms in stage.scenario.markets]
    found = zip(
        ids,
        client.read_many(ledger, "mark", ids),
        client.read_many(ledger, "risk", ids),
        client.read_many(ledger, "clock_stop", ids),
        client.read_many(ledger, "open_interest", ids),
        client.read_many(client.lens, "buffers", ids),
        strict=True,
    )
    return tuple(
        MarketState(
            market=market,
            mark=mark,
            priced=priced,
            ema=risk["ema"],
            volatility_ppm=risk["volatility_ppm"],
            s_im_ppm=risk["s_im_ppm"],
            s_mm_ppb=risk["s_mm_ppb"],
            longs_held=risk["longs_held"],
            shorts_held=risk["shorts_held"],
            stop_since=since - shift if since else 0,
            stop_until=until - shift if since else 0,
            open=is_open,
            settled=market in stage.settled,
            larger_side=max(interest) * mark // 10**18,
            cap=buffers["cap"] if buffers["cap"] < 2**255 else None,
            utilisation_ppm=buffers["utilisation_ppm"],
            surcharge_ppm=buffers["surcharge_ppm"],
        )
        for (market,), (mark, priced), risk, (since, until, is_open), interest, buffers in found
    )
