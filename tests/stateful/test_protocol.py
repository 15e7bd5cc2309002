"""Everybody at once, at random: traders, liquidators, insurers, keepers, an attacker.

Each example starts from the same venue with leveraged positions, so that a price gap or two
reaches bankruptcies. `tests.support.actors` says what they do and how it is judged. Most examples
run on the chain in process, a few on a node.

PLIMSOLL_FUZZ_EXAMPLES runs more examples than the default.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.actors.insurers import Attackers, Insurers
from tests.support.actors.judged import loaded_venue, reached
from tests.support.actors.prices import Prices
from tests.support.books import check_everything
from tests.support.venue import Venue, running_venue, venue_in_process

DEFAULT_EXAMPLES = 110
STEPS = 20
EXAMPLES = int(os.environ.get("PLIMSOLL_FUZZ_EXAMPLES", DEFAULT_EXAMPLES))
ON_A_NODE = 6  # examples

# what the run must have reached, or the checks have checked nothing
KEY_PATHS = (
    "AuctionStarted",
    "AuctionEnded",
    "Taken",
    "ConcessionPaid",
    "ReservationChanged",
    "Drawn junior",
    "Drawn senior",
    "AdlFrozen",
    "HaircutSet eta < 1",
    "HaircutSet eta = 1",
    "BucketHaircut",
    "BucketRematched",
    "Rematched",
    "Finished",
    "ShortfallBooked",
    "FeesSwept",
    "Deposited",
    "Withdrawn",
    "resolve unfinished",
    "Vested",
)


class Protocol(Prices, Insurers, Attackers):
    """Everybody."""


def run(venue: Venue, examples: int) -> None:
    reached.clear()
    loaded_venue(venue)
    check_everything(venue)
    Protocol.venue = venue
    Protocol.snapshot = venue.rpc.snapshot()
    Protocol.fresh = (list(venue.events), list(venue.times), set(venue.accounts))
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    for what, count in sorted(reached.items()):
        print(f"{count:6} {what}")


@pytest.mark.slow
def test_protocol__random_actors_in_process__keep_every_invariant() -> None:
    run(venue_in_process(junior=15_000, senior=40_000), EXAMPLES)
    if EXAMPLES >= DEFAULT_EXAMPLES:
        missing = [path for path in KEY_PATHS if not reached[path]]
        assert not missing, f"never reached: {missing}"


@pytest.mark.slow
def test_protocol__random_actors_on_a_node__keep_every_invariant() -> None:
    with running_venue(junior=15_000, senior=40_000) as venue:
        run(venue, min(ON_A_NODE, EXAMPLES))
    assert reached["AuctionStarted"]
