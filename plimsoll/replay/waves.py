"""The day itself: waves of losses against the positions of the evening before.

A wave is one bankrupt account in every market that it hits. A market's part of the wave's loss
is the part of the profit it holds of all that the wave can reach, so every winner in reach
is asked for the same share. Nobody takes anything in the auctions. An account whose loss does
not fit into the vaults is resolved at once, any other when its auction has run out; the waves
start when they did on the day. Marks stand still but for the gap that makes an account bankrupt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from plimsoll.errors import ChainError, InputError
from plimsoll.replay import insurance as vaults
from plimsoll.replay.bankrupt import MAX_BUCKETS, name_of, open_bankrupt
from plimsoll.replay.book import Wave
from plimsoll.replay.brokers import Brokers, Losses, Sponsored
from plimsoll.replay.ledger import Change, Ledger
from plimsoll.replay.logs import Tally, unreserved
from plimsoll.replay.opening import Progress, Stage
from plimsoll.replay.policies import middle
from plimsoll.replay.population import MARK, MIN_NOTIONAL
from plimsoll.replay.settings import BrokerPlan
from plimsoll.replay.venue import AUCTION_S
from plimsoll.units import WAD

JUNIOR_PPM: Final = 200_000
"""The junior vault's part of the insurance."""

_LEAST_PART: Final = WAD // 100
_MOST_CALLS: Final = 10_000


@dataclass(frozen=True)
class WaveResult:
    """One wave as the contracts dealt with it; amounts in wad, shares in wad of own profit."""

    wave: int
    needed: int
    taken: int
    """From winners, by the contracts' events."""
    charged: int
    """The same, by the winners' positions before and after."""
    available_profit: int
    """Of all winners it could ask, right before."""
    out_of_reach: int
    """Profit of winners whose entry is within a tick of the mark; they are not asked."""
    largest_haircut: int
    median_haircut: int
    """Of those who paid, the lower of two."""
    accounts: int
    """Who paid."""
    rematched: int
    """Accounts that lost a part of their position."""
    bankrupt: int
    """Accounts that were resolved: one in each market."""
    buckets: int
    gas: int
    """Of all calls of `resolve`, each from cold storage."""
    gas_calls: int
    start_gas: int
    """Of all calls of `start`, likewise."""
    layers: dict[str, int]
    """Who paid what: broker, junior, senior, fund, haircut, shortfall."""
    recirculation: int
    """Paid by winners who thereby have less than nothing."""
    stakes: int = 0
    """What operators of broker vaults lost, to guarantees and the fund."""
    pools: int = 0
    """What the vaults' depositors lost."""


@dataclass(frozen=True)
class Performance:
    """A day under Plimsoll; `paid` and `rematched` per holding, in the order of the stage's day."""

    waves: tuple[WaveResult, ...]
    dropped: tuple[tuple[int, str], ...]
    """Holdings that could not be opened: number and reason."""
    capped: int
    """Accounts with more cash than they had, since nobody may have less margin than the initial."""
    paid: tuple[int, ...]
    """Wad, over all waves."""
    rematched: tuple[int, ...]
    """Part of the position that was re-matched, wad."""
    sponsored: Sponsored | None = None
    """The brokers, if there were any."""


@dataclass
class _Round:
    """A wave under way."""

    wave: Wave
    available: int
    out_of_reach: int
    accounts: dict[int, int]
    """Account by market."""
    tally: Tally = field(default_factory=Tally)
    changes: list[Change] = field(default_factory=list)

    @property
    def waiting(self) -> dict[int, int]:
        """Those not resolved yet."""
        return {m: a for m, a in self.accounts.items() if a not in self.tally.finished}


def play(
    stage: Stage,
    *,
    insurance: int = 0,
    junior_ppm: int = JUNIOR_PPM,
    brokers: BrokerPlan | None = None,
    sponsored_ppm: int = 0,
    progress: Progress,
) -> Performance:
    """Play the day from the stage, as often as one likes, with so much insurance (wad).

    Without insurance the waterfall is off: the vaults pay less than 0.01 in the whole day. With
    `brokers` a part of the bankrupt accounts have one; the stage must have been built with vaults.
    """
    one = _Play(stage, insurance, junior_ppm, progress)
    if brokers is not None and sponsored_ppm:
        one.sponsor(brokers, sponsored_ppm)
    return one.run()


class _Play:
    def __init__(self, stage: Stage, insurance: int, junior_ppm: int, progress: Progress) -> None:
        self._brokers: Brokers | None = None
        self._sponsored: Sponsored | None = None
        self._stage = stage
        self._progress = progress
        self._venue = stage.venue
        self._venue.restore(stage.image)
        if insurance:
            vaults.fill(self._venue, insurance, junior_ppm)
        else:
            vaults.switch_off(self._venue, stage.table.markets + 1)
        self._ledger = Ledger(stage)

    def sponsor(self, plan: BrokerPlan, part_ppm: int) -> None:
        """Give a part of the accounts that will be bankrupt a broker."""
        self._progress("guarantees")
        day = self._stage.day
        self._brokers = Brokers(self._venue, plan, self._stage.vaults, day.scale)
        self._sponsored = self._brokers.begin(self._losses(), part_ppm)

    def _losses(self) -> Losses:
        """What every wave would lose in every market, had the waves before it taken nothing."""
        return {
            (wave.number, market): part
            for wave, reach in zip(self._stage.day.waves, self._stage.table.reach, strict=True)
            for market, part in _parts(wave.needed, self._profits(reach)).items()
        }

    def run(self) -> Performance:
        """All waves, and the auctions that outlast the last one."""
        rounds: list[_Round] = []
        for wave, reach in zip(self._stage.day.waves, self._stage.table.reach, strict=True):
            self._progress(f"wave {wave.number}")
            at = wave.at_ms // 1_000
            self._finish(rounds, at)
            self._venue.wait_until(at)
            rounds.append(self._begin(wave, reach))
        self._finish(rounds, None)
        places = range(len(self._stage.day.holdings))
        sponsored = self._sponsored
        if sponsored is not None and self._brokers is not None:
            sponsored = self._brokers.at_the_end(sponsored)
        return Performance(
            waves=tuple(_result(one) for one in rounds),
            dropped=self._stage.dropped,
            capped=self._stage.capped,
            paid=tuple(self._ledger.paid(place) for place in places),
            rematched=tuple(self._ledger.closed_part(place) for place in places),
            sponsored=sponsored,
        )

    def _begin(self, wave: Wave, reach: int) -> _Round:
        """Open the wave's bankrupt accounts and start them; resolve those that cannot wait."""
        profits = self._profits(reach)
        accounts = {
            market: open_bankrupt(self._venue, market, name_of(wave.number, market), part)
            for market, part in _parts(wave.needed, profits).items()
        }
        one = _Round(
            wave=wave,
            available=sum(profits.values()),
            out_of_reach=sum(map(self._ledger.out_of_reach, profits)),
            accounts=accounts,
        )
        self._resolve(
            one, [market for market, account in accounts.items() if self._start(one, account)]
        )
        return one

    def _start(self, one: _Round, account: int) -> int:
        """Start a liquidation; what of the loss no layer could promise, wad."""
        if self._brokers is not None:
            self._brokers.lower_shield(account)
        self._venue.chain.settle()
        outcome = self._venue.call(self._venue.client.liquidator, "start", account)
        one.tally.started(outcome)
        return unreserved(outcome)

    def _profits(self, reach: int) -> dict[int, int]:
        """Profit that can be asked in the markets that a wave hits.

        A small day may have no winners in any of them: then it hits the next that has some.
        """
        profits: dict[int, int] = {}
        for market in range(1, self._stage.table.markets + 1):
            if market > reach and profits:
                break
            profit = self._ledger.available(market)
            held = self._venue.leg(self._venue.dealer(market), market).size
            if profit and held * MARK >= 4 * MIN_NOTIONAL * WAD:
                profits[market] = profit
        if not profits:
            raise InputError(
                "nobody has a profit that could be asked for",
                next_step="replay a day with more accounts",
            )
        return profits

    def _finish(self, rounds: Sequence[_Round], before: int | None) -> None:
        """Resolve what has been waiting for the end of its auction, up to a moment."""
        for one in rounds:
            due = one.wave.at_ms // 1_000 + AUCTION_S
            if one.waiting and (before is None or due <= before):
                self._venue.wait_until(due)
                self._resolve(one, list(one.waiting))

    def _resolve(self, one: _Round, markets: Sequence[int]) -> None:
        """Call `resolve` until the wave's accounts in these markets are finished."""
        liquidator = self._venue.client.liquidator
        data = liquidator.encode("resolve", MAX_BUCKETS)
        accounts = {one.accounts[market] for market in markets}
        for _ in range(_MOST_CALLS):
            if accounts <= one.tally.finished:
                break
            self._venue.chain.settle()
            one.tally.add(self._venue.send(self._venue.bank, liquidator, data))
        else:
            raise ChainError(
                f"wave {one.wave.number} was not resolved in {_MOST_CALLS} calls",
                next_step="look at the queue with Liquidator.queue_bounds",
            )
        one.changes += self._ledger.changes(markets)


def _parts(needed: int, profits: dict[int, int]) -> dict[int, int]:
    """A loss by market, in proportion to profit.

    What is too small for a market, and what rounding leaves, goes to the largest one.
    """
    total = sum(profits.values())
    parts = {market: needed * profit // total for market, profit in profits.items()}
    parts = {market: part for market, part in parts.items() if part >= _LEAST_PART}
    largest = max(profits, key=lambda market: profits[market])
    parts[largest] = parts.get(largest, 0) + needed - sum(parts.values())
    return parts


def _result(one: _Round) -> WaveResult:
    tally = one.tally
    payers = [change for change in one.changes if change.paid]
    shares = sorted(change.share for change in payers)
    return WaveResult(
        wave=one.wave.number,
        needed=one.wave.needed,
        taken=tally.haircut,
        charged=sum(change.paid for change in payers),
        available_profit=one.available,
        out_of_reach=one.out_of_reach,
        largest_haircut=shares[-1] if shares else 0,
        median_haircut=middle(shares),
        accounts=len(payers),
        rematched=sum(1 for change in one.changes if change.closed),
        bankrupt=len(one.accounts),
        buckets=len(tally.buckets),
        gas=tally.gas,
        gas_calls=tally.calls,
        start_gas=tally.start_gas,
        stakes=tally.stakes,
        pools=tally.pools,
        layers={
            "broker": tally.drawn[vaults.BROKER],
            "junior": tally.drawn[vaults.JUNIOR],
            "senior": tally.drawn[vaults.SENIOR],
            "fund": tally.drawn[vaults.FUND],
            "haircut": tally.haircut,
            "shortfall": tally.shortfall,
        },
        recirculation=sum(change.paid for change in payers if change.broke),
    )
