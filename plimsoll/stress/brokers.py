"""Brokers of a scenario: what its file says of them and of their guaranty fund.

Amounts are wad, parts ppm, times seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from plimsoll.stress.reading import Section
from plimsoll.units import PPM, exact

DAY_S: Final = 86_400
MOST_BROKERS: Final = 32
"""Seats that the contracts have."""


@dataclass(frozen=True)
class BrokerPlan:
    """A broker: its capital, its clients by name or pattern, and the terms they all sign."""

    name: str
    clients: tuple[str, ...]
    stake: int
    pool: int
    guarantee_ppm: int  # of what the client has paid in
    omega_ppm: int
    first_loss_ppm: int
    client_ppm: int
    commission_ppm: int
    notice: int
    fee_ppm: int  # of the guarantee, per year
    term: int
    buffer_ppm: int
    cure: int
    early_ppm: int
    refills: bool  # whether it fills the fund again, on the last day, when it was drawn

    def names(self, everybody: Collection[str]) -> list[str]:
        """Its clients among these."""
        return [name for name in everybody if any(fnmatchcase(name, one) for one in self.clients)]


@dataclass(frozen=True)
class FundPlan:
    """What the guaranty fund asks of every broker, and how much of others' money a cause may."""

    least: int
    contribution_ppm: int
    cause_ppm: int


USUAL: Final = BrokerPlan(
    name="",
    clients=(),
    stake=0,
    pool=0,
    guarantee_ppm=PPM,
    omega_ppm=2 * PPM,
    first_loss_ppm=250_000,
    client_ppm=PPM,
    commission_ppm=100_000,
    notice=7 * DAY_S,
    fee_ppm=40_000,
    term=180 * DAY_S,
    buffer_ppm=200_000,
    cure=6 * 3_600,
    early_ppm=500_000,
    refills=True,
)
"""What a file leaves out."""


def read_brokers(file: Section, clients: Collection[str]) -> tuple[BrokerPlan, ...]:
    """All `[[brokers]]` of a file; `clients` are the accounts that may have one."""
    sections = file.sections("brokers", optional=True)
    if len(sections) > MOST_BROKERS:
        file.wrong("brokers", f"may be at most {MOST_BROKERS} tables [[brokers]]")
    plans = tuple(_plan(section) for section in sections)
    taken: dict[str, str] = {}
    for section, plan in zip(sections, plans, strict=True):
        if [other.name for other in plans].count(plan.name) > 1:
            section.wrong("name", f"is not unique: {plan.name}")
        for pattern in plan.clients:
            if not any(fnmatchcase(name, pattern) for name in clients):
                section.wrong("clients", f"names nobody with a position: {pattern!r}")
        for name in plan.names(clients):
            if name in taken:
                section.wrong("clients", f"names {name}, who has {taken[name]} as a broker")
            taken[name] = plan.name
    return plans


def _plan(section: Section) -> BrokerPlan:
    section.only(
        "name", "clients", "stake", "pool", "guarantee", "omega", "first_loss", "client_limit",
        "commission", "notice", "fee", "term", "buffer", "cure", "early_start", "refills",
    )  # fmt: skip
    plan = BrokerPlan(
        name=section.text("name"),
        clients=section.texts("clients"),
        stake=section.wad("stake", positive=True),
        pool=section.wad("pool", "0"),
        guarantee_ppm=section.part("guarantee", low="0.01", high="20"),
        omega_ppm=section.part("omega", _usual(USUAL.omega_ppm), low="1", high="10"),
        first_loss_ppm=section.part("first_loss", _usual(USUAL.first_loss_ppm), low="0.05"),
        client_ppm=section.part("client_limit", _usual(USUAL.client_ppm), low="0.01"),
        commission_ppm=section.part("commission", _usual(USUAL.commission_ppm), high="0.5"),
        notice=section.seconds("notice", f"{USUAL.notice}s"),
        fee_ppm=section.part("fee", _usual(USUAL.fee_ppm), high="0.5"),
        term=section.seconds("term", f"{USUAL.term}s"),
        buffer_ppm=section.part("buffer", _usual(USUAL.buffer_ppm), low="0.05"),
        cure=section.seconds("cure", f"{USUAL.cure}s"),
        early_ppm=section.part("early_start", _usual(USUAL.early_ppm)),
        refills=section.flag("refills", default=USUAL.refills),
    )
    if not 7 * DAY_S <= plan.notice <= 60 * DAY_S:
        section.wrong("notice", "must be from 7d to 60d")
    if not 3_600 <= plan.cure <= 7 * DAY_S:
        section.wrong("cure", "must be from 1h to 7d")
    if not plan.cure + 7_200 + DAY_S < plan.term <= 366 * DAY_S:
        section.wrong("term", "must be a day and two hours longer than cure, at most 366d")
    if plan.stake * PPM < plan.first_loss_ppm * (plan.stake + plan.pool):
        section.wrong("pool", "leaves the stake less than first_loss of both")
    return plan


def _usual(part_ppm: int) -> str:
    return exact(part_ppm, PPM)


def read_fund(section: Section) -> FundPlan:
    """The `[fund]` of a file; what it leaves out is as the contract is deployed."""
    section.only("least_contribution", "contribution", "cause_limit")
    return FundPlan(
        least=section.wad("least_contribution", "10000", positive=True),
        contribution_ppm=section.part("contribution", "0.1", low="0.01", high="0.5"),
        cause_ppm=section.part("cause_limit", "0.5"),
    )
