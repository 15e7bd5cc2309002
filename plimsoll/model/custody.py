"""Custody: the margin tokens, and what a claim on them is worth.

Amounts of the books are wad, amounts of tokens are token units. The redemption rate is
rho = min(1, backing / claims). After ADL the claims may be some wei off those on chain: where
such an amount meets a whole token unit or another amount, `World.decide` is asked.
"""

from __future__ import annotations

from typing import Final

from plimsoll.model import registry, resolution, tokens, vaults
from plimsoll.model.redemption import backing_now, is_surely_whole, units_down, vesting
from plimsoll.model.rounding import div_down, div_up
from plimsoll.model.state import (
    CASH_BOUND_WAD,
    RAY,
    WAD,
    World,
    owner_of,
    require,
)
from plimsoll.model.tokens import SCALE, ZERO_ADDRESS, word

DEPOSIT_FLOOR: Final = 100  # deposits stop below rho = 1 / 100
VESTING_S: Final = 7 * 86_400


# --- open to everybody ------------------------------------------------------------------------


def deposit(world: World, sender: str, account: int, amount: int) -> None:
    """Take token units from the sender and credit the account at the rate for newcomers."""
    require(amount != 0, "custody: zero amount")
    require(account >> 96 != 0, "custody: zero account")
    accrue(world)
    books = world.custody
    accepted = is_surely_whole(books) or world.decide(
        "custody: redemption too low",
        books.backing * DEPOSIT_FLOOR - books.claims,
        CASH_BOUND_WAD * (DEPOSIT_FLOOR + 1),
    )
    require(accepted, "custody: redemption too low")
    _pull(world, sender, amount)
    units = units_down(amount * SCALE, books.backing + books.unvested, books.claims)
    books.backing += amount * SCALE
    books.claims += units
    registry.credit(world, account, units)
    if world.account(account).started:
        resolution.touch(world, account, from_exchange=False)


def withdraw(world: World, sender: str, account: int, amount: int, receiver: str) -> int:
    """Pay what `amount` token units of claims are worth; returns the token units paid."""
    require(sender == owner_of(account), "custody: only owner")
    require(amount != 0, "custody: zero amount")
    require(receiver not in (ZERO_ADDRESS, world.addresses["custody"]), "custody: bad receiver")
    require(not resolution.is_due(world), "custody: resolve first")
    accrue(world)
    books = world.custody
    units = word(amount * SCALE)
    value = _value_down(units, books.backing, books.claims)
    paid = amount if is_surely_whole(books) else _tokens_down(world, value)
    require(paid != 0, "custody: pays nothing")
    registry.debit(world, account, units)
    _release(world, units, paid * SCALE)
    tokens.transfer(world, world.addresses["custody"], receiver, paid)
    return paid


def contribute(world: World, sender: str, amount: int) -> None:
    """A gift of token units to all claims, vesting over seven days."""
    require(amount != 0, "custody: zero amount")
    accrue(world)
    _pull(world, sender, amount)
    _repay(world, amount * SCALE)


def sweep_fees(world: World, _sender: str) -> None:
    """Turn the ledger's fees into the vaults' tokens, or into a repayment while rho < 1."""
    accrue(world)
    books = world.custody
    uncounted = _uncounted(world)
    trading, insurance = registry.collect_fees(world)
    trading_value = _value_down(trading, books.backing, books.claims)
    insurance_value = _value_down(insurance, books.backing, books.claims)
    _release(world, trading + insurance, trading_value + insurance_value)
    senior_value = _senior_share_down(world, insurance_value)
    books.junior_due += uncounted + trading_value + insurance_value - senior_value
    books.senior_due += senior_value
    if not _is_whole(world):
        due = books.junior_due + books.senior_due
        books.junior_due = books.senior_due = 0
        if due != 0:
            _repay(world, due)
        return
    junior = _tokens_down(world, books.junior_due)
    senior = _tokens_down(world, books.senior_due)
    books.junior_due -= junior * SCALE
    books.senior_due -= senior * SCALE
    for vault, amount in ((world.junior, junior), (world.senior, senior)):
        if amount != 0:
            vaults.receive_fees(world, vault, world.addresses["custody"], amount)


# --- waterfall and liquidator -----------------------------------------------------------------


def receive_draw(world: World, amount: int) -> None:
    """Count token units that a layer has sent: claims at the rate, backing in full."""
    accrue(world)
    books = world.custody
    units = units_down(amount * SCALE, books.backing, books.claims)
    books.backing += amount * SCALE
    books.claims += units


def book_shortfall(world: World, amount: int) -> None:
    """Add a loss (wad) that nobody pays: claims without tokens."""
    accrue(world)
    world.custody.claims += amount


# --- views ------------------------------------------------------------------------------------


def redemption_rate(world: World) -> int:
    """Rho as a ray, rounded down."""
    backing, claims = backing_now(world), world.custody.claims
    return RAY if backing >= claims else div_down(backing * RAY, claims)


def unvested_now(world: World) -> int:
    """Repayments still on their way, wad."""
    return world.custody.unvested - vesting(world)[0]


def fees_in_transit(world: World) -> int:
    """What is the vaults' and waits for a sweep, wad."""
    return world.custody.junior_due + world.custody.senior_due + vesting(world)[1]


def reconciliation(world: World) -> tuple[int, int, int, int, int, int]:
    """Backing, unvested, fees in transit, balance, uncounted, claims; all wad."""
    return (
        backing_now(world),
        unvested_now(world),
        fees_in_transit(world),
        tokens.balance(world, world.addresses["custody"]) * SCALE,
        _uncounted(world),
        world.custody.claims,
    )


def to_tokens_down(world: World, units: int) -> int:
    """Token units that claims (wad) are worth, for what the pool pays."""
    return _tokens_down(world, _value_down(units, backing_now(world), world.custody.claims))


def to_tokens_up(world: World, units: int) -> int:
    """Token units that claims (wad) are worth, for what the pool is paid."""
    backing, claims = backing_now(world), world.custody.claims
    value = units if backing >= claims else div_up(word(units * backing), claims)
    return _tokens_up(world, value)


def to_units_down(world: World, amount: int) -> int:
    """Claims (wad) that token units stand for; 0 at rho = 0."""
    return units_down(word(amount * SCALE), backing_now(world), world.custody.claims)


def preview_deposit(world: World, amount: int) -> int:
    """Claims (wad) a deposit of token units would be credited with."""
    ahead = backing_now(world) + unvested_now(world)
    return units_down(word(amount * SCALE), ahead, world.custody.claims)


# --- books ------------------------------------------------------------------------------------


def accrue(world: World) -> None:
    """Write what has vested until now into the books."""
    released, surplus = vesting(world)
    books = world.custody
    books.vesting_since = world.now
    books.unvested -= released
    books.backing += released - surplus
    books.junior_due += surplus


def _repay(world: World, amount: int) -> None:
    """Add wad to the one stream; its end moves to the mean weighted by amount."""
    books = world.custody
    now_wad_s = world.now * WAD
    remaining_wad_s = max(books.vesting_end_wad_s - now_wad_s, 0)
    weighted = books.unvested * remaining_wad_s + amount * VESTING_S * WAD
    books.unvested += amount
    books.vesting_end_wad_s = now_wad_s + div_down(weighted, books.unvested)


def _pull(world: World, sender: str, amount: int) -> None:
    """Token units from the sender."""
    tokens.transfer(world, sender, world.addresses["custody"], amount)


def _release(world: World, units: int, worth: int) -> None:
    """Claims and what they are worth leave together, wad.

    A value at rho never exceeds the backing while the units do not exceed the claims, so that the
    chain's second comparison decides nothing. Nor can books fall below zero there: what the model
    would lack is the chain's rounding.
    """
    books = world.custody
    covered = world.decide("custody: backing too small", books.claims - units, CASH_BOUND_WAD)
    require(covered, "custody: backing too small")
    books.claims = max(books.claims - units, 0)
    books.backing = max(books.backing - worth, 0)


def _uncounted(world: World) -> int:
    """Tokens sent here outside of any function, wad."""
    books = world.custody
    counted = books.backing + books.unvested + books.junior_due + books.senior_due
    return max(tokens.balance(world, world.addresses["custody"]) * SCALE - counted, 0)


def _senior_share_down(world: World, fees: int) -> int:
    """The senior vault's part of insurance fees (wad), by assets."""
    senior = world.senior.assets_tokens
    if fees == 0 or senior == 0:
        return 0
    return div_down(fees * senior, world.junior.assets_tokens + senior)


# --- redemption -------------------------------------------------------------------------------


def _value_down(units: int, backing: int, claims: int) -> int:
    """Units times rho."""
    return units if backing >= claims else div_down(word(units * backing), claims)


def _is_whole(world: World) -> bool:
    """Whether rho is 1."""
    books = world.custody
    return is_surely_whole(books) or world.decide(
        "custody: rho below one", books.backing - books.claims, CASH_BOUND_WAD
    )


def _tokens_down(world: World, wad: int) -> int:
    """Whole token units in an amount that may be some wei off; near a whole either may be right."""
    amount, rest = divmod(wad, SCALE)
    if rest <= CASH_BOUND_WAD and amount != 0:
        return amount if world.decide("custody: whole token", rest, CASH_BOUND_WAD) else amount - 1
    short = SCALE - rest
    if short <= CASH_BOUND_WAD:
        return amount + world.decide("custody: whole token", -short, CASH_BOUND_WAD)
    return amount


def _tokens_up(world: World, wad: int) -> int:
    """As above, rounded up."""
    amount = div_up(wad, SCALE)
    short = amount * SCALE - wad
    if short <= CASH_BOUND_WAD and wad != 0:
        # a wei more on chain needs one unit more
        return amount if world.decide("custody: token up", short, CASH_BOUND_WAD) else amount + 1
    above = SCALE - short
    if above <= CASH_BOUND_WAD:
        return amount - 1 + world.decide("custody: token up", above - 1, CASH_BOUND_WAD)
    return amount
