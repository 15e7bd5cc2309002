"""Guarantees in the whole protocol: what a sponsored client may do."""

from __future__ import annotations

from tests.support.flows import undone
from tests.support.sponsored_client import GUARANTEE, HOUR_S, Desk
from tests.support.venue import BTC, ETH, PPM, SCALE, WAD, named

# --- openings ---------------------------------------------------------------------------------


def test_opening__within_own_buffer__takes_the_guarantee(desk: Desk) -> None:
    venue = desk.venue
    venue.rejected("margin: below initial", desk.buys, WAD)
    desk.sponsor()
    assert venue.client.clearinghouse.read("guarantee", desk.account) == (
        GUARANTEE * WAD,
        GUARANTEE * WAD,
    )
    # 1.07 of notional 53,500 needs 1,605 of its own: 1.2 times maintenance margin
    venue.rejected("margin: below initial", desk.buys, 107 * WAD // 100)
    desk.buys(WAD)
    health = desk.health()
    assert health["equity"] < health["im"]
    assert health["shield"] == GUARANTEE * WAD
    assert health["equity"] == health["cash"] + venue.mark(BTC)


def test_opening__guarantee_too_small__reverts(desk: Desk) -> None:
    venue = desk.venue
    desk.sponsor()
    venue.deposit(desk.client, 10_000)
    # 5 % of 300,000 is 15,000: more than 11,600 and 2,500
    venue.rejected("margin: below initial", desk.buys, 6 * WAD)
    desk.buys(5 * WAD)


def test_opening__shortly_before_expiry_or_in_a_call__needs_own_margin(desk: Desk) -> None:
    venue = desk.venue
    desk.sponsor(term_s=30 * HOUR_S)
    with venue.rpc.undone():
        venue.wait(27 * HOUR_S)
        assert venue.client.clearinghouse.read("guarantee", desk.account) == (
            0,
            GUARANTEE * WAD,
        )
        venue.rejected("margin: below initial", desk.buys, WAD)
    desk.buys(WAD)
    venue.move(BTC, -5_000)
    desk.call()
    venue.rejected("margin: below initial", desk.buys, WAD // 10)
    venue.move(BTC, 20_000)
    venue.send(venue.keeper, venue.client.sponsorship, "cure", desk.account)
    desk.buys(WAD // 100)


def test_withdrawal__guaranteed_capital_stays(long: Desk) -> None:
    venue = long.venue
    venue.rejected("margin: below initial", venue.withdraw, long.client, 1)
    long.sells(WAD)
    cash = venue.client.health(long.account)["cash"]
    venue.rejected("margin: below initial", venue.withdraw, long.client, cash // SCALE + 1)
    venue.withdraw(long.client, cash // SCALE)


def test_wash_trade__cannot_carry_the_guarantee_away(long: Desk) -> None:
    """A bad fill costs own equity only, and an opening leaves its buffer."""
    venue = long.venue
    mark = venue.mark(BTC)
    price = mark * 101 // 100
    venue.rejected(
        "margin: below initial", venue.trade, long.client, long.trader, BTC, WAD // 20, price
    )
    venue.rejected("margin: ratio worsened", long.sells, WAD // 2, mark * 965 // 1_000)
    # what it loses on purpose is its own, down to the buffer
    long.sells(WAD // 2, mark * 98 // 100)
    health = long.health()
    assert health["equity"] * PPM >= 1_200_000 * health["mm"]


# --- between the client's zero and the guarantee's end ------------------------------------------


def test_shield__no_auction_while_the_guarantee_covers_margin(long: Desk) -> None:
    venue = long.venue
    venue.move(BTC, -20_000)
    health = long.health()
    assert 0 < health["equity"] < health["mm"]
    venue.rejected("liquidation: not below margin", venue.start, long.account)
    long.call()
    # (1 + b + 5 %) * MM less own equity
    call = venue.client.sponsorship.read("margin_call", long.account)
    assert call["amount"] == -(-health["mm"] * 1_250_000 // PPM) - health["equity"]
    venue.deposit(long.client, call["amount"] // WAD + 1)
    venue.send(venue.keeper, venue.client.sponsorship, "cure", long.account)


def test_below_zero__reduces_without_fee_and_never_at_a_loss(long: Desk) -> None:
    venue = long.venue
    venue.move(BTC, -40_000)
    before = long.health()
    assert before["equity"] < 0 < before["equity"] + before["shield"] - before["mm"]
    venue.rejected("liquidation: not below margin", venue.start, long.account)
    venue.rejected("margin: below initial", long.buys, WAD // 10)
    venue.rejected("margin: ratio worsened", long.sells, WAD // 2, venue.mark(BTC) - WAD)
    long.sells(WAD // 2)
    assert long.health()["equity"] >= before["equity"] - 10
    long.sells(WAD // 2)
    flat = long.health()
    assert flat["mm"] == 0
    assert flat["cash"] == flat["equity"] < 0
    venue.rejected("margin: below initial", venue.withdraw, long.client, 1)
    with undone(venue):
        # the loss is final: whoever waits for it has it paid, guarantee or not
        (drawn,) = named(venue.start(long.account), "Drawn")
        assert drawn["layer"] == 2
        assert drawn["units"] == -flat["cash"]
    long.call()
    venue.deposit(long.client, -flat["cash"] // WAD + 1)
    venue.send(venue.keeper, venue.client.sponsorship, "cure", long.account)


def test_below_zero__without_a_broker__starts_first(desk: Desk) -> None:
    venue = desk.venue
    venue.deposit(desk.client, 2_000)
    desk.buys(WAD)
    venue.move(BTC, -80_000)
    assert desk.health()["equity"] < 0
    venue.rejected("account: start auction first", desk.sells, WAD // 2)


def test_two_markets__guarantee_counts_once(desk: Desk) -> None:
    venue = desk.venue
    desk.sponsor()
    desk.buys(WAD // 2)
    desk.buys(12 * WAD, ETH)
    health = desk.health()
    assert health["shield"] == GUARANTEE * WAD
    # together at the edge: one more of the same is too much for the buffer
    venue.rejected("margin: below initial", desk.buys, 3 * WAD, ETH)


def test_only_sponsorship__writes_guarantees(desk: Desk) -> None:
    venue = desk.venue
    venue.rejected(
        "access: not sponsorship",
        venue.send,
        desk.client.signer,
        venue.client.clearinghouse,
        "set_guarantee",
        desk.account,
        WAD,
        2**39,
        2**39,
        0,
    )


def test_agent__trades_on_the_guarantee_and_agrees_to_nothing(desk: Desk) -> None:
    """A key that may trade cannot sign terms, release a guarantee or revoke terms."""
    venue = desk.venue
    desk.sponsor()
    agent = venue.person("agent")
    permit = (desk.account, agent.address, 2**39, 0, 10 * WAD)
    venue.send(desk.client.signer, venue.client.exchange, "set_agent", *permit)
    sponsorship = venue.client.sponsorship
    tell = (venue.send, agent.signer, sponsorship)
    venue.rejected("access: not account owner", *tell, "release", desk.account)
    terms = desk.terms(salt=2)
    venue.rejected("access: no party", *tell, "revoke", terms.as_tuple())
    forged, signed = (desk.domain.sign(terms, who.key) for who in (agent, desk.operator))
    refused = ("sponsor", terms.as_tuple())
    venue.rejected("consent: wrong signature", *tell, *refused, forged, signed)
    venue.rejected("consent: not given", *tell, *refused, b"", signed)
