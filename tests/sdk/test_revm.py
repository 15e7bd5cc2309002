from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_utils.crypto import keccak

from plimsoll.chain import AnvilOptions, AnvilProcess
from plimsoll.chain.evm import MAX_OPEN_SNAPSHOTS, revert_reason
from plimsoll.chain.revm import RevmChain
from plimsoll.contract import Event
from plimsoll.errors import ChainError, ContractReverted, RpcError
from tests.support.venue import BTC, GENESIS, WAD, Venue

NUMBER_AND_TIME = "0x436000524260205260406000f3"  # init code that returns both
STRANGER = "0x" + "5a" * 20


@pytest.fixture(scope="module")
def built() -> Venue:
    return Venue(RevmChain())


@pytest.fixture
def venue(built: Venue) -> Iterator[Venue]:
    with built.rpc.undone():
        yield built


@pytest.fixture
def chain(venue: Venue) -> RevmChain:
    assert isinstance(venue.rpc, RevmChain)
    return venue.rpc


def play(venue: Venue) -> tuple[list[Event], list[int], list[dict[str, int]]]:
    """A trade, a price, funding, a withdrawal; everything that it left behind."""
    ann, ben = venue.person("ann"), venue.person("ben")
    events = [*venue.deposit(ann, 10_000), *venue.deposit(ben, 20_000)]
    events += venue.trade(ann, ben, BTC, WAD // 10)
    venue.wait(4_000)
    events += venue.trade(ben, ann, BTC, WAD // 50, venue.move(BTC, 30_000))
    events += venue.withdraw(ann, 10**9)
    tokens = [venue.balance(person.address) for person in (ann, ben)]
    return events, tokens, venue.client.healths([ann.account, ben.account])


def test_venue__both_chains__same_addresses_events_and_balances(venue: Venue) -> None:
    with AnvilProcess(options=AnvilOptions(genesis_timestamp=GENESIS)) as anvil:
        other = Venue(anvil.rpc)
        # from here on both count the same seconds
        anvil.rpc.set_next_timestamp(GENESIS + 900)
        venue.rpc.set_next_timestamp(GENESIS + 900)
        assert other.deployment.contracts == venue.deployment.contracts
        assert other.rpc.block_number() == venue.rpc.block_number()
        assert play(other) == play(venue)


def test_revert__block_time_nonce_and_state__are_back(venue: Venue, chain: RevmChain) -> None:
    ann = venue.person("ann")
    venue.deposit(ann, 100)
    before = (chain.block_number(), chain.timestamp(), venue.client.health(ann.account))
    nonce = chain.call("eth_getTransactionCount", [ann.address, "latest"])
    mark = chain.snapshot()
    chain.set_next_timestamp(chain.timestamp() + 1_000)
    venue.deposit(ann, 50)
    chain.set_next_timestamp(chain.timestamp() + 1_000)
    inner = chain.snapshot()
    chain.mine(3)
    chain.revert(mark)
    assert (chain.block_number(), chain.timestamp(), venue.client.health(ann.account)) == before
    assert chain.call("eth_getTransactionCount", [ann.address, "latest"]) == nonce
    for used in (mark, inner):
        with pytest.raises(ChainError, match="does not know snapshot"):
            chain.revert(used)


def test_release__inside_another_snapshot__keeps_state_until_that_is_reverted(
    venue: Venue, chain: RevmChain
) -> None:
    ann = venue.person("ann")
    tokens = venue.balance(ann.address)
    outer = chain.snapshot()
    inner = chain.snapshot()
    venue.mint(ann.signer, 7, ann.address)
    chain.release(inner)
    assert venue.balance(ann.address) == tokens + 7 * 10**6
    chain.revert(outer)
    assert venue.balance(ann.address) == tokens


def test_snapshot__too_many_open__is_refused() -> None:
    chain = RevmChain()
    first = chain.snapshot()
    for _ in range(MAX_OPEN_SNAPSHOTS - 1):
        chain.snapshot()
    with pytest.raises(ChainError, match="snapshots are open"):
        chain.snapshot()
    chain.release(first)
    chain.snapshot()


def test_send__contract_refuses__raises_its_reason(venue: Venue) -> None:
    ann = venue.person("ann")
    venue.deposit(ann, 100)
    with pytest.raises(ContractReverted) as refused:
        venue.withdraw(ann, 10**12)
    assert refused.value.reason == "margin: below initial"
    with pytest.raises(ContractReverted) as called:
        venue.client.clearinghouse.read("mark", 77)
    assert called.value.reason == "market: unknown"


def test_transact__refused__is_a_block_of_its_own(venue: Venue, chain: RevmChain) -> None:
    token = venue.client.token
    number, time = chain.number, chain.time
    data = token.encode("transfer", token.address, 1)
    outcome = chain.transact(STRANGER, token.address, data, time + 30)
    assert not outcome.ok
    assert outcome.reason == "erc20: transfer amount exceeds balance"
    assert revert_reason(outcome.output) == outcome.reason
    assert outcome.logs == []
    assert (chain.number, chain.time) == (number + 1, time + 30)


def test_transact__by_anybody__returns_output_logs_and_gas(venue: Venue, chain: RevmChain) -> None:
    token = venue.client.token
    outcome = chain.transact(STRANGER, token.address, token.encode("mint", STRANGER, 5), chain.time)
    assert (outcome.ok, outcome.reason) == (True, None)
    assert outcome.gas > 21_000
    [(address, topics, data)] = outcome.logs
    assert (address, len(topics), int.from_bytes(data)) == (token.address, 3, 5)
    sent = chain.transact(STRANGER, token.address, token.encode("transfer", token.address, 2))
    assert int.from_bytes(sent.output) == 1
    with pytest.raises(RpcError, match="lies before"):
        chain.transact(STRANGER, token.address, b"", chain.time - 1)


def test_transact__out_of_gas_or_broken__says_so(chain: RevmChain) -> None:
    with pytest.raises(ContractReverted) as refused:
        chain.send_transaction({"from": chain.accounts()[0], "data": "0xfe"})
    assert "InvalidFEOpcode" in refused.value.reason
    burn = {"from": chain.accounts()[0], "data": "0x5b600056", "gas": hex(100_000)}
    with pytest.raises(ContractReverted) as starved:
        chain.send_transaction(burn)
    assert "OutOfGas" in starved.value.reason


def test_owner__a_contract_sends__its_code_is_still_there(venue: Venue, chain: RevmChain) -> None:
    code = chain.code(venue.timelock)
    budget = venue.client.waterfall.read("concession_budget_ppm")
    balance = chain.balance(venue.timelock)
    with venue.owner() as owner:
        venue.send(owner, venue.client.waterfall, "set_concession_budget", budget + 1)
    assert venue.client.waterfall.read("concession_budget_ppm") == budget + 1
    assert chain.code(venue.timelock) == code
    known = venue.deployment.contracts["Timelock"].code_hash
    assert "0x" + keccak(code).hex() == known
    assert chain.balance(venue.timelock) == balance


def test_send__no_key_for_the_sender__is_refused(chain: RevmChain) -> None:
    with pytest.raises(RpcError, match="no signer"):
        chain.send_transaction({"from": STRANGER, "to": STRANGER, "data": "0x"})


def test_time__calls_and_blocks__move_as_asked() -> None:
    chain = RevmChain(genesis_timestamp=1_000, interval_s=12)
    chain.mine()
    assert (chain.block_number(), chain.timestamp()) == (1, 1_012)
    chain.mine(2, interval_s=100)
    assert (chain.block_number(), chain.timestamp()) == (3, 1_212)
    chain.increase_time(1_000)
    assert (chain.block_number(), chain.timestamp()) == (4, 2_212)
    with pytest.raises(RpcError, match="not later"):
        chain.set_next_timestamp(2_212)
    chain.set_next_timestamp(5_000)
    receipt = chain.send_transaction(
        {"from": chain.accounts()[0], "data": NUMBER_AND_TIME}, timeout_s=0
    )
    seen = chain.code(receipt["contractAddress"])
    assert (int.from_bytes(seen[:32]), int.from_bytes(seen[32:])) == (5, 5_000)


def test_static__another_time__sees_that_time_and_changes_nothing(
    venue: Venue, chain: RevmChain
) -> None:
    ann = venue.person("ann")
    venue.deposit(ann, 100)
    ledger = venue.client.clearinghouse
    call = ledger.encode("mark", BTC)
    assert chain.static(ledger.address, call)[32:] == (1).to_bytes(32)
    # its feed is stale by then
    assert chain.static(ledger.address, call, chain.time + 40 * 86_400)[32:] == bytes(32)
    assert chain.static(ledger.address, call)[32:] == (1).to_bytes(32)
    poke = ledger.encode("poke", BTC)
    number = chain.number
    chain.static(ledger.address, poke)
    assert chain.number == number


def test_transient_storage__ends_with_the_transaction(chain: RevmChain) -> None:
    # what transient slot 1 holds goes to slot 0, then 7 into the transient slot; returns slot 0
    runtime = "60015c60005560076001" + "5d60005460005260206000f3"
    size = len(runtime) // 2
    init = f"60{size:02x}600c60003960{size:02x}6000f3" + runtime
    receipt = chain.send_transaction({"from": chain.accounts()[0], "data": "0x" + init})
    for _ in range(2):
        outcome = chain.transact(STRANGER, receipt["contractAddress"], b"")
        assert (outcome.ok, int.from_bytes(outcome.output)) == (True, 0)


def test_call__unknown_method_or_old_block__is_refused(chain: RevmChain) -> None:
    with pytest.raises(RpcError, match="not offered"):
        chain.call("eth_getLogs", [{}])
    with pytest.raises(RpcError, match="is not kept"):
        chain.eth_call(STRANGER, b"", block=0)


def test_transfer__more_than_the_sender_has__is_refused(chain: RevmChain) -> None:
    rich, amount = chain.accounts()[0], 10**18
    assert chain.transact(rich, STRANGER, b"", value=amount).ok
    assert chain.balance(STRANGER) == amount
    assert not chain.transact(STRANGER, rich, b"", value=amount + 1).ok
    assert chain.balance(STRANGER) == amount
