# pragma version 0.4.3
"""
@title Sponsorship: guarantees by mutual consent, and margin calls
@notice Parties: a *client* is the owner of an account; an *operator* runs a broker, which is named by its vault; anybody may
        call for margin, cure, declare a default and measure what an account may cost its broker.

        A guarantee adds to the client's initial margin until `expiry - cure period - 2 hours` and to its maintenance margin until
        `expiry`, and can never be withdrawn. Behind it stands capital locked in the vault for this account alone, one to one,
        which is the first loss beyond the client's own money until it is released: also after a default, and after expiry.

        Worked example. Margin is 10 % initial, 5 % maintenance; the client has 600 and a guarantee of 500, buffer 20 %. It opens
        10,000 of notional: 600 + 500 >= 1,000 and 600 >= 500 * 1.2. It loses 200: 400 < 490 * 1.2 is a margin call of 212.5,
        yet 400 + 500 >= 490, so no auction. It deposits 213 and is cured; or does nothing, and after the cure period
        the guarantee shields no more: 400 < 490, the ordinary auction.
@dev    The only contract that writes guarantees into the ledger. It moves no tokens: vaults do, on its word. Here is what needs
        consent or ends a guarantee; guarantees keeps the records, call_desk serves margin calls, client_book the lists.
"""

from contracts._lib import fixed_point
from contracts._modules import call_desk
from contracts._modules import client_book
from contracts._modules import guarantees
from contracts._modules import margin_calls
from contracts._modules import neighbours
from contracts._modules import sponsor_consent
from interfaces import IBrokerRegistry
from interfaces import IBrokerVault
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import IGuarantyFund
from interfaces import ISponsorship
from interfaces import IWaterfall
from snekmate.utils import eip712_domain_separator as domain

implements: ISponsorship
initializes: client_book
initializes: domain
initializes: margin_calls
initializes: neighbours
initializes: sponsor_consent[domain := domain]
initializes: guarantees[
    client_book := client_book, margin_calls := margin_calls, neighbours := neighbours
]
initializes: call_desk[
    guarantees := guarantees, margin_calls := margin_calls, neighbours := neighbours
]

exports: (
    client_book.client_count,
    client_book.clients,
    client_book.at_risk,
    client_book.risk_of,
    domain.eip712Domain,
    neighbours.CLEARINGHOUSE,
    neighbours.WATERFALL,
    neighbours.CUSTODY,
    guarantees.REGISTRY,
    guarantees.measure,
    guarantees.sponsorship,
    guarantees.broker_of,
    guarantees.guaranteed,
    call_desk.call,
    call_desk.cure,
    call_desk.count_stops,
    call_desk.declare_default,
    call_desk.start_early,
    call_desk.margin_call,
)

PPM: constant(uint256) = fixed_point.PPM
PORT_WINDOW_S: constant(uint256) = 30 * 86400
RELEASE_S: constant(uint256) = 7 * 86400


@deploy
def __init__(
    clearinghouse: IClearinghouse,
    waterfall: IWaterfall,
    custody: ICustody,
    registry: IBrokerRegistry,
):
    neighbours.__init__(clearinghouse, waterfall, custody)
    domain.__init__("Plimsoll Brokers", "1")
    guarantees.__init__(registry, staticcall custody.token())


# --- consent -----------------------------------------------------------------------------


@external
@nonreentrant
def sponsor(
    terms: ISponsorship.Terms, client_signature: Bytes[512], operator_signature: Bytes[512]
):
    digest: bytes32 = self._agree(terms, client_signature, operator_signature)
    before: ISponsorship.Sponsored = guarantees._sponsored[terms.account]
    assert before.broker in [empty(address), terms.broker], "sponsor: has a broker"
    guarantees._assert_no_call(terms.account)
    self._assert_not_lower(terms, before)
    health: IClearinghouse.Health = self._priced_health(terms.account)
    assert margin_calls._is_above(health, PPM + terms.buffer_ppm), "sponsor: client below buffer"

    fee: uint256 = self._fee_up(terms, before)
    margin_calls._forget(terms.account)
    client_book._set_risk(terms.account, terms.broker, 0)
    if before.broker == empty(address):
        client_book._add(terms.broker, terms.account)
    self._put_in_force(terms, fee, digest)


@external
@nonreentrant
def port(terms: ISponsorship.Terms, client_signature: Bytes[512], operator_signature: Bytes[512]):
    digest: bytes32 = self._agree(terms, client_signature, operator_signature)
    before: ISponsorship.Sponsored = guarantees._sponsored[terms.account]
    assert before.broker != empty(address), "port: no broker"
    assert before.broker != terms.broker, "port: same broker"
    state: IBrokerRegistry.State = empty(IBrokerRegistry.State)
    since: uint256 = 0
    state, since = staticcall guarantees.REGISTRY.state_of(before.broker)
    assert (
        state != IBrokerRegistry.State.ACTIVE and block.timestamp <= since + PORT_WINDOW_S
    ), "port: not open"
    call: ISponsorship.CallState = margin_calls._calls[terms.account].state
    assert call != ISponsorship.CallState.DEFAULTED, "port: defaulted"
    self._assert_not_lower(terms, before)
    # a loss that has begun stays with the broker under which it began
    health: IClearinghouse.Health = self._priced_health(terms.account)
    assert health.equity >= 0, "port: below zero"

    client_book._remove(before.broker, terms.account)
    client_book._add(terms.broker, terms.account)
    log ISponsorship.Ported(account=terms.account, before=before.broker, after=terms.broker)
    # the call and its deadline stay as they are
    self._put_in_force(terms, self._fee_up(terms, empty(ISponsorship.Sponsored)), digest)
    guarantees._measure(terms.account, guarantees._sponsored[terms.account], health)
    extcall IBrokerVault(before.broker).unlock(terms.account)


@external
@nonreentrant
def revoke(terms: ISponsorship.Terms):
    if msg.sender != self._owner_of(terms.account):
        assert msg.sender == staticcall guarantees.REGISTRY.operator_of(
            terms.broker
        ), "access: no party"
    sponsor_consent._revoke(terms)


@external
@nonreentrant
def release(account: uint256):
    record: ISponsorship.Sponsored = guarantees._record(account)
    assert (
        msg.sender == self._owner_of(account) or block.timestamp >= record.expiry
    ), "access: not account owner"
    guarantees._assert_not_started(account)
    guarantees._assert_no_call(account)
    health: IClearinghouse.Health = neighbours._health(account)
    if health.equity_im < convert(health.im, int256):
        # nobody keeps a broker's capital for ever by staying between both margins
        assert (
            block.timestamp >= record.expiry + RELEASE_S and margin_calls._is_above(health, PPM)
        ), "release: needs guarantee"
    # a loss that is known and not in a mark yet is the broker's
    assert health.priced, "release: needs guarantee"
    log ISponsorship.Released(account=account, broker=record.broker, tokens=record.lock)
    guarantees._end(account, record)


@external
@nonreentrant
def pay_loss(account: uint256, tokens: uint256):
    assert msg.sender == neighbours.WATERFALL.address, "access: not waterfall"
    record: ISponsorship.Sponsored = guarantees._record(account)
    log ISponsorship.GuaranteePaid(
        account=account,
        broker=record.broker,
        tokens=tokens,
        freed=max(record.lock, tokens) - tokens,
    )
    extcall IBrokerVault(record.broker).pay_loss(account, tokens)
    guarantees._end(account, record)


# --- views -------------------------------------------------------------------------------


@external
@view
def terms_digest(terms: ISponsorship.Terms) -> bytes32:
    return sponsor_consent._digest(terms)


@external
@view
def is_used(digest: bytes32) -> bool:
    return sponsor_consent._used[digest]


@external
@view
def fee_of(terms: ISponsorship.Terms) -> uint256:
    before: ISponsorship.Sponsored = guarantees._sponsored[terms.account]
    if before.broker != terms.broker:
        before = empty(ISponsorship.Sponsored)
    return self._fee_up(terms, before)


# --- internals ---------------------------------------------------------------------------


@internal
def _agree(
    terms: ISponsorship.Terms, client_signature: Bytes[512], operator_signature: Bytes[512]
) -> bytes32:
    """
    @dev What a new guarantee and one that moves have in common before anything is decided.
    """
    sponsor_consent._check_bounds(terms, guarantees.SCALE)
    assert staticcall guarantees.REGISTRY.is_active(terms.broker), "broker: not active"
    digest: bytes32 = sponsor_consent._use_up(
        terms,
        self._owner_of(terms.account),
        client_signature,
        staticcall guarantees.REGISTRY.operator_of(terms.broker),
        operator_signature,
    )
    guarantees._assert_not_started(terms.account)
    return digest


@internal
def _put_in_force(terms: ISponsorship.Terms, fee: uint256, digest: bytes32):
    """
    @dev Records first; then the lock, the fund's share of it, and last the token's own code.
    """
    record: ISponsorship.Sponsored = ISponsorship.Sponsored(
        broker=terms.broker,
        lock=terms.guarantee,
        fee_ppm=terms.fee_ppm,
        expiry=terms.expiry,
        buffer_ppm=terms.buffer_ppm,
        cure_s=terms.cure_s,
        early_ppm=terms.early_ppm,
    )
    guarantees._sponsored[terms.account] = record
    log ISponsorship.GuaranteeAgreed(
        account=terms.account,
        broker=terms.broker,
        digest=digest,
        guarantee=terms.guarantee,
        fee=fee,
        expiry=terms.expiry,
        buffer_ppm=terms.buffer_ppm,
        cure_s=terms.cure_s,
        early_ppm=terms.early_ppm,
    )
    guarantees._write(terms.account, record)
    extcall IBrokerVault(terms.broker).lock(terms.account, terms.guarantee)
    extcall IGuarantyFund(staticcall guarantees.REGISTRY.fund()).fill(terms.broker)
    extcall IBrokerVault(terms.broker).receive_fee(
        self._owner_of(terms.account), fee, terms.expiry - block.timestamp
    )


@internal
@view
def _priced_health(account: uint256) -> IClearinghouse.Health:
    """
    @dev Nobody guarantees a position whose worth is not known.
    """
    health: IClearinghouse.Health = neighbours._health(account)
    assert health.priced, "sponsor: no price"
    return health


@internal
@view
def _fee_up(terms: ISponsorship.Terms, before: ISponsorship.Sponsored) -> uint256:
    """
    @dev For the whole term, less what was paid for the same time already.
    """
    fee: uint256 = sponsor_consent._fee_up(
        terms.guarantee, terms.fee_ppm, terms.expiry - block.timestamp
    )
    if before.expiry <= block.timestamp:
        return fee
    paid: uint256 = sponsor_consent._fee_down(
        before.lock, before.fee_ppm, before.expiry - block.timestamp
    )
    return max(fee, paid) - paid


@internal
@pure
def _assert_not_lower(terms: ISponsorship.Terms, before: ISponsorship.Sponsored):
    """
    @dev A guarantee in force is never made smaller or shorter: it ends, or is replaced by at least as much.
    """
    assert (
        terms.guarantee >= before.lock and terms.expiry >= before.expiry
    ), "sponsor: lowers guarantee"


@internal
@pure
def _owner_of(account: uint256) -> address:
    """
    @dev The 20 bytes in front of the sub-account number.
    """
    return convert(account >> 96, address)
