"""What people do on their own: trade, leave, pay in and out, insure. Refusals are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase

from plimsoll.errors import ContractReverted
from plimsoll.fuzz.probe import AccountState, LegState
from plimsoll.stress.events import AnyEvent, Deposit, Insurance, Leave, Trade, Withdraw
from plimsoll.stress.tally import Tally
from plimsoll.stress.venue import DECIMALS, DEPOSITOR, Person, Venue, sized
from plimsoll.units import PPM, WAD, div_down, div_up, tokens_to_wad, wad_to_tokens_down


class Acts:
    """Carries out the events that are somebody's decision."""

    def __init__(self, venue: Venue, tally: Tally) -> None:
        self._venue = venue
        self._tally = tally
        self.paid_in: Counter[str] = Counter()
        """Wad claims that people paid in since the opening, less what they took out."""

    def carry_out(self, event: AnyEvent, number: int) -> None:
        """One event; `number` counts the repetitions of a trade from 0."""
        if isinstance(event, Trade):
            self._trade(event, number)
        elif isinstance(event, Leave):
            for one in self._matching(event.who, event.share_ppm):
                self._leave(one, self._venue.people[event.into], only_winners=event.only_winners)
        elif isinstance(event, Withdraw):
            for one in self._matching(event.who, PPM):
                self._withdraw(one, event.share_ppm)
        elif isinstance(event, Deposit):
            for one in self._matching(event.who, PPM):
                self._deposit(one, event.amount)
        elif isinstance(event, Insurance):
            self._insurance(event)

    # --- one kind each -----------------------------------------------------------------

    def _trade(self, event: Trade, number: int) -> None:
        venue = self._venue
        market = next(market for market in venue.markets if market.name == event.market)
        buyer, seller = venue.people[event.buyer], venue.people[event.seller]
        if event.alternate and number % 2:
            buyer, seller = seller, buyer
        mark, _ = venue.words(venue.client.clearinghouse, "mark", market.terms.id)
        price = mark + div_down(mark * event.premium_ppm, PPM)
        size = sized(market, event.notional, mark)
        self._try("trade", lambda: venue.trade(market, buyer, seller, size, price))

    def _leave(self, one: Person, into: Person, *, only_winners: bool) -> None:
        """Close every leg at the mark, then withdraw everything."""
        venue = self._venue
        legs = [leg for leg in venue.read([one], legs=True).legs.values() if leg.size != 0]
        if only_winners and sum(_profit(leg) for leg in legs) <= 0:
            return
        for leg in legs:
            self._close(one, into, leg)
        self._withdraw(one, PPM)

    def _close(self, one: Person, into: Person, leg: LegState) -> None:
        venue = self._venue
        market = venue.markets[leg.market - 1]
        buyer, seller = (into, one) if leg.size > 0 else (one, into)
        self._try("leave", lambda: venue.trade(market, buyer, seller, abs(leg.size), leg.mark))

    def _withdraw(self, one: Person, share_ppm: int) -> None:
        """A part of what initial margin leaves free."""
        venue = self._venue
        free = _free(venue.read([one]).accounts[one.account])
        tokens = wad_to_tokens_down(div_down(free * share_ppm, PPM), DECIMALS)
        if tokens <= 0:
            return
        done = self._try(
            "withdraw",
            lambda: venue.send(
                one.address, venue.client.custody, "withdraw", one.account, tokens, one.address
            ),
        )
        if done:
            self.paid_in[one.name] -= tokens_to_wad(tokens, DECIMALS)

    def _deposit(self, one: Person, amount: int) -> None:
        if self._try("deposit", lambda: self._venue.deposit(one, amount)):
            self.paid_in[one.name] += amount

    def _insurance(self, event: Insurance) -> None:
        """The senior vault's depositor announces or redeems."""
        venue, senior = self._venue, self._venue.client.senior
        owner = venue.people[DEPOSITOR].address
        if event.action == "announce":
            shares = venue.words(senior, "balanceOf", owner)[0]
            part = div_down(shares * event.share_ppm, PPM)
            self._try("announce", lambda: venue.send(owner, senior, "request_withdrawal", part))
            return
        shares = venue.words(senior, "withdrawal_request", owner)[0]
        part = div_down(shares * event.share_ppm, PPM)
        self._try("redeem", lambda: venue.send(owner, senior, "redeem", part, owner, owner))

    # --- internals ---------------------------------------------------------------------

    def _matching(self, pattern: str, share_ppm: int) -> list[Person]:
        """The first so many of those whose names match, by name."""
        people = {one.name: one for one in self._venue.traders}
        names = sorted(name for name in people if fnmatchcase(name, pattern))
        return [people[name] for name in names[: div_up(len(names) * share_ppm, PPM)]]

    def _try(self, what: str, act: Callable[[], object]) -> bool:
        """Whether the contracts let it happen."""
        try:
            act()
        except ContractReverted as error:
            self._tally.refuse(f"{what}: {error.reason}")
            return False
        return True


def _free(state: AccountState) -> int:
    """What an account may withdraw, wad."""
    return max(0, state.equity_im - state.im)


def _profit(leg: LegState) -> int:
    """Unrealised, wad."""
    return div_down(leg.size * (leg.mark - leg.entry), WAD)
