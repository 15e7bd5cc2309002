"""Before the fall: capital comes in, accounts are funded, signed orders are settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from plimsoll.demo.stage import GAS, Stage
from plimsoll.orders import Flags, Match, Order, SignedOrder
from plimsoll.population import Population, TradePlan
from plimsoll.units import wad_to_tokens_up

PAIRS_PER_CALL: Final = 8  # the exchange takes 16 orders a call
ORDER_LIFE_S: Final = 86_400
GAS_MONEY_WEI: Final = 10**18
MAX_FEE_PPM: Final = 1_500  # the taker fee, and the largest surcharge of a full market

Progress = Callable[[str], None]
_T = TypeVar("_T")


def fund(stage: Stage, population: Population, progress: Progress) -> None:
    """Insurance capital, deposits for everybody, and everybody's leverage classes."""
    client, scenario, decimals = (
        stage.client,
        stage.scenario,
        stage.client.deployment.token_decimals,
    )
    junior = wad_to_tokens_up(scenario.insurance.junior, decimals)
    senior = wad_to_tokens_up(scenario.insurance.senior, decimals)
    deposits = {plan.name: plan.deposit for plan in population.accounts}
    deposits |= {plan.name: plan.deposit for plan in scenario.liquidators}
    total = sum(wad_to_tokens_up(amount, decimals) for amount in deposits.values())

    stage.send(client.token, "mint", stage.operator.address, junior + senior + total)
    for contract, amount in (
        (client.junior, junior),
        (client.senior, senior),
        (client.custody, total),
    ):
        stage.send(client.token, "approve", contract.address, amount)
    # the junior vault takes capital for its owner only: the protocol itself
    stage.send(client.junior, "deposit", junior, client.junior.read("owner"))
    stage.send(client.senior, "deposit", senior, stage.operator.address)
    for number, (name, amount) in enumerate(deposits.items(), start=1):
        progress(f"deposit {number} of {len(deposits)}")
        tokens = wad_to_tokens_up(amount, decimals)
        stage.send(client.custody, "deposit", stage.people[name].account, tokens)
    for plan in population.accounts:
        person = stage.people[plan.name]
        stage.rpc.set_balance(person.address, GAS_MONEY_WEI)
        for market, leverage_class in plan.classes.items():
            progress(f"leverage class of {plan.name}")
            stage.send(
                client.clearinghouse,
                "set_leverage_class",
                person.account,
                market,
                leverage_class,
                signer=person.signer,
            )


def trade(stage: Stage, trades: Sequence[TradePlan], progress: Progress) -> None:
    """Settle planned trades with signed orders, several pairs a call."""
    for chunk in chunks(trades, PAIRS_PER_CALL):
        progress(f"settling {len(chunk)} trades")
        orders: list[SignedOrder] = []
        matches: list[Match] = []
        for plan in chunk:
            matches.append(Match(len(orders), len(orders) + 1, abs(plan.size)))
            # a rising salt: no two orders are alike, and all of a run can be cancelled below one
            salt = stage.transactions * 2 * PAIRS_PER_CALL + len(orders)
            orders.append(signed(stage, plan, plan.maker, -plan.size, Flags.POST_ONLY, salt))
            orders.append(signed(stage, plan, plan.taker, plan.size, Flags.NONE, salt + 1))
        stage.record(stage.client.settle(stage.operator, orders, matches, gas=GAS))


def signed(
    stage: Stage, plan: TradePlan, name: str, size: int, flags: Flags, salt: int
) -> SignedOrder:
    """One side of a planned trade, signed by its owner."""
    person = stage.people[name]
    order = Order(
        account=person.account,
        market=plan.market,
        size=size,
        limit_price=plan.price,
        max_fee_ppm=MAX_FEE_PPM,
        expiry=stage.clock.now + stage.clock.shift + ORDER_LIFE_S,
        salt=salt,
        flags=flags,
    )
    return stage.client.domain.sign(order, person.key)


def chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """`items` in parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
