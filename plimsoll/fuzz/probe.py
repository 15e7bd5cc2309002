"""The whole observable state of a deployment in one call, and its raw bytes as plain numbers.

`contracts/mocks/StateProbe.vy` asks the contracts' views and returns structs of whole words;
here the words are cut out by position, without an ABI decoder. Units are those of the views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple

from eth_utils.crypto import keccak

from plimsoll.chain import Rpc
from plimsoll.fuzz.broker_states import BrokersState

_TOP: Final = 1 << 255
_QUESTIONS_KEPT: Final = 4_096
_ARGUMENTS: Final = "(uint256[],uint256[],uint256[],address[])"
_STATE: Final = keccak(text=f"state{_ARGUMENTS}")[:4]
_POKED_STATE: Final = keccak(text=f"poked_state{_ARGUMENTS}")[:4]


class AccountState(NamedTuple):
    """One account; the auction's fields are zero unless it runs."""

    account: int
    started: int
    markets: int
    """How many it is registered in."""
    equity: int
    equity_im: int
    mm: int
    im: int
    cash: int
    priced: int
    shield: int
    auction_started: int
    auction_block: int
    auction_weights: int
    auction_place: int
    auction_elapsed: int
    broker_reserved: int
    junior_reserved: int
    senior_reserved: int
    fund_reserved: int


class LegState(NamedTuple):
    """One position, as `IClearinghouse.Leg`."""

    account: int
    market: int
    size: int
    entry: int
    accrued: int
    mark: int
    priced: int
    notional: int
    mm: int
    im: int
    mm_rate_ppm: int
    leverage_class: int


class MarketState(NamedTuple):
    """One market: its mark (wad), funding (ray and ppb per hour), open interest (wad), its risk as
    `IClearinghouse.Risk`: EMA (wad), stress factors above 1, annual volatility, holds; when auction
    clocks stood still (unix seconds), and whether accounts may be resolved there; the cap that
    insurance capital backs (wad of notional) with its terms, and what counts as a large position.
    """

    market: int
    mark: int
    priced: int
    funding_index: int
    funding_rate_ppb: int
    long_interest: int
    short_interest: int
    ema: int
    s_im_ppm: int
    s_mm_ppb: int
    volatility_ppm: int
    longs_held: int
    shorts_held: int
    hold_until: int
    stopped_from: int
    stopped_until: int
    open: int
    buffer_cap: int
    kappa_ppm: int
    share_ppm: int
    gap_ppm: int
    share_percent: int
    rate_percent: int
    floor_code: int


class HolderState(NamedTuple):
    """What an address holds of the settlement token and of both vaults, and its requests."""

    holder: int
    tokens: int
    junior_shares: int
    senior_shares: int
    junior_request: int
    """Shares that may be redeemed."""
    junior_opens: int
    senior_request: int
    senior_opens: int


class Books(NamedTuple):
    """What belongs to nobody in particular; `job_…` as `IClearinghouse.AdlJob`."""

    backing: int
    unvested: int
    fees_in_transit: int
    custody_balance: int
    uncounted: int
    claims: int
    redemption_rate: int
    trading_fees: int
    insurance_fees: int
    junior_assets: int
    junior_balance: int
    junior_supply: int
    junior_requested: int
    junior_generation: int
    junior_reserved: int
    junior_offered: int
    senior_assets: int
    senior_balance: int
    senior_supply: int
    senior_requested: int
    senior_generation: int
    senior_reserved: int
    senior_offered: int
    exits_blocked: int
    resolving: int
    job_account: int
    job_started: int
    job_deficit: int
    job_reserved: int
    job_uncovered: int
    job_credited: int
    job_legs: int
    job_leg: int
    job_phase: int
    main_head: int
    main_end: int
    urgent_head: int
    urgent_end: int
    capital: int


@dataclass(slots=True)
class State:
    """Everything that was asked for. Flags are 0 or 1."""

    books: Books
    accounts: dict[int, AccountState]
    legs: dict[tuple[int, int], LegState]
    """By account and market; those of an account in the order they were opened."""
    markets: dict[int, MarketState]
    holders: dict[int, HolderState]
    """By address, as a number."""
    brokers: BrokersState = field(default_factory=BrokersState)
    """What `plimsoll.fuzz.broker_probe` has read."""


_BOOKS_WORDS: Final = len(Books._fields)
_ACCOUNT_WORDS: Final = len(AccountState._fields)
_LEG_WORDS: Final = len(LegState._fields)
_MARKET_WORDS: Final = len(MarketState._fields)
_HOLDER_WORDS: Final = len(HolderState._fields)


class StateProbe:
    """A deployed StateProbe. The call data of each question asked is kept."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc = rpc
        self._address = address
        self._questions: dict[tuple[tuple[int, ...], ...], bytes] = {}

    def read(
        self,
        accounts: Sequence[int] = (),
        legs_of: Sequence[int] = (),
        markets: Sequence[int] = (),
        holders: Sequence[int] = (),
        *,
        poked: bool = True,
    ) -> State:
        """The state now; addresses in `holders` are numbers.

        With `poked` the marks are stored first, for this call only, which saves a third of the
        time; without, every view reads its own.
        """
        question = (tuple(accounts), tuple(legs_of), tuple(markets), tuple(holders))
        arguments = self._questions.get(question)
        if arguments is None:
            if len(self._questions) >= _QUESTIONS_KEPT:
                self._questions.clear()
            arguments = self._questions[question] = _arguments(question)
        selector = _POKED_STATE if poked else _STATE
        return decode(self._rpc.eth_call(self._address, selector + arguments))


def _arguments(arrays: Sequence[Sequence[int]]) -> bytes:
    heads, tails = [], []
    position = 32 * len(arrays)
    for array in arrays:
        heads.append(position)
        tails += [len(array), *array]
        position += 32 * (1 + len(array))
    return b"".join(word.to_bytes(32) for word in heads + tails)


def decode(raw: bytes) -> State:
    """The state in what `state` or `poked_state` returned."""
    count = len(raw) // 32
    words = list(map(int.from_bytes, _layout(count).unpack(raw)))
    # word 0 leads to the struct, whose arrays are told where they are after the books
    books = 1 + _BOOKS_WORDS
    accounts, legs, markets, holders = (1 + offset // 32 for offset in words[books : books + 4])
    return State(
        Books._make(words[1:books]),
        _accounts(words, accounts),
        _legs(words, legs),
        _markets(words, markets),
        {
            words[at]: HolderState._make(words[at : at + _HOLDER_WORDS])
            for at in _rows(words, holders, _HOLDER_WORDS)
        },
    )


_layouts: Final[dict[int, Struct]] = {}


def _layout(count: int) -> Struct:
    """So many words; there are few different counts."""
    layout = _layouts.get(count)
    if layout is None:
        layout = _layouts[count] = Struct("32s" * count)
    return layout


def _rows(words: Sequence[int], start: int, width: int) -> range:
    """Where the rows of an array begin, whose length is the word at `start`."""
    return range(start + 1, start + 1 + words[start] * width, width)


def _accounts(words: list[int], start: int) -> dict[int, AccountState]:
    found = {}
    for at in _rows(words, start, _ACCOUNT_WORDS):
        for signed in (at + 3, at + 4, at + 7):
            words[signed] = (words[signed] ^ _TOP) - _TOP
        found[words[at]] = AccountState._make(words[at : at + _ACCOUNT_WORDS])
    return found


def _legs(words: list[int], start: int) -> dict[tuple[int, int], LegState]:
    found = {}
    for at in _rows(words, start, _LEG_WORDS):
        for signed in (at + 2, at + 4):
            words[signed] = (words[signed] ^ _TOP) - _TOP
        leg = LegState._make(words[at : at + _LEG_WORDS])
        found[leg.account, leg.market] = leg
    return found


def _markets(words: list[int], start: int) -> dict[int, MarketState]:
    found = {}
    for at in _rows(words, start, _MARKET_WORDS):
        for signed in (at + 3, at + 4):
            words[signed] = (words[signed] ^ _TOP) - _TOP
        found[words[at]] = MarketState._make(words[at : at + _MARKET_WORDS])
    return found
