"""Terms of a guarantee: their bounds, and the consent of client and operator.

A signature is given as what it is worth: whose key made it, or that it is none. Terms stand for
their digest, which works once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model import broker_registry
from plimsoll.model.orders import Seal
from plimsoll.model.rounding import div_down
from plimsoll.model.state import World, owner_of, require
from plimsoll.model.tokens import SCALE

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
MAX_FEE_PPM: Final = 500_000
AUCTION_MAX_S: Final = 3_600
MARGIN_S: Final = 3_600
MAX_AMOUNT: Final = 2**104


@dataclass(frozen=True, slots=True)
class Consent:
    """A signature of terms: of the key of an address, in lower case, or none."""

    terms: GuaranteeTerms
    seal: Seal = Seal.NONE
    key: str = ""


def notice_s(cure_s: int) -> int:
    """How long before its expiry a guarantee stops supporting openings."""
    return cure_s + AUCTION_MAX_S + MARGIN_S


def check_bounds(world: World, terms: GuaranteeTerms) -> None:
    """Refuse terms that nobody may agree on."""
    now = world.now
    require(now <= terms.valid_until, "terms: lapsed")
    require(terms.guarantee != 0, "terms: no guarantee")
    require(terms.guarantee < div_down(MAX_AMOUNT, SCALE), "guarantee: too large")
    require(terms.fee_ppm <= MAX_FEE_PPM, "terms: fee too high")
    require(50_000 <= terms.buffer_ppm <= 1_000_000, "terms: bad buffer")
    require(HOUR_S <= terms.cure_s <= 7 * DAY_S, "terms: bad cure period")
    require(terms.early_ppm <= 1_000_000, "terms: bad early start")
    soonest, latest = now + notice_s(terms.cure_s) + DAY_S, now + 366 * DAY_S
    require(soonest <= terms.expiry <= latest, "terms: bad expiry")


def use(world: World, sender: str, client: Consent, operator: Consent) -> None:
    """Check both consents to the same terms and use them up."""
    terms = client.terms
    require(terms not in world.brokers.used, "terms: used or revoked")
    _check_one(sender, owner_of(terms.account), client)
    run_by = broker_registry.operator_of(world, terms.broker.lower())
    _check_one(sender, run_by or "", operator)
    world.brokers.used.add(terms)


def revoke(world: World, sender: str, terms: GuaranteeTerms) -> None:
    """Make terms void; either party may."""
    parties = owner_of(terms.account), broker_registry.operator_of(world, terms.broker.lower())
    require(sender in parties, "access: no party")
    world.brokers.used.add(terms)


def _check_one(sender: str, party: str, consent: Consent) -> None:
    if consent.seal is Seal.NONE:
        require(sender == party, "consent: not given")
        return
    signed = consent.seal is Seal.KEY and consent.key == party
    require(signed, "consent: wrong signature")
