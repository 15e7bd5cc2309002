# pragma version 0.4.3
# pragma optimize gas
"""
@title Exchange: settles signed orders against each other
@notice Checks signatures and what the signers allowed, then hands each match to the clearinghouse, which checks
        margin, bands and limits and moves size and cash. The exchange holds no money and no positions.

        maker, taker   the two orders of a match; the post-only one, if any, is the maker and sets the price
        filled         size of a signed order settled so far, by order hash
        used           the same within one call, in memory; written once per order at the end

        Example: alice signs "buy 1 at 100, post-only", bob signs "sell 3 at 99". Anybody settles 1 of them: alice
        buys 1 at 100 and pays the maker fee, bob pays the taker fee and has 2 left.
"""

from snekmate.utils import eip712_domain_separator as domain

from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import ILiquidator
from contracts._lib import order_match
from contracts._lib import revert_reason
from contracts._modules import agents
from contracts._modules import orders as register

implements: IExchange

initializes: domain
initializes: agents
initializes: register[agents := agents, domain := domain]

exports: domain.eip712Domain
exports: (agents.set_agent, agents.revoke_agent, agents.agent)
exports: (
    register.cancel,
    register.cancel_below,
    register.order_hash,
    register.filled,
    register.cancelled_below,
)


# Bits of what `IClearinghouse.trade` returns.
MAKER_STARTED: constant(uint256) = 1
TAKER_STARTED: constant(uint256) = 2

MAX_ORDERS: constant(uint256) = 16

# What `rehearse` asks its caller, and the answer it takes.
MAX_QUESTION: constant(uint256) = 256
MAX_ANSWER: constant(uint256) = revert_reason.MAX_ANSWER

CLEARINGHOUSE: public(immutable(IClearinghouse))
_DEPLOYER: immutable(address)

liquidator: public(ILiquidator)


@deploy
def __init__(clearinghouse: address):
    assert clearinghouse != empty(address), "exchange: zero address"
    CLEARINGHOUSE = IClearinghouse(clearinghouse)
    _DEPLOYER = msg.sender
    domain.__init__("Plimsoll", "1")


@external
def wire(liquidator: address):
    """
    @notice Names the liquidator, once. Deployer only.
    """
    assert msg.sender == _DEPLOYER, "wire: only deployer"
    assert self.liquidator.address == empty(address), "wire: already done"
    assert liquidator != empty(address), "wire: zero address"
    self.liquidator = ILiquidator(liquidator)


@external
@nonreentrant
def settle_one(maker: IExchange.SignedOrder, taker: IExchange.SignedOrder, size: uint256):
    self._settle_pair(maker, taker, size, 0, 0, msg.sender)


@external
@nonreentrant
def settle(
    orders: DynArray[IExchange.SignedOrder, MAX_ORDERS],
    matches: DynArray[IExchange.Match, MAX_ORDERS],
):
    separator: bytes32 = domain._domain_separator_v4()
    hashes: bytes32[MAX_ORDERS] = empty(bytes32[MAX_ORDERS])
    before: uint256[MAX_ORDERS] = empty(uint256[MAX_ORDERS])
    used: uint256[MAX_ORDERS] = empty(uint256[MAX_ORDERS])
    several: bool = len(matches) > 1
    where: uint256 = revert_reason.NOWHERE
    for i: uint256 in range(len(orders), bound=MAX_ORDERS):
        if several:
            where = revert_reason.IN_ORDER | i
        hashes[i], before[i] = register._verify(
            orders[i].order, orders[i].signer, orders[i].signature, separator, msg.sender, 0, where
        )
        used[i] = before[i]
        if orders[i].order.trigger_price != 0:
            self._check_trigger(
                orders[i].order.market, orders[i].order.trigger_price, orders[i].order.flags, where
            )
    for i: uint256 in range(len(matches), bound=MAX_ORDERS):
        if several:
            where = revert_reason.IN_MATCH | i
        pair: IExchange.Match = matches[i]
        order_match._check_match(pair, len(orders), where)
        maker: IExchange.Order = orders[pair.maker].order
        taker: IExchange.Order = orders[pair.taker].order
        fill: IClearinghouse.Fill = order_match._match(
            maker, taker, pair.size, used[pair.maker], used[pair.taker], where
        )
        maker_used: uint256 = unsafe_add(used[pair.maker], pair.size)
        taker_used: uint256 = unsafe_add(used[pair.taker], pair.size)
        used[pair.maker] = maker_used
        used[pair.taker] = taker_used
        self._trade(fill, where)
        self._log_matched(hashes[pair.maker], hashes[pair.taker], maker.account, fill)

    for i: uint256 in range(len(orders), bound=MAX_ORDERS):
        if used[i] != before[i] and len(orders[i].signature) != 0:
            if register._filled[hashes[i]] != before[i]:
                revert_reason._raise(revert_reason.IN_ORDER | i, "order: given twice")
            register._filled[hashes[i]] = used[i]


@external
@nonreentrant
def try_settle(
    orders: DynArray[IExchange.SignedOrder, MAX_ORDERS],
    matches: DynArray[IExchange.Match, MAX_ORDERS],
) -> uint256:
    used: uint256[MAX_ORDERS] = empty(uint256[MAX_ORDERS])
    settled: uint256 = 0
    for i: uint256 in range(len(matches), bound=MAX_ORDERS):
        pair: IExchange.Match = matches[i]
        order_match._check_match(pair, len(orders), revert_reason.IN_MATCH | i)
        gas_before: uint256 = msg.gas
        success: bool = False
        data: Bytes[revert_reason.MAX_DATA] = b""
        success, data = raw_call(
            self,
            abi_encode(
                orders[pair.maker],
                orders[pair.taker],
                pair.size,
                used[pair.maker],
                used[pair.taker],
                msg.sender,
                method_id=method_id(
                    "settle_pair(((uint256,uint256,int256,uint256,uint256,uint256,uint256,uint256,address,uint256,uint256),address,bytes),((uint256,uint256,int256,uint256,uint256,uint256,uint256,uint256,address,uint256,uint256),address,bytes),uint256,uint256,uint256,address)"
                ),
            ),
            max_outsize=revert_reason.MAX_DATA,
            revert_on_failure=False,
        )
        if success:
            used[pair.maker] += pair.size
            used[pair.taker] += pair.size
            settled += 1
        else:
            # Running out of gas at any depth leaves 1/64 per call on the way, far less than an eighth.
            assert msg.gas >= gas_before // 8, "settle: out of gas"
            log IExchange.FillSkipped(index=i, reason=revert_reason._read(data))
    return settled


@external
def settle_pair(
    maker: IExchange.SignedOrder,
    taker: IExchange.SignedOrder,
    size: uint256,
    maker_used: uint256,
    taker_used: uint256,
    sender: address,
):
    # `try_settle` holds the lock.
    assert msg.sender == self, "access: not self"
    self._settle_pair(maker, taker, size, maker_used, taker_used, sender)


@external
@nonreentrant
def take_with_order(signed: IExchange.SignedOrder, account: uint256, size: uint256) -> uint256:
    order: IExchange.Order = signed.order
    order_hash: bytes32 = empty(bytes32)
    already: uint256 = 0
    order_hash, already = register._verify(
        order,
        signed.signer,
        signed.signature,
        domain._domain_separator_v4(),
        msg.sender,
        order_match.LIQUIDATION_ONLY,
        revert_reason.NOWHERE,
    )
    if order.trigger_price != 0:
        self._check_trigger(order.market, order.trigger_price, order.flags, revert_reason.NOWHERE)
    assert order.counterparty == 0 or order.counterparty == account, "order: wrong counterparty"
    assert order.account >> 96 != account >> 96, "order: self trade"
    assert size != 0, "match: zero size"
    assert size <= order_match._open(order.size, already), "order: over filled"
    # The order's sign says whether it takes over a long or a short.
    leg_size: int256 = (staticcall CLEARINGHOUSE.leg(account, order.market)).size
    assert (order.size > 0 and leg_size > 0) or (
        order.size < 0 and leg_size < 0
    ), "order: wrong side"

    taken: uint256 = extcall self.liquidator.take_for(
        order.account, account, order.market, size, order.limit_price
    )
    if len(signed.signature) != 0:
        register._filled[order_hash] = already + taken
    signed_size: int256 = convert(taken, int256)
    log IExchange.OrderFilled(
        order_hash=order_hash,
        account=order.account,
        market=order.market,
        size=signed_size if order.size > 0 else -signed_size,
        filled=already + taken,
    )
    return taken


@external
@nonreentrant
def rehearse(fill: IClearinghouse.Fill, question: Bytes[MAX_QUESTION]):
    # Nobody has signed this fill, so nothing of it may stay: the last line reverts whatever happens above it.
    # With a place to tell, what goes wrong in it is raised as text and cannot pass for an answer.
    self._trade(fill, revert_reason.IN_MATCH)
    # The caller, and nobody else, is asked: our name opens doors at the clearinghouse and at the liquidator.
    answered: bool = False
    answer: Bytes[MAX_ANSWER] = b""
    answered, answer = raw_call(
        msg.sender, question, max_outsize=MAX_ANSWER, is_static_call=True, revert_on_failure=False
    )
    raw_revert(abi_encode(answered, answer, method_id=method_id("Rehearsed(bool,bytes)")))


@internal
def _settle_pair(
    maker: IExchange.SignedOrder,
    taker: IExchange.SignedOrder,
    size: uint256,
    maker_used: uint256,
    taker_used: uint256,
    sender: address,
):
    """
    @dev One match, with plain reasons; what the clearinghouse reverts with passes unchanged.
         `maker_used` and `taker_used` count for unsigned orders only.
    """
    separator: bytes32 = domain._domain_separator_v4()
    maker_hash: bytes32 = empty(bytes32)
    taker_hash: bytes32 = empty(bytes32)
    maker_filled: uint256 = 0
    taker_filled: uint256 = 0
    maker_hash, maker_filled = register._verify(
        maker.order, maker.signer, maker.signature, separator, sender, 0, revert_reason.NOWHERE
    )
    taker_hash, taker_filled = register._verify(
        taker.order, taker.signer, taker.signature, separator, sender, 0, revert_reason.NOWHERE
    )
    if maker.order.trigger_price != 0:
        self._check_trigger(
            maker.order.market, maker.order.trigger_price, maker.order.flags, revert_reason.NOWHERE
        )
    if taker.order.trigger_price != 0:
        self._check_trigger(
            taker.order.market, taker.order.trigger_price, taker.order.flags, revert_reason.NOWHERE
        )
    # Nothing is on record for an unsigned order.
    maker_filled = max(maker_filled, maker_used)
    taker_filled = max(taker_filled, taker_used)
    fill: IClearinghouse.Fill = order_match._match(
        maker.order, taker.order, size, maker_filled, taker_filled, revert_reason.NOWHERE
    )
    # `_match` has checked that neither sum exceeds the order's size.
    maker_filled = unsafe_add(maker_filled, size)
    taker_filled = unsafe_add(taker_filled, size)
    if len(maker.signature) != 0:
        register._filled[maker_hash] = maker_filled
    if len(taker.signature) != 0:
        register._filled[taker_hash] = taker_filled
    self._trade(fill, revert_reason.NOWHERE)
    self._log_matched(maker_hash, taker_hash, maker.order.account, fill)


@internal
def _trade(fill: IClearinghouse.Fill, where: uint256):
    """
    @dev Trades, then has the liquidator re-test accounts that traded while under liquidation. With a place to
         tell, what goes wrong is raised again with its index in front.
    """
    started: uint256 = 0
    if where == revert_reason.NOWHERE:
        started = extcall CLEARINGHOUSE.trade(fill, skip_contract_check=True)
    else:
        started = self._call_or_raise(
            CLEARINGHOUSE.address,
            abi_encode(
                fill,
                method_id=method_id(
                    "trade((uint256,uint256,uint256,int256,uint256,uint256,uint256,uint256))"
                ),
            ),
            where,
        )
    if started != 0:
        if started & MAKER_STARTED != 0:
            self._touch(fill.maker, where)
        if started & TAKER_STARTED != 0:
            self._touch(fill.taker, where)


@internal
def _touch(account: uint256, where: uint256):
    """
    @dev Has the liquidator re-test an account.
    """
    if where == revert_reason.NOWHERE:
        extcall self.liquidator.touch(account)
    else:
        self._call_or_raise(
            self.liquidator.address,
            abi_encode(account, method_id=method_id("touch(uint256)")),
            where,
        )


@internal
def _call_or_raise(target: address, data: Bytes[260], where: uint256) -> uint256:
    """
    @dev Calls one of our contracts; a failure is raised again with its index. Returns the first word, if any.
    """
    success: bool = False
    answer: Bytes[revert_reason.MAX_DATA] = b""
    success, answer = raw_call(
        target, data, max_outsize=revert_reason.MAX_DATA, revert_on_failure=False
    )
    if not success:
        revert_reason._raise(
            where, convert(revert_reason._read(answer), String[revert_reason.MAX_TEXT])
        )
    if len(answer) < 32:
        return 0
    return extract32(answer, 0, output_type=uint256)


@internal
def _check_trigger(market: uint256, trigger_price: uint256, flags: uint256, where: uint256):
    """
    @dev A stop or take-profit order waits for the mark. With a place to tell, an unknown market is told with it.
    """
    if where != revert_reason.NOWHERE:
        self._call_or_raise(
            CLEARINGHOUSE.address,
            abi_encode(market, method_id=method_id("poke(uint256)")),
            where,
        )
    mark: uint256 = 0
    priced: bool = False
    mark, priced = extcall CLEARINGHOUSE.poke(market)
    if not priced:
        revert_reason._raise(where, "order: no price for trigger")
    if flags & order_match.TRIGGER_ABOVE != 0:
        if mark < trigger_price:
            revert_reason._raise(where, "order: trigger not met")
    elif mark > trigger_price:
        revert_reason._raise(where, "order: trigger not met")


@internal
def _log_matched(
    first_hash: bytes32, second_hash: bytes32, first: uint256, fill: IClearinghouse.Fill
):
    """
    @dev One event per match; a post-only order that was given second is its maker all the same.
    """
    maker_hash: bytes32 = first_hash
    taker_hash: bytes32 = second_hash
    if fill.maker != first:
        maker_hash = second_hash
        taker_hash = first_hash
    log IExchange.Matched(
        maker_hash=maker_hash,
        taker_hash=taker_hash,
        market=fill.market,
        maker=fill.maker,
        taker=fill.taker,
        size=fill.size,
        price=fill.price,
    )
