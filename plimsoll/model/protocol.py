"""The facade: every public call by the name it has on chain, all or nothing.

    protocol = Protocol(world)
    protocol.call("settle_one", now, block, sender, maker, taker, size_wad)

Calls of the insurance vaults start with `junior_` or `senior_`, those of the settlement token
with `token_`, those of brokers as `plimsoll.model.broker_calls` says. Arguments are as on chain,
but for orders (`plimsoll.model.orders.Offer`), consents (`plimsoll.model.consents.Consent`) and
feeds (market and place in its list, from 0). Addresses are lower case and accounts are integers
(owner, then sub-account). A unit of claims is a wad of the ledger; a token unit is the least of the
token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from plimsoll.model import (
    access,
    auctions,
    broker_calls,
    custody,
    exchange,
    feeds,
    positions,
    prices,
    registry,
    resolution,
    snapshot,
    takes,
    tokens,
    vault_shares,
    vaults,
    waterfall,
)
from plimsoll.model.backing import BufferTerms
from plimsoll.model.concentration import Concentration
from plimsoll.model.orders import Offer
from plimsoll.model.risk import RiskTerms
from plimsoll.model.snapshot import Snapshot
from plimsoll.model.state import AuctionParams, World, require
from plimsoll.orders import Match, Order


class Protocol:
    """A world and its public calls.

    The methods below take the sender first and run as they are; `call` sets the time, and puts the
    world back when the call fails. `plimsoll.model.example` has a world to begin with. To look:
    `margin.health(world, account)`, `margin.leg(world, account, market)` and `queues.queue(world,
    market, long)`, whose names end in their units; orders are made by `orders.signed(order)`.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def call(self, name: str, now: int, block: int, sender: str, *args: Any) -> Any:
        """Run one call as a transaction of its own, at a time (unix seconds) in a block.

        Raises `Refused` where the chain would revert. Whatever is raised, only time has passed.
        `world.close` lists afterwards what was decided within the rounding bounds.
        """
        world = self.world
        world.now = now
        world.block = block
        world.close = []
        world.verdicts = []
        world.closed_places = world.charged_places = 0
        before = snapshot.save(world)
        kind, _, rest = name.partition("_")
        try:
            if kind in ("junior", "senior"):
                vault = world.junior if kind == "junior" else world.senior
                return _VAULT_CALLS[rest](world, vault, sender, *args)
            if name in broker_calls.CALLS:
                return broker_calls.CALLS[name](world, sender, *args)
            return _CALLS[name](self, sender, *args)
        except BaseException:
            snapshot.restore(world, before)
            raise

    def save(self) -> Snapshot:
        """The world as it is now."""
        return snapshot.save(self.world)

    def restore(self, saved: Snapshot) -> None:
        """Bring the world back to what was saved of it."""
        snapshot.restore(self.world, saved)

    # --- exchange -----------------------------------------------------------------------

    def settle_one(self, sender: str, maker: Offer, taker: Offer, size: int) -> None:
        """Settle one pair; `size` wad of base units, not negative."""
        exchange.settle_one(self.world, sender, maker, taker, size)

    def settle(self, sender: str, orders: Sequence[Offer], matches: Sequence[Match]) -> None:
        """Settle a batch, all or none; sizes of matches are wad."""
        exchange.settle(self.world, sender, orders, matches)

    def try_settle(self, sender: str, orders: Sequence[Offer], matches: Sequence[Match]) -> int:
        """Settle what can be settled of a batch, sizes wad; returns the number of matches done."""
        return exchange.try_settle(self.world, sender, orders, matches)

    def take_with_order(self, sender: str, signed: Offer, account: int, size: int) -> int:
        """Take a slice of `account` for a signed order, at most `size` wad; returns wad taken."""
        return exchange.take_with_order(self.world, sender, signed, account, size)

    def cancel(self, sender: str, order: Order) -> None:
        """Void one order."""
        exchange.cancel(self.world, sender, order)

    def cancel_below(self, sender: str, account: int, salt: int) -> None:
        """Void all orders of an account with a lower salt."""
        exchange.cancel_below(self.world, sender, account, salt)

    def set_agent(
        self, sender: str, account: int, agent: str, expiry: int, markets: int, max_size: int
    ) -> None:
        """Let a key trade until `expiry` (unix seconds), in `markets` (bitmap, 0: all).

        `max_size` (wad) bounds each order.
        """
        exchange.set_agent(self.world, sender, account, agent, expiry, markets, max_size)

    def revoke_agent(self, sender: str, account: int, agent: str) -> None:
        """Take a key's permit away."""
        exchange.revoke_agent(self.world, sender, account, agent)

    # --- clearinghouse ------------------------------------------------------------------

    def poke(self, _sender: str, market: int) -> tuple[int, bool]:
        """Mark of this block (wad) and whether there is one."""
        return prices.poke(self.world, market)

    def sync(self, _sender: str, account: int, market: int) -> bool:
        """Write back what funding and ADL did to a position, 8 epochs a call; whether it is all."""
        return positions.sync(self.world, account, market)

    def open_isolated(self, sender: str, subaccount: int) -> int:
        """Open a sub-account (below 2^96) of the sender for one market; returns the account."""
        return registry.open_isolated(self.world, sender, subaccount)

    def set_leverage_class(
        self, sender: str, account: int, market: int, leverage_class: int
    ) -> None:
        """Choose a class while flat: 0 to 4 stand for 1x, 2x, 5x, 10x, 20x."""
        registry.set_leverage_class(self.world, sender, account, market, leverage_class)

    def set_risk_terms(
        self, sender: str, market: int, terms: tuple[int, int, int, int, int, int]
    ) -> None:
        """How a market weighs its mark's moves, as `RiskTerms` (seconds, ppm); owner only."""
        access.only_owner(self.world, sender)
        registry.set_risk_terms(self.world, market, RiskTerms(*terms))

    def settle_market(self, sender: str, market: int) -> None:
        """Wind a market down: the owner at any time, anybody after three days without a price."""
        registry.settle_market(self.world, sender, market)

    def set_buffer_terms(self, sender: str, market: int, terms: tuple[int, int, int]) -> None:
        """How insurance capital backs a market, as `BufferTerms` (ppm); owner only."""
        access.only_owner(self.world, sender)
        registry.set_buffer_terms(self.world, market, BufferTerms(*terms))

    def set_concentration(self, sender: str, market: int, terms: tuple[int, int, int]) -> None:
        """What counts as a large position, as `Concentration` (percent, code); owner only."""
        access.only_owner(self.world, sender)
        registry.set_concentration(self.world, market, Concentration(*terms))

    # --- liquidator ---------------------------------------------------------------------

    def start(self, _sender: str, account: int) -> None:
        """Start an auction."""
        resolution.start(self.world, account)

    def take(
        self, sender: str, account: int, market: int, size: int, limit_price: int, into: int
    ) -> int:
        """Take up to `size` wad into an own account, at `limit_price` wad or better; wad taken."""
        return takes.take(self.world, sender, account, market, size, limit_price, into)

    def touch(self, sender: str, account: int) -> None:
        """Re-test an account under liquidation."""
        from_exchange = sender == self.world.addresses["exchange"]
        resolution.touch(self.world, account, from_exchange=from_exchange)

    def remark(self, _sender: str, account: int) -> None:
        """Poke the account's markets and re-test it."""
        resolution.remark(self.world, account)

    def resolve(self, _sender: str, max_buckets: int) -> bool:
        """Work on the queue, up to a number of buckets; returns whether an account is done."""
        return resolution.resolve(self.world, max_buckets)

    def set_params(self, sender: str, params: tuple[int, int, int, int, int, int]) -> None:
        """Auction parameters, as `AuctionParams` (ppm; the duration in seconds); owner only."""
        access.only_owner(self.world, sender)
        auctions.set_params(self.world, AuctionParams(*params))

    # --- custody ------------------------------------------------------------------------

    def deposit(self, sender: str, account: int, amount: int) -> None:
        """Bring token units in from the sender; the account gets claims."""
        custody.deposit(self.world, sender, account, amount)

    def withdraw(self, sender: str, account: int, amount: int, receiver: str) -> int:
        """Pay out claims worth `amount` token units at ρ = 1; returns the token units paid."""
        return custody.withdraw(self.world, sender, account, amount, receiver)

    def contribute(self, sender: str, amount: int) -> None:
        """Give token units to all claims."""
        custody.contribute(self.world, sender, amount)

    def sweep_fees(self, sender: str) -> None:
        """Send fees to the vaults."""
        custody.sweep_fees(self.world, sender)

    # a permit that fails does no harm where an allowance stands
    deposit_with_permit = deposit

    # --- waterfall ----------------------------------------------------------------------

    def set_limits(self, sender: str, layer: int, limits: tuple[int, int]) -> None:
        """Limits of layer 3 or 4, in all and for one market, ppm of its assets; owner only."""
        access.only_owner(self.world, sender)
        waterfall.set_limits(self.world, layer, *limits)

    def set_market_limit(self, sender: str, layer: int, market: int, market_ppm: int) -> None:
        """A market's own limit in a layer, ppm of its assets, 0: the layer's; owner only."""
        access.only_owner(self.world, sender)
        waterfall.set_market_limit(self.world, layer, market, market_ppm)

    def set_concession_budget(self, sender: str, budget_ppm: int) -> None:
        """Budget for insurance concessions, ppm of the junior vault's assets a day; owner only."""
        access.only_owner(self.world, sender)
        waterfall.set_concession_budget(self.world, budget_ppm)

    # --- prices -------------------------------------------------------------------------

    def set_market(
        self,
        sender: str,
        market: int,
        choices: Sequence[tuple[int, int, int]],
        quorum: int,
        max_deviation_ppm: int,
    ) -> None:
        """The feed list: (place so far, heartbeat, staleness in seconds) each; owner only."""
        access.only_owner(self.world, sender)
        feeds.set_market(self.world, market, choices, quorum, max_deviation_ppm)

    def set_answer(self, _sender: str, market: int, place: int, answer: int) -> None:
        """A round of this moment of a test feed; the price in its decimals, 8 unless said."""
        feeds.set_round(self.world, market, place, answer, self.world.now)

    def set_round(
        self, _sender: str, market: int, place: int, answer: int, updated_at: int
    ) -> None:
        """As `set_answer`, for a round of any time (unix seconds; 0: not complete)."""
        feeds.set_round(self.world, market, place, answer, updated_at)

    def set_sequencer(self, _sender: str, answer: int, started_at: int) -> None:
        """A round of the sequencer's test feed: 0 up, 1 down, since when (unix seconds)."""
        feeds.set_sequencer(self.world, answer, started_at)

    # --- token, attackers ---------------------------------------------------------------

    def token_mint(self, _sender: str, to: str, amount: int) -> None:
        """Token units for anybody."""
        require(to != tokens.ZERO_ADDRESS, "erc20: mint to the zero address")
        self.world.tokens[to] = tokens.balance(self.world, to) + amount

    def token_approve(self, _sender: str, _spender: str, _amount: int) -> bool:
        """Let a contract pull token units: the model takes everybody to have done so."""
        return True

    def token_transfer(self, sender: str, to: str, amount: int) -> bool:
        """Send token units; sent to one of our contracts they are a gift that nobody counts."""
        tokens.transfer(self.world, sender, to, amount)
        return True

    def attempt(self, sender: str, contract: str, function: str, *args: Any) -> None:
        """Call what obeys one role only, without having it; arguments as that function has them."""
        access.refuse_outsider(self.world, sender, contract, function, args)


_NO_CALLS: Final = ("call", "save", "restore")
_CALLS: Final[dict[str, Callable[..., Any]]] = {
    name: method
    for name, method in vars(Protocol).items()
    if not name.startswith("_") and name not in _NO_CALLS
}

_VAULT_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "deposit": vaults.deposit,
    "mint": vaults.mint,
    "withdraw": vaults.withdraw,
    "redeem": vaults.redeem,
    "request_withdrawal": vault_shares.request_withdrawal,
    "clear_lapsed": vault_shares.clear_lapsed,
    "forward_donation": vaults.forward_donation,
    "transfer": vault_shares.transfer,
    "transferFrom": vault_shares.transfer_from,
    "approve": vault_shares.approve,
    "pay_loss": vaults.pay_loss,
    "receive_fees": vaults.receive_fees,
}
