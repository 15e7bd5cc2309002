"""What one transaction may do, judged by two pictures: the state it met and the state it left.

The first picture is taken "ahead", by calls at the number and time of the next block, so
both show the same prices and the same funding; what differs is the transaction's doing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from plimsoll.accounts import account_id
from plimsoll.contract import Event
from tests.support.books import LayerState, Picture
from tests.support.venue import DAY_S, JUNIOR, MARKETS, PPM, RAY, SCALE, SENIOR, WAD, Venue, named

KAPPA_PPM = 1_200_000
CONCESSION_PPM = (5_000, 30_000)
SHARES = 50_000
FORGOTTEN_S = DAY_S + 14_400  # a rolling amount ends at a multiple of four hours
BUCKET_FIELD_BITS = 25


def weights_of(word: int) -> dict[int, int]:
    """Market -> share in units of 1/50,000."""
    fields = [word >> (BUCKET_FIELD_BITS * i) & (2**25 - 1) for i in range(10)]
    return {field & 255: field >> 9 for field in fields if field}


def profit(before: Picture, account: int, market: int, mark: int) -> Fraction:
    """Signed profit of a position at a mark, wad."""
    leg = before.legs[account, market]
    return Fraction(leg["size"] * (mark - leg["entry"]), WAD)


def tolerance(before: Picture, account: int, events: Sequence[Event]) -> int:
    """Wei of equity that rounding may move for somebody who is not a party."""
    wei = 16
    for event in events:
        if event.name == "BucketRematched":
            wei += 4 * before.marks[event["market"]][0] // WAD + 4
        elif event.name == "BucketHaircut":
            # entries are kept to 33 bits
            size = abs(before.size(account, event["market"]))
            wei += size * before.marks[event["market"]][0] // WAD * 2 // 2**32 + 10**6
    return wei


def check_transaction(
    venue: Venue, before: Picture, after: Picture, events: list[Event], parties: Collection[int]
) -> None:
    """Everything that holds for any transaction; `parties` traded, paid or were paid by it."""
    reserve = account_id(venue.client.clearinghouse.address)
    check_bystanders(before, after, events, {*parties, reserve}, terms_of_adl(venue, before))
    check_dust_reserve(venue, before, after, events)
    check_redemption(before, after, events)
    check_auctions(before, after, events)
    check_draws(venue, after, events)
    for event in named(events, "Taken"):
        check_take(before, after, event)
    check_reservations(venue, before, after, events)
    check_limits(venue, before, after)
    check_frozen(before, events)


# --- who may gain or lose ------------------------------------------------------------------


@dataclass
class AdlTerms:
    """The prices ADL acts at (frozen while a job works on a market) and its rates, by market."""

    marks: dict[int, int]
    rates: dict[int, Fraction]


def terms_of_adl(venue: Venue, before: Picture) -> AdlTerms:
    """As the newest freeze and the newest sums of profit have fixed them."""
    marks = {market: mark for market, (mark, _) in before.marks.items()}
    terms = AdlTerms(dict(marks), {})
    for event in venue.events:
        if event.name == "AdlFrozen":
            terms = AdlTerms(dict(marks), {})
        elif event.name == "LegFrozen":
            terms.marks[event["market"]] = event["mark"]
        elif event.name == "HaircutSet":
            terms.rates[event["market"]] = Fraction(event["eta_ray"], RAY)
    return terms


def check_bystanders(
    before: Picture,
    after: Picture,
    events: list[Event],
    parties: Collection[int],
    adl: AdlTerms,
) -> None:
    """Nobody else's equity moves, but by a haircut of profit or by pay for being re-matched."""
    charged = {e["market"] for e in named(events, "BucketHaircut")}
    paid_for = {e["market"] for e in named(events, "Rematched")}
    for account in before.health:
        if account in parties or account not in after.health:
            continue
        change = after.equity(account) - before.equity(account)
        held = {m for m in MARKETS if before.size(account, m)}
        slack = tolerance(before, account, events)
        for market in held & {e["market"] for e in named(events, "BucketRematched")}:
            # re-matched at the frozen mark, and valued at the one of now
            closed = abs(before.size(account, market) - after.size(account, market))
            slack += closed * abs(adl.marks[market] - before.marks[market][0]) // WAD
        if not held:
            assert change == 0, f"I-12 {account:x} holds nothing and changed by {change}"
            continue
        owed = sum(
            (
                max(Fraction(0), profit(before, account, m, adl.marks[m])) * adl.rates[m]
                for m in charged & held
            ),
            Fraction(0),
        )
        assert change >= -owed - slack, f"I-13 {account:x} paid {-change}, eta of profit {owed}"
        if not paid_for & held:
            assert change <= slack, f"I-12 {account:x} gained {change} as a bystander"


def check_dust_reserve(venue: Venue, before: Picture, after: Picture, events: list[Event]) -> None:
    """The protocol's own account pays rounding of a finished account, and nothing else."""
    reserve = account_id(venue.client.clearinghouse.address)
    change = after.equity(reserve) - before.equity(reserve)
    least = -SCALE * len(named(events, "Finished"))
    assert least <= change <= 0, f"I-12 the dust reserve changed by {change}"


def check_redemption(before: Picture, after: Picture, events: list[Event]) -> None:
    """The rate falls by a booked shortfall only, and by exactly what its rule says."""
    old, new = before.books["redemption_rate"], after.books["redemption_rate"]
    booked = named(events, "ShortfallBooked")
    if not booked:
        assert new >= old - 1, f"I-14 the rate fell from {old} to {new} without a shortfall"
    for event in booked:
        assert event["rate_after"] < event["rate_before"], "I-14 a shortfall lowers the rate"
    finished = [e for e in named(events, "Finished") if e["shortfall"]]
    assert sum(e["amount"] for e in booked) == sum(e["shortfall"] for e in finished), (
        "I-14 shortfalls booked are those nobody paid"
    )


# --- trades and takes ----------------------------------------------------------------------


def check_fill(before: Picture, after: Picture, account: int, market: int) -> None:
    """E1 >= IM, or a reduction that does not worsen E / MM."""
    old, new = before.health[account], after.health[account]
    if new["equity_im"] >= new["im"]:
        return
    size0, size1 = before.size(account, market), after.size(account, market)
    assert abs(size1) < abs(size0), "I-15 below IM and not reduced"
    assert size0 * size1 >= 0, "I-15 below IM and flipped"
    if old["equity"] >= 0:
        assert new["equity"] * old["mm"] >= old["equity"] * new["mm"] - old["mm"] * 10**6, (
            f"I-15 margin ratio worsened: {old} to {new}"
        )
    else:
        assert new["equity"] >= old["equity"] - 16, "I-15 a bankrupt account lost more"


def check_sizes(before: Picture, after: Picture, market: int) -> None:
    """A fill or a take moves equal and opposite size."""
    change = sum(after.size(a, m) - before.size(a, m) for a, m in before.legs if m == market)
    assert abs(change) <= 4, f"I-16 size {change} came from nowhere"


def check_take(before: Picture, after: Picture, taken: Event) -> None:
    """The slice and what the account paid, against the formula in fractions."""
    account, market, size = taken["account"], taken["market"], abs(taken["size"])
    health, leg = before.health[account], before.legs[account, market]
    mark, equity, mm = leg["mark"], health["equity"], health["mm"]
    notional = Fraction(size * mark, WAD)
    worsening = Fraction(abs(mark - taken["account_price"]) * size, WAD)
    paid = worsening + taken["fee"]
    cap = Fraction(max(equity, 0) * leg["mm"] * size, mm * abs(leg["size"])) if mm else Fraction(0)
    assert paid <= cap + 10**6, f"I-17 the account paid {paid}, at most {cap}"
    offered = notional * CONCESSION_PPM[1] / PPM
    assert worsening + taken["insurance_concession"] <= offered + 10**6, "I-17 above c(t)"
    assert taken["insurance_concession"] <= notional / 100 + 1, "I-17 concession above 1 %"
    if equity > 0:
        left = after.health.get(account, health)
        assert taken["equity"] >= 0, "I-18 a take made the account bankrupt"
        assert taken["equity"] * mm >= equity * taken["mm"], "I-18 a take lowered E / MM"
        cost = Fraction(paid, notional)
        relief = Fraction(KAPPA_PPM * leg["mm_rate_ppm"], PPM**2) - cost
        wanted = Fraction(KAPPA_PPM * mm, PPM) - equity
        least = max(Fraction(100 * WAD), Fraction(leg["notional"], 20))
        if relief > 0 and least < leg["notional"]:
            most = max(wanted / relief * (1 + Fraction(1, 10**4)), least) + 10**6
            assert notional <= most + mark, f"I-18 slice {notional}, formula {most}, left {left}"
    new = after.health[taken["taker"]]
    assert new["equity_im"] >= new["im"], "I-18 the taker stays above initial margin"
    check_sizes(before, after, market)


# --- auctions ------------------------------------------------------------------------------


def is_cured(health: dict[str, Any]) -> bool:
    return bool(health["equity"] >= 0 and health["equity"] * PPM >= KAPPA_PPM * health["mm"])


def check_auctions(before: Picture, after: Picture, events: list[Event]) -> None:
    """Auctions open below maintenance, end when cured, and are not left open after a touch."""
    for event in named(events, "AuctionStarted"):
        health = before.health[event["account"]]
        assert health["equity"] < health["mm"], "I-19 started above maintenance margin"
        assert (event["equity"], event["mm"]) == (health["equity"], health["mm"]), "I-27 health"
    for event in named(events, "AuctionEnded"):
        assert is_cured({"equity": event["equity"], "mm": event["mm"]}), "I-20 ended, not cured"
    touched = {e["account"] for e in events if e.name in ("Taken", "AuctionStarted")}
    for account in touched & set(after.started):
        if after.started[account]:
            assert not is_cured(after.health[account]), "I-20 cured but still open"


# --- waterfall -----------------------------------------------------------------------------


def check_draws(venue: Venue, after: Picture, events: list[Event]) -> None:
    """Junior before senior, once per bankrupt account, only when it is flat and finished."""
    finished = {e["account"]: e for e in named(events, "Finished")}
    by_account: dict[int, list[Event]] = {}
    for event in named(events, "Drawn"):
        by_account.setdefault(event["account"], []).append(event)
    assert by_account.keys() <= finished.keys(), "I-21 a draw before the account is finished"
    for account, end in finished.items():
        draws = by_account.get(account, [])
        layers = [event["layer"] for event in draws]
        assert layers == sorted(set(layers)), f"I-21 layers drawn: {layers}"
        assert sum(event["units"] for event in draws) == end["covered"], "I-22 draws = covered"
        gap = end["loss"] - end["covered"] - end["shortfall"]
        assert 0 <= gap <= SCALE, f"I-22 loss - covered - shortfall = {gap}"
        assert after.equity(account) == 0, "I-22 a finished account owes nothing"
        left = [m for m in MARKETS if after.size(account, m)]
        assert not left, "I-22 finished with a position"
        if end["shortfall"]:
            taken = named(events, "Taken") or named(events, "Matched")
            assert not taken, "I-23 a take or a fill ended in a shortfall, past the winners"
            for state in after.layers.values():
                check_exhausted(venue, state, finished[account], events)
    starts = [e["account"] for e in venue.events if e.name == "AuctionStarted"]
    ends = [e["account"] for e in venue.events if e.name == "Finished"]
    for account in finished:
        assert ends.count(account) <= starts.count(account), "I-21 finished twice"


def check_exhausted(venue: Venue, state: LayerState, end: Event, events: list[Event]) -> None:
    """Before a shortfall every layer is empty or at a limit, at the rate it was asked at."""
    started = [
        e for e in venue.events if e.name == "AuctionStarted" and e["account"] == end["account"]
    ][-1]
    booked = named(events, "ShortfallBooked")[0]
    # a lower rate makes a vault's tokens worth more claims
    worth = state.worth * booked["rate_after"] // booked["rate_before"]
    then = replace(state, worth=worth)
    room = rooms(venue, then, 0, weights_of(started["weights"]))[0]
    assert room <= SCALE * 10, f"I-23 shortfall while a layer could give {room}"


def rooms(
    venue: Venue, state: LayerState, held: int, weights: dict[int, int], extra: int = 0
) -> tuple[int, int]:
    """(least, most) that a layer could reserve; draws fade over a day, how fast is a bound."""
    free = max(0, state.worth - (state.reserved - held))
    results = []
    for base in (state.worth, state.worth + extra):
        room = min(free, max(0, base * state.global_ppm // PPM - max(0, state.used[0] - held)))
        for market, share in weights.items():
            used = max(0, state.used[market] - held * share // SHARES)
            left = max(0, base * state.market_ppm[market] // PPM - used)
            room = min(room, left * SHARES // share)
        results.append(room)
    return results[0], results[1]


def recent_draws(venue: Venue, layer: int) -> int:
    """Units drawn from a layer that may still count: the last ones are forgotten after 28 hours."""
    newest = venue.rpc.timestamp()
    return sum(
        e["units"]
        for e, time in zip(venue.events, venue.times, strict=True)
        if e.name == "Drawn" and e["layer"] == layer and newest - time < FORGOTTEN_S
    )


def check_limits(venue: Venue, before: Picture, after: Picture) -> None:
    """What counts against a limit grows only up to it; a reservation made before may stay."""
    for index, (layer, state) in enumerate(after.layers.items()):
        if all(held[index] <= before.reserved[who][index] for who, held in after.reserved.items()):
            continue
        old = before.layers[layer]
        base = old.worth + recent_draws(venue, layer) + SCALE
        caps = {0: state.global_ppm} | state.market_ppm
        for market, ppm in caps.items():
            if state.used[market] > old.used[market]:
                cap = base * ppm // PPM + SCALE
                assert state.used[market] <= cap, f"I-10 layer {layer}, market {market}: limit"


def check_reservations(venue: Venue, before: Picture, after: Picture, events: list[Event]) -> None:
    """Senior is touched only when junior can give no more; nobody gives above the deficit."""
    if named(events, "Drawn") or named(events, "ConcessionPaid"):
        return
    newest = {event["account"]: event for event in named(events, "ReservationChanged")}
    for account, event in newest.items():
        junior, senior = event["junior"], event["senior"]
        if not after.started.get(account):
            continue
        started = [
            e for e in venue.events if e.name == "AuctionStarted" and e["account"] == account
        ]
        weights = weights_of(started[-1]["weights"])
        deficit = max(0, -after.equity(account))
        asked = [e for e in named(events, "Reserved") if e["account"] == account][-1]
        assert junior + senior == asked["reserved"] <= asked["deficit"], "I-24 reserved = asked"
        if not named(events, "AdlFrozen"):
            assert abs(asked["deficit"] - deficit) <= 10**7, "I-24 the deficit is -E"
        room = {}
        for index, layer in enumerate((JUNIOR, SENIOR)):
            held = before.reserved[account][index]
            drawn = recent_draws(venue, layer)
            least, most = rooms(venue, before.layers[layer], held, weights, drawn)
            room[layer] = least, max(most, held)  # what is set aside stays set aside
        assert junior <= room[JUNIOR][1] + SCALE, f"I-24 junior {junior} above {room[JUNIOR]}"
        assert senior <= room[SENIOR][1] + SCALE, f"I-24 senior {senior} above {room[SENIOR]}"
        if senior:
            # what a release forgives fades like the amounts themselves
            faded = before.reserved[account][0]
            assert junior >= room[JUNIOR][0] - faded - SCALE, (
                f"I-25 senior touched while junior had {room[JUNIOR]}, gave {junior}"
            )
        if junior + senior < asked["deficit"]:
            faded = before.reserved[account][1]
            assert senior >= room[SENIOR][0] - faded - SCALE, "I-25 senior kept back"


# --- ADL -----------------------------------------------------------------------------------


def check_frozen(before: Picture, events: list[Event]) -> None:
    """A freeze states the account's true deficit and splits what nobody has reserved."""
    for event in named(events, "AdlFrozen"):
        left = max(0, event["deficit"] - event["reserved"])
        # so little is not asked of winners: the dust reserve pays it
        assert event["uncovered"] == (left if left > SCALE else 0), "I-26 R = L - G"
        shares = weights_of(event["weights"])
        legs = {leg["market"]: leg["uncovered"] for leg in named(events, "LegFrozen")}
        for market in shares.keys() | legs.keys():
            # without a price or in a grace nobody there is asked, and nobody elsewhere instead
            part = -(-event["uncovered"] * shares.get(market, 0) // SHARES)
            part = part if before.open[market] else None
            assert legs.get(market) == part, f"I-26 market {market} bears {legs}, not {part}"
        for leg in named(events, "LegFrozen"):
            assert leg["mark"] == before.marks[leg["market"]][0], "I-26 frozen at the mark"
