"""More brokers, depositors and guarantees than one desk has, in the whole protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plimsoll.contract import Contract
from tests.support.sponsored_client import TERMS, UNIT, Desk
from tests.support.venue import DAY_S, Person, Venue

NOTICE_S = TERMS[-1]


def seated(venue: Venue, operator: Person, stake: int) -> Contract:
    """A broker's vault with a stake in whole tokens and a seat."""
    brokers = venue.client.brokers
    (opened, _) = venue.send(operator.signer, brokers, "open_vault", "Broker", "BRK", TERMS)
    vault: Contract = venue.client.broker_vault(opened["broker"])
    venue.mint(operator.signer, stake, vault.address)
    venue.send(operator.signer, vault, "add_stake", stake * UNIT)
    venue.send(operator.signer, brokers, "join", vault.address)
    return vault


def invested(venue: Venue, vault: Contract, who: Person, tokens: int) -> int:
    """A deposit of whole tokens; returns the shares."""
    venue.mint(who.signer, tokens, vault.address)
    venue.send(who.signer, vault, "deposit", tokens * UNIT, who.address)
    return int(vault.read("balanceOf", who.address))


def guaranteed(desk: Desk, tokens: int, term_s: int = 300 * DAY_S, **changes: Any) -> None:
    """The desk's operator guarantees so many whole tokens to an account of the desk's client."""
    terms = replace(desk.terms(term_s), guarantee=tokens * UNIT, **changes)
    consents = [desk.domain.sign(terms, who.key) for who in (desk.client, desk.operator)]
    sponsorship = desk.venue.client.sponsorship
    desk.venue.send(desk.venue.keeper, sponsorship, "sponsor", terms.as_tuple(), *consents)
