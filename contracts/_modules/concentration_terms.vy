# pragma version 0.4.3
"""
@title Where a market keeps its concentration terms
@notice In the status field of its clock word, from bit 8 on (contracts/_lib/concentration.vy): fills and pokes have
        it in hand.
"""

from contracts._lib import concentration
from contracts._modules import ledger
from interfaces import IClearinghouse

uses: ledger


@internal
def _store(market: uint256, terms: IClearinghouse.Concentration):
    """
    @dev Checks the hard bounds and packs. All zero takes the terms away.
    """
    assert ledger.market_terms[market] != 0, "market: unknown"
    clock: uint256 = ledger.market_clock[market]
    assert clock >> 224 & ledger.SETTLED == 0, "market: settled"
    assert terms.share_percent <= 31, "concentration: bad share"
    if terms.share_percent == 0:
        assert terms.rate_percent == 0, "concentration: bad rate"
        assert terms.floor_code == 0, "concentration: bad floor"
    else:
        assert (terms.rate_percent >= 1 and terms.rate_percent <= 50), "concentration: bad rate"
        assert terms.floor_code <= 15, "concentration: bad floor"
    word: uint256 = concentration._packed(terms.share_percent, terms.rate_percent, terms.floor_code)
    ledger.market_clock[market] = (
        clock & ~(concentration.TERMS << concentration.PLACE) | word << concentration.PLACE
    )
    log IClearinghouse.ConcentrationSet(market=market, terms=terms)


@internal
@pure
def _unpacked(status: uint256) -> IClearinghouse.Concentration:
    """
    @dev The terms in a market's status, field by field.
    """
    terms: uint256 = concentration._of_status(status)
    return IClearinghouse.Concentration(
        share_percent=concentration._share_percent(terms),
        rate_percent=concentration._rate_percent(terms),
        floor_code=concentration._floor_code(terms),
    )
