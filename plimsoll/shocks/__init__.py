"""Stress view: what a table of price shocks would do to one account and to the whole venue.

Nothing is sent and nothing is changed. Equity, losses and what each layer would pay are the
contracts' own figures (`Lens.dry_run` at shocked prices); margins follow the same brackets in
integers. What an account's own broker guarantees pays first, and for that account alone. The
brokers' guaranty fund, which pays after the senior vault, is in no sum. `docs/stress-view.md` says
what the figures mean and what they leave out.

    from plimsoll.shocks import account_view, find_accounts, grid, venue_view

    shocks = grid(sorted(client.deployment.markets.values()))
    view = venue_view(client, find_accounts(client), shocks)
    view.largest_down.survived       # ppm that cover-2 survives if all markets fall together

Amounts and prices are wad (1e18), moves ppm (1e-6), rates ray (1e27) unless a name says otherwise.
"""

from plimsoll.shocks.account import AccountView, account_view
from plimsoll.shocks.cover import Cover, Frontier
from plimsoll.shocks.grid import DEFAULT_MOVES, Shock, grid, parse_moves
from plimsoll.shocks.holders import find_accounts
from plimsoll.shocks.venue import VenueView, venue_view

__all__ = [
    "DEFAULT_MOVES",
    "AccountView",
    "Cover",
    "Frontier",
    "Shock",
    "VenueView",
    "account_view",
    "find_accounts",
    "grid",
    "parse_moves",
    "venue_view",
]
