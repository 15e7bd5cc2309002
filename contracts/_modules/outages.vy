# pragma version 0.4.3
"""
@title Outages of a market's price, and the grace that follows
@notice outage word: began 40 | resumed 40 | grace until 40 | window start 40 | granted 16 | settled at 40 | lost at 40

        While a market has no price nobody in it can add margin by trading, and the price that comes back may be far
        off. So for as long as the outage lasted, at most half an hour, nobody is taken from or resolved in the market,
        and auction clocks stand still from the loss of the price to the end of this *grace*: one *stop*. The graces of
        a window of a day, which opens with its first one, are at most an hour together.

        Only what a poke has seen counts, and what the rollup's sequencer says about the time in which nobody could
        poke: see docs/adr/0014. A price lost again during the grace continues the stop, and what is left of the grace is
        given back, so that a flicker of the feed cuts nothing short.

        The word is read and written by pokes that lose or find the price, and while WAITING is set; a market with a
        price that is poked every five minutes never looks at it.
"""

from contracts._modules import ledger
from interfaces import IClearinghouse

uses: ledger


# Times of the stop, packed into the word in this order.
struct State:
    began: uint256  # timestamp: the stop
    resumed: uint256  # timestamp: the price
    grace_until: uint256  # timestamp; 0 while there is no price
    window_start: uint256  # timestamp of the first grace of the window
    granted: uint256  # seconds of grace in the window
    settled_at: uint256  # timestamp of the wind-down; 0: none
    lost_at: uint256  # timestamp of the poke that found the price gone


GRACE_MAX_SECONDS: constant(uint256) = 1_800
GRACE_BUDGET_SECONDS: constant(uint256) = 3_600
GRACE_WINDOW_SECONDS: constant(uint256) = 86_400
GAP_SECONDS: constant(uint256) = 300  # between pokes, from which on the sequencer is asked
DEAD_SECONDS: constant(
    uint256
) = 259_200  # without a price, after which anybody may settle the market
SETTLE_WINDOW_SECONDS: constant(uint256) = 3_600  # from settlement to conversion

_TIME: constant(uint256) = 2**40 - 1


@internal
@pure
def _unpacked(word: uint256) -> State:
    """
    @dev The fields of an outage word.
    """
    return State(
        began=word & _TIME,
        resumed=word >> 40 & _TIME,
        grace_until=word >> 80 & _TIME,
        window_start=word >> 120 & _TIME,
        granted=word >> 160 & (2**16 - 1),
        settled_at=word >> 176 & _TIME,
        lost_at=word >> 216,
    )


@internal
@pure
def _packed(state: State) -> uint256:
    """
    @dev An outage word; times fit until the year 36,000.
    """
    return (
        state.began
        | state.resumed << 40
        | state.grace_until << 80
        | state.window_start << 120
        | state.granted << 160
        | state.settled_at << 176
        | state.lost_at << 216
    )


@internal
@pure
def _grace_until(word: uint256) -> uint256:
    """
    @dev When the last grace ends or has ended.
    """
    return word >> 80 & _TIME


@internal
@view
def _is_open(status: uint256, word: uint256) -> bool:
    """
    @dev Whether positions may be frozen and closed by a resolve: there is a price and no grace, or the market is settled and
         does not convert yet.
    """
    if status & ledger.SETTLED != 0:
        return block.timestamp < self._converts_at(word)
    return status & (ledger.PRICED | ledger.WAITING) == ledger.PRICED


@internal
@view
def _converts(status: uint256, word: uint256) -> bool:
    """
    @dev Whether positions of a settled market may be turned into cash now. A frozen resolve in it is finished first.
    """
    return status & ledger.FUNDING_FROZEN == 0 and block.timestamp >= self._converts_at(word)


@internal
@pure
def _converts_at(word: uint256) -> uint256:
    """
    @dev From when on positions of a settled market can be turned into cash.
    """
    return (word >> 176 & _TIME) + SETTLE_WINDOW_SECONDS


# --- transitions -----------------------------------------------------------------------------


@internal
def _note(
    market: uint256, clock: uint256, status: uint256, resumed_at: uint256
) -> (uint256, uint256):
    """
    @dev Stores and logs what a poke now does to a market's outage word. Returns the status with WAITING as it shall be,
         and when the last grace ends.
    """
    before: uint256 = ledger.outage_words[market]
    state: State = self._after_poke(before, clock, status, resumed_at)
    word: uint256 = self._packed(state)
    if word != before:
        ledger.outage_words[market] = word
        if status & ledger.PRICED == 0:
            log IClearinghouse.OutageBegan(market=market)
        else:
            log IClearinghouse.OutageEnded(
                market=market, seconds=state.resumed - state.began, grace_until=state.grace_until
            )
    return self._with_waiting(status, state), state.grace_until


@internal
@view
def _stop_after(
    word: uint256, clock: uint256, status: uint256, resumed_at: uint256
) -> (uint256, uint256, bool):
    """
    @dev The last stop after a poke now, and whether positions can be resolved then.
    """
    state: State = self._after_poke(word, clock, status, resumed_at)
    if status & (ledger.PRICED | ledger.SETTLED) == 0:
        return state.began, block.timestamp, False
    open: bool = self._is_open(self._with_waiting(status, state), word)
    return state.began, max(state.resumed, state.grace_until), open


@internal
@view
def _with_waiting(status: uint256, state: State) -> uint256:
    """
    @dev A status with WAITING as the grace says now.
    """
    if status & ledger.PRICED != 0 and block.timestamp < state.grace_until:
        return status | ledger.WAITING
    return status & ~ledger.WAITING


@internal
@view
def _after_poke(word: uint256, clock: uint256, status: uint256, resumed_at: uint256) -> State:
    """
    @dev What the outage word says after a poke now, see `RegistryEngine.note_outage`.
    """
    state: State = self._unpacked(word)
    poked_at: uint256 = clock >> 40 & _TIME
    had_price: bool = clock >> 224 & ledger.PRICED != 0
    has_price: bool = status & ledger.PRICED != 0
    if had_price and not has_price:
        state = self._lost(state, poked_at if resumed_at != 0 else block.timestamp)
        state.lost_at = block.timestamp
    elif has_price and not had_price:
        state = self._found(state, block.timestamp)
    elif has_price and resumed_at != 0:
        # nobody could poke meanwhile: lost with the poke before, found when the sequencer was back
        state = self._found(self._lost(state, poked_at), min(resumed_at, block.timestamp))
    return state


@internal
@pure
def _lost(state: State, since: uint256) -> State:
    """
    @dev The price is gone since then. A grace that still ran is part of the same stop and gives back what is left of it.
    """
    changed: State = state
    if state.grace_until > since:
        changed.granted -= min(state.granted, state.grace_until - since)
    else:
        changed.began = since
    changed.grace_until = 0
    return changed


@internal
@pure
def _found(state: State, since: uint256) -> State:
    """
    @dev The price is back since then, and the grace begins, as long as the budget of the window goes.
    """
    changed: State = state
    changed.resumed = since
    if since >= state.window_start + GRACE_WINDOW_SECONDS:
        changed.window_start = since
        changed.granted = 0
    grace: uint256 = min(
        min(since - state.began, GRACE_MAX_SECONDS), GRACE_BUDGET_SECONDS - changed.granted
    )
    changed.grace_until = since + grace
    changed.granted += grace
    return changed


@internal
@view
def _settled(word: uint256, priced: bool) -> uint256:
    """
    @dev The word of a market that is wound down now: whatever stopped its clocks ends.
    """
    state: State = self._unpacked(word)
    if not priced:
        state.resumed = block.timestamp
    state.grace_until = min(state.grace_until, block.timestamp)
    state.settled_at = block.timestamp
    return self._packed(state)
