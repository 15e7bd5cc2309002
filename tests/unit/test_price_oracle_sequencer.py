"""PriceOracle on a rollup: the uptime feed of the sequencer decides whether there is a price."""

from __future__ import annotations

import pytest
from brownie import ZERO_ADDRESS, accounts, chain, reverts, web3
from web3.exceptions import ContractLogicError, Web3RPCError

from tests.support.plain_values import plain
from tests.support.price_model import FeedStatus, Mode

WAD = 10**18
MARKET = 7
NEVER = 2**256 - 1
UP, DOWN = 0, 1


@pytest.fixture(scope="module")
def owner():
    return accounts[0]


@pytest.fixture(scope="module")
def sequencer(TestFeed, owner):
    """Answers 0, up, since its deployment."""
    return TestFeed.deploy(0, UP, {"from": owner})


@pytest.fixture(scope="module")
def broken(BrokenFeed, owner):
    """A sequencer's feed that can misbehave."""
    return BrokenFeed.deploy(0, UP, {"from": owner})


def listed(PriceOracle, TestFeed, owner, sequencer):
    """An oracle with one market at 100."""
    oracle = PriceOracle.deploy(sequencer, {"from": owner})
    feed = TestFeed.deploy(8, 100 * 10**8, {"from": owner})
    oracle.set_market(MARKET, [(feed, 86_400, 2 * 86_400)], 1, 10_000, {"from": owner})
    return oracle


@pytest.fixture(scope="module")
def oracle(PriceOracle, TestFeed, owner, sequencer):
    return listed(PriceOracle, TestFeed, owner, sequencer)


@pytest.fixture(scope="module")
def watched(PriceOracle, TestFeed, owner, broken):
    """An oracle whose sequencer's feed is the broken one."""
    return listed(PriceOracle, TestFeed, owner, broken)


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    """Each test starts from the deployed state."""


def test_deploy__zero_address__a_chain_without_a_sequencer(PriceOracle, owner):
    oracle = PriceOracle.deploy(ZERO_ADDRESS, {"from": owner})
    assert oracle.SEQUENCER() == ZERO_ADDRESS
    assert oracle.resumed_at() == 0


@pytest.mark.parametrize("mode", [Mode.REVERTS, Mode.RETURNS_NOTHING, Mode.RETURNS_TOO_LITTLE])
def test_deploy__sequencer_without_a_round__reverts(PriceOracle, owner, broken, mode):
    broken.set_mode(mode, {"from": owner})
    with reverts("sequencer: no answer"):
        PriceOracle.deploy(broken, {"from": owner})


def test_deploy__sequencer_not_a_contract__reverts(PriceOracle, owner):
    with reverts("sequencer: no answer"):
        PriceOracle.deploy(accounts[5], {"from": owner})


def test_deploy__sequencer_down__goes(PriceOracle, owner, sequencer):
    sequencer.set_answer(DOWN, {"from": owner})
    oracle = PriceOracle.deploy(sequencer, {"from": owner})
    assert oracle.SEQUENCER() == sequencer.address
    assert oracle.resumed_at() == NEVER


def test_read__up_down_and_up_again(oracle, owner, sequencer):
    since = sequencer.latestRoundData()[2]
    assert plain(oracle.read(MARKET)) == (100 * WAD, True)
    assert oracle.resumed_at() == since
    sequencer.set_answer(DOWN, {"from": owner})
    assert plain(oracle.read(MARKET)) == (0, False)
    assert oracle.resumed_at() == NEVER
    # what the feeds say is shown all the same
    assert [FeedStatus(row[3]) for row in oracle.observations(MARKET)] == [FeedStatus.ACCEPTED]
    chain.mine(timedelta=10)
    back = sequencer.set_answer(UP, {"from": owner}).timestamp
    assert plain(oracle.read(MARKET)) == (100 * WAD, True)
    assert oracle.resumed_at() == back > since


@pytest.mark.parametrize("answer", [DOWN, 2, -1, 2**190])
def test_read__any_answer_but_zero__no_price(oracle, owner, sequencer, answer):
    sequencer.set_answer(answer, {"from": owner})
    assert plain(oracle.read(MARKET)) == (0, False)
    assert oracle.resumed_at() == NEVER


def test_read__round_that_never_started__no_price(oracle, owner, sequencer):
    sequencer.set_round(UP, 0, {"from": owner})
    assert plain(oracle.read(MARKET)) == (0, False)
    assert oracle.resumed_at() == NEVER


@pytest.mark.parametrize(("ahead", "up"), [(0, True), (1, False), (10**9, False)])
def test_read__round_from_the_future__no_price(oracle, owner, sequencer, ahead, up):
    start = chain[-1].timestamp + 100
    sequencer.set_round(UP, start + ahead, {"from": owner})
    chain.mine(timestamp=start)
    assert plain(oracle.read(MARKET)) == ((100 * WAD, True) if up else (0, False))
    assert oracle.resumed_at() == (start if up else NEVER)


@pytest.mark.parametrize(
    "mode",
    [Mode.REVERTS, Mode.RETURNS_NOTHING, Mode.RETURNS_TOO_LITTLE, Mode.TOO_LARGE],
)
def test_read__broken_sequencer_feed__no_price_and_no_revert(watched, broken, owner, mode):
    assert plain(watched.read(MARKET)) == (100 * WAD, True)
    broken.set_mode(mode, {"from": owner})
    assert plain(watched.read(MARKET)) == (0, False)
    assert watched.resumed_at() == NEVER


def test_read__sequencer_feed_that_burns_gas__costs_its_allowance_only(
    PriceOracle, TestFeed, BrokenFeed, owner
):
    greedy = BrokenFeed.deploy(0, DOWN, {"from": owner})
    oracle = listed(PriceOracle, TestFeed, owner, greedy)
    greedy.set_mode(Mode.BURNS_ALL_GAS, {"from": owner})
    tx = oracle.read.transact(MARKET, {"from": owner, "gas_limit": 2_000_000})
    assert plain(tx.return_value) == (0, False)
    assert 100_000 < tx.gas_used < 21_000 + 100_000 + 20_000


@pytest.mark.parametrize("function", ["read", "resumed_at"])
def test_little_gas__reverts_but_never_makes_an_outage(watched, broken, owner, function):
    broken.set_mode(Mode.HUNGRY, {"from": owner})
    method = getattr(watched, function)
    arguments = (MARKET,) if function == "read" else ()
    expected = plain(method(*arguments))
    call = {"to": watched.address, "data": method.encode_input(*arguments)}
    refused, answered = [], 0
    for gas in range(24_000, 260_000, 4_000):
        try:
            data = web3.eth.call({**call, "gas": gas})
        except (ValueError, ContractLogicError, Web3RPCError) as error:
            refused.append(str(error))
            continue
        got = plain(method.decode_output(data.hex()))
        # HUNGRY answers with the time of the call as the start of its round
        assert got == expected if function == "read" else got < NEVER
        answered += 1
    assert answered > 0
    assert any("oracle: too little gas" in reason for reason in refused)
