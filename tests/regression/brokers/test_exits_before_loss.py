"""Who leaves before a client's loss is drawn leaves no more of it behind than its own part."""

from __future__ import annotations

import random

import pytest

from plimsoll.errors import ContractReverted
from tests.support.broker_capital import NOTICE_S, guaranteed, invested, seated
from tests.support.broker_losses import (
    MORE_THAN_THERE_IS,
    ask_back,
    draw,
    exposed,
    open_fund,
    reserve,
    sit_out_notice,
)
from tests.support.sponsored_client import Desk
from tests.support.venue import BTC, DAY_S, SCALE, WAD


@pytest.mark.parametrize("guarantee", [1_000, 1_200])
def test_exit__loss_takes_lock_and_commitment__leaves_no_more_than_its_part(world, guarantee):
    """The stake covers the lock, but the same loss takes the commitment, from the pool."""
    vault = world.broker(stake=1_000, pool=500)
    world.invest(vault, world.other_depositor, 500)
    account = exposed(world, vault, guarantee, -5_000, world.client)
    who, stays = world.depositor, world.other_depositor
    shares = ask_back(world, vault, who)
    sit_out_notice(world)
    world.send(world.anybody, world.sponsorship, "measure", account)
    world.send(who, vault, "redeem", shares, who.address, who.address)
    open_fund(world)
    reserve(world, account, MORE_THAN_THERE_IS)
    draw(world, account)
    left = vault.read("convertToAssets", vault.read("balanceOf", stays.address))
    assert 0 < world.balance(who.address) <= left + 1
    world.assert_sound(vault)


@pytest.mark.parametrize("long", [True, False])
def test_measure__100_dollar_position_behind_a_lock_of_30_000__provides_for_little(
    desk: Desk, long: bool
) -> None:
    """A client with four tokens of its own would make everybody leave at a loss of 30,000."""
    venue = desk.venue
    puppet = desk.client.sub(7)
    venue.deposit(desk.client, 4, puppet)
    guaranteed(desk, 30_000, account=puppet)
    if long:
        venue.trade(desk.client, desk.trader, BTC, WAD // 490, buyer_account=puppet)
    else:
        venue.trade(desk.trader, desk.client, BTC, WAD // 490, seller_account=puppet)
    venue.move(BTC, -12_500 if long else 12_500)
    health = venue.client.health(puppet)
    assert health["mm"] < health["equity"] < health["mm"] * 12 // 10
    sponsorship = venue.client.sponsorship
    venue.send(venue.keeper, sponsorship, "measure", puppet)
    provided = sponsorship.read("at_risk", desk.vault.address) * SCALE
    assert 0 < provided <= 4 * health["mm"]


@pytest.mark.parametrize("situation", ["no price", "expired"])
def test_exit__loss_that_everybody_sees_and_nobody_may_call__bears_its_part(
    desk: Desk, situation: str
) -> None:
    """In an outage, and after expiry, there is no margin call: who left would leave at par."""
    venue = desk.venue
    first, second = venue.person("first"), venue.person("second")
    vault = seated(venue, desk.operator, 22_000)
    shares = invested(venue, vault, first, 10_000)
    invested(venue, vault, second, 30_000)
    venue.send(first.signer, vault, "request_withdrawal", shares)
    venue.deposit(desk.client, 18_400)
    term = NOTICE_S + DAY_S if situation == "expired" else 300 * DAY_S
    guaranteed(desk, 30_000, term, broker=vault.address)
    desk.buys(12 * WAD)
    venue.wait(NOTICE_S + DAY_S + 60)
    venue.deposit(desk.client, 10_000)
    if situation == "no price":
        venue.stop_feed(BTC)
        refusal = "call: above buffer"
    else:
        venue.set_price(BTC, 45_200 * WAD)
        refusal = "call: expired"
    venue.rejected(refusal, desk.call)
    desk.measure()
    before = venue.balance(first.address)
    venue.send(first.signer, vault, "redeem", shares, first.address, first.address)
    got = venue.balance(first.address) - before
    if situation == "no price":
        venue.set_price(BTC, 30_000 * WAD)
    venue.start(desk.account)
    venue.wait(3 * 3_600)
    venue.resolve_all()
    kept = vault.read("convertToAssets", vault.read("balanceOf", second.address)) // 3
    assert vault.read("stake") == 0
    assert got <= kept


@pytest.mark.parametrize("seed", range(4))
def test_views__while_leavers_bear_a_provision__tell_what_is_paid(world, seed):
    """A quote at the full price would promise what nobody is paid."""
    rng = random.Random(seed)
    vault = world.broker(stake=rng.randrange(700, 1_100), pool=rng.randrange(900, 1_300))
    world.invest(vault, world.other_depositor, rng.randrange(1, 300))
    equity = -rng.randrange(600, 3_000)
    account = exposed(world, vault, rng.randrange(700, 1_100), equity, world.client)
    who = world.depositor
    ask_back(world, vault, who)
    sit_out_notice(world)
    world.send(world.anybody, world.sponsorship, "measure", account)
    most_shares, most = (vault.read(name, who.address) for name in ("maxRedeem", "maxWithdraw"))
    assert 0 < most < vault.read("convertToAssets", most_shares)
    with world.rpc.undone():
        preview = vault.read("previewRedeem", most_shares)
        world.send(who, vault, "redeem", most_shares, who.address, who.address)
        assert world.balance(who.address) == preview
        world.assert_sound(vault)
    with pytest.raises(ContractReverted):
        world.send(who, vault, "withdraw", most + 1, who.address, who.address)
    preview = vault.read("previewWithdraw", most)
    before = vault.read("balanceOf", who.address)
    world.send(who, vault, "withdraw", most, who.address, who.address)
    assert world.balance(who.address) == most
    assert before - vault.read("balanceOf", who.address) == preview
    world.assert_sound(vault)
