# pragma version 0.4.3
"""
@title Terms of a guarantee: their bounds, and that both sides agreed
@dev   One digest for both sides. It works once, for one account and broker, on one chain and contract, until the terms lapse.
"""

from snekmate.utils import eip712_domain_separator as domain

from interfaces import ISponsorship
from contracts._lib import fixed_point
from contracts._lib import signatures

uses: domain

PPM: constant(uint256) = fixed_point.PPM
HOUR_S: constant(uint256) = 3_600
DAY_S: constant(uint256) = 86_400
MAX_FEE_PPM: constant(uint256) = 500_000
MIN_BUFFER_PPM: constant(uint256) = 50_000
MAX_BUFFER_PPM: constant(uint256) = 1_000_000
MIN_CURE_S: constant(uint256) = HOUR_S
MAX_CURE_S: constant(uint256) = 7 * DAY_S
MAX_TERM_S: constant(uint256) = 366 * DAY_S
YEAR_S: constant(uint256) = 365 * DAY_S
# Between the end of a cure period and an expiry there is room for the longest auction, and as much again.
AUCTION_S: constant(uint256) = 2 * HOUR_S
GUARANTEE_BOUND: constant(uint256) = 2**104  # units, a field of the waterfall's word

TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "Terms(uint256 account,address broker,uint256 guarantee,uint256 fee_ppm,uint256 expiry,uint256 buffer_ppm,uint256 cure_s,uint256 early_ppm,uint256 salt,uint256 valid_until)"
)

# Digests that were agreed on or revoked.
_used: HashMap[bytes32, bool]


@internal
@view
def _check_bounds(terms: ISponsorship.Terms, scale: uint256):
    """
    @dev What nobody can agree on; `scale` is units per token unit.
    """
    assert block.timestamp <= terms.valid_until, "terms: lapsed"
    assert terms.guarantee != 0, "terms: no guarantee"
    assert terms.guarantee < GUARANTEE_BOUND // scale, "guarantee: too large"
    assert terms.fee_ppm <= MAX_FEE_PPM, "terms: fee too high"
    assert (
        terms.buffer_ppm >= MIN_BUFFER_PPM and terms.buffer_ppm <= MAX_BUFFER_PPM
    ), "terms: bad buffer"
    assert terms.cure_s >= MIN_CURE_S and terms.cure_s <= MAX_CURE_S, "terms: bad cure period"
    assert terms.early_ppm <= PPM, "terms: bad early start"
    assert (
        terms.expiry <= block.timestamp + MAX_TERM_S
        and terms.expiry >= block.timestamp + self._notice_s(terms.cure_s) + DAY_S
    ), "terms: bad expiry"


@internal
@pure
def _notice_s(cure_s: uint256) -> uint256:
    """
    @dev How long before its expiry a guarantee stops supporting openings: a call and an auction fit in between.
    """
    return cure_s + AUCTION_S


@internal
@pure
def _fee_up(guarantee: uint256, fee_ppm: uint256, seconds: uint256) -> uint256:
    """
    @dev Fee in advance, for the vault.
    """
    return fixed_point._mul_div_up(guarantee * fee_ppm, seconds, PPM * YEAR_S)


@internal
@pure
def _fee_down(guarantee: uint256, fee_ppm: uint256, seconds: uint256) -> uint256:
    """
    @dev What of a fee was paid for the time to come, when a renewal begins.
    """
    return fixed_point._mul_div_down(guarantee * fee_ppm, seconds, PPM * YEAR_S)


@internal
@view
def _digest(terms: ISponsorship.Terms) -> bytes32:
    """
    @dev The EIP-712 digest. All members are one word long, so the struct in memory is its own encoding.
    """
    return keccak256(
        concat(x"1901", domain._domain_separator_v4(), keccak256(abi_encode(TERMS_TYPEHASH, terms)))
    )


@internal
def _use_up(
    terms: ISponsorship.Terms,
    owner: address,
    client_signature: Bytes[512],
    operator: address,
    operator_signature: Bytes[512],
) -> bytes32:
    """
    @dev Takes both consents, once. Marked before any wallet is asked.
    """
    digest: bytes32 = self._digest(terms)
    assert not self._used[digest], "terms: used or revoked"
    self._used[digest] = True
    self._check_consent(digest, owner, client_signature)
    self._check_consent(digest, operator, operator_signature)
    return digest


@internal
@view
def _check_consent(digest: bytes32, party: address, signature: Bytes[512]):
    """
    @dev The sender consents by sending.
    """
    if len(signature) == 0:
        assert msg.sender == party, "consent: not given"
    else:
        assert signatures._is_signed(digest, party, signature), "consent: wrong signature"


@internal
def _revoke(terms: ISponsorship.Terms):
    """
    @dev Terms that were used stay used.
    """
    digest: bytes32 = self._digest(terms)
    self._used[digest] = True
    log ISponsorship.TermsRevoked(digest=digest)
