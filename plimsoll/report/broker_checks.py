"""What of the broker layer a run must have shown, as far as its scenario asks for it."""

from __future__ import annotations

from typing import Any, Final

from plimsoll.demo.play import Performance
from plimsoll.report.brokers import vault_losses
from plimsoll.units import to_wad, tokens_to_wad

Json = dict[str, Any]

_CENT: Final = 10**16


def broker_stages(performance: Performance, document: Json | None) -> dict[str, bool]:
    """Each piece of the broker layer, and whether this run went through it."""
    room = performance.brokers
    if room is None or document is None:
        return {}
    plans = room.layer.clients
    calls = [call for client in document["clients"] for call in client["with_broker"]["calls"]]
    ends = {call["end"] for call in calls}
    answered = {one.client: one for one in room.answers}
    cured = {
        client["name"]
        for client in document["clients"]
        for call in client["with_broker"]["calls"]
        if call["end"] == "cured"
    }
    found = {
        "two brokers with several clients, all by signed terms": len(room.layer.vaults) >= 2
        and len(plans) >= 2 * len(room.layer.vaults)
        and {one.client for one in room.agreed} == {plan.name for plan in plans},
        "a margin call cured by a deposit": any(
            name in answered and answered[name].deposited for name in cured
        ),
        "a margin call cured by reducing": any(
            name in answered and answered[name].sold for name in cured
        ),
        "a margin call that ended in default": "defaulted" in ends,
        "an auction opened early by an operator": "started early" in ends,
        "a client under auction at once, its call still open: a gap": _gap(document),
        "a guarantee drawn as first loss": any(
            h.name == "Drawn" and h["layer"] == 2 for h in performance.stage.happenings
        ),
        "the guaranty fund drawn for a broker's client": any(
            draw["cause"] != "nobody" for draw in document["fund"]["draws"]
        ),
    }
    return found | _rules(performance, document)


def _rules(performance: Performance, document: Json) -> dict[str, bool]:
    room = performance.brokers
    assert room is not None
    moments = (*performance.at_steps, *performance.samples, performance.final)
    return {
        "locked and free capital make up each broker's assets, at all times": all(
            books.good for snapshot in moments for books in snapshot.brokers
        ),
        "a broker has what it brought and earned less what it paid, to the wei": all(
            vault["accounted"] for vault in document["vaults"]
        ),
        "the stake paid first": _stake_first(performance),
        "no fund draw above contribution and assessment": _within_commitment(performance),
        "brokers paid exactly what the layers were drawn for": _same_payments(
            performance, document
        ),
        "every client's loss was paid by the layers, and by nobody else": all(
            _paid_in_full(one[variant])
            for one in document["clients"]
            for variant in ("with_broker", "alone")
        ),
    }


def _gap(document: Json) -> bool:
    """Under auction before the call's deadline, though its guarantee still shielded."""
    return any(
        call["time"] <= one["started"] < call["deadline"] and call["end"] == "guarantee paid"
        for client in document["clients"]
        for call in client["with_broker"]["calls"]
        for one in client["with_broker"]["liquidations"]
    )


def _stake_first(performance: Performance) -> bool:
    """Whoever's pool pays has no stake left, but for what fees of a second bring."""
    room = performance.brokers
    assert room is not None
    left = {plan.name: plan.stake for plan in room.layer.vaults}
    for loss in vault_losses(performance, room):
        left[loss["broker"]] -= loss["stake"]
        fees = sum(one.fee for one in room.agreed if one.broker == loss["broker"])
        if loss["pool"] and left[loss["broker"]] > 0:
            return False
        if left[loss["broker"]] < -fees:
            return False
    return True


def _within_commitment(performance: Performance) -> bool:
    """Each draw on a member against what `Filled` and earlier draws left it."""
    left: dict[str, tuple[int, int]] = {}
    for h in performance.stage.happenings:
        if h.name == "Filled":
            left[h["broker"]] = (h["contribution"], h["assessment"])
        elif h.name == "MemberDrawn":
            contribution, assessment = left[h["broker"]]
            contribution, assessment = (
                contribution - h["contribution"],
                assessment - h["assessment"],
            )
            if min(contribution, assessment) < 0:
                return False
            left[h["broker"]] = (contribution, assessment)
    return True


def _same_payments(performance: Performance, document: Json) -> bool:
    """Tokens that left the vaults = tokens that layers 2 and 5 brought in."""
    room = performance.brokers
    assert room is not None
    paid = sum(loss["stake"] + loss["pool"] for loss in vault_losses(performance, room))
    drawn = sum(
        tokens_to_wad(h["tokens"], performance.stage.client.deployment.token_decimals)
        for h in performance.stage.happenings
        if h.name == "Drawn" and h["layer"] in (2, 5)
    )
    by_fund = sum(to_wad(draw["tokens"]) for draw in document["fund"]["draws"])
    of_members = sum(
        to_wad(member[part])
        for draw in document["fund"]["draws"]
        for member in draw["members"]
        for part in ("contribution", "assessment")
    )
    return paid == drawn and by_fund == of_members


def _paid_in_full(outcome: Json) -> bool:
    paid = sum(to_wad(amount) for amount in outcome["paid_by"].values())
    return abs(paid - to_wad(outcome["deficit"])) < _CENT
