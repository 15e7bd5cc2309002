"""A replay of two waves, figure by figure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plimsoll.replay import measure
from plimsoll.replay.brokers import Sponsored
from plimsoll.replay.policies import simulate
from plimsoll.replay.report import Replay
from plimsoll.replay.settings import Settings
from plimsoll.replay.waves import Performance, WaveResult
from plimsoll.units import WAD
from tests.support.replay_files import FOUR, day, everywhere

NOBODY = dict.fromkeys(("broker", "junior", "senior", "fund", "haircut", "shortfall"), 0)
BROKERS = Sponsored(
    clients=1,
    bankrupt=2,
    loss=9 * WAD,
    guarantees=3 * WAD,
    stakes=2 * WAD,
    pools=4 * WAD,
    fund=WAD,
    failed=1,
)


def result(number: int, **changes: Any) -> WaveResult:
    """A wave of 10 dollars that two winners paid."""
    usual: dict[str, Any] = {
        "wave": number,
        "needed": 10 * WAD,
        "taken": 10 * WAD,
        "charged": 10 * WAD,
        "available_profit": 100 * WAD,
        "out_of_reach": 2 * WAD,
        "largest_haircut": WAD // 10,
        "median_haircut": WAD // 10,
        "accounts": 3,
        "rematched": 2,
        "bankrupt": 1,
        "buckets": 3,
        "gas": 1_000_000,
        "gas_calls": 2,
        "start_gas": 200_000,
        "layers": NOBODY | {"haircut": 10 * WAD},
        "recirculation": 0,
    }
    return WaveResult(**usual | changes)


def played(
    *waves: WaveResult,
    rematched: tuple[int, ...] = (0, 0, 0, 0),
    sponsored: Sponsored | None = None,
) -> Performance:
    return Performance(
        waves=waves,
        dropped=((9, "no position"), (8, "no position")),
        capped=1,
        paid=(4 * WAD, 3 * WAD, 3 * WAD, 0),
        rematched=rematched,
        sponsored=sponsored,
    )


def replay_by_hand(settings: Settings) -> Replay:
    """Two waves of ten dollars; the second finds insurance of four in one policy, and in the last
    a guarantee of three and one in the guaranty fund.
    """
    of = replace(day(*FOUR, needed=(10, 10)), waves=day(*FOUR, needed=(10, 10)).waves)
    published = tuple(replace(one, wave=n) for n, one in enumerate(settings.published[:2], start=1))
    keys = ("queue", "plimsoll", "insured_5m", "brokers_25")
    policies = tuple(p for p in settings.policies if p.key in keys)
    mine = replace(settings, published=published, policies=policies)
    queue, plain, insured, brokers = policies
    layers = NOBODY | {"junior": WAD, "senior": 3 * WAD, "haircut": 5 * WAD, "shortfall": WAD}
    sponsored = NOBODY | {"broker": 3 * WAD, "fund": WAD, "haircut": 6 * WAD}
    lost = {"stakes": 2 * WAD, "pools": 2 * WAD}
    return Replay(
        settings=mine,
        day=of,
        venue=measure.published(of, published),
        outcomes=(
            measure.simulated(queue, mine, of, simulate(of, everywhere(of), "queue")),
            measure.performed(
                plain, mine, of, played(result(1), result(2), rematched=(WAD, 0, WAD // 20, 0))
            ),
            measure.performed(
                insured, mine, of, played(result(1), result(2, taken=5 * WAD, layers=layers))
            ),
            measure.performed(
                brokers,
                mine,
                of,
                played(
                    result(1),
                    result(2, taken=6 * WAD, layers=sponsored, **lost),
                    sponsored=BROKERS,
                ),
            ),
        ),
        luck=(WAD, 2 * WAD, 3 * WAD),
        seconds=1.0,
    )
