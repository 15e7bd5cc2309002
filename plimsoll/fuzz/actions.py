"""What may happen on a venue, as plain data: a rule's name and integers.

An action says everything, so that the same list of actions does the same on any chain, can be
written to a file, and can be shortened by leaving parts out. People are numbers (see
`plimsoll.fuzz.stage.PEOPLE`), an account is a person and a sub-account, sizes and prices are wad.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from plimsoll.errors import InputError
from plimsoll.fuzz.role_calls import role_call
from plimsoll.fuzz.stage import MARKETS, PEOPLE
from plimsoll.orders import Match

if TYPE_CHECKING:
    from plimsoll.fuzz.machine import Machine

Rule = Callable[..., None]
RULES: Final[dict[str, Rule]] = {}

_PEOPLE: Final = {"who", "sender", "owner", "to", "receiver", "agent", "into", "victim"}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that happens."""

    rule: str
    args: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For a case file."""
        return {"rule": self.rule, **self.args}


def action(rule: str, **args: Any) -> Action:
    """An action by keyword."""
    return Action(rule, args)


def from_json(data: Any, number: int) -> Action:
    """An action of a case file, checked: the rule is known and its arguments fit."""
    if not isinstance(data, dict):
        raise InputError(
            f"action {number} is no object",
            next_step='write it like {"rule": "poke", "market": 1}',
        )
    args = dict(data)
    name = args.pop("rule", None)
    if not isinstance(name, str) or name not in RULES:
        raise InputError(
            f"action {number} names an unknown rule {name!r}",
            next_step=f"known are {', '.join(sorted(RULES))}",
        )
    signature = inspect.signature(RULES[name])
    asked = list(signature.parameters.values())[1:]  # the machine is not in the file
    try:
        signature.bind(None, **args)
    except TypeError as error:
        raise InputError(
            f"action {number} ({name}): {error}",
            next_step=f"{name} takes {', '.join(each.name for each in asked)}",
        ) from None
    for each in asked:
        problem = _misfit(each, args[each.name])
        if problem is not None:
            raise InputError(
                f"action {number} ({name}): {each.name} is {problem}",
                next_step="correct it in the file",
            )
    return Action(name, args)


def _misfit(parameter: inspect.Parameter, value: Any) -> str | None:
    """What is wrong with an argument of a case file, if anything."""
    depth = str(parameter.annotation).count("Sequence")
    if not _is_whole(value, depth):
        kinds = ("a whole number", "a list of whole numbers", "a list of lists of whole numbers")
        return f"not {kinds[depth]}"
    if parameter.name in _PEOPLE and not 0 <= value < len(PEOPLE):
        return f"{value}, people are 0 to {len(PEOPLE) - 1}"
    return None


def _is_whole(value: Any, depth: int) -> bool:
    """Whether it is a whole number, or lists of them, nested so deep."""
    if depth == 0:
        return type(value) is int  # true and false are none
    return isinstance(value, list) and all(_is_whole(part, depth - 1) for part in value)


def rule(function: Rule) -> Rule:
    """Register a rule under its function's name."""
    RULES[function.__name__] = function
    return function


# --- traders ----------------------------------------------------------------------------------


@rule
def deposit(m: Machine, who: int, owner: int, sub: int, tokens: int) -> None:
    """`who` pays token units into an account of `owner`."""
    m.call(who, "deposit", m.account(owner, sub), tokens)


@rule
def withdraw(m: Machine, who: int, owner: int, sub: int, tokens: int, to: int) -> None:
    """`who` asks for token units of claims of an account of `owner`."""
    m.call(who, "withdraw", m.account(owner, sub), tokens, m.address(to))


@rule
def settle_one(
    m: Machine, sender: int, maker: Sequence[int], taker: Sequence[int], size: int
) -> None:
    """Two orders (see `Machine.order`) against each other."""
    m.call(sender, "settle_one", m.order(maker), m.order(taker), size)


@rule
def settle(
    m: Machine, sender: int, orders: Sequence[Sequence[int]], matches: Sequence[Sequence[int]]
) -> None:
    """Several orders, several matches, all or none."""
    m.call(sender, "settle", [m.order(o) for o in orders], [Match(*x) for x in matches])


@rule
def try_settle(
    m: Machine, sender: int, orders: Sequence[Sequence[int]], matches: Sequence[Sequence[int]]
) -> None:
    """Several orders, several matches, what fails is skipped."""
    m.call(sender, "try_settle", [m.order(o) for o in orders], [Match(*x) for x in matches])


@rule
def take_with_order(
    m: Machine, sender: int, order: Sequence[int], owner: int, sub: int, size: int
) -> None:
    """A signed liquidation-only order takes over a slice."""
    m.call(sender, "take_with_order", m.order(order), m.account(owner, sub), size)


@rule
def cancel(m: Machine, sender: int, order: Sequence[int]) -> None:
    """One order is void."""
    m.call(sender, "cancel", m.order(order).order)


@rule
def cancel_below(m: Machine, sender: int, owner: int, sub: int, salt: int) -> None:
    """All orders of an account with a lower salt are void."""
    m.call(sender, "cancel_below", m.account(owner, sub), salt)


@rule
def set_agent(
    m: Machine, sender: int, owner: int, sub: int, agent: int, ttl: int, markets: int, size: int
) -> None:
    """A key may trade for an account, for `ttl` seconds."""
    m.call(
        sender,
        "set_agent",
        m.account(owner, sub),
        m.address(agent),
        m.world.now + ttl,
        markets,
        size,
    )


@rule
def revoke_agent(m: Machine, sender: int, owner: int, sub: int, agent: int) -> None:
    """The key may not trade any more."""
    m.call(sender, "revoke_agent", m.account(owner, sub), m.address(agent))


@rule
def set_leverage_class(
    m: Machine, sender: int, owner: int, sub: int, market: int, leverage_class: int
) -> None:
    """Choose a leverage class."""
    m.call(sender, "set_leverage_class", m.account(owner, sub), market, leverage_class)


@rule
def open_isolated(m: Machine, sender: int, sub: int) -> None:
    """A sub-account with one market for ever."""
    m.call(sender, "open_isolated", sub)


# --- prices and time --------------------------------------------------------------------------


@rule
def price(m: Machine, market: int, prices: Sequence[int]) -> None:
    """A new round of each feed of a market (wad; 0: this feed stays silent), and a poke."""
    for number, answer in enumerate(prices):
        if answer:
            m.call(m.KEEPER, "set_answer", market, number, answer // 10**10)
    m.call(m.KEEPER, "poke", market)


@rule
def stop_feed(m: Machine, market: int, number: int, updated_at: int) -> None:
    """A round whose time is 0 (in progress), old, or ahead of the chain."""
    answer = m.world.markets[market].feeds[number].answer
    m.call(m.KEEPER, "set_round", market, number, answer, updated_at)


@rule
def sequencer(m: Machine, answer: int, since: int) -> None:
    """A round of the sequencer's feed: 0 up, 1 down, since when (unix seconds)."""
    m.call(m.KEEPER, "set_sequencer", answer, since)


@rule
def silence(m: Machine, seconds: int) -> None:
    """Time passes, and nobody does anything."""
    m.advance(seconds)


@rule
def wait(m: Machine, seconds: int, refresh: int) -> None:
    """Time passes; with `refresh` living feeds report again before their answer is stale."""
    m.advance(seconds)
    now = m.world.now + seconds
    if refresh:
        for market in MARKETS:
            state = m.world.markets[market]
            for number, feed in enumerate(state.feeds):
                if feed.updated_at and now - feed.updated_at > state.rules.max_age_s[number] // 2:
                    m.call(m.KEEPER, "set_answer", market, number, feed.answer)
    m.call(m.KEEPER, "poke", MARKETS[seconds % len(MARKETS)])


@rule
def poke(m: Machine, market: int) -> None:
    """Refresh a mark."""
    m.call(m.KEEPER, "poke", market)


# --- keepers and liquidators ------------------------------------------------------------------


@rule
def start(m: Machine, sender: int, owner: int, sub: int) -> None:
    """Open an auction."""
    m.call(sender, "start", m.account(owner, sub))


@rule
def take(
    m: Machine,
    sender: int,
    owner: int,
    sub: int,
    market: int,
    size: int,
    limit: int,
    into: int,
    into_sub: int,
) -> None:
    """Take over a slice; `limit` 0 and `MAX_LIMIT` accept any price of a short and a long."""
    m.call(
        sender,
        "take",
        m.account(owner, sub),
        market,
        size,
        limit,
        m.account(into, into_sub),
    )


@rule
def touch(m: Machine, sender: int, owner: int, sub: int) -> None:
    """Re-test an auction."""
    m.call(sender, "touch", m.account(owner, sub))


@rule
def remark(m: Machine, sender: int, owner: int, sub: int) -> None:
    """Re-mark a reservation."""
    m.call(sender, "remark", m.account(owner, sub))


@rule
def resolve(m: Machine, sender: int, max_buckets: int) -> None:
    """Work on the queue of started accounts."""
    m.call(sender, "resolve", max_buckets)


@rule
def sync(m: Machine, sender: int, owner: int, sub: int, market: int) -> None:
    """Write back what happened to a position."""
    m.call(sender, "sync", m.account(owner, sub), market)


# --- insurers ---------------------------------------------------------------------------------


@rule
def insure(m: Machine, sender: int, senior: int, tokens: int, receiver: int) -> None:
    """Deposit token units into a vault."""
    m.call(sender, _vault(senior, "deposit"), tokens, m.address(receiver))


@rule
def mint_shares(m: Machine, sender: int, senior: int, shares: int, receiver: int) -> None:
    """Buy a number of shares."""
    m.call(sender, _vault(senior, "mint"), shares, m.address(receiver))


@rule
def request_withdrawal(m: Machine, sender: int, senior: int, shares: int) -> None:
    """Announce leaving."""
    m.call(sender, _vault(senior, "request_withdrawal"), shares)


@rule
def redeem(m: Machine, sender: int, senior: int, shares: int, receiver: int, owner: int) -> None:
    """Leave with a number of shares."""
    m.call(sender, _vault(senior, "redeem"), shares, m.address(receiver), m.address(owner))


@rule
def withdraw_assets(
    m: Machine, sender: int, senior: int, tokens: int, receiver: int, owner: int
) -> None:
    """Leave with a number of token units."""
    m.call(sender, _vault(senior, "withdraw"), tokens, m.address(receiver), m.address(owner))


@rule
def transfer_shares(m: Machine, sender: int, senior: int, to: int, shares: int) -> None:
    """Hand shares to somebody."""
    m.call(sender, _vault(senior, "transfer"), m.address(to), shares)


@rule
def clear_lapsed(m: Machine, sender: int, senior: int, owner: int) -> None:
    """Clear a request whose window is over."""
    m.call(sender, _vault(senior, "clear_lapsed"), m.address(owner))


@rule
def contribute(m: Machine, sender: int, tokens: int) -> None:
    """Give token units to everybody."""
    m.call(sender, "contribute", tokens)


@rule
def donate(m: Machine, sender: int, place: int, tokens: int) -> None:
    """Send tokens to custody (0), junior (1) or senior (2), outside of any function."""
    m.call(sender, "token_transfer", m.contracts[("custody", "junior", "senior")[place]], tokens)


@rule
def forward_donation(m: Machine, sender: int, senior: int) -> None:
    """A vault hands on what was sent to it."""
    m.call(sender, _vault(senior, "forward_donation"))


@rule
def sweep_fees(m: Machine, sender: int) -> None:
    """Fees go to the vaults."""
    m.call(sender, "sweep_fees")


# --- owner and attacker -----------------------------------------------------------------------


@rule
def set_limits(m: Machine, sender: int, layer: int, global_ppm: int, market_ppm: int) -> None:
    """Rolling limits of a layer."""
    m.call(sender, "set_limits", layer, (global_ppm, market_ppm))


@rule
def set_market_limit(m: Machine, sender: int, layer: int, market: int, ppm: int) -> None:
    """Rolling limit of a layer for one market."""
    m.call(sender, "set_market_limit", layer, market, ppm)


@rule
def set_concession_budget(m: Machine, sender: int, ppm: int) -> None:
    """What the junior vault may add to concessions."""
    m.call(sender, "set_concession_budget", ppm)


@rule
def set_params(m: Machine, sender: int, params: Sequence[int]) -> None:
    """Auction parameters."""
    m.call(sender, "set_params", tuple(params))


@rule
def set_risk_terms(m: Machine, sender: int, market: int, terms: Sequence[int]) -> None:
    """How a market weighs its mark's moves; in the order of `plimsoll.model.risk.RiskTerms`."""
    m.call(sender, "set_risk_terms", market, tuple(terms))


@rule
def settle_market(m: Machine, sender: int, market: int) -> None:
    """Wind a market down."""
    m.call(sender, "settle_market", market)


@rule
def set_buffer_terms(m: Machine, sender: int, market: int, terms: Sequence[int]) -> None:
    """How capital backs a market, as `plimsoll.model.backing.BufferTerms`; zeros: not at all."""
    m.call(sender, "set_buffer_terms", market, tuple(terms))


@rule
def set_concentration(m: Machine, sender: int, market: int, terms: Sequence[int]) -> None:
    """What counts as large, as `plimsoll.model.concentration.Concentration`; zeros: nothing."""
    m.call(sender, "set_concentration", market, tuple(terms))


@rule
def attack(m: Machine, sender: int, number: int, victim: int, amount: int) -> None:
    """A function that obeys one role only, called by somebody else."""
    contract, function, args = role_call(m, number, m.account(victim, 0), amount, sender)
    m.call(sender, "attempt", contract, function, *args)


def _vault(senior: int, function: str) -> str:
    return f"{'senior' if senior else 'junior'}_{function}"
