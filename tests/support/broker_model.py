"""A model venue with brokers: one market at 100 (IM 10 %, MM 5 %, no fees) and people with tokens.

Amounts are whole tokens, prices whole quote units, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model.broker_state import CallState, FundTerms
from plimsoll.model.consents import Consent
from plimsoll.model.example import MARKET, NOW, TERMS, TOKEN, market_world
from plimsoll.model.margin import Health, health
from plimsoll.model.orders import Seal, signed
from plimsoll.model.protocol import Protocol
from plimsoll.model.state import FINE, WAD, Refused
from plimsoll.orders import NOBODY, Flags, Order

HOUR_S, DAY_S, YEAR_S = 3_600, 86_400, 365 * 86_400
VAULT_TERMS = (2_000_000, 250_000, 1_000_000, 100_000, 7 * DAY_S)
OPERATOR, RIVAL, THIRD, DEPOSITOR, CLIENT, OTHER, TAKER, ANYBODY = (
    f"0x{number:040x}" for number in range(0xB01, 0xB09)
)
CLIENTS, OTHERS, TAKERS = (int(who, 16) << 96 for who in (CLIENT, OTHER, TAKER))
_PEOPLE = (OPERATOR, RIVAL, THIRD, DEPOSITOR, CLIENT, OTHER, TAKER)
_salts = count(1)


class BrokerVenue:
    """A protocol and short ways to call it; each call is a second later in a block of its own."""

    def __init__(self, junior: int = 300, senior: int = 600) -> None:
        world = market_world(100 * WAD, junior * WAD, senior * WAD)
        market = world.markets[MARKET]
        market.terms = replace(
            TERMS,
            im_ppm=(100_000, 200_000, 400_000),
            mm_ppm=(50_000, 100_000, 200_000),
            taker_fee_ppm=0,
            maker_fee_ppm=0,
            max_class=3,
        )
        for person in _PEOPLE:
            world.tokens[person] = 10**6 * TOKEN
        world.brokers.fund = FundTerms(50 * TOKEN, 100_000, 500_000)
        self.world = world
        self.protocol = Protocol(world)
        self.now, self.block = NOW, 1

    def run(self, sender: str, name: str, *args: Any) -> Any:
        """One call."""
        self.now += 1
        self.block += 1
        return self.protocol.call(name, self.now, self.block, sender, *args)

    def refusal(self, sender: str, name: str, *args: Any) -> str:
        """Why a call is refused."""
        with pytest.raises(Refused) as caught:
            self.run(sender, name, *args)
        return caught.value.reason

    def wait(self, seconds: int) -> None:
        """The next call comes so much later; the feed reports again."""
        self.now += seconds
        feed = self.world.markets[MARKET].feeds[0]
        self.run(ANYBODY, "set_answer", MARKET, 0, feed.answer)
        self.run(ANYBODY, "poke", MARKET)

    def price(self, whole: float) -> None:
        """Another mark."""
        self.run(ANYBODY, "set_answer", MARKET, 0, round(whole * 10**8))
        self.run(ANYBODY, "poke", MARKET)

    # --- brokers --------------------------------------------------------------------------------

    def open_broker(
        self,
        operator: str = OPERATOR,
        stake: int = 1_000,
        pool: int = 1_000,
        terms: tuple[int, ...] = VAULT_TERMS,
    ) -> str:
        """A broker with stake, pool and seat."""
        name = f"0x{self.run(operator, 'registry_open_vault', 'B', 'B', terms)[2:]}"
        if stake:
            self.run(operator, "vault_add_stake", name, stake * TOKEN)
        if pool:
            self.run(DEPOSITOR, "vault_deposit", name, pool * TOKEN, DEPOSITOR)
        self.run(operator, "registry_join", name)
        return name

    def terms(self, broker: str, **changes: Any) -> GuaranteeTerms:
        """Those of the worked example."""
        fields: dict[str, Any] = {
            "account": CLIENTS,
            "broker": broker,
            "guarantee": 500 * TOKEN,
            "fee_ppm": 0,
            "expiry": self.now + 90 * DAY_S,
            "buffer_ppm": 200_000,
            "cure_s": 6 * HOUR_S,
            "early_ppm": 500_000,
            "salt": next(_salts),
            "valid_until": self.now + DAY_S,
        }
        return GuaranteeTerms(**(fields | changes))

    def sponsor(self, broker: str, *, rule: str = "sponsor", **changes: Any) -> GuaranteeTerms:
        """A guarantee with the consent of both."""
        agreed = self.terms(broker, **changes)
        self.run(ANYBODY, f"sponsorship_{rule}", *self.consents(agreed))
        return agreed

    def consents(self, terms: GuaranteeTerms) -> tuple[Consent, Consent]:
        """Both signatures."""
        owner = f"0x{terms.account >> 96:040x}"
        vault = self.world.brokers.vaults.get(terms.broker)
        operator = vault.operator if vault is not None else NOBODY
        return Consent(terms, Seal.KEY, owner), Consent(terms, Seal.KEY, operator)

    def step(self, name: str, account: int = CLIENTS, sender: str = ANYBODY) -> None:
        """A step of a margin call, or a release."""
        self.run(sender, f"sponsorship_{name}", account)

    def step_refusal(self, name: str, account: int = CLIENTS, sender: str = ANYBODY) -> str:
        """Why it is refused."""
        return self.refusal(sender, f"sponsorship_{name}", account)

    # --- clients --------------------------------------------------------------------------------

    def deposit(self, who: str, whole: float) -> None:
        """Into their first account."""
        self.run(who, "deposit", int(who, 16) << 96, round(whole * TOKEN))

    def buy(self, size: float, price: float, account: int = CLIENTS) -> None:
        """A fill with the rich taker, who sells; negative to sell to them."""
        wad, limit = round(size * WAD), round(price * WAD)
        maker = self._order(account, wad, limit, Flags.POST_ONLY)
        taker = self._order(TAKERS, -wad, limit, Flags(0))
        self.run(ANYBODY, "settle_one", maker, taker, abs(wad))

    def buy_refusal(self, size: float, price: float, account: int = CLIENTS) -> str:
        """Why it is refused."""
        with pytest.raises(Refused) as caught:
            self.buy(size, price, account)
        return caught.value.reason

    def _order(self, account: int, size: int, price: int, flags: Flags) -> Any:
        order = Order(
            account=account,
            market=MARKET,
            size=size,
            limit_price=price,
            max_fee_ppm=1_000,
            expiry=4_000_000_000,
            salt=next(_salts),
            flags=flags,
            matcher=NOBODY,
            counterparty=0,
            trigger_price=0,
        )
        return signed(order, f"0x{account >> 96:040x}")

    # --- looking --------------------------------------------------------------------------------

    def health(self, account: int = CLIENTS) -> Health:
        """Now."""
        return health(self.world, account)

    def equity(self, account: int = CLIENTS) -> float:
        """Own equity, whole."""
        return self.health(account).equity_fine / FINE / WAD

    def call_state(self, account: int = CLIENTS) -> CallState:
        """Of the margin call."""
        return self.world.brokers.call(account).state

    def capital(self, broker: str) -> tuple[float, float, float]:
        """Stake, pool and what is free, whole."""
        vault = self.world.brokers.vaults[broker]
        whole = (vault.stake, vault.pool.assets_tokens, vault.free)
        stake, pool, free = (amount / TOKEN for amount in whole)
        return stake, pool, free


def example() -> tuple[BrokerVenue, str]:
    """The worked example up to the position: 600 own, 500 guaranteed, long 100 at 100."""
    venue = BrokerVenue()
    venue.deposit(TAKER, 100_000)
    broker = venue.open_broker()
    venue.deposit(CLIENT, 600)
    venue.sponsor(broker)
    venue.buy(100, 100)
    return venue, broker
