# pragma version 0.4.3
"""
@title The packing of the ledger's words by itself
"""

from contracts._modules import ledger

initializes: ledger


@external
def store_account(account: uint256, state: ledger.Account):
    ledger._store_account(account, state)


@external
@view
def account(account: uint256) -> ledger.Account:
    return ledger._account(account)


@external
def store_position(account: uint256, market: uint256, position: ledger.Position):
    ledger._store_position(account, market, position)


@external
@view
def position(account: uint256, market: uint256) -> ledger.Position:
    return ledger._position(account, market)


@external
def store_bucket(key: uint256, bucket: ledger.Bucket):
    ledger._store_bucket(key, bucket)


@external
@view
def bucket(key: uint256, funding_index: int256) -> ledger.Bucket:
    return ledger._bucket(key, funding_index)


@external
def move_in_flat_bucket(
    key: uint256, shares: uint256, n: uint256, new_shares: uint256, new_n: uint256
):
    ledger._move_in_flat_bucket(key, shares, n, new_shares, new_n)


@external
def store_market(market: uint256, state: ledger.Market):
    ledger._store_pulse(market, state)
    ledger._store_clock(market, state)


@external
@view
def market(market: uint256) -> ledger.Market:
    return ledger._market(market)
