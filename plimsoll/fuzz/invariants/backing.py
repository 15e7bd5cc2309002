"""Insurance capital behind open interest: the cap, what may grow, and what the last room costs."""

from __future__ import annotations

from collections import Counter
from typing import Final

from plimsoll.fuzz.invariants import margins
from plimsoll.fuzz.invariants.events import Drawn, Matched, PositionChanged, ReservationChanged
from plimsoll.fuzz.invariants.step import SIZE, SIZE_FINE, TIME, Step
from plimsoll.fuzz.probe import Books, MarketState
from plimsoll.model.state import FINE, MICRO, PPM, RAY, SIZE_BOUND_WAD, WAD
from plimsoll.orders import Flags

CAP_REFUSED: Final = "market: open interest cap"
NO_CAP: Final = 2**256 - 1

_BUCKET_S: Final = 300
_SLACK_WAD: Final = 64 * SIZE_BOUND_WAD  # of open interest, by rounding where ADL has been
_UNIT_WAD: Final = 10**12  # one token unit
_CLOSE_PARTS: Final = 10**9  # capital at a rate below one is known so exactly
_KEPT: Final = 998  # thousandths of what the capital backs: the least a cap keeps of it
_TAKES: Final = ("take", "take_with_order")
# calls that move no capital unless they log it
_STEADY: Final = ("poke", "settle_one", "settle", "try_settle", "sync", "set_buffer_terms")
_FREE_PPM: Final = 800_000
_STEP_PPM: Final = 200  # of utilisation, for a millionth of surcharge
_SURCHARGE_MAX_PPM: Final = 1_000


class Backing:
    """Remembers what the chain showed last: caps and books."""

    def __init__(self) -> None:
        self.caps: dict[int, int] = {}
        self.books: Books | None = None
        self.paths: Counter[str] = Counter()  # of the tally, since somebody asked

    def judge(self, step: Step) -> str | None:
        """I-50 to I-55."""
        problem = (
            grown(step)
            or shares(step)
            or self._capital(step)
            or self._caps(step)
            or refusal(step)
            or self._fees(step)
        )
        legs = step.seen.legs.values()
        self.paths["concentrated positions"] += sum(margins.large_im(step, leg) > 0 for leg in legs)
        self.caps = {market: seen.buffer_cap for market, seen in step.seen.markets.items()}
        self.books = step.seen.books
        return problem

    def _caps(self, step: Step) -> str | None:
        """I-51: a cap follows the capital when it is set, and stands still until then."""
        moves = any(isinstance(event, Drawn | ReservationChanged) for event in step.events)
        steady = step.reason is not None or (step.name in _STEADY and not moves)
        bucket = step.world.now // _BUCKET_S
        for market, seen in step.seen.markets.items():
            if not seen.kappa_ppm:
                if seen.buffer_cap != NO_CAP:
                    return f"I-51 cap: market {market} has {seen.buffer_cap} without terms"
                continue
            before = step.before.markets[market][0][TIME]
            poked = step.world.markets[market].block == step.world.block
            chosen = step.name == "set_buffer_terms" and step.reason is None
            chosen = chosen and step.args[0] == market
            if chosen or before // _BUCKET_S < bucket:
                # without a poke in this call the view shows what one would set now
                problem = _follows(step, seen) if steady or not poked else None
            else:
                old = self.caps.get(market, seen.buffer_cap)
                problem = None
                if seen.buffer_cap != old:
                    problem = f"I-51 cap: {seen.buffer_cap} of market {market}, it was {old}"
            if problem is not None:
                return problem
        return None

    def _capital(self, step: Step) -> str | None:
        """I-53: nobody's shares under notice and nothing reserved stand behind anything."""
        books = step.seen.books
        rate = books.redemption_rate
        if not rate:
            return None
        least = most = 0
        for assets, requested, reserved in (
            (books.junior_assets, books.junior_requested, books.junior_reserved),
            (books.senior_assets, books.senior_requested, books.senior_reserved),
        ):
            units = (assets - requested) * _UNIT_WAD * RAY // rate
            close = 0 if rate == RAY else units // _CLOSE_PARTS + _UNIT_WAD * RAY // rate
            most += max(units + close - reserved, 0)
            least += max(units - 2 * _UNIT_WAD * RAY // rate - close - reserved, 0)
        if not least <= books.capital <= most:
            return f"I-53 capital: {books.capital}, the vaults have {least} to {most} to spare"
        old = self.books
        if old is None or step.reason is not None or not step.name.endswith("request_withdrawal"):
            return None
        asked = books.junior_requested + books.senior_requested
        rises = asked > old.junior_requested + old.senior_requested
        at_rest = rate == old.redemption_rate == RAY and not books.exits_blocked
        if rises and at_rest and books.capital >= old.capital:
            return f"I-53 capital: {books.capital} after a notice, {old.capital} before it"
        return None

    def _fees(self, step: Step) -> str | None:
        """I-55: the surcharge of a fill, and who pays it."""
        matches = [event for event in step.events if isinstance(event, Matched)]
        if step.name != "settle_one" or len(matches) != 1:
            return None
        match = matches[0]
        terms, seen = step.world.markets[match.market].terms, step.seen.markets[match.market]
        most = max(interest_before(step, match.market))
        low = _surcharge(seen, max(most - _SLACK_WAD, 0))
        high = _surcharge(seen, most + _SLACK_WAD)
        passive = any(offer.order.flags & Flags.POST_ONLY for offer in step.args[:2])
        notional = -(-abs(match.size) * match.price // WAD)
        parties = (
            (match.maker, -match.size, terms.maker_fee_ppm if passive else terms.taker_fee_ppm),
            (match.taker, match.size, terms.taker_fee_ppm),
        )
        moves = [_sizes(step, who, match.market, change * FINE) for who, change, _ in parties]
        if any(before and abs(after) <= SIZE_FINE for before, after in moves):
            return None  # rounding decides what is left
        # where a side reduces, a position changes hands and no room is used
        if any(before * after > 0 and abs(after) < abs(before) for before, after in moves):
            low = high = 0
        for account, _, rate in parties:
            fee = sum(
                event.fee
                for event in step.events
                if isinstance(event, PositionChanged)
                and (event.account, event.market) == (account, match.market)
            )
            if fee > _fee(notional, rate + high):
                return f"I-55 surcharge: {account:#x} paid {fee} of {notional}, at most {high}"
            if low and fee < _fee(notional, rate + low):
                return f"I-55 surcharge: {account:#x} paid {fee} of {notional}, at least {low}"
            self.paths["surcharges paid"] += low > 0
        return None


# --- rules of one transaction ---------------------------------------------------------------------


def grown(step: Step) -> str | None:
    """I-50: no side grows above the cap on size, or above what it was."""
    for market, seen in step.seen.markets.items():
        cap = cap_size(step, market)
        now = seen.long_interest, seen.short_interest
        for side, was, is_now in zip(
            ("longs", "shorts"), interest_before(step, market), now, strict=True
        ):
            if is_now > max(was, cap) + _SLACK_WAD:
                return f"I-50 cap: {side} of market {market} are {is_now}, {was} before, cap {cap}"
    return None


def shares(step: Step) -> str | None:
    """I-52: the same capital stands behind one market only."""
    total = sum(seen.share_ppm for seen in step.seen.markets.values())
    return f"I-52 shares: {total} ppm of the capital are promised" if total > PPM else None


def refusal(step: Step) -> str | None:
    """I-54: nothing is refused for the cap that makes no side grow, or that fits."""
    if step.reason is None or not step.reason.endswith(CAP_REFUSED):
        return None
    if step.name in _TAKES:
        return f"I-54 refusal: {step.name} was refused for the cap"
    if step.name != "settle_one":
        return None
    first, second, size = step.args
    market = first.order.market
    long = short = 0
    for offer in (first, second):
        # a call that was refused has left everything as it was
        leg = step.seen.legs.get((offer.order.account, market))
        before = leg.size if leg is not None else 0
        after = before + (size if offer.order.size > 0 else -size)
        long += max(after, 0) - max(before, 0)
        short += max(-after, 0) - max(-before, 0)
    cap, seen = cap_size(step, market), step.seen.markets[market]
    longs, shorts = seen.long_interest, seen.short_interest
    too_large = (long > 0 and longs + long > cap) or (short > 0 and shorts + short > cap)
    if not too_large:
        return f"I-54 refusal: {long} and {short} more of {longs}, {shorts} fit below the cap {cap}"
    return None


# --- quantities -----------------------------------------------------------------------------------


def interest_before(step: Step, market: int) -> tuple[int, int]:
    """Long and short size (wad) of a market when the call came."""
    sizes = [leg[SIZE] for (_, where), leg in step.before.positions.items() if where == market]
    long = sum(size for size in sizes if size > 0)
    return long // FINE, (long - sum(sizes)) // FINE


def cap_size(step: Step, market: int) -> int:
    """Size (wad) up to which a side may grow: the listed cap, or the backed one at the mark."""
    seen, listed = step.seen.markets[market], step.world.markets[market].terms.oi_cap_wad
    return listed if seen.buffer_cap == NO_CAP else min(listed, seen.buffer_cap * WAD // seen.mark)


def _follows(step: Step, seen: MarketState) -> str | None:
    """Whether a cap set just now is what the capital backs, up to its rounding down."""
    capital = step.seen.books.capital
    exact = seen.kappa_ppm * seen.share_ppm * capital // (seen.gap_ppm * PPM)
    close = exact // _CLOSE_PARTS
    too_small = (seen.buffer_cap + WAD + close) * 1_000 < exact * _KEPT
    if too_small or seen.buffer_cap > max(exact + close, WAD):
        return f"I-51 cap: {seen.buffer_cap} of market {seen.market}, {capital} back {exact}"
    return None


def _sizes(step: Step, account: int, market: int, change: int) -> tuple[int, int]:
    """Size (fine) of a side before and after a fill."""
    leg = step.before.positions.get((account, market))
    before = leg[SIZE] if leg is not None else 0
    return before, before + change


def _surcharge(seen: MarketState, interest: int) -> int:
    """Millionths that a side pays besides: one for each 200 of utilisation above 80 %."""
    if seen.buffer_cap == NO_CAP:
        return 0
    used = interest * seen.mark // WAD * PPM // seen.buffer_cap
    return min(max(used - _FREE_PPM, 0) // _STEP_PPM, _SURCHARGE_MAX_PPM)


def _fee(notional: int, rate_ppm: int) -> int:
    """Fee of a notional, in whole micro quote units, rounded up."""
    return -(-notional * rate_ppm // (PPM * MICRO)) * MICRO
