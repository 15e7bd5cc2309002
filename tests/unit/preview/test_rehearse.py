"""The exchange rehearses a fill for anybody: nothing of it ever stays, whatever the caller does."""

from __future__ import annotations

from typing import Any

import pytest
import vyper.ast as vy_ast
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from vyper.ast.parse import parse_to_ast

from plimsoll.accounts import account_id
from plimsoll.artifacts import PROJECT_ROOT
from plimsoll.contract import Contract
from plimsoll.errors import ContractReverted
from plimsoll.orders import Flags, Match, SignedOrder, settle_args
from plimsoll.preview import Fill
from tests.support.fill_checks import chain_of, check, sides
from tests.support.venue import BTC, ETH, GAS, WAD, Venue

REHEARSED = keccak(text="Rehearsed(bool,bytes)")[:4]
ERROR = keccak(text="Error(string)")[:4]
ENDINGS = {"Return", "If", "For"}  # what could lead around the last line of a function
OTHER_ENDS = {"selfdestruct", "raw_return"}
KEEP = keccak(text="keep(uint256)")[:4] + (7).to_bytes(32)
TAMPER = keccak(text="tamper()")[:4]


def state(venue: Venue) -> list[Any]:
    """Everything that a fill of theirs, or an attack on them, would change."""
    client = venue.client
    people = [venue.person(name) for name in ("ann", "bob")]
    return [
        [client.health(p.account) for p in people],
        [client.leg(p.account, market) for p in people for market in (BTC, ETH)],
        [client.clearinghouse.read("open_interest", market) for market in (BTC, ETH)],
        client.clearinghouse.read("fee_balances"),
        client.books(),
        venue.balance(client.custody.address),
    ]


def caught(venue: Venue, probe: Contract, fill: Fill, question: bytes) -> tuple[bool, bytes]:
    """A contract rehearses and goes on: what it got. The books stay as they were."""
    chain = chain_of(venue)
    chain.new_block()
    before = state(venue)
    data = probe.encode("catch", fill.as_tuple(), question)
    outcome = chain.run(venue.keeper.address, probe.address, data, 0, GAS)
    assert outcome.ok
    assert [address.lower() for address, _, _ in outcome.logs] == []
    assert state(venue) == before
    assert probe.read("kept") == 1, "what the caller does itself does stay"
    success, answer = decode(["bool", "bytes"], outcome.output)
    return success, answer


def answer_of(data: bytes) -> tuple[bool, bytes]:
    """What a caller was told after a fill that can be settled."""
    assert data[:4] == REHEARSED
    answered, answer = decode(["bool", "bytes"], data[4:])
    return answered, answer


# --- the code --------------------------------------------------------------------------------


def functions(path: str) -> dict[str, Any]:
    tree = parse_to_ast((PROJECT_ROOT / "contracts" / path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, vy_ast.FunctionDef)}


def kinds(node: Any) -> set[str]:
    return {type(inner).__name__ for inner in node.get_descendants()}


def names(node: Any) -> set[str]:
    return {inner.id for inner in node.get_descendants(vy_ast.Name)}


def test_rehearse__its_code__one_way_to_one_end_and_that_reverts() -> None:
    """No branch, no loop, no return: every statement is passed or reverts, the last one reverts."""
    rehearse = functions("Exchange.vy")["rehearse"]
    assert {decorator.id for decorator in rehearse.decorator_list} == {"external", "nonreentrant"}
    assert not kinds(rehearse) & ENDINGS
    *_, last = rehearse.body
    assert isinstance(last, vy_ast.Expr)
    assert last.value.func.id == "raw_revert"


def test_rehearse__code_it_calls__comes_back_or_reverts() -> None:
    """What an internal function returns to is its caller; nothing ends the call with success."""
    for path in ("Exchange.vy", "_lib/revert_reason.vy"):
        for name, function in functions(path).items():
            assert not names(function) & OTHER_ENDS, name


def test_rehearse__check_of_its_code__notices_a_way_out() -> None:
    """The check above does look: other functions of the same file do not pass it."""
    for name in ("settle", "take_with_order", "_trade"):
        assert kinds(functions("Exchange.vy")[name]) & ENDINGS, name


# --- callers ---------------------------------------------------------------------------------


def test_rehearse__good_fill__reverts_and_says_so(
    venue: Venue, probe: Contract, fill: Fill
) -> None:
    success, data = caught(venue, probe, fill, keccak(text="kept()")[:4])
    assert not success
    assert answer_of(data) == (True, (1).to_bytes(32))


def test_rehearse__sent_by_a_person__reverts(venue: Venue, fill: Fill) -> None:
    before = state(venue)
    with pytest.raises(ContractReverted) as refused:
        venue.send(venue.keeper, venue.client.exchange, "rehearse", fill.as_tuple(), b"")
    assert answer_of(refused.value.data) == (True, b""), "nobody is there to answer"
    assert state(venue) == before


def test_rehearse__bad_fill__its_reason_and_no_answer(
    venue: Venue, probe: Contract, fill: Fill
) -> None:
    much = Fill(fill.maker, fill.taker, BTC, 100 * WAD, fill.price)
    success, data = caught(venue, probe, much, b"")
    assert not success
    assert data[:4] == ERROR
    assert decode(["string"], data[4:]) == ("#0 margin: below initial",)


def test_rehearse__caller_writes_when_asked__cannot(
    venue: Venue, probe: Contract, fill: Fill
) -> None:
    success, data = caught(venue, probe, fill, KEEP)
    assert not success
    assert answer_of(data) == (False, b"")


def test_rehearse__caller_burns_all_gas__reverts(venue: Venue, probe: Contract, fill: Fill) -> None:
    success, data = caught(venue, probe, fill, keccak(text="burn()")[:4])
    assert not success
    assert answer_of(data) == (False, b"")


def test_rehearse__caller_rambles__is_cut_short(venue: Venue, probe: Contract, fill: Fill) -> None:
    success, data = caught(venue, probe, fill, keccak(text="ramble()")[:4])
    assert not success
    answered, answer = answer_of(data)
    assert answered
    assert answer == (1).to_bytes(32) + bytes(4_064)


def signed_pair(venue: Venue) -> tuple[SignedOrder, SignedOrder]:
    ann, bob = venue.person("ann"), venue.person("bob")
    mark = venue.mark(BTC)
    return (
        venue.signed(ann, BTC, -WAD, mark, flags=Flags.POST_ONLY),
        venue.signed(bob, BTC, WAD, mark),
    )


@pytest.mark.parametrize(
    "attack", ["settle_one", "try_settle", "settle_pair", "rehearse", "poke", "trade", "touch"]
)
def test_rehearse__caller_reenters__nothing_happens(
    venue: Venue, probe: Contract, fill: Fill, attack: str
) -> None:
    """While it is asked, with orders that are signed and would settle at any other time."""
    client = venue.client
    orders = signed_pair(venue)
    pair = [order.as_tuple() for order in orders]
    target, data = {
        "settle_one": (client.exchange, (*pair, WAD)),
        "try_settle": (client.exchange, settle_args(list(orders), [Match(0, 1, WAD)])),
        "settle_pair": (client.exchange, (*pair, WAD, 0, 0, venue.keeper.address)),
        "rehearse": (client.exchange, (fill.as_tuple(), b"")),
        "poke": (client.clearinghouse, (BTC,)),
        "trade": (client.clearinghouse, (fill.as_tuple(),)),
        "touch": (client.liquidator, (fill.maker,)),
    }[attack]
    tampering = target.encode(attack, *data)
    if len(tampering) > 4_096:
        pytest.fail("the probe would cut the attack short")
    venue.send(venue.keeper, probe, "set_tampering", target.address, tampering)
    success, answer = caught(venue, probe, fill, TAMPER)
    assert not success
    assert answer_of(answer)[0] is False
    for order in orders:
        assert client.exchange.read("filled", client.domain.hash(order.order)) == 0


def test_rehearse__wallet_that_is_asked_for_a_signature__gets_no_answer(
    venue: Venue, probe: Contract, fill: Fill
) -> None:
    """It would refuse to sign if it got one."""
    bob = venue.person("bob")
    wallet = account_id(probe.address)
    venue.deposit(bob, 10_000, wallet)
    venue.send(venue.keeper, probe, "set_wallet_fill", fill.as_tuple())
    mark = venue.mark(BTC)
    bid = SignedOrder(
        venue.order(wallet, BTC, WAD // 10, mark, flags=Flags.POST_ONLY), probe.address, b"any"
    )
    venue.settle_one(bid, venue.signed(bob, BTC, -WAD // 10, mark), WAD // 10)
    assert venue.client.leg(wallet, BTC)["size"] == WAD // 10


def test_settle__after_a_rehearsal_in_the_same_block__as_if_there_had_been_none(
    venue: Venue, probe: Contract
) -> None:
    ann, bob = venue.person("ann"), venue.person("bob")
    pair = sides(venue, ann, bob)
    assert check(venue, pair).success
