"""What a measurement is compared with: the project's limits and a predecessor's own figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from plimsoll.errors import PlimsollError
from plimsoll.units import PPM

CODE_LIMIT: Final = 24_576
"""Runtime bytes that one contract may have (EIP-170)."""

GAS_LIMITS: Final = {
    "gas.settle_existing": 200_000,
    "gas.settle_one_signature": 171_000,
    "gas.settle_batch10_one_taker_per_fill": 95_000,
    "gas.settle_existing_backed": 200_000,
    "gas.settle_one_signature_backed": 171_000,
    "gas.settle_batch10_backed_per_fill": 95_000,
}

# measured on the contracts of dYdX v3 (perpetual v1), same work
DYDX_V3: Final = {
    "gas.settle_existing": 250_036,
    "gas.settle_one_signature": 171_347,
    "gas.settle_batch10_one_taker_per_fill": 92_651,
}
WITHOUT_BROKERS: Final = {
    "gas.settle_existing": 199_648,
    "gas.settle_existing_three_feeds": 223_980,
    "gas.settle_existing_stirred": 209_179,
    "gas.settle_existing_backed": 199_946,
    "gas.settle_one_signature": 170_511,
    "gas.settle_batch10_one_taker_per_fill": 91_780,
    "gas.settle_new": 274_578,
    "gas.settle_close": 184_967,
}
"""The same measurements before there were brokers: what they add for an account without one."""
BROKERS_MAY_ADD: Final = 500
DYDX_V3_DELEVERAGE: Final = 141_000
"""Gas to deleverage against one counterparty there; each further one costs as much again."""

# in the order of the tables
DESCRIPTIONS: Final = {
    "gas.settle_existing": "one fill, both sides signed, both have positions",
    "gas.settle_existing_three_feeds": "one fill, both signed, both have positions, three feeds",
    "gas.settle_existing_new_rate": "one fill, both signed, and the funding rate is set anew",
    "gas.settle_existing_risk_terms": "one fill, both signed, market with risk terms, mark unmoved",
    "gas.settle_existing_stirred": "the same while the mark is away from its average",
    "gas.settle_existing_backed": (
        "one fill, both signed, market with risk terms, buffer terms and concentration"
    ),
    "gas.settle_existing_concentrated": "the same, both positions with extra margin",
    "gas.settle_existing_surcharge": "the same, both sides pay for the last of the market's room",
    "gas.settle_existing_new_cap": "one fill, both signed, and rate and cap are set anew",
    "gas.settle_existing_two_markets": "one fill, both signed, both have positions in two markets",
    "gas.settle_existing_two_markets_backed": "the same, both markets with all terms",
    "gas.settle_one_signature": "one fill sent by the taker, maker signed, both have positions",
    "gas.settle_one_signature_backed": "one fill sent by the taker, market with all terms",
    "gas.settle_one_signature_three_feeds": "one fill sent by the taker, three feeds",
    "gas.settle_new": "one fill, both signed, both open, buckets exist",
    "gas.settle_new_buckets": "one fill, both signed, both open, each the first in its bucket",
    "gas.settle_close": "one fill, both signed, both close their positions",
    "gas.settle_after_adl": "one fill, both signed, the maker's bucket was re-matched and charged",
    "gas.settle_further_part": "one fill of a part of an order that was filled in part before",
    "gas.settle_agents": "one fill, both signed by agents",
    "gas.settle_batch10_one_taker_per_fill": "a fill of 10, one taker sends, 10 makers signed",
    "gas.settle_batch10_backed_per_fill": "a fill of 10, one taker, market with all terms",
    "gas.settle_batch10_one_taker_per_fill_three_feeds": "a fill of 10, one taker, three feeds",
    "gas.settle_batch10_per_fill": (
        "a fill of 10 signed pairs: 20 orders, a call takes 16, so two calls of five pairs"
    ),
    "gas.settle_batch_pairs_per_fill": "a fill of 8 signed pairs, as many as fit into one call",
    "gas.try_settle": "try_settle of one signed pair, both have positions",
    "gas.try_settle_skipped": "try_settle of one signed pair that fails for want of margin",
    "gas.cancel_first": "cancel an order that was never filled",
    "gas.cancel_filled": "cancel the rest of an order that was filled in part",
    "gas.cancel_below_first": "cancel all orders with lower salts, first time",
    "gas.cancel_below": "the same again, with a higher salt",
    "gas.set_agent_first": "a new agent",
    "gas.set_agent": "another limit for an agent",
    "gas.revoke_agent": "an agent revoked",
    "gas.deposit_first": "first deposit of an account",
    "gas.deposit": "a further deposit",
    "gas.deposit_with_permit_first": "first deposit with a permit of this owner",
    "gas.deposit_with_permit": "a further deposit with a permit",
    "gas.deposit_ends_auction": "a deposit that brings an account under auction back to health",
    "gas.withdraw_first": "withdrawal to somebody without tokens, account with one position",
    "gas.withdraw": "withdrawal by an account with one position",
    "gas.open_isolated_first": "an isolated account",
    "gas.open_isolated": "another one of the same owner",
    "gas.set_leverage_class_first": "leverage chosen in a market, first time",
    "gas.set_leverage_class": "leverage chosen again",
    "gas.sweep_fees_first": "fees moved to the vaults, first time",
    "gas.sweep_fees": "fees moved to the vaults again",
    "gas.contribute_first": "a gift to everybody, first time",
    "gas.contribute": "another gift",
    "gas.vault_deposit_first": "insurance shares bought, first time",
    "gas.vault_deposit": "more insurance shares",
    "gas.vault_request_first": "notice of a withdrawal",
    "gas.vault_request": "the notice given anew for another amount",
    "gas.vault_clear_lapsed": "a lapsed notice cleared away",
    "gas.vault_redeem": "a part of the shares redeemed",
    "gas.vault_redeem_last": "the rest of them redeemed",
    "gas.vault_transfer": "shares sent to somebody without any",
    "gas.vault_forward_donation": "tokens sent to the vault by mistake handed on",
    "gas.poke": "a mark refreshed",
    "gas.poke_three_feeds": "a mark of three feeds refreshed",
    "gas.poke_new_rate": "a mark refreshed, and the funding rate set anew",
    "gas.poke_new_cap": "a mark refreshed, rate and cap of open interest set anew",
    "gas.poke_new_mark": "a mark refreshed that has moved",
    "gas.poke_new_mark_risk_terms": "the same in a market with risk terms",
    "gas.sync_first": "a position written back, after a fill",
    "gas.sync": "a position written back again",
    "gas.sync_after_adl": "a position written back, its bucket was re-matched and charged",
    "gas.start": "start of an auction, one position",
    "gas.start_again": "start anew within an hour",
    "gas.touch": "an auction looked at: goes on",
    "gas.take_new": "partial take into an account without a position, with a concession",
    "gas.take": "partial take into an account with a position, the junior vault adds a concession",
    "gas.take_with_order": "the same for a signed order",
    "gas.remark_first": "loss of an account under auction reserved, first time",
    "gas.remark": "loss reserved anew at another mark",
    "gas.rematch_1_bucket": "solvent account, auction run out: re-matched with one bucket",
    "gas.resolve_1_bucket": "whole resolve of a bankrupt account: two draws, haircut, one bucket",
    "gas.resolve_1_bucket_again": "the same for another account within the same day",
    "gas.haircut_per_bucket": "each further winning bucket: profit summed, then charged",
    "gas.settle_existing_sponsored": (
        "one fill, both signed, both have positions, one opens on its broker's guarantee"
    ),
    "gas.broker_sponsor": "a guarantee put in force by its client, the operator has signed",
    "gas.broker_port": "a client moved to another broker",
    "gas.broker_measure_first": "what a client may cost its broker measured, first time",
    "gas.broker_measure": "the same measured again",
    "gas.broker_call": "a margin call",
    "gas.broker_cure": "a margin call cured",
    "gas.broker_start_early": "a guarantee ended by the operator during a call",
    "gas.broker_default": "a default declared",
    "gas.start_sponsored": "start of an auction after a default, one position",
    "gas.take_sponsored": "partial take from a sponsored account, into one with a position",
    "gas.resolve_broker_draw": "resolve of a bankrupt client: its broker pays, one bucket",
    "gas.resolve_fund_draw_2": "resolve of a bankrupt account: two members of the fund pay",
    "gas.resolve_fund_draw_32": "the same with all 32 seats of the fund taken",
    "view.health": "margin state of an account with positions in two markets",
    "view.leg": "one position",
    "view.adl_queue": "eleven buckets in order",
    "view.adl_rank": "place of a position behind ten buckets",
    "view.take_terms": "what a take would get now",
    "view.overview": "Lens: an account with two positions under auction",
    "view.dry_run": "Lens: who would pay, at given prices of two markets",
    "view.buffers": "Lens: capital in front of the winners of a market",
    "view.books": "Lens: everything for a reconciliation",
}


class LimitMissed(PlimsollError):
    """A measurement is above the project's limit."""

    exit_code: ClassVar[int] = 7

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(f"outside its limit: {', '.join(keys)}", next_step="see the tables above")


@dataclass(frozen=True)
class Figure:
    """One measured number: gas, or bytes of a contract's runtime code."""

    key: str
    value: int
    description: str
    limit: int | None = None
    dydx_v3: int | None = None

    @property
    def good(self) -> bool:
        """Whether the limit, if there is one, is kept."""
        return self.limit is None or self.value <= self.limit

    @property
    def room(self) -> int | None:
        """What is left to the limit; negative if it is missed."""
        return None if self.limit is None else self.limit - self.value


@dataclass(frozen=True)
class ViewCost:
    """A view: what it costs a contract that asks, and how long a node takes to answer."""

    figure: Figure
    """Gas of a transaction that asks, its own 21,000 and call data included."""
    milliseconds: float
    """Median of `eth_call` on Anvil, the way there and back included."""


def gas_figure(key: str, gas: int) -> Figure:
    """A gas measurement beside its limit and the predecessor's figure."""
    return Figure(key, gas, DESCRIPTIONS[key], GAS_LIMITS.get(key), DYDX_V3.get(key))


def size_figure(contract: str, size: int) -> Figure:
    """A contract's runtime code, immutables included."""
    return Figure(f"size.{contract}", size, f"runtime bytes of {contract}", CODE_LIMIT)


def rises(measured: Sequence[Figure], snapshot: Mapping[str, int], tolerance_ppm: int) -> list[str]:
    """One line for each measurement above its committed value by more than the tolerance."""
    return [
        f"{figure.key}: {figure.value:,} gas, was {snapshot[figure.key]:,}"
        for figure in measured
        if figure.value * PPM > snapshot[figure.key] * (PPM + tolerance_ppm)
    ]
