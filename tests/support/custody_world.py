"""Custody and its two insurance vaults, wired to a small ledger and a driver of losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brownie import project

WAD = 10**18
RAY = 10**27
DAY_S = 86_400
VESTING_S = 7 * DAY_S
NOTICE_S = 10 * DAY_S
WINDOW_S = 2 * DAY_S


def account_of(owner: Any, subaccount: int = 0) -> int:
    """The account id of an owner's sub-account."""
    return (int(str(owner), 16) << 96) | subaccount


def rate(backing: int, claims: int) -> int:
    """The redemption rate as a ray."""
    return RAY if backing >= claims else backing * RAY // claims


@dataclass(frozen=True)
class CustodyWorld:
    """Contracts of one deployment; `unit` is one whole token, `scale` the wad in a token unit."""

    token: Any
    ledger: Any
    custody: Any
    driver: Any
    junior: Any
    senior: Any
    unit: int
    scale: int

    def give(self, who: Any, tokens: int, *spenders: Any) -> None:
        """Mint token units and let the spenders take them."""
        self.token.mint(who, tokens, {"from": who})
        for spender in spenders:
            self.token.approve(spender, 0, {"from": who})
            self.token.approve(spender, tokens, {"from": who})

    def deposit(self, who: Any, tokens: int, subaccount: int = 0) -> int:
        """Mint and deposit into the owner's account; return its id."""
        account = account_of(who, subaccount)
        self.give(who, tokens, self.custody)
        self.custody.deposit(account, tokens, {"from": who})
        return account

    def invest(self, vault: Any, who: Any, tokens: int) -> int:
        """Mint and deposit into a vault; return the shares."""
        self.give(who, tokens, vault)
        before = vault.balanceOf(who)
        vault.deposit(tokens, who, {"from": who})
        return int(vault.balanceOf(who) - before)

    def repay(self, who: Any, tokens: int) -> Any:
        """Mint and contribute to the pool; return the transaction."""
        self.give(who, tokens, self.custody)
        return self.custody.contribute(tokens, {"from": who})

    def assert_reconciled(self) -> None:
        """INV custody: token balance = backing + unvested + fees in transit, exactly."""
        backing, unvested, in_transit, balance, uncounted, claims = self.custody.reconciliation()
        assert balance == self.token.balanceOf(self.custody) * self.scale
        assert backing + unvested + in_transit + uncounted == balance
        assert backing == self.custody.backing()
        assert unvested == self.custody.unvested()
        assert in_transit == self.custody.fees_in_transit()
        assert claims == self.custody.claims()
        assert self.custody.redemption_rate() == rate(backing, claims)


def build_world(token: Any, deployer: Any, junior_owner_only: bool = True) -> CustodyWorld:
    """Deploy and wire everything around a token with an open `mint`."""
    contracts = project.get_loaded_projects()[0]
    sender = {"from": deployer}
    ledger = contracts.CashLedger.deploy(sender)
    driver = contracts.LossDriver.deploy(sender)
    custody = contracts.Custody.deploy(token, ledger, sender)
    vaults = []
    for name, symbol, owner_only in (
        ("Plimsoll junior", "plJR", junior_owner_only),
        ("Plimsoll senior", "plSR", False),
    ):
        vault = contracts.InsuranceVault.deploy(
            name, symbol, token, custody, NOTICE_S, owner_only, sender
        )
        token.mint(deployer, vault.dead_deposit(), sender)
        token.approve(vault, vault.dead_deposit(), sender)
        vault.wire(driver, sender)
        vaults.append(vault)
    junior, senior = vaults
    custody.wire(driver, driver, junior, senior, sender)
    decimals = token.decimals()
    return CustodyWorld(
        token, ledger, custody, driver, junior, senior, 10**decimals, 10 ** (18 - decimals)
    )


def fall_to(world: CustodyWorld, holder: Any, percent: int, tokens: int = 1_000) -> int:
    """Deposit whole tokens and book the shortfall that leaves rho at `percent`."""
    account = world.deposit(holder, tokens * world.unit)
    claims = tokens * WAD
    world.driver.book_shortfall(world.custody, claims * 100 // percent - claims)
    assert world.custody.redemption_rate() == RAY * percent // 100
    return account
