# pragma version 0.4.3
"""
@title Winding a market down
@notice *Settling* makes the mark of a market final: nothing is traded, taken or accrued there any more, and its
        positions need no margin. For an hour from then on gains count as zero for openings and withdrawals while bankrupt
        accounts are resolved at the final mark, so that nobody leaves with a profit that others must pay. After it
        anybody may *convert* a position to cash at the final mark.
"""

from contracts._modules import ledger
from contracts._modules import outages
from interfaces import IClearinghouse

uses: ledger


@internal
def _settle(market: uint256, by_owner: bool):
    """
    @dev The owner while there is a price, or a scheduled call could be sent in the one block without; anybody after three
         days without one. The market has been poked in this block.
    """
    state: ledger.Market = ledger._fresh_market(market)
    word: uint256 = ledger.outage_words[market]
    assert state.status & ledger.SETTLED == 0, "market: settled"
    priced: bool = state.status & ledger.PRICED != 0
    lost_at: uint256 = outages._unpacked(word).lost_at
    dead: bool = not priced and block.timestamp - lost_at >= outages.DEAD_SECONDS
    assert by_owner and priced or dead, "market: alive"
    # what is under way has been frozen at another mark
    assert (state.status & (ledger.LOCKS | ledger.FUNDING_FROZEN) == 0), "market: being resolved"
    state.status = ledger.SETTLED
    state.rate_ppb = 0
    ledger._store_pulse(market, state)
    ledger._store_clock(market, state)
    ledger.outage_words[market] = outages._settled(word, priced)
    log IClearinghouse.MarketSettled(
        market=market,
        price=state.mark,
        converts_at=block.timestamp + outages.SETTLE_WINDOW_SECONDS,
    )
