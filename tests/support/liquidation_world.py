"""Liquidator, waterfall, custody and vaults around a ledger whose positions are set by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brownie import project

from plimsoll import artifacts
from plimsoll.contract import blueprint_code
from plimsoll.loss_weights import SHARES, Weight, pack

WAD = 10**18
PPM = 10**6
DAY_S = 86_400
NOTICE_S = 10 * DAY_S
JUNIOR = 3
SENIOR = 4
BTC, ETH = 1, 2

HOUR_S = 3_600
T = 1_800  # seconds that an auction takes, as deployed
FAR = 10**30  # a limit price no buyer minds


def account_of(owner: Any, subaccount: int = 0) -> int:
    """The account id of an owner's sub-account."""
    return (int(str(owner), 16) << 96) | subaccount


def all_in(market: int) -> int:
    """Loss weights with one long market."""
    return pack([Weight(market, False, SHARES)])


@dataclass(frozen=True)
class LiquidationWorld:
    """Contracts of one deployment; one whole token is 1e6 token units and 1e18 claims."""

    token: Any
    ledger: Any
    custody: Any
    junior: Any
    senior: Any
    waterfall: Any
    liquidator: Any
    deployer: Any

    def fund(self, junior: int, senior: int) -> None:
        """Bring the vaults to whole-token totals; each holds its dead deposit of 1 already."""
        for vault, tokens in ((self.junior, junior), (self.senior, senior)):
            amount = tokens * 10**6 - vault.totalAssets()
            self.token.mint(self.deployer, amount, {"from": self.deployer})
            self.token.approve(vault, amount, {"from": self.deployer})
            vault.deposit(amount, self.deployer, {"from": self.deployer})

    def open_limits(self) -> None:
        """Let every layer give all it has."""
        for layer in (JUNIOR, SENIOR):
            self.waterfall.set_limits(layer, (PPM, PPM), {"from": self.deployer})

    def deposit(self, who: Any, tokens: int, account: int) -> Any:
        """Deposit whole tokens into an account through custody."""
        self.token.mint(who, tokens * 10**6, {"from": who})
        self.token.approve(self.custody, tokens * 10**6, {"from": who})
        return self.custody.deposit(account, tokens * 10**6, {"from": who})

    def give(self, account: int, equity: int, legs: dict[int, tuple[int, int]]) -> None:
        """Set an account's legs (market -> size, entry; whole units) and its equity now (wei)."""
        sender = {"from": self.deployer}
        cash = equity
        for market, (size, entry) in legs.items():
            self.ledger.set_position(account, market, size * WAD, entry * WAD, sender)
            mark = self.ledger.mark(market)[0]
            cash -= size * mark
        self.ledger.set_cash(account, cash, sender)


def build_world(deployer: Any, caller: Any = None) -> LiquidationWorld:
    """Deploy and wire everything; with `caller` the waterfall obeys that address instead."""
    contracts = project.get_loaded_projects()[0]
    sender = {"from": deployer}
    token = contracts.TestToken.deploy("Dollar", "USD", 6, sender)
    ledger = contracts.StandInLedger.deploy(sender)
    custody = contracts.Custody.deploy(token, ledger, sender)
    vaults = []
    for name, symbol, owner_only in (("Junior", "plJR", True), ("Senior", "plSR", False)):
        vault = contracts.InsuranceVault.deploy(
            name, symbol, token, custody, NOTICE_S, owner_only, sender
        )
        token.mint(deployer, vault.dead_deposit(), sender)
        token.approve(vault, vault.dead_deposit(), sender)
        vaults.append(vault)
    junior, senior = vaults
    waterfall = contracts.Waterfall.deploy(custody, junior, senior, sender)
    # the exchange is a plain account here: it calls `take_for` and `touch`
    liquidator = contracts.Liquidator.deploy(ledger, waterfall, custody, deployer, sender)
    blueprint = deployer.transfer(data=blueprint_code(artifacts.load("BrokerVault")))
    escrow = contracts.BrokerEscrow.deploy(token, sender)
    below = (token, custody, escrow, blueprint.contract_address)
    registry = contracts.BrokerRegistry.deploy(*below, sender)
    fund = contracts.GuarantyFund.deploy(registry, token, waterfall, sender)
    sponsorship = contracts.Sponsorship.deploy(ledger, waterfall, custody, registry, sender)
    registry.wire(sponsorship, fund, waterfall, sender)
    for vault in vaults:
        vault.wire(waterfall, sender)
    custody.wire(waterfall, caller or liquidator, junior, senior, sender)
    waterfall.wire(caller or liquidator, sponsorship, fund, sender)
    ledger.set_market(BTC, 100 * WAD, 50_000, 100_000 * WAD, 100_000, sender)
    ledger.set_market(ETH, 10 * WAD, 50_000, 100_000 * WAD, 100_000, sender)
    return LiquidationWorld(token, ledger, custody, junior, senior, waterfall, liquidator, deployer)


def long_100(world: LiquidationWorld, account: int, equity: int) -> None:
    """100 BTC at mark 100, entered at 110: notional 10,000, MM 500."""
    world.give(account, equity, {BTC: (100, 110)})


def started(world: LiquidationWorld, account: int, equity: int, keeper: Any) -> Any:
    """The same, under liquidation."""
    long_100(world, account, equity)
    return world.liquidator.start(account, {"from": keeper})


def move_mark_to_equity(world: LiquidationWorld, account: int, equity: int) -> None:
    """Leave the legs alone and set the cash so that equity is what is asked."""
    now = world.ledger.health(account)[0]
    world.ledger.set_cash(
        account, world.ledger.cash(account) + equity - now, {"from": world.deployer}
    )


def places(world: LiquidationWorld) -> list[int]:
    """Live accounts in the queue by start time."""
    head, end, _, _ = world.liquidator.queue_bounds()
    return [account for account in world.liquidator.queue(head, end - head) if account]


def set_params(world: LiquidationWorld, **changes: int) -> Any:
    """Change some of the auction's parameters."""
    names = ("c_min", "c_max", "duration", "kappa", "fee", "insurance")
    values = dict(zip(names, tuple(world.liquidator.params()), strict=True))
    values.update(changes)
    return world.liquidator.set_params(tuple(values.values()), {"from": world.deployer})
