"""One broker, its client and a counterparty in the whole protocol."""

from __future__ import annotations

import pytest

from plimsoll.contract import Contract
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms
from tests.support.venue import BTC, DAY_S, PPM, WAD, Person, Venue

UNIT = 10**6
HOUR_S = 3_600
GUARANTEE = 2_500
TERMS = (2 * PPM, 250_000, PPM, 100_000, 7 * DAY_S)


class Desk:
    """One broker, its client with 1,600 tokens and a guarantee of 2,500, and a counterparty."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.operator = venue.person("operator")
        self.client = venue.person("client")
        self.trader = venue.person("trader")
        brokers = venue.client.brokers
        (opened, _) = venue.send(
            self.operator.signer, brokers, "open_vault", "Broker", "BRK", TERMS
        )
        self.vault: Contract = venue.client.broker_vault(opened["broker"])
        venue.mint(self.operator.signer, 60_000, self.vault.address)
        venue.send(self.operator.signer, self.vault, "add_stake", 60_000 * UNIT)
        venue.send(self.operator.signer, brokers, "join", self.vault.address)
        venue.deposit(self.trader, 1_000_000)
        venue.deposit(self.client, 1_600)
        self.account = self.client.account

    @property
    def domain(self) -> GuaranteeDomain:
        """What consents are signed against."""
        return GuaranteeDomain(self.venue.rpc.chain_id(), self.venue.client.sponsorship.address)

    def terms(self, term_s: int = 300 * DAY_S, salt: int = 1) -> GuaranteeTerms:
        """A guarantee of 2,500 without a fee, called for within the hour."""
        now = self.venue.rpc.timestamp()
        return GuaranteeTerms(
            account=self.account,
            broker=self.vault.address,
            guarantee=GUARANTEE * UNIT,
            fee_ppm=0,
            expiry=now + term_s,
            buffer_ppm=200_000,
            cure_s=HOUR_S,
            early_ppm=PPM,
            salt=salt,
            valid_until=now + DAY_S,
        )

    def sponsor(self, term_s: int = 300 * DAY_S) -> None:
        """The guarantee comes into force."""
        terms = self.terms(term_s)
        consents = [self.domain.sign(terms, who.key) for who in (self.client, self.operator)]
        sponsorship = self.venue.client.sponsorship
        self.venue.send(self.venue.keeper, sponsorship, "sponsor", terms.as_tuple(), *consents)

    def buys(self, size: int, market: int = BTC) -> None:
        self.venue.trade(self.client, self.trader, market, size)

    def sells(self, size: int, price: int | None = None) -> None:
        self.venue.trade(self.trader, self.client, BTC, size, price)

    def health(self) -> dict[str, int]:
        return dict(self.venue.client.health(self.account))

    def call(self) -> None:
        self.venue.send(self.venue.keeper, self.venue.client.sponsorship, "call", self.account)

    def measure(self) -> int:
        """What the client may cost its broker, in token units, after somebody has measured it."""
        sponsorship = self.venue.client.sponsorship
        self.venue.send(self.venue.keeper, sponsorship, "measure", self.account)
        return int(sponsorship.read("at_risk", self.vault.address))


def taker(venue: Venue) -> Person:
    """Somebody with 100,000 tokens who takes slices of auctions."""
    who = venue.person("taker")
    venue.deposit(who, 100_000)
    return who


@pytest.fixture
def desk(venue: Venue) -> Desk:
    """Nobody is sponsored yet."""
    return Desk(venue)


@pytest.fixture
def long(desk: Desk) -> Desk:
    """The client is long one BTC at 50,000, which takes the guarantee."""
    desk.sponsor()
    desk.buys(WAD)
    return desk
