"""AtomicCredit: only its owner borrows with it, and only the lender of the loan calls back."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from plimsoll.chain import AnvilProcess, Rpc
from plimsoll.contract import Contract, NodeSigner
from tests.support.expect import reverts
from tests.support.lone_contract import deploy_alone

UNIT = 10**6
NOBODY = "0x" + "00" * 20


class CreditDesk:
    """A wallet, its owner, an attacker, and a lender with a thousand tokens."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self.owner, self.attacker = (NodeSigner(address) for address in rpc.accounts()[1:3])
        self.wallet = deploy_alone(rpc, "AtomicCredit", self.owner.address)
        self.lender = deploy_alone(rpc, "FlashLender")
        self.token = deploy_alone(rpc, "TrickToken")
        self.token.write(self.owner, "mint", self.lender.address, 1_000 * UNIT)

    def run(self, *calls: tuple[Contract, str, tuple[object, ...]], who=None, tokens=100):
        encoded = [(target.address, target.encode(name, *args)) for target, name, args in calls]
        return self.wallet.write(
            who or self.owner,
            "run",
            self.lender.address,
            self.token.address,
            tokens * UNIT,
            tokens * UNIT,
            encoded,
            gas=5_000_000,
        )

    def balance(self, contract: Contract) -> int:
        return int(self.token.read("balanceOf", contract.address))


@pytest.fixture(scope="module")
def running():
    with AnvilProcess() as anvil:
        yield CreditDesk(anvil.rpc)


@pytest.fixture
def desk(running):
    with running.rpc.undone():
        yield running


def test_run__repays_loan_and_fee(desk):
    mint = (desk.token, "mint", (desk.wallet.address, UNIT))
    desk.run(mint)
    assert desk.balance(desk.lender) == 1_000 * UNIT + UNIT // 10
    assert desk.balance(desk.wallet) == UNIT - UNIT // 10


def test_run__not_repaid__undoes_everything(desk):
    before = desk.balance(desk.lender)
    with reverts(""):
        desk.run((desk.token, "transfer", (desk.attacker.address, 100 * UNIT)))
    assert desk.balance(desk.lender) == before


def test_run__call_that_fails__passes_its_reason(desk):
    fails = (desk.wallet, "run", (desk.lender.address, desk.token.address, 0, 0, []))
    with reverts("credit: only owner"):
        desk.run(fails)


def test_run__not_the_owner__reverts(desk):
    with reverts("credit: only owner"):
        desk.run(who=desk.attacker)
    with reverts("credit: only owner"):
        desk.wallet.write(desk.attacker, "sweep", desk.token.address)


def test_run__lender_that_refuses__reverts(desk):
    desk.lender.write(desk.owner, "set_refuses", True)
    with reverts("credit: refused"):
        desk.run()


def test_callback__of_an_unknown_lender__reverts(desk):
    with reverts("credit: unknown lender"):
        desk.wallet.write(
            desk.attacker, "onFlashLoan", desk.wallet.address, desk.token.address, 1, 0, b""
        )
    # a loan that somebody else takes for it
    with reverts("credit: unknown lender"):
        desk.lender.write(
            desk.attacker, "flashLoan", desk.wallet.address, desk.token.address, 1, b""
        )


def test_callback__a_second_loan_of_the_same_lender__reverts(desk):
    helper = deploy_alone(desk.rpc, "Erc1271Wallet", desk.wallet.address)
    loan = desk.lender.encode("flashLoan", desk.wallet.address, desk.token.address, 1, b"")
    with reverts("credit: unknown lender"):
        desk.run((helper, "execute", (desk.lender.address, loan)))


def test_callback__with_what_the_lender_prefers__reverts(desk):
    """A lender is anybody's contract: it can lend, or not, and nothing else."""
    desk.token.write(desk.owner, "mint", desk.wallet.address, 1_000 * UNIT)
    evil = deploy_alone(desk.rpc, "EvilLender")
    steal = (desk.token.address, desk.token.encode("transfer", desk.attacker.address, UNIT))
    data = encode(["(address,bytes)[]"], [[steal]])
    asked = encode(["(address,bytes)[]"], [[]])
    for fee, calls, amount, token in (
        (0, data, 0, desk.token),
        (6, asked, 0, desk.token),
        (0, asked, 1, desk.token),
        (0, asked, 0, desk.lender),
    ):
        evil.write(desk.attacker, "set_answer", token.address, amount, fee, calls)
        with reverts("credit: not asked for"):
            args = (evil.address, desk.token.address, 0, 5, [])
            desk.wallet.write(desk.owner, "run", *args, gas=5_000_000)
    evil.write(desk.attacker, "set_answer", desk.token.address, 0, 5, asked)
    desk.wallet.write(desk.owner, "run", evil.address, desk.token.address, 0, 5, [])
    # what it could have taken while the loan ran, it cannot take afterwards
    assert desk.token.read("allowance", desk.wallet.address, evil.address) == 0


def test_callback__without_the_loan__reverts(desk):
    """Or a lender that has sent nothing would be repaid."""
    desk.token.write(desk.owner, "mint", desk.wallet.address, 1_000 * UNIT)
    evil = deploy_alone(desk.rpc, "EvilLender")
    asked = encode(["(address,bytes)[]"], [[]])
    evil.write(desk.attacker, "set_answer", desk.token.address, UNIT, 0, asked)
    with reverts("credit: not lent"):
        args = (evil.address, desk.token.address, UNIT, 0, [])
        desk.wallet.write(desk.owner, "run", *args, gas=5_000_000)


def test_run__lender_that_never_calls_back__reverts(desk):
    evil = deploy_alone(desk.rpc, "EvilLender")
    evil.write(desk.attacker, "set_silent", True)
    with reverts("credit: refused"):
        desk.wallet.write(desk.owner, "run", evil.address, desk.token.address, 0, 0, [], gas=10**6)


def test_sweep__to_the_owner(desk):
    desk.token.write(desk.attacker, "mint", desk.wallet.address, 5 * UNIT)
    desk.wallet.write(desk.owner, "sweep", desk.token.address)
    assert desk.token.read("balanceOf", desk.owner.address) == 5 * UNIT


def test_token_that_refuses__reverts(desk):
    desk.token.write(desk.owner, "set_refusals", False, True)
    with reverts("credit: approve failed"):
        desk.run()
    desk.token.write(desk.owner, "set_refusals", True, False)
    with reverts("credit: transfer failed"):
        desk.wallet.write(desk.owner, "sweep", desk.token.address)


def test_deploy__zero_owner__reverts(desk):
    with reverts("credit: zero owner"):
        deploy_alone(desk.rpc, "AtomicCredit", NOBODY)
