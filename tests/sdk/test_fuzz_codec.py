from __future__ import annotations

from typing import Any

import pytest

from plimsoll.chain.revm import RevmChain
from plimsoll.errors import InputError
from plimsoll.fuzz.codec import Codec, OrderSigner
from plimsoll.fuzz.stage import BTC, GENESIS, Stage, build
from plimsoll.model.orders import GARBAGE, MALLEABLE, WALLET, Offer, signed, unsigned
from plimsoll.orders import Flags, Match, Order, SignedOrder
from plimsoll.units import WAD


@pytest.fixture(scope="module")
def stage() -> Stage:
    return build(RevmChain(genesis_timestamp=GENESIS))


@pytest.fixture(scope="module")
def codec(stage: Stage) -> Codec:
    return Codec(stage)


@pytest.fixture(scope="module")
def signer(stage: Stage) -> OrderSigner:
    return OrderSigner(stage.client.domain, {person.address: person.key for person in stage.people})


def order(stage: Stage, who: int = 0, **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "account": stage.people[who].account(),
        "market": BTC,
        "size": -3 * WAD,
        "limit_price": 50_000 * WAD,
        "max_fee_ppm": 500,
        "expiry": 4_000_000_000,
        "salt": 2**200 + who,
        "flags": Flags.POST_ONLY,
        "matcher": stage.people[5].address,
        "counterparty": stage.people[6].account(3),
        "trigger_price": 7,
    }
    return Order(**(fields | changes))


def test_encode__static_arguments__as_the_abi_decoder_reads_them(
    stage: Stage, codec: Codec
) -> None:
    client, me = stage.client, stage.people[3].address.lower()
    cases = [
        (client.custody, "deposit", "deposit", (2**255, 7)),
        (client.custody, "withdraw", "withdraw", (5, 6, me)),
        (client.waterfall, "set_limits", "set_limits", (3, (500_000, 250_000))),
        (client.senior, "senior_redeem", "redeem", (9, me, me)),
        (client.token, "token_transfer", "transfer", (me, 1)),
        (client.clearinghouse, "set_started", "set_started", (1, True)),
        (client.clearinghouse, "trade", "trade", ((1, 2, 3, -4, 5, 6, 7, 8),)),
        (client.liquidator, "take", "take", (1, 2, 3, 2**200, 5)),
        (client.clearinghouse, "clearinghouse_take", "take", ((1, 2, 3, -4, 5, 6, 7),)),
        (client.clearinghouse, "collect_fees", "collect_fees", ()),
    ]
    for contract, name, function, args in cases:
        assert codec.encode(name, args) == (contract.address, contract.encode(function, *args))


def test_encode__orders_and_matches__as_eth_abi(stage: Stage, codec: Codec) -> None:
    exchange = stage.client.exchange
    one, two = order(stage), order(stage, 1, size=3 * WAD)
    domain = stage.client.domain
    first = domain.sign(one, stage.people[0].key).as_tuple()
    second = SignedOrder(two, two.owner).as_tuple()
    maker, taker = signed(one, stage.people[0].address), unsigned(two)
    assert codec.encode("settle_one", (maker, taker, WAD)) == (
        exchange.address,
        exchange.encode("settle_one", first, second, WAD),
    )
    matches = [Match(0, 1, WAD), Match(1, 0, 2 * WAD)]
    for name in ("settle", "try_settle"):
        data = exchange.encode(name, [first, second], [match.as_tuple() for match in matches])
        assert codec.encode(name, ([maker, taker], matches))[1] == data
    assert codec.encode("settle", ([], []))[1] == exchange.encode("settle", [], [])
    assert codec.encode("cancel", (one,))[1] == exchange.encode("cancel", one.as_tuple())


def test_encode__feeds_and_attempts__find_their_contract(stage: Stage, codec: Codec) -> None:
    feed = stage.feed(BTC, 0)
    assert codec.encode("set_answer", (BTC, 0, 5)) == (feed.address, feed.encode("set_answer", 5))
    assert codec.encode("set_round", (BTC, 0, 5, 0))[1] == feed.encode("set_round", 5, 0)
    custody, me = stage.client.custody, stage.people[0].address
    wired = codec.encode("attempt", ("custody", "wire", me, me, me, me))
    assert wired == (custody.address, custody.encode("wire", me, me, me, me))


def test_encode__unknown_name_or_wrong_count__is_refused(codec: Codec) -> None:
    with pytest.raises(InputError, match="no contract has a function"):
        codec.encode("no_such", ())
    with pytest.raises(InputError, match="1 arguments for 2"):
        codec.encode("deposit", (1,))


def test_sign__any_order__as_the_domain_signs(stage: Stage, signer: OrderSigner) -> None:
    domain = stage.client.domain
    for who in range(4):
        for changes in ({}, {"size": WAD, "matcher": "0x" + "00" * 20, "counterparty": 0}):
            one = order(stage, who, **changes)
            person = stage.people[who]
            assert signer.digest(one) == domain.hash(one)
            assert (
                signer.sign(one, person.address.lower()) == domain.sign(one, person.key).signature
            )


def test_signature__bad_kinds__are_what_they_say(stage: Stage, signer: OrderSigner) -> None:
    one = order(stage)
    owner = stage.people[0].address
    good = signer.signature(signed(one, owner))
    mirrored = signer.signature(Offer(one, owner, MALLEABLE))
    assert mirrored[:32] == good[:32]
    assert int.from_bytes(mirrored[32:64]) > 2**255
    assert {mirrored[64], good[64]} == {27, 28}
    garbage = signer.signature(Offer(one, owner, GARBAGE))
    assert len(garbage) == 65
    assert signer.signature(unsigned(one)) == b""
    with pytest.raises(InputError, match="no wallet"):
        signer.signature(Offer(one, owner, WALLET))
