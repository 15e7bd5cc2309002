"""Brokers from Python, on a real chain: what is read, what is sent, and what a refusal says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from eth_utils.address import to_checksum_address

from plimsoll.artifacts import PROJECT_ROOT
from plimsoll.broker_advice import ADVICE
from plimsoll.broker_views import BrokerState, CallState, VaultTerms
from plimsoll.brokers import BrokerDesk
from plimsoll.chain import dev_key
from plimsoll.contract import KeySigner
from plimsoll.errors import BrokerRefused, ContractReverted, InputError, PlimsollError
from tests.support.broker_desk import UNIT, VAULT, Brokerage
from tests.support.flows import checked, people
from tests.support.venue import BTC, DAY_S, PPM, WAD, Person, Venue, running_venue

HOUR_S = 3_600
GUARANTEE = 2_500
REASON: Final = re.compile(r'"((?:broker|call|consent|port|release|sponsor|terms): [^"]+)"')


@pytest.fixture(scope="module")
def running() -> Iterator[Venue]:
    with running_venue() as venue:
        yield venue


@pytest.fixture
def venue(running: Venue) -> Iterator[Venue]:
    with checked(running) as venue:
        yield venue


@pytest.fixture
def brokerage(venue: Venue) -> Brokerage:
    people(venue, "trader", tokens=1_000_000)
    return Brokerage(venue)


@pytest.fixture
def sdk(brokerage: Brokerage) -> BrokerDesk:
    return brokerage.sdk


@pytest.fixture
def operator(venue: Venue) -> Person:
    return venue.person("operator")


@pytest.fixture
def broker(brokerage: Brokerage, operator: Person) -> str:
    return brokerage.open(operator, 60_000, pool=20_000)


@pytest.fixture
def client(brokerage: Brokerage, broker: str) -> Person:
    """Long one BTC on a guarantee, which costs 4 % a year."""
    return brokerage.client("client", broker, 1_600, GUARANTEE, WAD, fee_ppm=40_000)


# --- a broker's capital --------------------------------------------------------------------


def test_broker__opened_and_joined__everything_in_one_view(
    venue: Venue, sdk: BrokerDesk, broker: str, operator: Person
) -> None:
    seen = sdk.broker(broker)
    assert (seen.address, seen.terms) == (broker, VAULT)
    assert seen.operator == to_checksum_address(operator.address)
    assert seen.state == BrokerState.ACTIVE
    assert abs(seen.since - venue.rpc.timestamp()) < 10
    assert (seen.stake, seen.pool, seen.assets) == (60_000 * UNIT, 20_000 * UNIT, 80_000 * UNIT)
    assert (seen.contribution, seen.assessment, seen.commitment) == (
        500 * UNIT,
        500 * UNIT,
        1_000 * UNIT,
    )
    assert (seen.locked, seen.free) == (1_000 * UNIT, 79_000 * UNIT)
    assert (seen.client_limit, seen.lock_room) == (120_000 * UNIT, 79_000 * UNIT)
    assert (seen.clients, seen.at_risk, seen.provision, seen.due, seen.cost) == (0,) * 5
    assert seen.required == 500 * UNIT
    fund = sdk.fund()
    assert (fund.total, fund.members) == (1_000 * UNIT, (broker,))
    assert (fund.min_contribution, fund.contribution_ppm, fund.cause_ppm) == (
        500 * UNIT,
        100_000,
        500_000,
    )


def test_broker__stranger__is_told_what_to_give(sdk: BrokerDesk, operator: Person) -> None:
    with pytest.raises(InputError, match="is no broker") as caught:
        sdk.broker(operator.address)
    assert "open_vault" in caught.value.next_step


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"omega_ppm": PPM - 1}, "give omega_ppm from 1000000 to 10000000"),
        ({"first_loss_ppm": 49_999}, "give first_loss_ppm from 50000 to 1000000"),
        ({"client_ppm": 9_999}, "give client_ppm from 10000 to 1000000"),
        ({"commission_ppm": 500_001}, "give commission_ppm from 0 to 500000"),
        ({"notice_s": 7 * DAY_S - 1}, "give notice_s from 604800 to 5184000"),
    ],
)
def test_vault_terms__out_of_bounds__refused_before_anything_is_sent(
    changes: dict[str, int], text: str
) -> None:
    values = {name: getattr(VAULT, name) for name in VaultTerms.__slots__}
    with pytest.raises(InputError, match=text):
        VaultTerms(**(values | changes)).require()


def test_depositor__asks_waits_and_leaves(
    venue: Venue, brokerage: Brokerage, sdk: BrokerDesk, broker: str
) -> None:
    depositor = venue.person("depositor")
    shares = sdk.vault(broker).read("balanceOf", depositor.address)
    with pytest.raises(BrokerRefused, match="vault: not requested in time"):
        sdk.redeem(depositor.signer, broker, shares)
    sdk.request_withdrawal(depositor.signer, broker, shares)
    venue.wait(7 * DAY_S + 60)
    sdk.redeem(depositor.signer, broker, shares)
    assert venue.balance(depositor.address) == 20_000 * UNIT
    assert sdk.broker(broker).pool == 0


def test_operator__leaves_after_a_week_with_all_its_stake(
    venue: Venue, sdk: BrokerDesk, broker: str, operator: Person
) -> None:
    sdk.request_stake(operator.signer, broker, 40_000 * UNIT)
    sdk.leave(operator.signer, broker)
    with pytest.raises(BrokerRefused, match="registry: too early"):
        sdk.retire(operator.signer, broker)
    venue.wait(7 * DAY_S + 60)
    sdk.retire(operator.signer, broker)
    assert sdk.broker(broker).state == BrokerState.LEFT
    sdk.withdraw_stake(operator.signer, broker, 40_000 * UNIT, operator.address)
    assert venue.balance(operator.address) == 40_000 * UNIT


# --- guarantees ----------------------------------------------------------------------------


def test_agree__both_signatures__guarantee_fee_and_lock(
    brokerage: Brokerage, sdk: BrokerDesk, broker: str, client: Person
) -> None:
    seen = sdk.guarantee(client.account)
    assert seen is not None
    assert (seen.broker, seen.lock, seen.fee_ppm) == (broker, GUARANTEE * UNIT, 40_000)
    assert seen.opening_wad == seen.shield_wad == GUARANTEE * WAD
    held = sdk.broker(broker)
    assert (held.client_locks, held.clients) == (GUARANTEE * UNIT, 1)
    # 4 % of 2,500 for 300 of 365 days, hardly any of it earned yet
    assert 82 * UNIT < held.unearned_fees < 83 * UNIT
    assert sdk.clients(broker) == [client.account]


def test_agree__by_keys_of_ones_own__without_a_node(
    venue: Venue, brokerage: Brokerage, sdk: BrokerDesk, broker: str, operator: Person
) -> None:
    """The client signs and sends with a key; the operator has only signed."""
    newcomer = venue.person("newcomer")
    signer = KeySigner(newcomer.key)
    venue.deposit(newcomer, 1_000)
    terms = brokerage.terms(newcomer, broker, 100)
    sdk.agree(signer, terms, operator=sdk.sign(terms, operator.key))
    assert sdk.guarantee(newcomer.account) is not None
    sdk.release(signer, newcomer.account)
    assert sdk.guarantee(newcomer.account) is None


def test_agree__consent_missing__says_whose(
    venue: Venue, brokerage: Brokerage, sdk: BrokerDesk, broker: str, operator: Person
) -> None:
    newcomer = venue.person("newcomer")
    terms = brokerage.terms(newcomer, broker, 100)
    signatures = {
        "client": sdk.sign(terms, newcomer.key),
        "operator": sdk.sign(terms, operator.key),
    }
    for party in signatures:
        given = {name: one for name, one in signatures.items() if name != party}
        with pytest.raises(InputError, match=f"the {party}'s consent is missing"):
            sdk.agree(venue.keeper, terms, **given)
    with pytest.raises(BrokerRefused, match="consent: wrong signature"):
        sdk.agree(venue.keeper, terms, signatures["operator"], signatures["operator"])


def test_revoke__terms_are_void(
    venue: Venue, brokerage: Brokerage, sdk: BrokerDesk, broker: str, operator: Person
) -> None:
    newcomer = venue.person("newcomer")
    terms = brokerage.terms(newcomer, broker, 100)
    with pytest.raises(BrokerRefused, match="access: no party"):
        sdk.revoke(venue.keeper, terms)
    sdk.revoke(newcomer.signer, terms)
    with pytest.raises(BrokerRefused, match="terms: used or revoked"):
        sdk.agree(newcomer.signer, terms, operator=sdk.sign(terms, operator.key))


# --- margin calls --------------------------------------------------------------------------


def test_call__deposit_of_its_amount__cures(
    venue: Venue, brokerage: Brokerage, sdk: BrokerDesk, broker: str, client: Person
) -> None:
    assert sdk.margin_call(client.account) is None
    venue.move(BTC, -20_000)
    sdk.call(venue.keeper, client.account)
    call = sdk.margin_call(client.account)
    assert call is not None
    assert call.state == CallState.CALLED
    assert call.deadline == call.called_at + HOUR_S
    assert (call.tokens_up(6) - 1) * 10**12 < call.amount_wad <= call.tokens_up(6) * 10**12
    sdk.measure(venue.keeper, client.account)
    assert sdk.broker(broker).at_risk == GUARANTEE * UNIT
    venue.deposit(client, call.tokens_up(6) // UNIT + 1)
    sdk.cure(venue.keeper, client.account)
    sdk.measure(venue.keeper, client.account)
    assert sdk.margin_call(client.account) is None
    assert sdk.broker(broker).at_risk == 0


def test_call__started_early__default(
    venue: Venue, sdk: BrokerDesk, client: Person, operator: Person
) -> None:
    venue.move(BTC, -20_000)
    sdk.call(venue.keeper, client.account)
    sdk.count_stops(venue.keeper, client.account)
    sdk.start_early(operator.signer, client.account)
    call = sdk.margin_call(client.account)
    assert call is not None
    assert call.state == CallState.DEFAULTED
    guarantee = sdk.guarantee(client.account)
    assert guarantee is not None
    assert (guarantee.opening_wad, guarantee.shield_wad) == (0, 0)
    assert guarantee.lock == GUARANTEE * UNIT, "still first loss"


# --- refusals ------------------------------------------------------------------------------


def test_refusal__is_in_the_tree_and_says_what_helps(
    venue: Venue, sdk: BrokerDesk, client: Person
) -> None:
    with pytest.raises(BrokerRefused) as caught:
        sdk.call(venue.keeper, client.account)
    error = caught.value
    assert isinstance(error, ContractReverted)
    assert isinstance(error, PlimsollError)
    assert (error.reason, error.exit_code) == ("call: above buffer", 5)
    assert error.next_step == ADVICE["call: above buffer"]
    assert error.next_step in str(error)
    assert error.tx_hash


def test_advice__every_reason_of_the_broker_layer__has_one() -> None:
    """Taken from the sources: who adds a refusal adds what helps."""
    found = set()
    for source in (PROJECT_ROOT / "contracts").rglob("*.vy"):
        if source.parent.name != "mocks":
            found |= set(REASON.findall(source.read_text("utf-8")))
    found.discard("call: no reason")  # of any call that gave none
    assert len(found) > 30
    assert found <= set(ADVICE), found - set(ADVICE)


# --- signatures --------------------------------------------------------------------------


def test_dev_keys__sign_what_the_contract_recovers(
    venue: Venue, brokerage: Brokerage, sdk: BrokerDesk, broker: str
) -> None:
    terms = brokerage.terms(venue.person("newcomer"), broker, 100)
    assert sdk.domain.digest(terms) == venue.client.sponsorship.read(
        "terms_digest", terms.as_tuple()
    )
    assert len(sdk.sign(terms, dev_key(3))) == 65
