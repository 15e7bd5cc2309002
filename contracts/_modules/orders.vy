# pragma version 0.4.3
"""
@title Orders: hash, signature, validity, cancellation and what has been filled
"""

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as domain

from interfaces import IExchange
from contracts._lib import order_match
from contracts._lib import revert_reason
from contracts._lib import signatures
from contracts._modules import agents

uses: agents
uses: domain

ORDER_TYPEHASH: constant(bytes32) = keccak256(
    "Order(uint256 account,uint256 market,int256 size,uint256 limit_price,uint256 max_fee_ppm,uint256 expiry,uint256 salt,uint256 flags,address matcher,uint256 counterparty,uint256 trigger_price)"
)


# `_filled` of an order that was cancelled.
CANCELLED: constant(uint256) = max_value(uint256)


# Signed orders with a lower salt are void.
cancelled_below: public(HashMap[uint256, uint256])

# Order hash -> wad filled so far, or `CANCELLED`.
_filled: HashMap[bytes32, uint256]


@external
@nonreentrant
def cancel(order: IExchange.Order):
    if msg.sender != agents._owner_of(order.account):
        assert agents._is_live(order.account, msg.sender), "cancel: not owner or agent"
    order_hash: bytes32 = self._hash(order, domain._domain_separator_v4())
    self._filled[order_hash] = CANCELLED
    log IExchange.OrderCancelled(order_hash=order_hash, account=order.account)


@external
@nonreentrant
def cancel_below(account: uint256, salt: uint256):
    assert msg.sender == agents._owner_of(account), "cancel: only owner"
    assert salt > self.cancelled_below[account], "cancel: salt not higher"
    self.cancelled_below[account] = salt
    log IExchange.OrdersCancelledBelow(account=account, salt=salt)


@external
@view
def order_hash(order: IExchange.Order) -> bytes32:
    return self._hash(order, domain._domain_separator_v4())


@external
@view
@nonreentrant
def filled(order_hash: bytes32) -> uint256:
    return self._filled[order_hash]


@internal
@pure
def _hash(order: IExchange.Order, separator: bytes32) -> bytes32:
    """
    @dev The EIP-712 digest. All members are one word long, so the struct in memory is its own encoding.
    """
    return keccak256(concat(x"1901", separator, keccak256(abi_encode(ORDER_TYPEHASH, order))))


@internal
@view
def _verify(
    order: IExchange.Order,
    signer: address,
    signature: Bytes[512],
    separator: bytes32,
    sender: address,
    wanted: uint256,
    where: uint256,
) -> (bytes32, uint256):
    """
    @dev Everything an order must satisfy by itself, triggers aside. Returns its hash and what is filled of it.
         The sender's own order without a signature is authorised by this transaction alone: it has no past.
         `wanted` is `LIQUIDATION_ONLY` for a take, 0 for a settlement.
    """
    if block.timestamp > order.expiry:
        revert_reason._raise(where, "order: expired")
    if order.matcher != empty(address):
        if order.matcher != sender:
            revert_reason._raise(where, "order: wrong matcher")
    if order.flags > order_match.ALL_FLAGS:
        revert_reason._raise(where, "order: unknown flag")
    if order.flags & order_match.LIQUIDATION_ONLY != wanted:
        if wanted == 0:
            revert_reason._raise(where, "order: liquidation-only")
        revert_reason._raise(where, "order: not liquidation-only")
    if wanted != 0 and order.flags & (order_match.REDUCE_ONLY | order_match.POST_ONLY) != 0:
        revert_reason._raise(where, "order: flags do not combine")
    if order.size == 0 or order.size == min_value(int256):
        revert_reason._raise(where, "order: size out of range")

    owner: address = agents._owner_of(order.account)
    if signer != owner:
        agents._check(order.account, signer, order.market, convert(abs(order.size), uint256), where)

    order_hash: bytes32 = self._hash(order, separator)
    if len(signature) == 0:
        if sender != signer:
            revert_reason._raise(where, "order: not signed")
        return order_hash, 0
    # A key first: an account with delegated code (EIP-7702) still has one. snekmate's recovery reverts by
    # itself, which would bar wallets and lose the index; only its bound is used.
    signed: bool = False
    if len(signature) == 65:
        s: uint256 = extract32(signature, 32, output_type=uint256)
        if s <= ecdsa._MALLEABILITY_THRESHOLD:
            signed = signer == ecrecover(
                order_hash,
                convert(slice(signature, 64, 1), uint256),
                extract32(signature, 0, output_type=uint256),
                s,
            )
    if not signed or signer == empty(address):
        self._check_wallet(order_hash, signer, signature, signer == owner, where)
    if order.salt < self.cancelled_below[order.account]:
        revert_reason._raise(where, "order: below cancelled salt")
    already: uint256 = self._filled[order_hash]
    if already == CANCELLED:
        revert_reason._raise(where, "order: cancelled")
    return order_hash, already


@internal
@view
def _check_wallet(
    digest: bytes32, signer: address, signature: Bytes[512], is_owner: bool, where: uint256
):
    """
    @dev Reverts unless the signer is a contract wallet that owns the account and accepts the signature.
    """
    if is_owner and signer.is_contract:
        if signatures._wallet_accepts(signer, digest, signature):
            return
    elif len(signature) == 65:
        if extract32(signature, 32, output_type=uint256) > ecdsa._MALLEABILITY_THRESHOLD:
            revert_reason._raise(where, "order: malleable signature")
    revert_reason._raise(where, "order: wrong signature")
