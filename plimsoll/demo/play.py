"""One run from an empty chain to the end of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from plimsoll.chain import Rpc
from plimsoll.contract import NodeSigner
from plimsoll.demo.broker_room import BrokerRoom
from plimsoll.demo.feed_breaks import Blackout, FeedBreaks
from plimsoll.demo.keeper import Keeper, Liquidator
from plimsoll.demo.opening import GAS_MONEY_WEI, fund, trade
from plimsoll.demo.people import People
from plimsoll.demo.snapshots import Snapshot, take_snapshot
from plimsoll.demo.stage import Clock, Stage
from plimsoll.demo.winding_down import WoundDown, wind_down
from plimsoll.deployment import TEST_TOKEN, Listing, Plan, Sender, deploy
from plimsoll.errors import ChainError
from plimsoll.population import Population, TradePlan, build_population
from plimsoll.preview import Fill, FillFlags
from plimsoll.scenario import Scenario
from plimsoll.shocks import VenueView, grid, venue_view
from plimsoll.units import wad_to_tokens_up
from plimsoll.verification import Link, broken_links, verify

Progress = Callable[[str], None]

QUIET_S: Final = 600  # after the last job, so that the end is seen to be quiet

LAST_S: Final = 3_600  # after the last prices of the fall, and of the path

PATIENCE_S: Final = 6 * 3_600
"""Between a new price and the trades at it, so that margins count the price and not its average."""


@dataclass(frozen=True)
class Performance:
    """A finished run: the stage with its events, and what everybody had after each step."""

    stage: Stage
    population: Population
    links: tuple[Link, ...]
    keeper: Keeper
    brokers: BrokerRoom | None
    refused: Mapping[str, str]  # twins who could not open their position alone, and why
    at_steps: tuple[Snapshot, ...]  # right after each step's prices, before anybody acts
    opened: Snapshot  # when everybody has traded, before the fall
    stress: VenueView  # what price shocks would have done then
    samples: tuple[Snapshot, ...]  # of the fall and the rise, tick by tick
    calm: Snapshot  # after the last job of the fall
    blackouts: tuple[Blackout, ...]
    wound_down: WoundDown | None
    final: Snapshot


def perform(rpc: Rpc, scenario: Scenario, progress: Progress) -> Performance:
    """Deploy, open all accounts, let the prices fall, and resolve everything on the way."""
    population = build_population(scenario)
    clock = Clock(rpc, scenario.path[0].time)
    with clock.steady():
        rpc.set_next_timestamp(scenario.path[0].time + clock.shift - 1_800)
        progress("deploying")
        plan = Plan(
            listings=tuple(
                Listing(terms, price=price)
                for terms, price in zip(scenario.markets, scenario.path[0].prices, strict=True)
            ),
            proposer=rpc.accounts()[0],
            auction=scenario.auction,
            fund=_fund(scenario),
        )
        deployment = deploy(rpc, Sender(rpc, NodeSigner(rpc.accounts()[0]), progress), plan)
        links = verify(rpc, deployment, plan)
        if broken_links(links):
            raise ChainError(
                "the deployment is not wired as it should be",
                next_step="run `python -m scripts.deploy` to see the wrong links",
            )
        people = People(scenario.seed)
        stage = Stage(rpc, scenario, deployment, clock, people)
        for account in population.accounts:
            people.add(account.name, account.role)
        liquidators = [
            Liquidator(people.add(plan.name, "liquidator"), plan, plan.appetite)
            for plan in scenario.liquidators
        ]
        for liquidator in liquidators:
            rpc.set_balance(liquidator.person.address, GAS_MONEY_WEI)
        fund(stage, population, progress)
        brokers = None
        if scenario.brokers is not None:
            buyer = liquidators[0].person if liquidators else None
            brokers = BrokerRoom(stage, scenario.brokers, buyer, progress)
            brokers.open()
        keeper = Keeper(stage, liquidators, progress, brokers)
        refused: dict[str, str] = {}
        at_steps: list[Snapshot] = []
        opened: Snapshot | None = None
        stress: VenueView | None = None
        calm: Snapshot | None = None
        fallen: tuple[Snapshot, ...] = ()
        feeds = FeedBreaks(stage, keeper)
        for number, step in enumerate(scenario.path):
            if step.phase != "open" and stress is None:
                progress("stress view")
                accounts = [person.account for person in people]
                stress = venue_view(stage.client, accounts, grid(list(deployment.markets.values())))
            if step.phase == "after" and calm is None:
                calm, fallen = quiet(stage), tuple(keeper.samples)
            progress(f"prices of step {number + 1} of {len(scenario.path)}")
            stage.set_prices(step.time, step.prices)
            at_steps.append(take_snapshot(stage))
            if step.phase == "open":
                stage.advance(PATIENCE_S)
            trade(stage, _possible(stage, population, number, refused), progress)
            if step.phase == "open":
                opened = take_snapshot(stage)
            else:
                feeds.work_until(end_of_step(scenario, number), watch=step.phase == "fall")
            if step.phase == "after" and brokers is not None:
                brokers.settle_down()
        if calm is None:
            calm, fallen = quiet(stage), tuple(keeper.samples)
        ended = None
        if scenario.wind_down is not None:
            ended = wind_down(stage, keeper, scenario.wind_down, progress)
        # a scenario opens, and then falls
        assert opened is not None
        assert stress is not None
        return Performance(
            stage=stage,
            population=population,
            links=tuple(links),
            keeper=keeper,
            brokers=brokers,
            refused=refused,
            at_steps=tuple(at_steps),
            opened=opened,
            stress=stress,
            samples=fallen,
            calm=calm,
            blackouts=tuple(feeds.blackouts),
            wound_down=ended,
            final=take_snapshot(stage),
        )


def _fund(scenario: Scenario) -> tuple[int, int, int] | None:
    """Parameters of the guaranty fund; without brokers those it starts with."""
    if scenario.brokers is None:
        return None
    terms = scenario.brokers.fund
    least = wad_to_tokens_up(terms.min_contribution, TEST_TOKEN[2])
    return least, terms.contribution_ppm, terms.cause_ppm


def _possible(
    stage: Stage, population: Population, step: int, refused: dict[str, str]
) -> list[TradePlan]:
    """The trades of a step without those that a twin cannot do alone, as a preview says."""
    roles = {plan.name: plan.role for plan in population.accounts}
    found = []
    for trade_plan in (t for t in population.trades if t.step == step):
        name = trade_plan.taker
        if roles[name] == "twin" and name not in refused:
            fill = Fill(
                maker=stage.people[trade_plan.maker].account,
                taker=stage.people[name].account,
                market=trade_plan.market,
                size=trade_plan.size,
                price=trade_plan.price,
                flags=FillFlags.MAKER_FEE,
            )
            preview = stage.client.preview(fill)
            if not preview.success:
                refused[name] = preview.reason
        if name not in refused:
            found.append(trade_plan)
    return found


def quiet(stage: Stage) -> Snapshot:
    """Everything when the last job is some minutes old."""
    stage.advance(QUIET_S)
    return take_snapshot(stage)


def end_of_step(scenario: Scenario, number: int) -> int:
    """When the keepers stop working on a step of the path: at the next one, or an hour later.

    Before the days after the fall they stop early enough for a quiet end.
    """
    step = scenario.path[number]
    if number + 1 == len(scenario.path):
        changes = [t for one in scenario.outages for t in (one.start, one.end) if t is not None]
        return max(step.time, *changes, step.time) + LAST_S
    following = scenario.path[number + 1]
    if following.phase == "after" and step.phase != "after":
        return min(following.time, step.time + LAST_S)
    return following.time
