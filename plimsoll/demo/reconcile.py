"""Is every unit accounted for? Tokens against claims, claims against what everybody owns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plimsoll.demo.snapshots import Snapshot
from plimsoll.demo.stage import Happening, Stage
from plimsoll.units import div_down, tokens_to_wad, wad_to_tokens_down

ROUNDING_PER_WRITE: Final = 4
"""Most wei that one ledger write may round away, always in favour of the pool."""


@dataclass(frozen=True)
class Line:
    """One line of the reconciliation, wad."""

    text: str
    amount: int


@dataclass(frozen=True)
class Reconciliation:
    """Both sides of the books; `difference` is what no line explains."""

    tokens: tuple[Line, ...]
    claims: tuple[Line, ...]
    vaults: tuple[tuple[str, int, int], ...]  # name, assets as counted, token balance; token units
    sizes: tuple[tuple[str, int, int, int], ...]  # market, long, short, dust; wad
    rounding: int  # wei, what the ledger's rounding left to the pool
    rounding_limit: int

    @property
    def token_total(self) -> int:
        """What custody holds behind claims."""
        return sum(line.amount for line in self.tokens)

    @property
    def claim_total(self) -> int:
        """Everything that is claimed, and the dust."""
        return sum(line.amount for line in self.claims)

    @property
    def good(self) -> bool:
        """Equal to the wei, dust within its limit, vaults full, sizes matched but for dust."""
        return (
            self.token_total == self.claim_total
            and 0 <= self.rounding <= self.rounding_limit
            and all(assets == balance for _, assets, balance in self.vaults)
        )


def reconcile(stage: Stage, final: Snapshot, happenings: Sequence[Happening]) -> Reconciliation:
    """The books at the end of a run, while the redemption rate is one."""
    books = stage.client.books()
    custody: dict[str, Any] = books["custody"]
    decimals = stage.client.deployment.token_decimals
    fees = books["trading_fees"] + books["insurance_fees"]
    equities = sum(final.equity.values())

    # a layer pays whole token units: what it pays beyond the loss stays with the pool
    draws = sum(
        tokens_to_wad(happening["tokens"], decimals) - happening["units"]
        for happening in happenings
        if happening.name == "Drawn"
    )
    # sizes round too; what nobody holds any more is the protocol's, at the last mark
    held = {terms.id: 0 for terms in stage.scenario.markets}
    for position in final.positions:
        held[position.market] += position.size
    for happening in happenings:
        if happening.name == "PositionSettled":  # became cash at the final mark, to the wei
            held[happening["market"]] += happening["size"]
    position_dust = -sum(
        div_down(held[terms.id] * mark, 10**18)
        for terms, mark in zip(stage.scenario.markets, final.marks, strict=True)
    )
    explained = equities + fees + books["dust_reserve"] + draws + position_dust
    writes = sum(
        happening.name in ("PositionChanged", "CashChanged", "BucketRematched", "BucketHaircut")
        for happening in happenings
    )
    rounding = custody["claims"] - explained
    return Reconciliation(
        tokens=(Line("tokens in custody (ERC-20 balance)", custody["balance"]),),
        claims=(
            Line(f"equity of {len(final.equity)} accounts, signed", equities),
            Line("trading fees not yet swept", books["trading_fees"]),
            Line("insurance fees not yet swept", books["insurance_fees"]),
            Line("dust reserve of the protocol", books["dust_reserve"]),
            Line("dust: draws rounded up to whole token units", draws),
            Line("dust: sizes rounded down, at mark", position_dust),
            Line(f"dust: cash rounded down in {writes} ledger writes", rounding),
            Line("repayments not yet vested", custody["unvested"]),
            Line("fees on their way to the vaults", custody["fees_in_transit"]),
        ),
        vaults=(
            ("junior", books["junior_assets"], books["junior_balance"]),
            ("senior", books["senior_assets"], books["senior_balance"]),
            *_broker_vaults(stage, final),
        ),
        sizes=tuple(
            (terms.name, long, short, long - short)
            for terms, (long, short) in zip(stage.scenario.markets, final.interest, strict=True)
        ),
        rounding=rounding,
        rounding_limit=ROUNDING_PER_WRITE * writes,
    )


def _broker_vaults(stage: Stage, final: Snapshot) -> Iterator[tuple[str, int, int]]:
    """Stake, pool and unearned fees against the tokens in escrow for each broker's vault."""
    decimals = stage.client.deployment.token_decimals
    for vault, books in zip(stage.broker_vaults, final.brokers, strict=True):
        counted = wad_to_tokens_down(books.assets + books.unearned, decimals)
        yield vault.read("name"), counted, wad_to_tokens_down(books.held, decimals)
