"""Sponsorship: terms within bounds, and both sides' consent, once."""

from __future__ import annotations

import pytest
from eth_account import Account

from plimsoll.guarantees import GuaranteeDomain
from tests.support.broker_world import CURE_S, DAY_S, HOUR_S, UNIT
from tests.support.expect import reverts

NOTICE_S = CURE_S + 2 * HOUR_S


def submit(world, terms, client_signature=b"", operator_signature=None, sender=None, **kw):
    """The client sends; the operator's signature is right unless given."""
    if operator_signature is None:
        operator_signature = world.domain.sign(terms, world.key(world.operator))
    world.give(world.client, 100, world.vault(terms.broker))
    return world.send(
        sender or world.client,
        world.sponsorship,
        kw.get("function", "sponsor"),
        terms.as_tuple(),
        client_signature,
        operator_signature,
    )


def test_digest__is_the_libraries(world, vault):
    terms = world.terms(vault)
    assert bytes(world.sponsorship.read("terms_digest", terms.as_tuple())) == world.domain.digest(
        terms
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"guarantee": 0}, "terms: no guarantee"),
        ({"guarantee": 2**112 // 10**12}, "guarantee: too large"),
        ({"fee_ppm": 500_001}, "terms: fee too high"),
        ({"buffer_ppm": 49_999}, "terms: bad buffer"),
        ({"buffer_ppm": 1_000_001}, "terms: bad buffer"),
        ({"cure_s": HOUR_S - 1}, "terms: bad cure period"),
        ({"cure_s": 7 * DAY_S + 1}, "terms: bad cure period"),
        ({"early_ppm": 1_000_001}, "terms: bad early start"),
    ],
)
def test_terms__out_of_bounds__reverts(world, vault, changes, reason):
    with reverts(reason):
        submit(world, world.terms(vault, **changes))


def test_terms__expiry_leaves_room_for_a_call(world, vault):
    account = world.account(world.client)
    for term_s in (NOTICE_S + DAY_S - 1, 366 * DAY_S + 1):
        world.give(world.client, 100, vault)
        now = world.now + 10
        terms = world.terms(vault, expiry=now + term_s)
        world.rpc.set_next_timestamp(now)
        with world.rpc.undone(), reverts("terms: bad expiry"):
            signature = world.domain.sign(terms, world.key(world.operator))
            world.send(world.client, world.sponsorship, "sponsor", terms.as_tuple(), b"", signature)
    world.agree(world.terms(vault, expiry=world.now + NOTICE_S + DAY_S + 100))
    assert world.sponsorship.read("broker_of", account) == vault.address


def test_terms__after_valid_until__reverts(world, vault):
    terms = world.terms(vault)
    signature = world.domain.sign(terms, world.key(world.operator))
    world.give(world.client, 100, vault)
    send = (world.client, world.sponsorship, "sponsor", terms.as_tuple(), b"", signature)
    with world.rpc.undone():
        world.rpc.set_next_timestamp(terms.valid_until)
        world.send(*send)
    world.rpc.set_next_timestamp(terms.valid_until + 1)
    with reverts("terms: lapsed"):
        world.send(*send)


def test_consent__anybody_may_bring_both_signatures(world, vault):
    terms = world.terms(vault)
    submit(world, terms, world.domain.sign(terms, world.key(world.client)), sender=world.anybody)
    assert world.sponsorship.read("is_used", world.domain.digest(terms))


def test_consent__operator_may_send(world, vault):
    terms = world.terms(vault)
    signature = world.domain.sign(terms, world.key(world.client))
    submit(world, terms, signature, b"", sender=world.operator)
    assert world.sponsorship.read("broker_of", terms.account) == vault.address


def test_consent__missing__reverts(world, vault):
    terms = world.terms(vault)
    client = world.domain.sign(terms, world.key(world.client))
    with reverts("consent: not given"):
        submit(world, terms, b"", sender=world.attacker)
    with reverts("consent: not given"):
        submit(world, terms, client, b"", sender=world.attacker)
    with reverts("consent: not given"):
        submit(world, terms, b"", b"", sender=world.client)


def test_consent__of_somebody_else__reverts(world, vault):
    terms = world.terms(vault)
    theirs = world.domain.sign(terms, world.key(world.attacker))
    with reverts("consent: wrong signature"):
        submit(world, terms, theirs, sender=world.attacker)
    with reverts("consent: wrong signature"):
        submit(world, terms, b"", theirs)


def test_consent__of_other_terms_chain_or_contract__reverts(world, vault):
    terms = world.terms(vault)
    key = world.key(world.operator)
    chain = GuaranteeDomain(1, world.sponsorship.address)
    contract = GuaranteeDomain(world.rpc.chain_id(), world.waterfall.address)
    dearer = terms.replaced(fee_ppm=terms.fee_ppm + 1)
    for signature in (
        chain.sign(terms, key),
        contract.sign(terms, key),
        world.domain.sign(dearer, key),
    ):
        with reverts("consent: wrong signature"):
            submit(world, terms, b"", signature)


def test_consent__malleable_or_short__reverts(world, vault):
    terms = world.terms(vault)
    good = world.domain.sign(terms, world.key(world.operator))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    twin = good[:32] + high + bytes([55 - good[64]])
    for signature in (twin, good[:64], good + b"\0"):
        with reverts("consent: wrong signature"):
            submit(world, terms, b"", signature)


def test_consent__works_once(world, vault):
    terms = world.terms(vault)
    submit(world, terms)
    with reverts("terms: used or revoked"):
        submit(world, terms)
    world.send(world.client, world.sponsorship, "release", terms.account)
    with reverts("terms: used or revoked"):
        submit(world, terms)


def test_revoke__by_either_side(world, vault):
    for who in (world.client, world.operator):
        terms = world.terms(vault)
        with reverts("access: no party"):
            world.send(world.attacker, world.sponsorship, "revoke", terms.as_tuple())
        (event,) = world.send(who, world.sponsorship, "revoke", terms.as_tuple())
        assert bytes(event["digest"]) == world.domain.digest(terms)
        with reverts("terms: used or revoked"):
            submit(world, terms)


def test_consent__of_a_contract_wallet(world, vault):
    holder = Account.create()
    wallet = world.deploy("Erc1271Wallet", holder.address)
    account = int(wallet.address, 16) << 96
    # free of charge: the wallet need not allow anything
    terms = world.terms(vault, account=account, fee_ppm=0)
    with reverts("consent: wrong signature"):
        submit(world, terms, world.domain.sign(terms, world.key(world.attacker)))
    submit(world, terms, world.domain.sign(terms, holder.key), sender=world.anybody)
    assert world.sponsorship.read("broker_of", account) == vault.address


@pytest.mark.parametrize("manner", [1, 2, 4, 8, 16, 32])
def test_consent__of_a_wallet_that_misbehaves__reverts(world, vault, manner):
    wallet = world.deploy("BadErc1271Wallet", manner)
    terms = world.terms(vault, account=int(wallet.address, 16) << 96, fee_ppm=0)
    with reverts("consent: wrong signature"):
        submit(world, terms, b"\1" * 65, sender=world.anybody)


def test_consent__of_the_zero_address__reverts(world, vault):
    # a recovery that fails gives the zero address
    terms = world.terms(vault, account=0, fee_ppm=0)
    with reverts("consent: wrong signature"):
        submit(world, terms, b"\1" * 65, sender=world.anybody)


def test_sponsor__broker_that_is_not_active__reverts(world, vault):
    opened = world.open_vault(world.operator)
    with reverts("broker: not active"):
        submit(world, world.terms(opened, guarantee=UNIT))
    with reverts("broker: not active"):
        submit(world, world.terms(world.junior, guarantee=UNIT))
    world.send(world.operator, world.registry, "leave", vault.address)
    with reverts("broker: not active"):
        submit(world, world.terms(vault))
