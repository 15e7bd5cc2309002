"""The library's orders and account ids, without a chain."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import orders
from plimsoll.accounts import MAX_SUBACCOUNT, account_id, owner_of, split
from plimsoll.chain import dev_key
from plimsoll.errors import InputError
from plimsoll.orders import Domain, Flags, Match, Order, SignedOrder

WAD = 10**18
EXCHANGE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DOMAIN = Domain(31337, EXCHANGE)
KEY = dev_key(0)
OWNER = Account.from_key(KEY).address

UINT256 = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
ORDERS = st.builds(
    Order,
    account=UINT256,
    market=st.integers(1, 255),
    size=st.integers(1 - 2**255, 2**255 - 1).filter(bool),
    limit_price=UINT256,
    max_fee_ppm=UINT256,
    expiry=UINT256,
    salt=UINT256,
    flags=st.builds(Flags, st.integers(0, 15)),
    matcher=ADDRESSES,
    counterparty=UINT256,
    trigger_price=UINT256,
)


def order(**changes):
    fields = {
        "account": account_id(OWNER),
        "market": 1,
        "size": WAD,
        "limit_price": 100 * WAD,
        "max_fee_ppm": 500,
        "expiry": 2_000_000_000,
        "salt": 7,
    }
    return Order(**(fields | changes))


@given(random_order=ORDERS)
def test_hash__any_order__is_that_of_the_typed_data(random_order):
    typed_data = encode_typed_data(full_message=DOMAIN.typed_data(random_order))
    assert bytes(_hash_eip191_message(typed_data)) == DOMAIN.hash(random_order)


def test_hash__one_order__never_changes():
    assert DOMAIN.hash(order()).hex() == (
        "b3fd1ba29be31e1697302eff19405eb1600a5ce5032ce16f320ac691397c8abb"
    )


def test_sign__recovers_to_the_key():
    signed = DOMAIN.sign(order(), KEY)
    typed_data = encode_typed_data(full_message=DOMAIN.typed_data(signed.order))
    assert Account.recover_message(typed_data, signature=signed.signature) == OWNER
    assert signed.signer == OWNER
    assert len(signed.signature) == 65
    assert signed.signature[64] in (27, 28)


def test_sign__by_an_agent__names_the_agent():
    agent_key = dev_key(1)
    assert DOMAIN.sign(order(), agent_key).signer == Account.from_key(agent_key).address


def test_sign_for_wallet__names_the_wallet():
    wallet_order = order(account=account_id(EXCHANGE, 5))
    assert DOMAIN.sign_for_wallet(wallet_order, KEY).signer == EXCHANGE


def test_unsigned__names_the_owner_or_the_sender():
    assert orders.unsigned(order()) == SignedOrder(order(), OWNER, b"")
    assert orders.unsigned(order(), EXCHANGE).signer == EXCHANGE


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": -(2**255)},
        {"size": 2**255},
        {"size": 1.0},
        {"limit_price": -1},
        {"salt": 2**256},
        {"account": "0x00"},
        {"matcher": "nobody"},
        {"matcher": 0},
    ],
    ids=str,
)
def test_order__bad_field__refused(changes):
    with pytest.raises(InputError):
        order(**changes)


def test_replaced__checks_again():
    assert order().replaced(salt=8) == order(salt=8)
    with pytest.raises(InputError):
        order().replaced(salt=-1)


def test_settle_args__tuples_for_the_call():
    signed = DOMAIN.sign(order(), KEY)
    given_orders, matches = orders.settle_args([signed, signed], [Match(0, 1, WAD)])
    assert given_orders == [signed.as_tuple()] * 2
    assert matches == [(0, 1, WAD)]


@pytest.mark.parametrize("match", [Match(0, 1, WAD), Match(1, 0, WAD), Match(-1, 0, WAD)])
def test_settle_args__order_not_given__refused(match):
    with pytest.raises(InputError, match="not there"):
        orders.settle_args([DOMAIN.sign(order(), KEY)], [match])


def test_new_salt__differs():
    assert len({orders.new_salt() for _ in range(100)}) == 100


def test_market_bits__one_bit_per_market():
    assert orders.market_bits([]) == 0
    assert orders.market_bits([1, 255, 1]) == 2 | 1 << 255


@pytest.mark.parametrize("market", [0, 256])
def test_market_bits__no_such_market__refused(market):
    with pytest.raises(InputError, match="market id"):
        orders.market_bits([market])


@given(owner=ADDRESSES, subaccount=st.integers(0, MAX_SUBACCOUNT))
def test_account_id__there_and_back(owner, subaccount):
    account = account_id(owner, subaccount)
    assert int(split(account)[0], 16) == int(owner, 16)
    assert split(account)[1] == subaccount
    assert owner_of(account) == split(account)[0]


@pytest.mark.parametrize(
    ("owner", "subaccount"), [("0x12", 0), (OWNER, -1), (OWNER, MAX_SUBACCOUNT + 1)]
)
def test_account_id__bad_parts__refused(owner, subaccount):
    with pytest.raises(InputError):
        account_id(owner, subaccount)


@pytest.mark.parametrize("account", [-1, 2**256])
def test_split__out_of_range__refused(account):
    with pytest.raises(InputError):
        split(account)
