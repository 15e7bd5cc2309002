"""Guarantees, margin calls, and the layers that brokers pay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from plimsoll.bench.figures import Figure, gas_figure
from plimsoll.bench.venue import GAS, ONE_FEED, PRICE, RICH, SIZE, Trader, Venue, gas_of
from plimsoll.chain import Receipt
from plimsoll.contract import Contract
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms
from plimsoll.units import PPM

FULL_HOUSE: Final = 32
"""Members that the guaranty fund has at most."""

_UNIT: Final = 10**6
_DAY_S: Final = 86_400
_CURE_S: Final = 3_600
_STAKE: Final = 30_000  # whole tokens: contribution and assessment are 20,000
_OWN: Final = 100  # of the client
_GUARANTEE: Final = 500
_LONG: Final = 2 * SIZE  # needs 100 and a fee: more than the client has
# omega, first loss, part of one client, commission, notice
_TERMS: Final = (2 * PPM, 250_000, PPM, 100_000, 7 * _DAY_S)
_CALLABLE: Final = PRICE * 97 // 100
_BANKRUPT: Final = PRICE * 85 // 100
_SLICES: Final = 500


@dataclass(frozen=True)
class _Broker:
    operator: Trader
    vault: Contract


@dataclass(frozen=True)
class _Client:
    trader: Trader
    broker: _Broker
    counterparty: Trader


def guarantees(venue: Venue) -> Iterator[Figure]:
    """From the consent to a fill that the guarantee makes possible, and another broker."""
    broker, other = (_member(venue) for _ in range(2))
    trader, counterparty = venue.trader(_OWN), venue.trader(RICH)
    venue.trade(venue.trader(RICH), counterparty, SIZE, PRICE)
    yield gas_figure("gas.broker_sponsor", gas_of(_sponsor(venue, trader, broker, 1)))
    venue.trade(trader, counterparty, _LONG, PRICE)
    with venue.rpc.undone():
        venue.settle_down()
        gas = gas_of(venue.trade(trader, counterparty, SIZE, PRICE))
        yield gas_figure("gas.settle_existing_sponsored", gas)
    operator = broker.operator.signer
    venue.client.brokers.write(operator, "leave", broker.vault.address)
    receipt = _sponsor(venue, trader, other, 2, "port")
    venue.insist(receipt, {"Ported": 1})
    yield gas_figure("gas.broker_port", gas_of(receipt))


def margin_calls(venue: Venue) -> Iterator[Figure]:
    """A call, and the ways in which it ends."""
    client = _client(venue)
    account, keeper = client.trader.account, venue.bank
    sponsorship = venue.client.sponsorship
    _move(venue, _CALLABLE)
    receipt = venue.measured(keeper, sponsorship, "measure", account)
    venue.insist(receipt, {"RiskMeasured": 1})
    yield gas_figure("gas.broker_measure_first", gas_of(receipt))
    receipt = venue.measured(keeper, sponsorship, "call", account)
    yield gas_figure("gas.broker_call", gas_of(receipt))
    with venue.rpc.undone():
        venue.client.deposit(venue.bank, account, _OWN * _UNIT)
        receipt = venue.measured(keeper, sponsorship, "cure", account)
        yield gas_figure("gas.broker_cure", gas_of(receipt))
    with venue.rpc.undone():
        receipt = venue.measured(client.broker.operator.signer, sponsorship, "start_early", account)
        yield gas_figure("gas.broker_start_early", gas_of(receipt))
    venue.wait(_CURE_S + 1)
    venue.set_price(_CALLABLE - 1)
    receipt = venue.measured(keeper, sponsorship, "declare_default", account)
    venue.insist(receipt, {"MarginDefaulted": 1})
    yield gas_figure("gas.broker_default", gas_of(receipt))
    receipt = venue.measured(keeper, sponsorship, "measure", account)
    yield gas_figure("gas.broker_measure", gas_of(receipt))
    taker = venue.trader(RICH)
    venue.trade(taker, client.counterparty, SIZE, _CALLABLE)
    venue.settle_down()
    receipt = venue.measured(keeper, venue.client.liquidator, "start", account)
    yield gas_figure("gas.start_sponsored", gas_of(receipt))
    venue.wait(60)
    terms = venue.client.take_terms(account, ONE_FEED)
    size = (terms["size_min"] + terms["size_max"]) // 2
    take = (account, ONE_FEED, size, PRICE, taker.account)
    receipt = venue.measured(taker.signer, venue.client.liquidator, "take", *take)
    yield gas_figure("gas.take_sponsored", gas_of(receipt))


def draws(venue: Venue) -> Iterator[Figure]:
    """A bankrupt client paid for by its broker; a bankrupt stranger by two members, and by all."""
    with venue.rpc.undone():
        client = _client(venue)
        account = client.trader.account
        _move(venue, _BANKRUPT)
        venue.client.sponsorship.write(venue.bank, "call", account)
        operator = client.broker.operator.signer
        venue.client.sponsorship.write(operator, "start_early", account, gas=GAS)
        receipt = _resolve(venue, account)
        venue.insist(receipt, {"GuaranteePaid": 1, "Drawn": 1, "MemberDrawn": 0})
        yield gas_figure("gas.resolve_broker_draw", gas_of(receipt))
    for members in (2, FULL_HOUSE):
        with venue.rpc.undone():
            for _ in range(members):
                _member(venue)
            victim, counterparty = venue.trader(_OWN), venue.trader(RICH)
            venue.trade(victim, counterparty, SIZE + SIZE // 2, PRICE)
            _move(venue, _BANKRUPT)
            receipt = _resolve(venue, victim.account)
            venue.insist(receipt, {"MemberDrawn": members})
            yield gas_figure(f"gas.resolve_fund_draw_{members}", gas_of(receipt))


def _resolve(venue: Venue, account: int) -> Receipt:
    venue.client.liquidator.write(venue.bank, "start", account, gas=GAS)
    venue.wait(600)
    venue.set_price(_BANKRUPT)
    venue.settle_down()
    return venue.measured(venue.bank, venue.client.liquidator, "resolve", _SLICES)


def _client(venue: Venue) -> _Client:
    """A long that its guarantee has made possible."""
    broker, trader, counterparty = _member(venue), venue.trader(_OWN), venue.trader(RICH)
    _sponsor(venue, trader, broker, 1)
    venue.trade(trader, counterparty, _LONG, PRICE)
    return _Client(trader, broker, counterparty)


def _member(venue: Venue) -> _Broker:
    """A broker with a seat."""
    operator, client = venue.trader(), venue.client
    receipt = client.brokers.write(operator.signer, "open_vault", "Broker", "BRK", _TERMS, gas=GAS)
    (opened, _) = client.brokers.events(receipt)
    vault = client.broker_vault(opened["broker"])
    client.token.write(operator.signer, "mint", operator.signer.address, _STAKE * _UNIT)
    client.token.write(operator.signer, "approve", vault.address, _STAKE * _UNIT)
    vault.write(operator.signer, "add_stake", _STAKE * _UNIT)
    client.brokers.write(operator.signer, "join", vault.address, gas=GAS)
    return _Broker(operator, vault)


def _sponsor(
    venue: Venue, trader: Trader, broker: _Broker, salt: int, function: str = "sponsor"
) -> Receipt:
    """A guarantee on which the client sends the terms that the operator has signed."""
    client, now = venue.client, venue.rpc.timestamp()
    terms = GuaranteeTerms(
        account=trader.account,
        broker=broker.vault.address,
        guarantee=_GUARANTEE * _UNIT,
        fee_ppm=40_000,
        expiry=now + (300 + salt) * _DAY_S,
        buffer_ppm=200_000,
        cure_s=_CURE_S,
        early_ppm=PPM,
        salt=salt,
        valid_until=now + _DAY_S,
    )
    client.token.write(trader.signer, "mint", trader.signer.address, _GUARANTEE * _UNIT)
    client.token.write(trader.signer, "approve", broker.vault.address, _GUARANTEE * _UNIT)
    domain = GuaranteeDomain(venue.rpc.chain_id(), client.sponsorship.address)
    consents = (b"", domain.sign(terms, broker.operator.key))
    return venue.measured(trader.signer, client.sponsorship, function, terms.as_tuple(), *consents)


def _move(venue: Venue, price: int) -> None:
    venue.set_price(price)
    venue.settle_down()
