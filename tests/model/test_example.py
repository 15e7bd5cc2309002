"""The world to begin with, the session in the package's docstring, and calls that go wrong."""

from __future__ import annotations

import doctest

import pytest

import plimsoll.model
from plimsoll.model import custody, margin
from plimsoll.model.example import (
    ADDRESSES,
    ANN,
    ANNS,
    BOBS,
    KEEPER,
    MARKET,
    NOW,
    TOKEN,
    example_world,
)
from plimsoll.model.orders import signed
from plimsoll.model.protocol import Protocol
from plimsoll.model.state import FINE, RAY, WAD, owner_of
from plimsoll.orders import Order


@pytest.fixture
def protocol():
    return Protocol(example_world())


def order(account, size, salt):
    return Order(account, MARKET, size, 100 * WAD, max_fee_ppm=500, expiry=2**40, salt=salt)


def test_docstring__session__says_what_it_shows():
    found = doctest.testmod(plimsoll.model)
    assert found.failed == 0
    assert found.attempted >= 19


def test_example_world__books__every_claim_and_share_is_backed():
    world = example_world()
    assert custody.redemption_rate(world) == RAY
    assert world.tokens[ADDRESSES["custody"]] == 2_000 * TOKEN
    assert world.tokens[ADDRESSES["junior"]] == world.junior.assets_tokens == 300 * TOKEN
    assert world.tokens[ADDRESSES["senior"]] == world.senior.assets_tokens == 600 * TOKEN
    assert owner_of(ANNS) == ANN
    for account in (ANNS, BOBS):
        assert margin.health(world, account).equity_fine == 1_000 * WAD * FINE


def test_example_world__twice__shares_nothing():
    first, second = example_world(), example_world()
    first.markets[MARKET].feeds[0].answer = 1
    first.addresses["custody"] = KEEPER
    first.accounts[ANNS].cash_fine = 0
    first.tokens.clear()
    assert second == example_world()


def test_example_world__owner_withdraws__has_tokens(protocol):
    assert protocol.call("withdraw", NOW, 2, ANN, ANNS, 400 * TOKEN, ANN) == 400 * TOKEN
    assert protocol.world.tokens[ANN] == 400 * TOKEN


def test_call__mistake_half_way__changes_nothing(protocol, monkeypatch):
    protocol.world.block = 2
    before = protocol.save()

    def broken(*_):
        raise ZeroDivisionError

    # the maker's side is booked by then
    monkeypatch.setattr("plimsoll.model.prices.record_premium", broken)
    offers = signed(order(BOBS, -WAD, 1)), signed(order(ANNS, WAD, 2))
    with pytest.raises(ZeroDivisionError):
        protocol.call("settle_one", NOW, 2, KEEPER, *offers, WAD)
    assert protocol.save() == before
