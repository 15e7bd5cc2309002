"""Every rule about one transaction can fail: broken on purpose where a real run comes by.

A few episodes run; wherever a transaction shows what a rule is about, its events or a state are
changed a little, the rule must say so by its number, and the run goes on unchanged.
"""

from __future__ import annotations

import pytest

from plimsoll.accounts import account_id
from plimsoll.fuzz.invariants.deleveraging import rank, worse_edge
from plimsoll.fuzz.stage import BYSTANDER
from plimsoll.fuzz.walk import episode, fresh_machine
from plimsoll.model import positions, queues
from plimsoll.model.state import WAD
from tests.support import (
    rule_breaks_adl,
    rule_breaks_backing,
    rule_breaks_brokers,
    rule_breaks_guarantees,
    rule_breaks_losses,
    rule_breaks_money,
    rule_breaks_outages,
    rule_breaks_risk,
)
from tests.support.broker_walk import broker_walk
from tests.support.rule_trial import Trial

SEED, EPISODES, STEPS = 7, range(10), 500
BREAKS = {
    **rule_breaks_money.BREAKS,
    **rule_breaks_losses.BREAKS,
    **rule_breaks_adl.BREAKS,
    **rule_breaks_risk.BREAKS,
    **rule_breaks_outages.BREAKS,
    **rule_breaks_backing.BREAKS,
    **rule_breaks_brokers.BREAKS,
    **rule_breaks_guarantees.BREAKS,
}


@pytest.fixture(scope="module")
def trial() -> Trial:
    machine = fresh_machine()
    stage = machine.stage
    found = Trial(
        account_id(stage.client.clearinghouse.address), stage.people[BYSTANDER].account(), BREAKS
    )
    machine.invariants = found
    for number in EPISODES:
        episode(machine, SEED, number, STEPS)
    broker_walk(machine)
    return found


@pytest.mark.parametrize("name", BREAKS)
def test_invariant__broken_on_purpose__is_named(trial: Trial, name: str) -> None:
    assert trial.tried[name], "no transaction of the run shows this"
    missed = [verdict for what, verdict in trial.missed if what == name]
    assert not missed, f"{len(missed)} of {trial.tried[name]} missed: {missed[:3]}"


@pytest.mark.parametrize("long", [True, False])
@pytest.mark.parametrize("leverage_class", range(5))
@pytest.mark.parametrize("price", [WAD // 3, 250 * WAD, 49_999 * WAD])
def test_rank__any_bucket__agrees_with_the_models(
    price: int, leverage_class: int, long: bool
) -> None:
    tick = positions.tick_of(positions.encode_entry(price, long))
    key = 2 << 17 | long << 16 | leverage_class << 13 | tick
    assert worse_edge(key) == positions.worse_edge(tick, long)
    for mark in (price // 2, price, price * 3):
        score = queues.score_ray((long, leverage_class, tick), mark)
        assert rank(key, mark)[:2] == (score, leverage_class)
