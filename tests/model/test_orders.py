"""The model's orders: what one must satisfy by itself, and what two do to each other."""

from __future__ import annotations

import pytest

from plimsoll.model import orders
from plimsoll.model.orders import GARBAGE, MALLEABLE, WALLET, Offer, Seal, SignedBy, unsigned
from plimsoll.model.state import Agent
from plimsoll.orders import CANCELLED, Domain, Flags, Order
from tests.support.expect import refusal
from tests.support.model_venue import (
    AGENT,
    ALICES,
    BOBS,
    BTC,
    CAROLS,
    ETH,
    EXCHANGE,
    KEEPER,
    MALLORY,
    NOW,
    WAD,
    model_venue,
    offer,
    order,
)
from tests.support.money_world import ALICE, account_of


@pytest.fixture
def world():
    return model_venue()


def verdict(world, signed, sender=KEEPER, wanted=Flags.NONE, place=""):
    return refusal(orders.verify, world, signed, sender, wanted, place)


def bid(**changes):
    return offer(ALICES, 5 * WAD, 100 * WAD, **changes)


# --- one order --------------------------------------------------------------------------------


def test_order_hash__of_a_world__is_the_signed_digest(world):
    placed = order(ALICES, WAD, WAD)
    assert orders.order_hash(world, placed) == Domain(31_337, EXCHANGE).hash(placed)


def test_verify__good_order__tells_what_is_filled(world):
    signed = bid()
    assert orders.verify(world, signed, KEEPER, Flags.NONE, "") == 0
    world.filled_wad[orders.order_hash(world, signed.order)] = 2 * WAD
    assert orders.verify(world, signed, KEEPER, Flags.NONE, "") == 2 * WAD


def test_verify__in_the_last_second__passes(world):
    assert orders.verify(world, bid(expiry=NOW), KEEPER, Flags.NONE, "") == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expiry": NOW - 1}, "order: expired"),
        ({"matcher": MALLORY}, "order: wrong matcher"),
        ({"flags": Flags(16)}, "order: unknown flag"),
        ({"flags": Flags.LIQUIDATION_ONLY}, "order: liquidation-only"),
    ],
)
def test_verify__bad_by_itself__is_refused(world, changes, reason):
    assert verdict(world, bid(**changes)) == reason
    assert verdict(world, bid(**changes), place="@2 ") == f"@2 {reason}"


@pytest.mark.parametrize("size", [0, -(2**255)])
def test_verify__size_out_of_range__is_refused(world, size):
    odd = order(ALICES, WAD, WAD)
    object.__setattr__(odd, "size", size)  # the SDK would not make one
    assert verdict(world, orders.signed(odd)) == "order: size out of range"


def test_verify__named_matcher__may_settle(world):
    mixed_case = "0x" + MALLORY[2:].upper()
    assert orders.verify(world, bid(matcher=mixed_case), MALLORY, Flags.NONE, "") == 0


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (Flags.NONE, "order: not liquidation-only"),
        (Flags.LIQUIDATION_ONLY | Flags.POST_ONLY, "order: flags do not combine"),
        (Flags.LIQUIDATION_ONLY | Flags.REDUCE_ONLY, "order: flags do not combine"),
    ],
)
def test_verify__for_a_take__wants_liquidation_only_alone(world, flags, reason):
    assert verdict(world, bid(flags=flags), wanted=Flags.LIQUIDATION_ONLY) == reason


@pytest.mark.parametrize(
    ("signed_by", "reason"),
    [
        (GARBAGE, "order: wrong signature"),
        (MALLEABLE, "order: malleable signature"),
        (SignedBy(Seal.KEY, MALLORY), "order: wrong signature"),
        (orders.UNSIGNED, "order: not signed"),
    ],
)
def test_verify__bad_signature__is_refused(world, signed_by, reason):
    assert verdict(world, Offer(order(ALICES, WAD, WAD), ALICE, signed_by)) == reason


def test_verify__unsigned__stands_for_the_sender_and_has_no_past(world):
    placed = order(ALICES, WAD, WAD)
    world.filled_wad[orders.order_hash(world, placed)] = CANCELLED
    world.cancelled_below[ALICES] = 2**200
    assert orders.verify(world, unsigned(placed), ALICE, Flags.NONE, "") == 0


def test_verify__wallet__signs_for_its_own_account_only(world):
    placed = order(ALICES, WAD, WAD)
    assert orders.verify(world, Offer(placed, ALICE, WALLET), KEEPER, Flags.NONE, "") == 0
    world.agents[ALICES, AGENT] = Agent(NOW, 0, WAD)
    assert verdict(world, Offer(placed, AGENT, WALLET)) == "order: wrong signature"


def test_verify__cancelled__is_refused(world):
    signed = bid(salt=7)
    world.cancelled_below[ALICES] = 7
    assert orders.verify(world, signed, KEEPER, Flags.NONE, "") == 0
    world.filled_wad[orders.order_hash(world, signed.order)] = CANCELLED
    assert verdict(world, signed) == "order: cancelled"
    world.cancelled_below[ALICES] = 8
    assert verdict(world, signed) == "order: below cancelled salt"


# --- agents -----------------------------------------------------------------------------------


def by_agent(**changes):
    return orders.signed(order(ALICES, 5 * WAD, 100 * WAD, **changes), AGENT)


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (None, "agent: unknown"),
        (Agent(NOW - 1, 0, 5 * WAD), "agent: expired"),
        (Agent(NOW, 0, 5 * WAD - 1), "agent: order too large"),
        (Agent(NOW, 1 << ETH, 5 * WAD), "agent: wrong market"),
    ],
)
def test_verify__agent_beyond_its_permit__is_refused(world, agent, reason):
    if agent is not None:
        world.agents[ALICES, AGENT] = agent
    assert verdict(world, by_agent()) == reason


@pytest.mark.parametrize("markets", [0, 1 << BTC])
def test_verify__agent_within_its_permit__passes(world, markets):
    world.agents[ALICES, AGENT] = Agent(NOW, markets, 5 * WAD)
    assert orders.verify(world, by_agent(), KEEPER, Flags.NONE, "") == 0


def test_verify__agent_with_a_list__knows_no_market_above_255(world):
    world.agents[ALICES, AGENT] = Agent(NOW, 2**256 - 1, 5 * WAD)
    assert verdict(world, by_agent(market=256)) == "agent: wrong market"
    world.agents[ALICES, AGENT] = Agent(NOW, 0, 5 * WAD)
    assert orders.verify(world, by_agent(market=256), KEEPER, Flags.NONE, "") == 0


def test_verify__agent_unsigned__is_the_sender(world):
    world.agents[ALICES, AGENT] = Agent(NOW, 0, 5 * WAD)
    placed = unsigned(order(ALICES, WAD, WAD), AGENT)
    assert orders.verify(world, placed, AGENT, Flags.NONE, "") == 0
    assert verdict(world, placed, sender=ALICE) == "order: not signed"


# --- two orders -------------------------------------------------------------------------------


def pair(maker: Order, taker: Order, size=WAD, maker_filled=0, taker_filled=0, place=""):
    return orders.match(maker, taker, size, maker_filled, taker_filled, place)


def buy(account=ALICES, **changes):
    return order(account, 5 * WAD, 100 * WAD, **changes)


def sell(price=99 * WAD, account=BOBS, **changes):
    return order(account, -3 * WAD, price, **changes)


def test_match__without_post_only__meets_in_the_middle_rounded_down():
    fill = pair(buy(), sell(99 * WAD + 1))
    assert fill.price_wad == 99 * WAD + WAD // 2  # (199 wad + 1) / 2
    assert (fill.maker, fill.taker, fill.size_wad, fill.flags) == (ALICES, BOBS, -WAD, 0)


def test_match__post_only__sets_the_price_and_is_the_maker():
    fill = pair(buy(max_fee_ppm=1), sell(flags=Flags.POST_ONLY, max_fee_ppm=2))
    assert (fill.maker, fill.taker, fill.size_wad) == (BOBS, ALICES, WAD)
    assert (fill.price_wad, fill.flags) == (99 * WAD, orders.MAKER_FEE)
    assert (fill.maker_fee_cap_ppm, fill.taker_fee_cap_ppm) == (2, 1)
    assert pair(buy(flags=Flags.POST_ONLY), sell()).price_wad == 100 * WAD


def test_match__named_counterparty_and_reduce_only__is_told():
    fill = pair(buy(counterparty=BOBS, flags=Flags.REDUCE_ONLY), sell())
    assert fill.flags == orders.BLOCK | orders.MAKER_REDUCES
    fill = pair(buy(), sell(flags=Flags.REDUCE_ONLY))
    assert fill.flags == orders.TAKER_REDUCES


@pytest.mark.parametrize(
    ("maker", "taker", "size", "reason"),
    [
        (buy(), sell(), 0, "match: zero size"),
        (buy(), sell(market=ETH), WAD, "order: different markets"),
        (buy(), buy(account=BOBS), WAD, "order: same side"),
        (buy(), sell(account=account_of(ALICE, 9)), WAD, "order: self trade"),
        (buy(), sell(), 3 * WAD + 1, "order: over filled"),
        (buy(counterparty=CAROLS), sell(), WAD, "order: wrong counterparty"),
        (buy(), sell(counterparty=CAROLS), WAD, "order: wrong counterparty"),
        (buy(), sell(100 * WAD + 1), WAD, "order: prices do not cross"),
        (
            buy(flags=Flags.POST_ONLY),
            sell(flags=Flags.POST_ONLY),
            WAD,
            "order: both post-only",
        ),
    ],
)
def test_match__that_does_not_fit__is_refused(maker, taker, size, reason):
    assert refusal(pair, maker, taker, size) == reason
    assert refusal(pair, maker, taker, size, 0, 0, "#3 ") == f"#3 {reason}"


def test_match__what_is_left__can_be_filled_to_the_wei():
    assert pair(buy(), sell(), WAD, 4 * WAD, 2 * WAD).size_wad == -WAD
    assert refusal(pair, buy(), sell(), WAD, 4 * WAD + 1, 0) == "order: over filled"
    assert refusal(pair, buy(), sell(), WAD, 0, 2 * WAD + 1) == "order: over filled"
