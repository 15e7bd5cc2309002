"""Brokers on a whole venue: capital, a seat, clients by signed terms. Whole tokens unless said."""

from __future__ import annotations

from typing import Any

from plimsoll.broker_views import Guarantee, MarginCall, VaultTerms
from plimsoll.brokers import BrokerDesk
from plimsoll.chain import Receipt
from plimsoll.contract import Event
from plimsoll.guarantees import GuaranteeTerms
from tests.support.venue import BTC, DAY_S, GAS, PPM, Person, Venue, named

UNIT = 10**6  # token units in a whole token
HOUR_S = 3_600
BUFFER_PPM = 200_000
CURE_S = HOUR_S
VAULT = VaultTerms(
    omega_ppm=2 * PPM,
    first_loss_ppm=250_000,
    client_ppm=PPM,
    commission_ppm=100_000,
    notice_s=7 * DAY_S,
)


class Brokerage:
    """Brokers of a venue and their clients; the SDK does everything."""

    def __init__(self, venue: Venue, minimum: int = 500) -> None:
        """`minimum` is the least contribution to the guaranty fund."""
        self.venue = venue
        self.sdk = BrokerDesk(venue.client, gas=GAS)
        self._operators: dict[str, Person] = {}
        self._salt = 0
        with venue.owner() as owner:
            venue.send(owner, venue.client.fund, "set_parameters", minimum * UNIT, 100_000, 500_000)

    # --- brokers -------------------------------------------------------------------------

    def open(self, operator: Person, stake: int = 60_000, pool: int = 0, **terms: int) -> str:
        """A vault with capital and a seat; its address."""
        values = {name: getattr(VAULT, name) for name in VaultTerms.__slots__}
        broker = self.sdk.open_vault(
            operator.signer, f"{operator.name}'s", "BRK", VaultTerms(**(values | terms))
        )
        self._operators[broker] = operator
        self.venue.client.follow(self.sdk.vault(broker))
        self.venue.mint(operator.signer, stake, broker)
        self.keep(self.sdk.add_stake(operator.signer, broker, stake * UNIT))
        if pool:
            self.invest(self.venue.person("depositor"), broker, pool)
        self.keep(self.sdk.join(operator.signer, broker))
        return broker

    def invest(self, who: Person, broker: str, tokens: int) -> None:
        """Somebody deposits into a broker's pool."""
        self.venue.mint(who.signer, tokens, broker)
        self.keep(self.sdk.deposit(who.signer, broker, tokens * UNIT))

    def operator(self, broker: str) -> Person:
        return self._operators[broker]

    # --- clients -------------------------------------------------------------------------

    def terms(self, client: Person, broker: str, guarantee: int, **changes: Any) -> GuaranteeTerms:
        """Free of charge, for 300 days, an hour to cure, unless changed."""
        self._salt += 1
        now = self.venue.rpc.timestamp()
        fields: dict[str, Any] = {
            "account": client.account,
            "broker": broker,
            "guarantee": guarantee * UNIT,
            "fee_ppm": 0,
            "expiry": now + 300 * DAY_S,
            "buffer_ppm": BUFFER_PPM,
            "cure_s": CURE_S,
            "early_ppm": PPM,
            "salt": self._salt,
            "valid_until": now + DAY_S,
        }
        return GuaranteeTerms(**(fields | changes))

    def sponsor(self, client: Person, broker: str, guarantee: int, **changes: Any) -> list[Event]:
        """Both sign, the keeper sends."""
        return self._agree(client, self.terms(client, broker, guarantee, **changes), "agree")

    def port(self, client: Person, broker: str, guarantee: int, **changes: Any) -> list[Event]:
        """The same, to another broker."""
        return self._agree(client, self.terms(client, broker, guarantee, **changes), "port")

    def _agree(self, client: Person, terms: GuaranteeTerms, function: str) -> list[Event]:
        fee = self.sdk.fee(terms)
        if fee:
            self.venue.mint(client.signer, -(-fee // UNIT), terms.broker)
        consents = [self.sdk.sign(terms, who.key) for who in (client, self.operator(terms.broker))]
        return self.keep(getattr(self.sdk, function)(self.venue.keeper, terms, *consents))

    def client(
        self, name: str, broker: str, tokens: int, guarantee: int, size: int = 0, **changes: Any
    ) -> Person:
        """Somebody with own tokens and a guarantee, long BTC against the trader."""
        who = self.venue.person(name)
        self.venue.deposit(who, tokens)
        self.sponsor(who, broker, guarantee, **changes)
        if size:
            self.venue.trade(who, self.venue.person("trader"), BTC, size)
        return who

    # --- margin calls --------------------------------------------------------------------

    def call(self, client: Person) -> Event:
        (called,) = named(self.keep(self.sdk.call(self.venue.keeper, client.account)),
                          "MarginCalled")  # fmt: skip
        return called

    def measure(self, client: Person) -> None:
        self.keep(self.sdk.measure(self.venue.keeper, client.account))

    def cure(self, client: Person) -> None:
        self.keep(self.sdk.cure(self.venue.keeper, client.account))

    def default(self, client: Person) -> None:
        self.keep(self.sdk.declare_default(self.venue.keeper, client.account))

    def start_early(self, client: Person, operator: Person) -> None:
        self.keep(self.sdk.start_early(operator.signer, client.account))

    def margin_call(self, client: Person) -> MarginCall | None:
        return self.sdk.margin_call(client.account)

    def guarantee(self, client: Person) -> Guarantee | None:
        return self.sdk.guarantee(client.account)

    def stake(self, broker: str) -> int:
        """Token units."""
        return int(self.sdk.vault(broker).read("stake"))

    def pool(self, broker: str) -> int:
        """Token units."""
        return int(self.sdk.vault(broker).read("totalAssets"))

    def free(self, broker: str) -> int:
        """Token units."""
        return int(self.sdk.vault(broker).read("free_assets"))

    def keep(self, receipt: Receipt) -> list[Event]:
        """Remember the events of a receipt, so that the books can be checked."""
        events = self.venue.client.events(receipt)
        self.venue.events += events
        self.venue.times += [self.venue.rpc.timestamp()] * len(events)
        return events

    def assert_sound(self, *brokers: str) -> None:
        """Locked and free capital make up the assets; every lock belongs to one client."""
        for broker in brokers:
            vault = self.sdk.vault(broker)
            assets = vault.read("stake") + vault.read("totalAssets")
            locked = vault.read("client_locks") + vault.read("commitment")
            assert locked + vault.read("free_assets") == assets
            clients = self.sdk.clients(broker)
            guarantees = [self.sdk.guarantee(account) for account in clients]
            assert all(one is not None and one.broker == broker for one in guarantees)
            locks = sum(one.lock for one in guarantees if one is not None)
            assert locks == vault.read("client_locks")
