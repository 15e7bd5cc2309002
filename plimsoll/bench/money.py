"""Deposits, withdrawals, fees, insurance shares, and the keepers' calls on markets."""

from __future__ import annotations

from collections.abc import Iterator

from eth_account import Account
from eth_account.messages import encode_typed_data

from plimsoll.bench.figures import Figure, gas_figure
from plimsoll.bench.venue import (
    FAR_FUTURE,
    GAS,
    ONE_FEED,
    PRICE,
    RICH,
    SIZE,
    THREE_FEEDS,
    Trader,
    Venue,
    gas_of,
)

_AMOUNT = 100_000 * 10**6  # token units
_LAPSE_S = 2 * 86_400


def custody(venue: Venue) -> Iterator[Figure]:
    """Deposits by somebody who has deposited for others before, and withdrawals."""
    trader, other = venue.trader(), venue.trader(RICH)
    client = venue.client
    for key in ("gas.deposit_first", "gas.deposit"):
        receipt = client.deposit(venue.bank, trader.account, _AMOUNT)
        yield gas_figure(key, gas_of(receipt))
    client.token.write(venue.bank, "mint", trader.signer.address, 3 * _AMOUNT)
    for key in ("gas.deposit_with_permit_first", "gas.deposit_with_permit"):
        permit = _permit(venue, trader, _AMOUNT)
        receipt = client.custody.write(
            trader.signer, "deposit_with_permit", trader.account, _AMOUNT, *permit, gas=GAS
        )
        yield gas_figure(key, gas_of(receipt))
    venue.settle_one(venue.bank, venue.posted(trader, SIZE), venue.signed(other, -SIZE))
    venue.settle_down()
    receiver = other.signer.address
    for key in ("gas.withdraw_first", "gas.withdraw"):
        receipt = client.withdraw(trader.signer, trader.account, 10**6, receiver)
        yield gas_figure(key, gas_of(receipt))


def _permit(venue: Venue, trader: Trader, amount: int) -> tuple[int, int, bytes, bytes]:
    """Deadline and signature of an approval of custody (ERC-2612)."""
    token = venue.client.token
    _, name, version, chain_id, verifier, *_ = token.read("eip712Domain")
    message = encode_typed_data(
        {"name": name, "version": version, "chainId": chain_id, "verifyingContract": verifier},
        {
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ]
        },
        {
            "owner": trader.signer.address,
            "spender": venue.client.custody.address,
            "value": amount,
            "nonce": token.read("nonces", trader.signer.address),
            "deadline": FAR_FUTURE,
        },
    )
    signed = Account.sign_message(message, trader.key)
    return FAR_FUTURE, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)


def accounts(venue: Venue) -> Iterator[Figure]:
    """Isolated accounts and leverage."""
    trader = venue.trader(RICH)
    clearinghouse = venue.client.clearinghouse
    for key, number in (("gas.open_isolated_first", 1), ("gas.open_isolated", 2)):
        receipt = clearinghouse.write(trader.signer, "open_isolated", number, gas=GAS)
        yield gas_figure(key, gas_of(receipt))
    for key, chosen in (("gas.set_leverage_class_first", 1), ("gas.set_leverage_class", 2)):
        receipt = clearinghouse.write(
            trader.signer, "set_leverage_class", trader.account, ONE_FEED, chosen, gas=GAS
        )
        yield gas_figure(key, gas_of(receipt))


def fees(venue: Venue) -> Iterator[Figure]:
    """Fees on their way to the vaults, and gifts to everybody."""
    maker, taker = venue.traders(2, RICH)
    client = venue.client
    for key in ("gas.sweep_fees_first", "gas.sweep_fees"):
        venue.trade(maker, taker, SIZE, PRICE)
        receipt = client.custody.write(venue.bank, "sweep_fees", gas=GAS)
        venue.insist(receipt, {"FeesSwept": 1})
        yield gas_figure(key, gas_of(receipt))
    for key in ("gas.contribute_first", "gas.contribute"):
        receipt = client.custody.write(venue.bank, "contribute", 10**6, gas=GAS)
        yield gas_figure(key, gas_of(receipt))


def vaults(venue: Venue) -> Iterator[Figure]:
    """Shares of the senior vault: bought, given notice of, redeemed."""
    client, depositor = venue.client, venue.trader()
    vault, who = client.senior, depositor.signer
    vault.write(venue.bank, "deposit", _AMOUNT, venue.bank.address, gas=GAS)
    client.token.write(venue.bank, "mint", who.address, 10 * _AMOUNT)
    client.token.write(who, "approve", vault.address, 10 * _AMOUNT)
    for key in ("gas.vault_deposit_first", "gas.vault_deposit"):
        receipt = vault.write(who, "deposit", _AMOUNT, who.address, gas=GAS)
        yield gas_figure(key, gas_of(receipt))
    shares = vault.read("balanceOf", who.address)
    for key, part in (("gas.vault_request_first", shares // 2), ("gas.vault_request", shares)):
        receipt = vault.write(who, "request_withdrawal", part, gas=GAS)
        yield gas_figure(key, gas_of(receipt))
    with venue.rpc.undone():
        venue.wait(vault.read("notice_s") + _LAPSE_S + 1)
        receipt = vault.write(venue.bank, "clear_lapsed", who.address, gas=GAS)
        yield gas_figure("gas.vault_clear_lapsed", gas_of(receipt))
    venue.wait(vault.read("notice_s") + 1)
    for key, part in (
        ("gas.vault_redeem", shares // 2),
        ("gas.vault_redeem_last", shares - shares // 2),
    ):
        receipt = vault.write(who, "redeem", part, who.address, who.address, gas=GAS)
        yield gas_figure(key, gas_of(receipt))
    receipt = vault.write(venue.bank, "transfer", depositor.signer.address, 10**6, gas=GAS)
    yield gas_figure("gas.vault_transfer", gas_of(receipt))
    client.token.write(venue.bank, "transfer", vault.address, 10**6)
    receipt = vault.write(venue.bank, "forward_donation", gas=GAS)
    yield gas_figure("gas.vault_forward_donation", gas_of(receipt))


def keepers(venue: Venue) -> Iterator[Figure]:
    """Refreshing a market or a position; anybody may."""
    maker, taker = venue.traders(2, RICH)
    client, keeper = venue.client, venue.bank
    venue.trade(maker, taker, SIZE, PRICE)
    venue.settle_down()
    for market, suffix in ((ONE_FEED, ""), (THREE_FEEDS, "_three_feeds")):
        yield gas_figure(f"gas.poke{suffix}", gas_of(client.poke(keeper, market)))
    for key in ("gas.sync_first", "gas.sync"):
        receipt = client.clearinghouse.write(keeper, "sync", maker.account, ONE_FEED, gas=GAS)
        yield gas_figure(key, gas_of(receipt))
    now = venue.rpc.timestamp()
    venue.rpc.set_next_timestamp(now - now % 300 + 300)
    yield gas_figure("gas.poke_new_rate", gas_of(client.poke(keeper, ONE_FEED)))
