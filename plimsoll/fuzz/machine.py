"""One venue kept twice: by the contracts on a chain and by the reference model.

Every call goes to both. They must agree in outcome and reason; then every account, position,
market and book is compared, and the invariants of the protocol are checked on the chain's side
alone (docs/invariants.md numbers them).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plimsoll.accounts import account_id
from plimsoll.errors import ContractReverted
from plimsoll.fuzz import books, broker_reach, compare
from plimsoll.fuzz.actions import Action
from plimsoll.fuzz.broker_actions import ALL_RULES
from plimsoll.fuzz.broker_probe import BrokerProbe
from plimsoll.fuzz.chains import Answer, Log, WalkChain
from plimsoll.fuzz.codec import Codec
from plimsoll.fuzz.dust import adopt_legs
from plimsoll.fuzz.invariants.judge import Judge
from plimsoll.fuzz.opening import world_of
from plimsoll.fuzz.probe import State, StateProbe
from plimsoll.fuzz.queues import Queues
from plimsoll.fuzz.stage import (
    GARBAGE,
    ISOLATED_SUB,
    KEEPER,
    MARKETS,
    PEOPLE,
    UNSIGNED,
    WITH_ISOLATED,
    Stage,
)
from plimsoll.fuzz.tally import EventCounter, Tally
from plimsoll.model import orders
from plimsoll.model.orders import Offer
from plimsoll.model.protocol import Protocol
from plimsoll.model.snapshot import Snapshot
from plimsoll.model.state import SIZE_BOUND_WAD, Refused, World
from plimsoll.orders import NOBODY, Flags, Order

_MOST_TRIES: Final = 128  # ways to take close decisions

# what a result may differ by through rounding, wei; results of other calls are exact
_RESULT_BOUND: Final = {
    "take": SIZE_BOUND_WAD,
    "take_with_order": SIZE_BOUND_WAD,
}
_POSITION_TOPICS: Final = 3  # of PositionChanged: name, account, market
_FULL_EVERY: Final = 16  # calls between two comparisons of everybody
_MOVES_NO_TOKENS: Final = {
    *("settle_one", "settle", "try_settle", "poke", "sync", "set_answer", "set_round"),
    *("start", "remark", "resolve", "set_sequencer", "settle_market"),
}


_ALL_SIDES: Final = tuple((market, long) for market in MARKETS for long in (True, False))


@dataclass(frozen=True, slots=True)
class _Call:
    """A call as the model takes it."""

    name: str
    now: int
    sender: str
    args: tuple[Any, ...]
    slices_wad: dict[int, int]  # that the chain cut, by market
    places: tuple[int, int]  # of the queue, that the chain closed and charged


class Violation(Exception):
    """Model and chain disagree, or an invariant does not hold."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.kind = message.partition(":")[0]


class Machine:
    """A venue, its model, and everything that was done to both."""

    KEEPER: Final = KEEPER

    def __init__(self, stage: Stage, chain: WalkChain, thorough: bool = False) -> None:
        """With `thorough` every account is compared after every call.

        Without, the ones a call names or logs, two others by turns, and all of them after every
        `_FULL_EVERY` calls and at the end of a run: a wrong state does not go away by itself.
        """
        self.stage = stage
        self.chain = chain
        self.tally = Tally()
        self.done: list[Action] = []
        self.contracts = {name: address.lower() for name, address in stage.contracts.items()}
        self._thorough = thorough
        self._reserve = account_id(stage.client.clearinghouse.address)
        self._accounts = (
            self._reserve,
            *(
                stage.people[who].account(sub)
                for who in range(len(PEOPLE))
                for sub in ((0, ISOLATED_SUB) if who in WITH_ISOLATED else (0,))
            ),
        )
        self._holders = tuple(int(person.address, 16) for person in stage.people)
        self._addresses = [person.address for person in stage.people]
        self._lower = [address.lower() for address in self._addresses]
        self._codec = Codec(stage)
        self._probe = StateProbe(stage.rpc, stage.probe)
        self._broker_probe = BrokerProbe(stage, chain)
        self._allowed: set[tuple[int, str]] = set()  # people whose tokens a vault may pull
        self._events = EventCounter()
        self._queues = Queues(stage, chain, self._saw_bucket)
        self._drift = books.Drift()
        self.invariants = Judge(self._reserve)
        self._protocol = Protocol(world_of(stage, chain))
        self._fresh = self._protocol.save()
        self._snapshot = chain.snapshot()
        self._delay = 0
        self._turn = 0
        self._learnt = 0
        self.seen: State = self.observe()

    @property
    def world(self) -> World:
        """The model's state."""
        return self._protocol.world

    def reset(self) -> None:
        """Back to the empty venue."""
        self.chain.revert(self._snapshot)
        self._snapshot = self.chain.snapshot()
        self._protocol.restore(self._fresh)
        self._events.forget()
        self.invariants.forget()
        self._drift = books.Drift()
        self._delay = 0
        self._turn = 0
        self._allowed.clear()
        self.done = []
        self.seen = self.observe()

    def observe(self) -> State:
        """Everything the chain shows of everybody."""
        state = self._probe.read(self._accounts, self._accounts, MARKETS, self._holders)
        state.brokers = self._broker_probe.read(broker_reach.everything(self.world))
        return state

    # --- for rules ----------------------------------------------------------------------------

    def account(self, who: int, sub: int = 0) -> int:
        """An account of a person."""
        return self.stage.people[who].account(sub)

    def address(self, who: int) -> str:
        """A person's address, lower case."""
        return self._lower[who]

    def broker(self, number: int) -> str:
        """The address of the vault that was opened as such a number, from 0; there may be none."""
        opened = tuple(self.world.brokers.vaults)
        return opened[number] if number < len(opened) else NOBODY

    def allow(self, who: int, broker: str) -> None:
        """Let a broker's vault pull a person's tokens, if it may not yet."""
        if (who, broker) not in self._allowed and broker != NOBODY:
            self._allowed.add((who, broker))
            self.call(who, "token_approve", broker, 2**256 - 1)

    def advance(self, seconds: int) -> None:
        """The next call comes this much later."""
        self._delay += seconds

    def order(self, spec: Sequence[int]) -> Offer:
        """An order from plain numbers.

        who, sub, market, size, limit price, fee cap, expiry, salt, flags, matcher (-1: anybody),
        counterparty (-1: any) and its sub-account, trigger price, signed by: a person, -1 nobody,
        -2 garbage bytes in the owner's name.
        """
        (who, sub, market, size, price, fee_cap, expiry, salt, flags) = spec[:9]
        matcher, counterparty, counterparty_sub, trigger, signer = spec[9:]
        order = Order(
            account=self.account(who, sub),
            market=market,
            size=size,
            limit_price=price,
            max_fee_ppm=fee_cap,
            expiry=expiry,
            salt=salt,
            flags=Flags(flags),
            matcher=NOBODY if matcher < 0 else self._addresses[matcher],
            counterparty=0 if counterparty < 0 else self.account(counterparty, counterparty_sub),
            trigger_price=trigger,
        )
        if signer == UNSIGNED:
            return orders.unsigned(order)
        if signer == GARBAGE:
            return Offer(order, self._lower[who], orders.GARBAGE)
        return orders.signed(order, self._lower[signer])

    def apply(self, action: Action) -> None:
        """Do it, on both sides."""
        self.done.append(action)
        self.tally.rules[action.rule] += 1
        ALL_RULES[action.rule](self, **action.args)

    def compare_all(self) -> None:
        """Every account, every queue."""
        self.seen = self.observe()
        self._judge("everything", self._problem(self.seen, _ALL_SIDES))
        self._judge_sums("everything")

    # --- one call -----------------------------------------------------------------------------

    def call(self, who: int, name: str, *args: Any) -> None:
        """One transaction of a person, judged."""
        now, self._delay = self.chain.time + 1 + self._delay, 0
        contract, data = self._codec.encode(name, args)
        answer = self.chain.transact(self._addresses[who], contract, data, now)
        self.tally.steps += 1
        self.tally.calls[name] += 1
        if not answer.ok:
            self.tally.refused(answer.reason or "")
        logs = answer.logs if answer.ok else []
        entries = [(log[1], log[2]) for log in logs]
        events = self._events.count(self.tally, entries, now)
        self._drift.count(events)
        before = self.seen.books
        # a re-match may leave wei in any position of its places
        full = self._thorough or self._drift.calls % _FULL_EVERY == 0 or "BucketRematched" in events
        if full:
            self.seen = self._look(name, self._accounts, self._holders)
        else:
            some = self._involved(args, logs)
            self.seen = self._look(name, some, self._some_holders(who, name))
        self.seen.brokers = self._broker_probe.read(
            broker_reach.everything(self.world)
            if full
            else broker_reach.touched(self.world, self._lower[who], args, logs)
        )
        stressed = any(market.s_im_ppm for market in self.seen.markets.values())
        self.tally.paths["stress above 1"] += stressed
        sides = _ALL_SIDES if full else self._sides(events, logs)
        slices = self._events.slices(entries)
        places = (events.count("BucketRematched"), events.count("BucketHaircut"))
        call = _Call(name, now, self._lower[who], args, slices, places)
        old = self._predict(call, answer, sides)
        reason = None if answer.ok else answer.reason or ""
        problem = self.invariants.problem(name, args, reason, old, self.world, self.seen, logs)
        self._judge(name, problem)
        self.tally.paths.update(self.invariants.reached())
        self._judge(name, books.broken(before, self.seen, events, self._settled()))
        if full:
            self._judge_sums(name)

    def _look(self, name: str, accounts: Sequence[int], holders: Sequence[int]) -> State:
        """What the chain shows; whatever a call has done, neither a poke nor a view may revert."""
        try:
            return self._probe.read(accounts, accounts, MARKETS, holders)
        except ContractReverted as error:
            self._judge(name, f"M-12 views: revert with {error.reason!r}")
            raise

    def _judge_sums(self, name: str) -> None:
        """What needs every account in `seen`."""
        self._judge(name, books.members(self.seen))
        if not self.seen.books.job_account:
            self._judge(name, books.unexplained(self.seen, self._drift, self._settled()))

    def _settled(self) -> set[int]:
        """Markets that are wound down."""
        return {market for market, state in self.world.markets.items() if state.outage.settled_at}

    def _problem(self, state: State, sides: Iterable[tuple[int, bool]]) -> str | None:
        """What differs between model and chain; the queue goes first, dust is learnt there."""
        self._learnt += adopt_legs(self.world, state)
        queue = self._queues.problem(self.world, sides)
        return queue or compare.difference(self.world, state, self.tally)

    def _saw_bucket(self, key: int, epoch: int) -> None:
        self._events.saw(self.tally, key, epoch)

    def _involved(self, args: tuple[Any, ...], logs: Sequence[Log]) -> tuple[int, ...]:
        """Accounts a call names or logs, and two others by turns."""
        found = {arg for arg in args if isinstance(arg, int)}
        for arg in args:
            for offer in arg if isinstance(arg, list) else (arg,):
                if isinstance(offer, Offer):
                    found.add(offer.order.account)
        for _, topics, _ in logs:
            found.update(int.from_bytes(topic, "big") for topic in topics[1:])
        self._turn = (self._turn + 2) % len(self._accounts)
        found.update((self._accounts[self._turn], self._accounts[self._turn - 1]))
        return tuple(account for account in self._accounts if account in found)

    def _some_holders(self, who: int, name: str) -> tuple[int, ...]:
        """Whose tokens and shares may have moved."""
        if name in _MOVES_NO_TOKENS:
            return ()
        return self._holders[who : who + 1]

    def _sides(self, events: Sequence[str], logs: Sequence[Log]) -> list[tuple[int, bool]]:
        """Sides whose queue the ADL has changed or that hold dust; joining resets places there."""
        sides = {
            (market, place[0])
            for market, state in self.world.markets.items()
            for place in state.dust_wad
        }
        if "PositionChanged" in events:
            for _, topics, _ in logs:
                market = int.from_bytes(topics[-1], "big")
                state = self.world.markets.get(market)
                if len(topics) == _POSITION_TOPICS and state and state.epochs:
                    sides.update(((market, True), (market, False)))
        if "BucketRematched" in events or "BucketHaircut" in events:
            for _, topics, _ in logs:
                key = int.from_bytes(topics[-1], "big")
                if len(topics) > 2 and 1 <= key >> 17 <= len(MARKETS):
                    sides.add((key >> 17, bool(key >> 16 & 1)))
        return sorted(sides)

    def _judge(self, name: str, problem: str | None) -> None:
        if problem is not None:
            raise Violation(f"{problem} (after {name}, action {len(self.done)})")

    def _predict(self, call: _Call, answer: Answer, sides: Iterable[tuple[int, bool]]) -> Snapshot:
        """Run the model; where it was close, accept the chain's side of the matter.

        Returns what the model was before.
        """
        world, protocol = self.world, self._protocol
        before = protocol.save()
        first: str | None = None
        tries: deque[list[bool]] = deque([[]])  # fewest changed verdicts first
        for number in range(_MOST_TRIES):
            if not tries:
                break
            taken = tries.popleft()
            if number:
                protocol.restore(before)
            world.forced = dict(enumerate(taken))
            world.sizes_wad = call.slices_wad
            self._learnt = 0
            problem = self._difference(call, answer, sides)
            if problem is None:
                self.tally.close.update(world.close[: len(taken)])
                self.tally.close["positions of dust learnt"] += self._learnt
                world.forced = {}
                return before
            first = first or problem
            verdicts = world.verdicts
            later = range(len(taken), len(verdicts))
            tries.extend([*verdicts[:turn], not verdicts[turn]] for turn in later)
        world.forced = {}
        self._judge(call.name, first)
        return before

    def _difference(
        self, call: _Call, answer: Answer, sides: Iterable[tuple[int, bool]]
    ) -> str | None:
        """How the model's run of a call differs from the chain's, in outcome or state."""
        return self._disagreement(call, answer) or self._problem(self.seen, sides)

    def _disagreement(self, call: _Call, answer: Answer) -> str | None:
        name, number = call.name, self.chain.number
        try:
            result = self._protocol.call(name, call.now, number, call.sender, *call.args)
        except Refused as refused:
            if answer.ok:
                return f"M-01 refusal: the model refuses {name}: {refused.reason!r}"
            if refused.reason != answer.reason:
                return (
                    f"M-02 reason: {name}: the model says {refused.reason!r}, "
                    f"the chain {answer.reason!r}"
                )
            return None
        if not answer.ok:
            return f"M-03 success: the chain refuses {name}: {answer.reason!r}"
        places = (self.world.closed_places, self.world.charged_places)
        if places != call.places:
            return f"M-09 places: {places} closed and charged, {call.places} on chain"
        if answer.output and not self._same_result(name, result, answer.output):
            return f"M-04 result: {name} gives {result}, on chain {answer.output.hex()}"
        return None

    def _same_result(self, name: str, result: Any, output: bytes) -> bool:
        if isinstance(result, tuple):
            return all(
                int(value) == int.from_bytes(output[32 * i : 32 * i + 32], "big")
                for i, value in enumerate(result)
            )
        if not isinstance(result, int):
            return True
        return abs(int(result) - int.from_bytes(output[:32], "big")) <= _RESULT_BOUND.get(name, 0)
