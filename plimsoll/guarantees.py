"""Terms of a broker's guarantee as client and operator sign them: typed data (EIP-712).

Guarantees and fees are token units, parts are parts per million, times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

DOMAIN_NAME: Final = "Plimsoll Brokers"
DOMAIN_VERSION: Final = "1"

_DOMAIN_TYPE: Final = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_TERMS_FIELDS: Final = (
    ("uint256", "account"),
    ("address", "broker"),
    ("uint256", "guarantee"),
    ("uint256", "fee_ppm"),
    ("uint256", "expiry"),
    ("uint256", "buffer_ppm"),
    ("uint256", "cure_s"),
    ("uint256", "early_ppm"),
    ("uint256", "salt"),
    ("uint256", "valid_until"),
)
_TERMS_TYPE: Final = "Terms(" + ",".join(" ".join(entry) for entry in _TERMS_FIELDS) + ")"


@dataclass(frozen=True, slots=True)
class GuaranteeTerms:
    """What client and operator agree on."""

    account: int
    broker: str
    """Address of the broker's vault."""
    guarantee: int
    """Token units."""
    fee_ppm: int
    """Of the guarantee, per year, paid in advance."""
    expiry: int
    buffer_ppm: int
    """A margin call may be made below MM * (1 + buffer)."""
    cure_s: int
    """Seconds from a call to its deadline."""
    early_ppm: int
    """During a call the operator may end the shield below this part of MM."""
    salt: int
    valid_until: int
    """Last second in which the terms may be agreed on."""

    def as_tuple(self) -> tuple[Any, ...]:
        """The terms as a contract argument."""
        return tuple(getattr(self, name) for _, name in _TERMS_FIELDS)

    def replaced(self, **changes: Any) -> GuaranteeTerms:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class GuaranteeDomain:
    """The chain and contract that a consent is good for."""

    chain_id: int
    sponsorship: str

    def digest(self, terms: GuaranteeTerms) -> bytes:
        """What both parties sign."""
        types = [kind for kind, _ in _TERMS_FIELDS]
        struct = keccak(encode(["bytes32", *types], [keccak(text=_TERMS_TYPE), *terms.as_tuple()]))
        return keccak(b"\x19\x01" + self._separator() + struct)

    def sign(self, terms: GuaranteeTerms, key: str | bytes) -> bytes:
        """A consent by a private key: r, s, v."""
        signed = Account.unsafe_sign_hash(self.digest(terms), key)
        return bytes(signed.signature)

    def _separator(self) -> bytes:
        return keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [
                    keccak(text=_DOMAIN_TYPE),
                    keccak(text=DOMAIN_NAME),
                    keccak(text=DOMAIN_VERSION),
                    self.chain_id,
                    to_canonical_address(self.sponsorship),
                ],
            )
        )
