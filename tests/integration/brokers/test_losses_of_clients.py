"""Losses of sponsored clients in the whole protocol: when an auction begins, and who pays."""

from __future__ import annotations

from tests.support.sponsored_client import GUARANTEE, HOUR_S, UNIT, Desk, taker
from tests.support.venue import BTC, DAY_S, PPM, WAD, named

# --- liquidation ------------------------------------------------------------------------------


def test_crash__beyond_the_guarantee__broker_first_then_junior(long: Desk) -> None:
    venue, vault = long.venue, long.vault
    venue.move(BTC, -100_000)
    venue.start(long.account)
    deficit = -long.health()["equity"]
    held = venue.client.waterfall.read("reservation", long.account)
    assert held == [GUARANTEE * WAD, deficit - GUARANTEE * WAD, 0, 0]
    stake = vault.read("stake")
    events = venue.take(taker(venue), long.account, BTC)
    drawn = named(events, "Drawn")
    assert [event["layer"] for event in drawn] == [2, 3]
    assert drawn[0]["units"] == GUARANTEE * WAD
    assert stake - vault.read("stake") == GUARANTEE * UNIT
    assert vault.read("client_locks") == 0
    assert venue.client.sponsorship.read("sponsorship", long.account)["lock"] == 0
    assert long.health() == long.health() | {"cash": 0, "equity": 0, "shield": 0}


def test_crash__within_the_guarantee_after_expiry__broker_alone(desk: Desk) -> None:
    venue, vault = desk.venue, desk.vault
    desk.sponsor(term_s=30 * HOUR_S)
    desk.buys(WAD)
    venue.move(BTC, -50_000)
    venue.rejected("liquidation: not below margin", venue.start, desk.account)
    venue.wait(31 * HOUR_S)
    assert desk.health()["shield"] == 0
    venue.start(desk.account)
    loss = -desk.health()["equity"]
    events = venue.take(taker(venue), desk.account, BTC)
    (drawn,) = named(events, "Drawn")
    assert drawn["layer"] == 2
    assert abs(drawn["units"] - loss) < WAD // 1_000  # a second of funding
    assert vault.read("stake") == 60_000 * UNIT - drawn["tokens"]


def test_flat_debtor__after_expiry__is_finished_by_start(desk: Desk) -> None:
    venue = desk.venue
    desk.sponsor(term_s=30 * HOUR_S)
    desk.buys(WAD)
    venue.move(BTC, -40_000)
    desk.sells(WAD)
    debt = -desk.health()["cash"]
    assert debt > 0
    venue.wait(31 * HOUR_S)
    events = venue.start(desk.account)
    (finished,) = named(events, "Finished")
    assert (finished["loss"], finished["covered"]) == (debt, debt)
    assert [event["layer"] for event in named(events, "Drawn")] == [2]


def test_slice__restores_margin_with_the_guarantee(desk: Desk) -> None:
    """N_max counts the guarantee, what the account pays does not."""
    venue = desk.venue
    venue.deposit(desk.client, 14_000)
    desk.sponsor()
    desk.buys(6 * WAD)
    # own 15,400 and 2,500, less 11,400 leaves 6,500 of covered equity on 7,215 of margin
    venue.move(BTC, -38_000)
    health = desk.health()
    assert 0 < health["equity"] < health["equity"] + health["shield"] < health["mm"]
    venue.start(desk.account)
    terms = venue.client.liquidator.read("take_terms", desk.account, BTC)
    assert terms["size_max"] < 6 * WAD
    venue.take(taker(venue), desk.account, BTC)
    after = desk.health()
    covered = after["equity"] + after["shield"]
    assert covered * PPM >= 1_200_000 * after["mm"]
    assert not venue.client.clearinghouse.read("is_started", desk.account)
    # ended by the guarantee: own equity alone would not have been enough
    assert after["equity"] * PPM < 1_200_000 * after["mm"]


def test_sponsored_and_started__guarantee_is_left_alone(long: Desk) -> None:
    venue = long.venue
    venue.move(BTC, -100_000)
    venue.start(long.account)
    sponsorship = venue.client.sponsorship
    for function in ("release", "call"):
        venue.rejected(
            "account: under liquidation",
            venue.send,
            long.client.signer,
            sponsorship,
            function,
            long.account,
        )


def test_default__real_clocks(long: Desk) -> None:
    venue = long.venue
    sponsorship = venue.client.sponsorship
    venue.move(BTC, -20_000)
    long.call()
    venue.rejected(
        "call: not due", venue.send, venue.keeper, sponsorship, "declare_default", long.account
    )
    venue.wait(HOUR_S + 10)
    venue.send(venue.keeper, sponsorship, "declare_default", long.account)
    assert long.health()["shield"] == 0
    venue.start(long.account)
    venue.rpc.mine()
    venue.take(taker(venue), long.account, BTC)
    assert long.vault.read("locks", long.account) == 2_500 * UNIT
    assert long.health()["equity"] >= 0


def test_early__real_clocks(long: Desk) -> None:
    venue = long.venue
    sponsorship = venue.client.sponsorship
    venue.move(BTC, -20_000)
    venue.rejected(
        "call: not open", venue.send, long.operator.signer, sponsorship, "start_early", long.account
    )
    long.call()
    with venue.rpc.undone():
        venue.stop_feed(BTC)
        venue.rejected(
            "call: clock stopped",
            venue.send,
            long.operator.signer,
            sponsorship,
            "start_early",
            long.account,
        )
        venue.wait(HOUR_S)
        venue.set_price(BTC, venue.mark(BTC))
        venue.rejected(
            "call: clock stopped",
            venue.send,
            long.operator.signer,
            sponsorship,
            "start_early",
            long.account,
        )
        venue.wait(HOUR_S)
        (moved,) = named(
            venue.send(venue.keeper, sponsorship, "count_stops", long.account), "ClockStopped"
        )
        assert moved["seconds"] > HOUR_S
    venue.send(long.operator.signer, sponsorship, "start_early", long.account)
    venue.start(long.account)


# --- what a loss may cost, before it is one -------------------------------------------------------


def test_measure__follows_the_account(long: Desk) -> None:
    """Nothing above the buffer; below it four margins less equity, its lock at most."""
    venue = long.venue
    assert long.measure() == 0
    venue.move(BTC, -20_000)
    health = long.health()
    expected = -(-(4 * health["mm"] - health["equity"]) // 10**12)
    assert abs(long.measure() - min(GUARANTEE * UNIT, expected)) <= 10  # a second of funding
    with venue.rpc.undone():
        venue.move(BTC, 100_000)
        assert long.measure() == 0
    venue.move(BTC, -60_000)
    venue.start(long.account)
    assert long.measure() == GUARANTEE * UNIT
    venue.deposit(long.client, 10_000)
    assert long.measure() == 0


def test_measure__feed_dead__is_feared_until_the_price_is_back(long: Desk) -> None:
    venue = long.venue
    venue.stop_feed(BTC)
    assert long.measure() > 0
    venue.rejected(
        "release: needs guarantee",
        venue.send,
        long.client.signer,
        venue.client.sponsorship,
        "release",
        long.account,
    )


def test_stake__stays_beside_a_loss_that_has_begun(desk: Desk) -> None:
    """Also after expiry: the lock is first loss until it is released."""
    venue, vault = desk.venue, desk.vault
    desk.sponsor(term_s=8 * DAY_S)
    desk.buys(WAD)
    venue.send(desk.operator.signer, vault, "request_stake", 40_000 * UNIT)
    venue.wait(8 * DAY_S + 60)
    venue.move(BTC, -60_000)
    venue.start(desk.account)
    assert desk.measure() == GUARANTEE * UNIT
    # 2,500 and as much of the commitment of 20,000
    out = (desk.operator.signer, vault, "withdraw_stake")
    receiver = desk.operator.address
    with venue.rpc.undone():
        venue.send(*out, 37_500 * UNIT, receiver)
    venue.send(desk.operator.signer, vault, "request_stake", 60_000 * UNIT)
    venue.wait(7 * DAY_S + 60)
    desk.measure()
    venue.rejected("vault: capital locked", venue.send, *out, 37_501 * UNIT, receiver)


def test_auction__of_a_guaranteed_account__takes_no_insurance_concession(long: Desk) -> None:
    """Or client, hedge and taker would be one, and paid by junior while the lock is whole."""
    venue = long.venue
    venue.move(BTC, -36_000)
    assert long.health()["equity"] < 0
    long.call()
    venue.send(long.operator.signer, venue.client.sponsorship, "start_early", long.account)
    venue.start(long.account)
    venue.wait(6 * 60)
    before = venue.client.junior.read("totalAssets")
    (taken,) = named(venue.take(taker(venue), long.account, BTC), "Taken")
    assert taken["insurance_concession"] == 0
    assert venue.client.junior.read("totalAssets") == before
