"""Terms of guarantees as call arguments, signed with the keys of known people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from coincurve import PrivateKey

from plimsoll.errors import InputError
from plimsoll.fuzz.stage import Stage
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms
from plimsoll.model.consents import Consent
from plimsoll.model.orders import Seal

CONSENTED: Final = ("sponsorship_sponsor", "sponsorship_port", "sponsorship_revoke")
_GARBAGE: Final = b"\x01" * 64 + b"\x1b"  # somebody's signature of something


class ConsentSigner:
    """Signs as `plimsoll.guarantees`, with libsecp256k1."""

    def __init__(self, stage: Stage) -> None:
        self._domain = GuaranteeDomain(
            stage.client.deployment.chain_id, stage.contracts["sponsorship"]
        )
        self._keys = {
            person.address.lower(): PrivateKey(bytes.fromhex(person.key.removeprefix("0x")))
            for person in stage.people
        }

    def arguments(self, args: Sequence[Any]) -> list[Any]:
        """Of a call that takes two consents, or terms: the terms, and a signature for each."""
        first = args[0]
        if isinstance(first, GuaranteeTerms):
            return [first.as_tuple()]
        return [first.terms.as_tuple(), *(self._signature(consent) for consent in args)]

    def _signature(self, consent: Consent) -> bytes:
        if consent.seal is Seal.NONE:
            return b""
        if consent.seal is Seal.GARBAGE:
            return _GARBAGE
        if consent.seal is not Seal.KEY:
            raise InputError("no wallet signs here", next_step="sign with a key")
        digest = self._domain.digest(consent.terms)
        raw = self._keys[consent.key].sign_recoverable(digest, hasher=None)
        return bytes(raw[:64]) + bytes([27 + raw[64]])
