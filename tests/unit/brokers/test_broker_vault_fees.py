"""BrokerVault: fees are prepaid, earned evenly, and shared by capital."""

from __future__ import annotations

from tests.support.broker_world import DAY_S, UNIT
from tests.support.expect import reverts

YEAR_S = 365 * DAY_S


def earned(vault):
    return vault.read("stake") - 1_000 * UNIT, vault.read("totalAssets") - 1_000 * UNIT


def test_fee__for_the_whole_term_from_the_clients_wallet(world, vault):
    world.set_health(world.account(world.client), 600)
    terms = world.terms(vault)
    before = world.escrow.read("held", vault.address)
    world.agree(terms)
    paid = world.escrow.read("held", vault.address) - before
    seconds = terms.expiry - world.now
    assert paid == -(-500 * UNIT * 40_000 * seconds // (10**6 * YEAR_S))
    assert world.balance(world.client.address) == 1_000 * UNIT - paid
    assert vault.read("unearned_fees") == paid
    assert earned(vault) == (0, 0)
    world.assert_sound(vault)


def test_fee__earned_evenly_commission_first(world, vault):
    world.set_health(world.account(world.client), 600)
    world.agree(world.terms(vault))
    paid, start = vault.read("unearned_fees"), world.now
    world.wait(73 * DAY_S)
    total = paid * 73 * DAY_S // (vault.read("unearned_fees") * 0 + _term(world, start))
    stake, pool = earned(vault)
    assert stake + pool == total == paid - vault.read("unearned_fees")
    commission = total * 100_000 // 10**6
    assert pool == (total - commission) * 1_000 // 2_000
    assert vault.read("free_assets") == 2_000 * UNIT - 600 * UNIT + total
    world.assert_sound(vault)


def _term(world, start):
    return world.sponsorship.read("sponsorship", world.account(world.client))["expiry"] - start


def test_fee__newcomer_shares_what_is_earned_later_only(world, vault):
    world.set_health(world.account(world.client), 600)
    world.agree(world.terms(vault, fee_ppm=400_000))
    world.wait(100 * DAY_S)
    shares = world.invest(vault, world.other_depositor, 1_000)
    worth = vault.read("convertToAssets", shares)
    assert 1_000 * UNIT - 1 <= worth <= 1_000 * UNIT + 2
    world.wait(100 * DAY_S)
    later = vault.read("convertToAssets", shares) - 1_000 * UNIT
    # 200 a year, nine tenths for all capital of which it is about a third, for 100 days
    assert 14 * UNIT < later < 17 * UNIT


def test_fee__without_depositors__all_to_the_stake(world):
    vault = world.broker(stake=1_000, pool=0)
    world.set_health(world.account(world.client), 600)
    world.agree(world.terms(vault))
    world.wait(366 * DAY_S)
    assert vault.read("stake") == 1_020 * UNIT
    assert vault.read("totalAssets") == vault.read("unearned_fees") == 0


def test_fee__is_over_at_the_end_of_the_term(world, vault):
    world.set_health(world.account(world.client), 600)
    world.agree(world.terms(vault))
    world.wait(365 * DAY_S)
    assert vault.read("unearned_fees") == 0
    world.wait(365 * DAY_S)
    stake, pool = earned(vault)
    assert stake + pool == 20 * UNIT
    world.assert_sound(vault)


def test_fee__two_terms_join_at_the_mean(world, vault):
    world.set_health(world.account(world.client), 600)
    world.agree(world.terms(vault, guarantee=100 * UNIT, expiry=world.now + 300 * DAY_S))
    first, start = vault.read("unearned_fees"), world.now
    expiry = world.sponsorship.read("sponsorship", world.account(world.client))["expiry"]
    terms = world.terms(vault, world.other_client, expiry=world.now + 100 * DAY_S)
    world.agree(terms, world.other_client)
    now = world.now
    left = first - first * (now - start) // (expiry - start)
    second = vault.read("unearned_fees") - left
    rest_wad = (expiry - now) * 10**18
    mean = (left * rest_wad + second * (terms.expiry - now) * 10**18) // (left + second)
    world.wait(50 * DAY_S)
    gone = (world.now - now) * 10**18
    assert left + second - vault.read("unearned_fees") == (left + second) * gone // mean


def test_fee__renewal_pays_for_what_is_new(world, vault):
    world.set_health(world.account(world.client), 600)
    terms = world.terms(vault)
    world.agree(terms)
    again = world.terms(vault, guarantee=600 * UNIT, expiry=terms.expiry)
    before = world.escrow.read("held", vault.address)
    world.agree(again)
    seconds = terms.expiry - world.now
    whole = -(-600 * UNIT * 40_000 * seconds // (10**6 * YEAR_S))
    paid = 500 * UNIT * 40_000 * seconds // (10**6 * YEAR_S)
    assert world.escrow.read("held", vault.address) - before == whole - paid


def test_fee__dearer_before__costs_nothing_and_gives_nothing_back(world, vault):
    world.set_health(world.account(world.client), 600)
    terms = world.terms(vault, fee_ppm=100_000)
    world.agree(terms)
    before = world.escrow.read("held", vault.address)
    world.agree(world.terms(vault, expiry=terms.expiry))
    assert world.escrow.read("held", vault.address) == before
    # the same again: what was paid counts rounded down, what is due rounded up
    again = world.terms(vault, expiry=terms.expiry)
    assert world.sponsorship.read("fee_of", again.as_tuple()) <= 1


def test_fee__not_allowed_by_the_client__reverts(world, vault):
    account = world.account(world.client)
    world.set_health(account, 600)
    terms = world.terms(vault)
    signature = world.domain.sign(terms, world.key(world.operator))
    with reverts("erc20: insufficient allowance"):
        world.send(world.client, world.sponsorship, "sponsor", terms.as_tuple(), b"", signature)
    assert world.sponsorship.read("broker_of", account) == "0x" + "00" * 20
    assert vault.read("client_locks") == 0
