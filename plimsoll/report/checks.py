"""What a run must have reached to count as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from plimsoll.demo.keeper import Resolve
from plimsoll.demo.play import Performance
from plimsoll.demo.reconcile import Reconciliation
from plimsoll.demo.stage import Happening
from plimsoll.errors import PlimsollError
from plimsoll.units import RAY


class DemoIncomplete(PlimsollError):
    """A run missed a stage of the protocol, or its books do not match."""

    exit_code: ClassVar[int] = 6

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"the run did not reach: {'; '.join(missing)}",
            next_step="compare the report with the scenario: capital, appetite and prices decide",
        )


LEAST_ACCOUNTS: Final = 60
LEAST_BUCKETS: Final = 3
_FUNDING_TOLERANCE: Final = 10**16  # wad; a second of funding lies between two snapshots


def stages_reached(performance: Performance, books: Reconciliation) -> dict[str, bool]:
    """Each stage of the protocol, and whether this run went through it."""
    happenings = performance.stage.happenings
    resolves = performance.keeper.resolves
    drawn = {h["layer"] for h in happenings if h.name == "Drawn" and h["units"] > 0}
    return {
        f"at least {LEAST_ACCOUNTS} accounts opened by signed orders": (
            len(_traded_by_order(happenings)) >= LEAST_ACCOUNTS
        ),
        "a partial take": _partial_take(happenings),
        "a take by a signed liquidation-only order": _signed_take(happenings),
        "an auction cured by takes": _cured_by_take(happenings),
        "an insurance concession": any(h.name == "ConcessionPaid" for h in happenings),
        "a draw on the junior vault": 3 in drawn,
        "a draw on the senior vault": 4 in drawn,
        "a gains haircut": any(h.name == "HaircutSet" and h["eta_ray"] > 0 for h in happenings),
        f"one account re-matched through {LEAST_BUCKETS} buckets or more": any(
            len({h["key"] for h in resolve.happenings if h.name == "BucketRematched"})
            >= LEAST_BUCKETS
            for resolve in resolves
        ),
        "re-matching followed the published queue": all(map(followed_queue, resolves)),
        "no winner paid more than its share": all(map(_nobody_overpaid, resolves)),
        "no shortfall, redemption rate one": (
            not any(h.name == "Finished" and h["shortfall"] for h in happenings)
            and performance.stage.client.custody.read("redemption_rate") == RAY
        ),
        "no auction left open": not performance.stage.started,
        "custody equals claims and counted dust, to the wei": books.good,
    }


def followed_queue(resolve: Resolve) -> bool:
    """Whether buckets were closed in the order that the queue showed before, without a gap."""
    for market, queue in resolve.queues_before.items():
        closed: list[int] = []
        for happening in resolve.happenings:
            if happening.name != "BucketRematched" or happening["market"] != market:
                continue
            # a bucket that a call left unfinished is continued by the next one
            if not closed or closed[-1] != happening["key"]:
                closed.append(happening["key"])
        if closed != [bucket.key for bucket in queue][: len(closed)]:
            return False
    return True


def _nobody_overpaid(resolve: Resolve) -> bool:
    """Whether nobody lost more than the haircut rate of its own profit."""
    rates = {h["market"]: h["eta_ray"] for h in resolve.happenings if h.name == "HaircutSet"}
    due: dict[str, int] = {}
    for position in resolve.before.positions:
        profit = max(0, position.size * (position.mark - position.entry))
        eta = rates.get(position.market, 0)
        due[position.name] = due.get(position.name, 0) + profit * eta // (RAY * 10**18)
    return all(
        before - resolve.after.equity[name] <= due.get(name, 0) + _FUNDING_TOLERANCE
        for name, before in resolve.before.equity.items()
        if name != resolve.account
    )


def _partial_take(happenings: Iterable[Happening]) -> bool:
    return any(h.name == "Taken" and h["mm"] > 0 for h in happenings)


def _cured_by_take(happenings: Iterable[Happening]) -> bool:
    takes = {h.transaction for h in happenings if h.name == "Taken"}
    return any(
        h.name == "AuctionEnded" and h["mm"] > 0 and h.transaction in takes for h in happenings
    )


def _traded_by_order(happenings: Iterable[Happening]) -> set[int]:
    return {h[side] for h in happenings if h.name == "Matched" for side in ("maker", "taker")}


def _signed_take(happenings: Iterable[Happening]) -> bool:
    orders = {h.transaction for h in happenings if h.name == "OrderFilled"}
    return any(h.name == "Taken" and h.transaction in orders for h in happenings)
