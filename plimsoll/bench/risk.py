"""What averages, stress and holds cost: nothing while the mark stands still."""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.bench.figures import Figure, gas_figure
from plimsoll.bench.venue import ONE_FEED, PRICE, RICH, SIZE, Venue, gas_of
from plimsoll.contract import NodeSigner
from plimsoll.risk_terms import RiskTerms

RISK_TERMS = RiskTerms(
    ema_seconds=600,
    volatility_seconds=3_600,
    calm_ppm=1_000_000,
    stress_max_ppm=2_500_000,
    jump_ppm=30_000,
    hold_seconds=120,
)
_MOVED = PRICE * 101 // 100


def stirred(venue: Venue) -> Iterator[Figure]:
    """A market without and with risk terms, at a mark that stands still and one that moves."""
    maker, taker = venue.traders(2, RICH)
    venue.trade(maker, taker, SIZE, PRICE)
    venue.settle_down()
    with venue.rpc.undone():
        venue.set_price(_MOVED)
        yield gas_figure("gas.poke_new_mark", gas_of(venue.client.poke(venue.bank, ONE_FEED)))
    with venue.rpc.undone():
        set_terms(venue, "set_risk_terms", ONE_FEED, RISK_TERMS.values())
        venue.trade(maker, taker, SIZE, PRICE)
        venue.settle_down()
        receipt = venue.trade(maker, taker, SIZE, PRICE)
        yield gas_figure("gas.settle_existing_risk_terms", gas_of(receipt))
        venue.set_price(_MOVED)
        receipt = venue.client.poke(venue.bank, ONE_FEED)
        yield gas_figure("gas.poke_new_mark_risk_terms", gas_of(receipt))
        receipt = venue.trade(maker, taker, SIZE, _MOVED)
        yield gas_figure("gas.settle_existing_stirred", gas_of(receipt))


def set_terms(venue: Venue, function: str, market: int, terms: tuple[int, ...]) -> None:
    """Terms of a market, set by the timelock."""
    timelock = venue.client.deployment.contract(venue.rpc, "Timelock").address
    venue.rpc.set_balance(timelock, 10**24)
    with venue.rpc.impersonating(timelock):
        venue.client.clearinghouse.write(NodeSigner(timelock), function, market, terms)
