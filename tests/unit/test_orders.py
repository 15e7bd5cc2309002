"""Exchange: hashes, signatures, contract wallets, cancellation and agents."""

from __future__ import annotations

import pytest
from brownie import (
    BadErc1271Wallet,
    Erc1271Wallet,
    Exchange,
    ExchangeProbe,
    accounts,
    chain,
    reverts,
    web3,
)
from brownie.test import given
from eth_account import Account
from hypothesis import settings
from hypothesis import strategies as st

from plimsoll.accounts import account_id
from plimsoll.chain import Rpc
from plimsoll.orders import (
    CANCELLED,
    Domain,
    Flags,
    Match,
    Order,
    SignedOrder,
    market_bits,
    unsigned,
)
from tests.support.order_desk import MARKET, WAD, OrderDesk, party, wallet_call

ZERO = "0x" + "00" * 20
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BURNS_GAS, RETURNS_TOO_MUCH, WRONG_MAGIC, DIRTY_MAGIC, REVERTS, SILENT = (1 << i for i in range(6))


@pytest.fixture(scope="module")
def trader():
    return party(accounts, 1)


@pytest.fixture(scope="module")
def other():
    return party(accounts, 2)


@pytest.fixture(scope="module")
def agent():
    return party(accounts, 3)


@pytest.fixture(scope="module")
def attacker():
    return party(accounts, 4)


@pytest.fixture(scope="module")
def wallet_owner():
    return party(accounts, 5)


@pytest.fixture(scope="module")
def desk():
    probe = ExchangeProbe.deploy({"from": accounts[0]})
    exchange = Exchange.deploy(probe, {"from": accounts[0]})
    exchange.wire(probe, {"from": accounts[0]})
    return OrderDesk(exchange, probe, Domain(chain.id, exchange.address), accounts[9])


@pytest.fixture(scope="module")
def rpc():
    return Rpc(str(web3.provider.endpoint_uri))


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    pass


@pytest.fixture
def wallet(wallet_owner):
    return Erc1271Wallet.deploy(wallet_owner.address, {"from": accounts[0]})


@pytest.fixture
def settle(desk, other):
    """Settle one order, here a bid of at most 5, against a fresh ask."""

    def send(signed, size=WAD, sender=None, **changes):
        ask = desk.signed(other, -5 * WAD, 100 * WAD, market=signed.order.market, **changes)
        return desk.settle([signed, ask], size, sender=sender)

    return send


def bid(desk, who, **changes):
    return desk.signed(who, 5 * WAD, 100 * WAD, **changes)


# --- hashes --------------------------------------------------------------------------------

UINT256 = st.integers(0, 2**256 - 1)
ORDERS = st.builds(
    Order,
    account=UINT256,
    market=UINT256,
    size=st.integers(1 - 2**255, 2**255 - 1).filter(bool),
    limit_price=UINT256,
    max_fee_ppm=UINT256,
    expiry=UINT256,
    salt=UINT256,
    flags=UINT256,
    matcher=st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    counterparty=UINT256,
    trigger_price=UINT256,
)


@given(order=ORDERS)
@settings(max_examples=60)
def test_order_hash__any_order__equals_the_librarys(desk, order):
    assert bytes(desk.exchange.order_hash(order.as_tuple())) == desk.domain.hash(order)


def test_eip712_domain__is_the_librarys(desk):
    fields, name, version, chain_id, contract, *_ = desk.exchange.eip712Domain()
    assert (name, version) == ("Plimsoll", "1")
    assert Domain(chain_id, contract) == desk.domain
    assert str(fields) == "0x0f"


# --- validity ------------------------------------------------------------------------------


def test_settle__expiry__last_second_is_valid(rpc, desk, trader, settle):
    later = rpc.timestamp() + 1_000
    signed = bid(desk, trader, expiry=later)
    rpc.set_next_timestamp(later)
    settle(signed)
    rpc.set_next_timestamp(later + 1)
    with reverts("order: expired"):
        settle(signed)


def test_settle__another_matcher__reverts(desk, trader, attacker, settle):
    signed = bid(desk, trader, matcher=desk.relayer.address)
    with reverts("order: wrong matcher"):
        settle(signed, sender=attacker.account)
    settle(signed)


def test_try_settle__matcher__is_the_outer_sender(desk, trader, other, attacker):
    orders = [
        bid(desk, trader, matcher=desk.relayer.address),
        desk.signed(other, -WAD, 100 * WAD),
    ]
    assert desk.try_settle(orders, WAD, sender=attacker.account).return_value == 0
    assert desk.try_settle(orders, WAD).return_value == 1


@pytest.mark.parametrize("flags", [16, 2**255])
def test_settle__unknown_flag__reverts(desk, trader, settle, flags):
    with reverts("order: unknown flag"):
        settle(bid(desk, trader, flags=flags))


@pytest.mark.parametrize("size", [0, -(2**255)])
def test_settle__size_out_of_range__reverts(desk, trader, other, size):
    order = list(desk.order(trader.main, WAD, 100 * WAD).as_tuple())
    order[2] = size
    ask = desk.signed(other, -WAD, 100 * WAD)
    with reverts("order: size out of range"):
        desk.exchange.settle(
            [(order, trader.address, b""), ask.as_tuple()], [(0, 1, WAD)], {"from": trader.account}
        )


# --- signatures ----------------------------------------------------------------------------


def test_settle__signed_by_another_key__reverts(desk, trader, attacker, settle):
    forged = desk.domain.sign(bid(desk, trader).order, attacker.key)
    with reverts("agent: unknown"):
        settle(forged)
    with reverts("order: wrong signature"):
        settle(SignedOrder(forged.order, trader.address, forged.signature))


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 6 * WAD},
        {"limit_price": 101 * WAD},
        {"market": MARKET + 1},
        {"max_fee_ppm": 501},
        {"expiry": 4_000_000_001},
        {"salt": 1},
        {"flags": Flags.POST_ONLY},
        {"matcher": "relayer"},
        {"counterparty": "other"},
        {"trigger_price": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_settle__changed_after_signing__reverts(desk, trader, other, settle, changes):
    known = {"relayer": desk.relayer.address, "other": other.main}
    changes = {name: known.get(value, value) for name, value in changes.items()}
    signed = bid(desk, trader)
    with reverts("order: wrong signature"):
        settle(SignedOrder(signed.order.replaced(**changes), signed.signer, signed.signature))


@pytest.mark.parametrize("domain", ["chain", "contract"])
def test_settle__signed_for_another_exchange__reverts(desk, trader, settle, domain):
    meant = (
        Domain(desk.domain.chain_id + 1, desk.domain.exchange)
        if domain == "chain"
        else Domain(desk.domain.chain_id, desk.probe.address)
    )
    with reverts("order: wrong signature"):
        settle(meant.sign(bid(desk, trader).order, trader.key))


def test_settle__malleable_signature__reverts(desk, trader, settle):
    signed = bid(desk, trader)
    r, s, v = (
        signed.signature[:32],
        int.from_bytes(signed.signature[32:64], "big"),
        signed.signature[64],
    )
    twin = r + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    with reverts("order: malleable signature"):
        settle(SignedOrder(signed.order, signed.signer, twin))
    settle(signed)


@pytest.mark.parametrize("length", [1, 64, 66, 512])
def test_settle__signature_of_another_length__reverts(desk, trader, settle, length):
    signed = bid(desk, trader)
    cut = (signed.signature + bytes(512))[:length]
    with reverts("order: wrong signature"):
        settle(SignedOrder(signed.order, signed.signer, cut))


@pytest.mark.parametrize("v", [0, 1, 29])
def test_settle__bad_recovery_id__reverts(desk, trader, settle, v):
    signed = bid(desk, trader)
    with reverts("order: wrong signature"):
        settle(SignedOrder(signed.order, signed.signer, signed.signature[:64] + bytes([v])))


def test_settle__account_of_the_zero_address__reverts(desk, settle):
    order = desk.order(0, 5 * WAD, 100 * WAD)
    with reverts("order: wrong signature"):
        settle(SignedOrder(order, ZERO, bytes(65)))


def test_settle__unsigned_by_another_sender__reverts(desk, trader, settle):
    with reverts("order: not signed"):
        settle(unsigned(bid(desk, trader).order))


def test_settle__several__signature_reason_carries_the_order(desk, trader, other):
    orders = [
        desk.signed(other, -WAD, 100 * WAD),
        desk.domain.sign(bid(desk, trader).order, trader.key),
    ]
    orders[1] = SignedOrder(orders[1].order, trader.address, bytes(65))
    with reverts("@1 order: wrong signature"):
        desk.settle(orders, [Match(1, 0, 1)] * 2)


# --- contract wallets ----------------------------------------------------------------------


def test_settle__wallet_signature__accepted(desk, wallet, wallet_owner, settle):
    order = desk.order(account_id(wallet.address), 5 * WAD, 100 * WAD)
    signed = desk.domain.sign_for_wallet(order, wallet_owner.key)
    settle(signed)
    assert desk.filled(signed) == WAD


def test_settle__wallet_signed_by_another_key__reverts(desk, wallet, attacker, settle):
    order = desk.order(account_id(wallet.address), 5 * WAD, 100 * WAD)
    with reverts("order: wrong signature"):
        settle(desk.domain.sign_for_wallet(order, attacker.key))


def test_settle__wallet_itself_sends__no_signature_needed(desk, wallet, wallet_owner, other):
    order = desk.order(account_id(wallet.address), 5 * WAD, 100 * WAD)
    ask = desk.signed(other, -5 * WAD, 100 * WAD)
    wallet_call(
        desk,
        wallet,
        wallet_owner.account,
        "settle",
        [unsigned(order).as_tuple(), ask.as_tuple()],
        [(0, 1, WAD)],
    )
    assert desk.filled(ask) == WAD


def test_wallet_execute__by_another__reverts(wallet, attacker):
    with reverts("wallet: only owner"):
        wallet.execute(attacker.address, b"", {"from": attacker.account})


@pytest.mark.parametrize(
    "manner", [BURNS_GAS, RETURNS_TOO_MUCH, WRONG_MAGIC, DIRTY_MAGIC, REVERTS, SILENT]
)
def test_settle__misbehaving_wallet__refused_at_bounded_cost(desk, trader, other, settle, manner):
    bad = BadErc1271Wallet.deploy(manner, {"from": accounts[0]})
    order = desk.order(account_id(bad.address), 5 * WAD, 100 * WAD)
    signed = SignedOrder(order, bad.address, bytes(512))
    with reverts("order: wrong signature"):
        settle(signed)
    good = bid(desk, trader)
    ask = desk.signed(other, -5 * WAD, 100 * WAD)
    tx = desk.try_settle([signed, good, ask], [Match(0, 2, WAD), Match(1, 2, WAD)])
    assert tx.return_value == 1
    assert tx.gas_used < 350_000


def test_settle__wallet_as_agent_of_another__refused(desk, trader, wallet, wallet_owner, settle):
    desk.exchange.set_agent(
        trader.main, wallet.address, 4_000_000_000, 0, 9 * WAD, {"from": trader.account}
    )
    signed = desk.domain.sign(bid(desk, trader).order, wallet_owner.key)
    with reverts("order: wrong signature"):
        settle(SignedOrder(signed.order, wallet.address, signed.signature))


def test_settle__key_with_delegated_code__its_own_signature_counts(
    rpc, desk, trader, settle, wallet
):
    signed = bid(desk, trader)
    rpc.call("anvil_setCode", [trader.address, rpc.call("eth_getCode", [wallet.address, "latest"])])
    settle(signed)
    # the delegated code knows no owner here, and a malleable twin is just a wrong signature to it
    with reverts("order: wrong signature"):
        settle(SignedOrder(signed.order, signed.signer, b"\xff" * 65))


# --- cancellation --------------------------------------------------------------------------


def test_cancel__by_owner__order_is_void(desk, trader, settle):
    signed = bid(desk, trader)
    settle(signed)
    tx = desk.exchange.cancel(signed.order.as_tuple(), {"from": trader.account})
    assert dict(tx.events["OrderCancelled"]) == {
        "order_hash": "0x" + desk.domain.hash(signed.order).hex(),
        "account": trader.main,
    }
    assert desk.filled(signed) == CANCELLED
    with reverts("order: cancelled"):
        settle(signed)


def test_cancel__by_another__reverts(desk, trader, attacker):
    with reverts("cancel: not owner or agent"):
        desk.exchange.cancel(bid(desk, trader).order.as_tuple(), {"from": attacker.account})


def test_cancel__by_agent__until_it_expires(rpc, desk, trader, agent, settle):
    first, second = bid(desk, trader), bid(desk, trader)
    expiry = rpc.timestamp() + 1_000
    desk.exchange.set_agent(trader.main, agent.address, expiry, 0, WAD, {"from": trader.account})
    desk.exchange.cancel(first.order.as_tuple(), {"from": agent.account})
    with reverts("order: cancelled"):
        settle(first)
    rpc.set_next_timestamp(expiry + 1)
    with reverts("cancel: not owner or agent"):
        desk.exchange.cancel(second.order.as_tuple(), {"from": agent.account})


def test_cancel_below__lower_salts_are_void(desk, trader, settle):
    low, high = bid(desk, trader, salt=41), bid(desk, trader, salt=42)
    tx = desk.exchange.cancel_below(trader.main, 42, {"from": trader.account})
    assert dict(tx.events["OrdersCancelledBelow"]) == {"account": trader.main, "salt": 42}
    assert desk.exchange.cancelled_below(trader.main) == 42
    with reverts("order: below cancelled salt"):
        settle(low)
    settle(high)


def test_cancel_below__other_subaccount__untouched(desk, trader, settle):
    desk.exchange.cancel_below(trader.main, 42, {"from": trader.account})
    settle(bid(desk, trader, salt=41, account=trader.sub(1)))


@pytest.mark.parametrize("salt", [41, 42])
def test_cancel_below__not_higher__reverts(desk, trader, salt):
    desk.exchange.cancel_below(trader.main, 42, {"from": trader.account})
    with reverts("cancel: salt not higher"):
        desk.exchange.cancel_below(trader.main, salt, {"from": trader.account})


def test_cancel_below__by_agent__reverts(desk, trader, agent):
    desk.exchange.set_agent(
        trader.main, agent.address, 4_000_000_000, 0, WAD, {"from": trader.account}
    )
    with reverts("cancel: only owner"):
        desk.exchange.cancel_below(trader.main, 42, {"from": agent.account})


def test_cancel__wallet__through_itself(desk, wallet, wallet_owner, settle):
    order = desk.order(account_id(wallet.address), 5 * WAD, 100 * WAD)
    wallet_call(desk, wallet, wallet_owner.account, "cancel", order.as_tuple())
    with reverts("order: cancelled"):
        settle(desk.domain.sign_for_wallet(order, wallet_owner.key))


# --- agents --------------------------------------------------------------------------------


@pytest.fixture
def permit(desk, trader, agent):
    def give(expiry=4_000_000_000, markets=0, max_size=5 * WAD, key=None):
        return desk.exchange.set_agent(
            trader.main,
            key or agent.address,
            expiry,
            markets,
            max_size,
            {"from": trader.account},
        )

    return give


def agents_bid(desk, trader, agent, **changes):
    account = changes.pop("account", trader.main)
    order = desk.order(account, changes.pop("size", 5 * WAD), 100 * WAD, **changes)
    return desk.domain.sign(order, agent.key)


def permit_of(desk, account, key):
    return tuple(int(value) for value in desk.exchange.agent(account, key))


def test_set_agent__read_back(desk, trader, agent, permit):
    tx = permit(expiry=4_000_000_000, markets=market_bits([3, 255]), max_size=7 * WAD)
    assert dict(tx.events["AgentSet"]) == {
        "account": trader.main,
        "agent": agent.address,
        "expiry": 4_000_000_000,
        "markets": 1 << 3 | 1 << 255,
        "max_size": 7 * WAD,
    }
    assert permit_of(desk, trader.main, agent.address) == (
        4_000_000_000,
        1 << 3 | 1 << 255,
        7 * WAD,
    )
    assert permit_of(desk, trader.main, trader.address) == (0, 0, 0)


def test_set_agent__huge_limits__are_no_limits(desk, trader, agent, permit, settle):
    permit(expiry=2**256 - 1, max_size=2**256 - 1)
    assert permit_of(desk, trader.main, agent.address) == (2**64 - 1, 0, 2**128 - 1)
    settle(agents_bid(desk, trader, agent))


def test_set_agent__by_another__reverts(desk, trader, attacker):
    with reverts("agent: only owner"):
        desk.exchange.set_agent(
            trader.main, attacker.address, 4_000_000_000, 0, WAD, {"from": attacker.account}
        )


def test_set_agent__zero_address__reverts(permit):
    with reverts("agent: zero address"):
        permit(key=ZERO)


def test_set_agent__expiry_in_the_past__reverts(rpc, permit):
    with reverts("agent: already expired"):
        permit(expiry=rpc.timestamp() - 1)


def test_settle__agent__trades_for_its_account_only(desk, trader, agent, permit, settle):
    permit()
    signed = agents_bid(desk, trader, agent)
    settle(signed)
    assert desk.filled(signed) == WAD
    with reverts("agent: unknown"):
        settle(agents_bid(desk, trader, agent, account=trader.sub(1)))


def test_settle__agent_sends__no_signature_needed(desk, trader, agent, permit, settle, attacker):
    permit()
    order = desk.order(trader.main, 5 * WAD, 100 * WAD)
    settle(unsigned(order, agent.address), sender=agent.account)
    with reverts("agent: unknown"):
        settle(unsigned(order, attacker.address), sender=attacker.account)


def test_settle__agent_expiry__last_second_is_valid(rpc, desk, trader, agent, permit, settle):
    expiry = rpc.timestamp() + 1_000
    permit(expiry=expiry)
    signed = agents_bid(desk, trader, agent)
    rpc.set_next_timestamp(expiry)
    settle(signed)
    rpc.set_next_timestamp(expiry + 1)
    with reverts("agent: expired"):
        settle(signed)


def test_settle__agent_market_list__others_refused(desk, trader, agent, permit, settle):
    permit(markets=market_bits([2, MARKET]))
    settle(agents_bid(desk, trader, agent))
    for market in (MARKET + 1, 256 + MARKET):
        with reverts("agent: wrong market"):
            settle(agents_bid(desk, trader, agent, market=market))


@pytest.mark.parametrize("sign", [1, -1])
def test_settle__agent_size_limit__one_wei_over_refused(desk, trader, agent, permit, other, sign):
    permit(max_size=WAD)
    counter = desk.signed(other, -sign * 5 * WAD, 100 * WAD)
    desk.settle([agents_bid(desk, trader, agent, size=sign * WAD), counter], WAD)
    with reverts("agent: order too large"):
        desk.settle([agents_bid(desk, trader, agent, size=sign * (WAD + 1)), counter], WAD)


def test_revoke_agent__its_orders_are_void(desk, trader, agent, permit, settle):
    permit(markets=market_bits([MARKET]))
    signed = agents_bid(desk, trader, agent)
    settle(signed)
    tx = desk.exchange.revoke_agent(trader.main, agent.address, {"from": trader.account})
    assert dict(tx.events["AgentRevoked"]) == {"account": trader.main, "agent": agent.address}
    assert permit_of(desk, trader.main, agent.address) == (0, 0, 0)
    with reverts("agent: unknown"):
        settle(signed)


def test_revoke_agent__by_the_agent__reverts(desk, trader, agent, permit):
    permit()
    with reverts("agent: only owner"):
        desk.exchange.revoke_agent(trader.main, agent.address, {"from": agent.account})


def test_settle__several__agent_reason_carries_the_order(desk, trader, agent, other):
    orders = [desk.signed(other, -5 * WAD, 100 * WAD), agents_bid(desk, trader, agent)]
    with reverts("@1 agent: unknown"):
        desk.settle(orders, [Match(1, 0, 1)] * 2)


def test_take_with_order__by_agent__accepted(desk, trader, agent, other, permit):
    permit()
    desk.probe.set_leg(other.main, MARKET, WAD, {"from": desk.relayer})
    signed = agents_bid(desk, trader, agent, flags=Flags.LIQUIDATION_ONLY)
    desk.exchange.take_with_order(signed.as_tuple(), other.main, WAD, {"from": desk.relayer})
    assert desk.filled(signed) == WAD


def test_keys__of_the_local_chain__match_their_accounts(trader):
    assert Account.from_key(trader.key).address == trader.address
