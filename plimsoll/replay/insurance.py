"""The two vaults before the first wave: filled, or empty.

A vault is never quite empty: one token of each was deposited with the deployment and belongs to
nobody. To switch the waterfall off its limits go to the lowest the contract allows, a tenth of
a vault a day, and an account without any connection to the day's holdings uses that up.
"""

from __future__ import annotations

from typing import Final

from plimsoll.accounts import account_id
from plimsoll.replay.bankrupt import JUMP_PPM, MAX_BUCKETS, open_bankrupt
from plimsoll.replay.opening import fund_dealer
from plimsoll.replay.population import MARK
from plimsoll.replay.venue import AUCTION_S, TOKEN, Venue
from plimsoll.units import PPM, WAD

BROKER, JUNIOR, SENIOR, FUND = 2, 3, 4, 5

_LOWEST_PPM: Final = 100_000
_REHEARSAL_LOSS: Final = 10 * WAD
_REHEARSAL_SIZE: Final = 100 * WAD


def fill(venue: Venue, amount: int, junior_ppm: int) -> None:
    """Put `amount` (wad) into both vaults together, this part of it into the junior one."""
    tokens = amount // TOKEN
    junior = tokens * junior_ppm // PPM
    client = venue.client
    owner = str(client.junior.read("owner"))
    for vault, part, receiver in (
        (client.junior, junior, owner),
        (client.senior, tokens - junior, venue.bank),
    ):
        if part:
            venue.call(vault, "deposit", part, receiver)


def switch_off(venue: Venue, market: int) -> None:
    """Use up what the empty vaults can pay in a day, by a small loss in a market of its own."""
    waterfall = venue.client.waterfall
    owner = str(waterfall.read("owner"))
    for layer in (JUNIOR, SENIOR):
        venue.call(waterfall, "set_limits", layer, (_LOWEST_PPM, PPM), sender=owner)
    fund_dealer(venue, market, 100 * _REHEARSAL_LOSS)
    winner = Venue.owner("winner of the rehearsal")
    account = account_id(winner)
    venue.deposit(account, _REHEARSAL_SIZE * MARK // WAD * 2)
    entry = venue.set_mark(market, MARK * PPM // (PPM - JUMP_PPM))
    venue.trade(winner, account, market, -_REHEARSAL_SIZE, entry)
    loser = open_bankrupt(venue, market, "loser of the rehearsal", _REHEARSAL_LOSS)
    liquidator = venue.client.liquidator
    venue.call(liquidator, "start", loser)
    venue.chain.new_block(venue.chain.time + AUCTION_S)
    while venue.client.liquidator.read("auction", loser)["started"]:
        venue.call(liquidator, "resolve", MAX_BUCKETS)
