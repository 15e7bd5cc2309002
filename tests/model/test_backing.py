"""The model's buffer cap and utilisation fee: worked examples of docs/protocol.md."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.model import backing, capital, prices, registry, trading, vault_shares
from plimsoll.model.backing import BufferTerms
from plimsoll.model.state import FINE, WAD, Auction
from plimsoll.model.tokens import SCALE, WORD_MAX
from tests.support.ledger_world import (
    ALPHA,
    ANN,
    BETA,
    BOB,
    CARA,
    DAN,
    cash,
    denied,
    fill,
    later,
    ledger_world,
    poke,
    refusal,
    size,
    trade,
)

TOKEN = 10**6
OWNER = f"0x{0x0E:040x}"
# a capital of 1,000, twice over, 10 % of it, for a gap of 10 %: 2,000 of notional
TERMS = BufferTerms(2_000_000, 100_000, 100_000)


@pytest.fixture
def world():
    """Junior has 300 and senior 700, at par."""
    made = ledger_world()
    for vault, assets in ((made.junior, 300), (made.senior, 700)):
        vault.assets_tokens = assets * TOKEN
        vault.supply = vault.assets_tokens * 10**6
        vault.shares = {OWNER: vault.supply}
    return made


@pytest.fixture
def capped(world):
    """Alpha may have 2,000 on each side: 20 at its mark of 100."""
    registry.set_buffer_terms(world, ALPHA, TERMS)
    return world


def cap(world, market=ALPHA):
    """Whole quote units."""
    return prices.cap_view(world, market) // WAD


# --- the cap as it is kept --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quote", "kept"),
    [
        (0, 1),
        (1, 1),
        (3, 3),
        (2_047, 2_047),
        (2_049, 2_048),
        (2_050, 2_050),
        (4_099, 4_096),
        (10**6, 999_936),
        (2**64 - 2**53 - 1, 2_046 << 53),
        (2**64 - 2**53, 2_047 << 53),
        (10**30, 2_047 << 53),
    ],
)
def test_kept__eleven_bits__rounded_down_and_never_nothing(quote, kept):
    assert backing.kept_quote(quote * WAD) == kept
    assert backing.kept_quote(quote * WAD + WAD - 1) == kept
    assert backing.kept_quote(kept * WAD) == kept


@pytest.mark.parametrize("quote", [1_024, 5_001, 77_777, 123_456_789, 2**40 + 12_345])
def test_kept__loses_less_than_a_thousandth(quote):
    kept = backing.kept_quote(quote * WAD)
    assert quote - quote // 1_000 <= kept <= quote


def test_cap__multiple_times_share_of_capital_over_gap(capped):
    assert capital.capital(capped) == 1_000 * WAD
    assert cap(capped) == 2_000
    assert cap(capped, BETA) == WORD_MAX // WAD


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ((99_999, 1, 10_000), "buffer: bad multiple"),
        ((100_000_001, 1, 10_000), "buffer: bad multiple"),
        ((0, 1, 10_000), "buffer: bad multiple"),
        ((100_000, 0, 10_000), "buffer: bad share"),
        ((100_000, 1_000_001, 10_000), "buffer: bad share"),
        ((100_000, 1, 9_999), "buffer: bad gap"),
        ((100_000, 1, 1_000_001), "buffer: bad gap"),
    ],
)
def test_set_buffer_terms__outside_the_bounds__is_refused(world, terms, reason):
    assert refusal(registry.set_buffer_terms, world, ALPHA, BufferTerms(*terms)) == reason


def test_set_buffer_terms__shares_above_one__are_refused(capped):
    most = BufferTerms(2_000_000, 900_000, 100_000)
    registry.set_buffer_terms(capped, BETA, most)
    more = replace(TERMS, share_ppm=100_001)
    reason = refusal(registry.set_buffer_terms, capped, ALPHA, more)
    assert reason == "buffer: shares above one"
    assert refusal(registry.set_buffer_terms, capped, 9, TERMS) == "market: unknown"
    registry.set_buffer_terms(capped, BETA, backing.NO_TERMS)
    registry.set_buffer_terms(capped, ALPHA, more)


# --- capital ----------------------------------------------------------------------------------


def test_capital__notice__counts_at_once(world):
    vault_shares.request_withdrawal(world, world.senior, OWNER, 300 * TOKEN * 10**6)
    assert capital.offered_assets(world.senior) == 300 * TOKEN
    assert capital.capital(world) == 700 * WAD
    world.now += 40 * 86_400
    assert capital.capital(world) == 700 * WAD  # lapsed, until somebody clears it
    vault_shares.clear_lapsed(world, world.senior, OWNER, OWNER)
    assert capital.capital(world) == 1_000 * WAD


def test_capital__fraction_of_a_unit__is_offered_as_a_whole_one(world):
    vault_shares.request_withdrawal(world, world.junior, OWNER, 1)
    assert capital.capital(world) == 1_000 * WAD - SCALE


def test_capital__reserved__does_not_count(world):
    world.waterfall.reserved[3] = 400 * WAD
    assert capital.capital(world) == 700 * WAD
    assert capital.bound(world) > 0


def test_capital__below_one__tokens_are_more_claims(world):
    world.custody.claims, world.custody.backing = 4_000 * WAD, 1_000 * WAD
    assert capital.capital(world) == 4_000 * WAD


def test_capital__at_an_edge__either_cap_may_be(world):
    # a wei more than 2,048 of cap: 1,024 of capital
    world.senior.assets_tokens = 724 * TOKEN
    world.auctions[ANN] = Auction(started=1, reserving=True)
    registry.set_buffer_terms(world, ALPHA, TERMS)
    assert (cap(world), world.close) == (2_048, ["buffer: cap"])
    world.forced, world.close = {0: False}, []
    registry.set_buffer_terms(world, ALPHA, TERMS)
    assert cap(world) == 2_047


# --- when it is set ---------------------------------------------------------------------------


def test_cap__set_by_the_first_poke_of_five_minutes(capped):
    capped.senior.assets_tokens = 200 * TOKEN
    later(capped, 299)
    poke(capped)
    assert cap(capped) == 2_000
    later(capped, 1)
    assert cap(capped) == 1_000  # as a poke would set it
    poke(capped)
    capped.senior.assets_tokens = 0
    later(capped, 12)
    poke(capped)
    assert cap(capped) == 1_000


def test_cap__without_a_price__is_set_too(capped):
    capped.senior.assets_tokens = 200 * TOKEN
    later(capped, 300, alpha=None)
    poke(capped)
    assert cap(capped) == 1_000


def test_cap__terms_taken_away__only_the_markets_own_counts(capped):
    registry.set_buffer_terms(capped, ALPHA, backing.NO_TERMS)
    later(capped, 300)
    poke(capped)
    assert prices.buffer_view(capped, ALPHA) == (WORD_MAX, 0, 0)
    trade(capped, 40)


# --- fills ------------------------------------------------------------------------------------


def test_trade__up_to_the_cap_at_the_mark_and_no_further(capped):
    trade(capped, 20)
    assert denied(capped, 1, 100, maker=DAN, taker=CARA) == "market: open interest cap"
    later(capped, 12, alpha=80)
    trade(capped, 5, price=80, maker=DAN, taker=CARA)
    assert denied(capped, 1.25, 80, maker=DAN, taker=CARA) == "market: open interest cap"


def test_trade__the_markets_own_cap__still_counts(capped):
    alpha = capped.markets[ALPHA]
    alpha.terms = replace(alpha.terms, oi_cap_wad=10 * WAD)
    assert denied(capped, 11, 100) == "market: open interest cap"


def test_trade__beyond_the_cap__what_does_not_grow_passes(capped):
    trade(capped, 20)
    later(capped, 12, alpha=200)
    poke(capped)
    trade(capped, -2, price=200)  # both reduce
    trade(capped, -1, price=200, maker=CARA)  # Ann hands over to Cara
    assert denied(capped, 1, 200, maker=DAN) == "market: open interest cap"
    assert (size(capped, ANN), size(capped, CARA), size(capped, BOB)) == (17, 1, -18)


def test_take__in_a_full_market__passes(capped):
    trade(capped, 20)
    later(capped, 12, alpha=200)
    poke(capped)
    capped.account(ANN).started = True
    order = trading.TakeOrder(ANN, CARA, ALPHA, 5 * WAD * FINE, 200 * WAD, 0, 0)
    trading.take(capped, order)
    assert size(capped, CARA) == 5
    assert cash(capped, CARA) == 10_000 - 1_000


# --- the fee ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used_ppm", "surcharge_ppm"),
    [
        (0, 0),
        (800_000, 0),
        (800_199, 0),
        (800_200, 1),
        (900_000, 500),
        (999_999, 999),
        (1_000_000, 1_000),
        (9_000_000, 1_000),
    ],
)
def test_surcharge__from_eighty_per_cent_to_the_cap(used_ppm, surcharge_ppm):
    assert backing.surcharge_ppm(used_ppm) == surcharge_ppm


def test_trade__surcharge__by_what_the_fill_finds(capped):
    trade(capped, 18, flags=0)  # to 90 %, from nothing
    assert cash(capped, BOB) == 10_000 + 1_800 - 0.9
    assert prices.buffer_view(capped, ALPHA) == (2_000 * WAD, 900_000, 500)
    trade(capped, 1, maker=DAN, taker=CARA)
    # maker 0.02 %, taker 0.05 %, each 0.05 % more
    assert cash(capped, DAN) == 10_000 + 100 - 0.07
    assert cash(capped, CARA) == 10_000 - 100 - 0.1


def test_trade__a_side_that_reduces__nobody_pays_a_surcharge(capped):
    trade(capped, 18)
    before = cash(capped, ANN), cash(capped, CARA)
    trade(capped, -2, maker=CARA)
    assert cash(capped, ANN) == pytest.approx(before[0] + 200 - 0.1, abs=1e-9)
    assert cash(capped, CARA) == pytest.approx(before[1] - 200 - 0.04, abs=1e-9)


def test_trade__fee_cap__counts_the_surcharge_of_who_pays_it(capped):
    trade(capped, 18)
    caps = {"maker": DAN, "taker": CARA, "maker_fee_cap_ppm": 700, "taker_fee_cap_ppm": 1_000}
    assert denied(capped, 1, 100, **caps | {"maker_fee_cap_ppm": 699}) == "order: fee above cap"
    assert denied(capped, 1, 100, **caps | {"taker_fee_cap_ppm": 999}) == "order: fee above cap"
    trade(capped, 1, **caps)
    # Ann and Bob reduce
    trade(capped, -1, maker_fee_cap_ppm=200, taker_fee_cap_ppm=500)


def test_trade__surcharge_at_an_edge__either_may_be(capped):
    trade(capped, 16.004)  # 80.02 %: the first millionth
    assert prices.buffer_view(capped, ALPHA)[2] == 1
    capped.close = []
    trading.trade(capped, fill(1, 100, maker=DAN, taker=CARA))
    assert capped.close == ["trade: surcharge"]
