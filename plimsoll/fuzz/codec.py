"""Calls as bytes, fast: the encoders of a contract's functions are put together once.

`eth_abi` would need longer to encode a call than the chain in process to carry it out. Orders
are signed here too, with libsecp256k1; digests and signatures are those of `plimsoll.orders`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from coincurve import PrivateKey
from eth_utils.crypto import keccak

from plimsoll import abi, artifacts
from plimsoll.errors import InputError
from plimsoll.fuzz.consents import CONSENTED, ConsentSigner
from plimsoll.fuzz.stage import Stage
from plimsoll.model.orders import Offer, Seal
from plimsoll.orders import ORDER_TYPEHASH, Domain, Order

_WORD: Final = 2**256
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_GARBAGE: Final = b"\x01" * 64 + b"\x1b"  # somebody's signature of something
_SIGNATURES_KEPT: Final = 16_384

# Where a name is looked up that does not say its contract; the first that has it.
_CONTRACTS: Final = {
    "exchange": "Exchange",
    "liquidator": "Liquidator",
    "custody": "Custody",
    "clearinghouse": "Clearinghouse",
    "waterfall": "Waterfall",
    "oracle": "PriceOracle",
    "registry": "BrokerRegistry",
    "fund": "GuarantyFund",
    "sponsorship": "Sponsorship",
}
# Whose functions are called with the contract's name in front.
_NAMED: Final = {
    **_CONTRACTS,
    "junior": "InsuranceVault",
    "senior": "InsuranceVault",
    "token": "TestToken",
}
_FEED_CALLS: Final = ("set_answer", "set_round")
_SEQUENCER_CALL: Final = "set_sequencer"


class Encoder(NamedTuple):
    """How values of one ABI type become bytes."""

    encode: Callable[[Any], bytes]
    size: int
    """Bytes in place; 0: the bytes go to the end, and their offset in place."""


class Codec:
    """Call data for a stage's contracts, from calls as the model takes them."""

    def __init__(self, stage: Stage) -> None:
        self._addresses = {name: stage.contracts[name] for name in _NAMED}
        self._feeds = stage.feeds
        self._sequencer = stage.sequencer
        self._functions = {
            name: _functions(contract) for name, contract in {**_NAMED, "feed": "TestFeed"}.items()
        }
        self._vault = _functions("BrokerVault")
        self._consents = ConsentSigner(stage)
        self._known: dict[str, tuple[str, Callable[[Sequence[Any]], bytes]]] = {}
        self._signer = OrderSigner(
            stage.client.domain, {person.address: person.key for person in stage.people}
        )

    def encode(self, name: str, args: Sequence[Any]) -> tuple[str, bytes]:
        """Address and call data of a call of `plimsoll.model.protocol.Protocol`.

        Besides, every function of our contracts is known by its own name, or with its contract in
        front (`clearinghouse_take`); `attempt` takes contract and function as its first arguments.
        """
        if name in _FEED_CALLS:
            market, place, *values = args
            return self._feeds[market][place], self._functions["feed"][name](values)
        if name == _SEQUENCER_CALL:
            return self._sequencer, self._functions["feed"]["set_round"](args)
        if name == "attempt":
            contract, function, *rest = args
            return self.encode(f"{contract}_{function}", rest)
        if name.startswith("vault_"):
            broker, *rest = args
            return broker, self._vault[name.removeprefix("vault_")](rest)
        if name in CONSENTED:
            return self._call(name, self._consents.arguments(args))
        return self._call(name, args)

    def _call(self, name: str, args: Sequence[Any]) -> tuple[str, bytes]:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self._find(name)
        address, pack = known
        signed = self._signer.signed
        values = [signed(value) if isinstance(value, _ORDERS) else value for value in args]
        return address, pack(values)

    def _find(self, name: str) -> tuple[str, Callable[[Sequence[Any]], bytes]]:
        contract, _, function = name.partition("_")
        if function in self._functions.get(contract, {}):
            return self._addresses[contract], self._functions[contract][function]
        for contract in _CONTRACTS:
            if name in self._functions[contract]:
                return self._addresses[contract], self._functions[contract][name]
        raise InputError(
            f"no contract has a function {name}",
            next_step="use the name on chain, with the contract in front if several have it",
        )


class OrderSigner:
    """Orders as call arguments, signed with the keys of known addresses."""

    def __init__(self, domain: Domain, keys: Mapping[str, str]) -> None:
        """`keys` are private keys in hex, by address in any case."""
        self._prefix = b"\x19\x01" + domain.separator
        self._keys = {
            address.lower(): PrivateKey(bytes.fromhex(key.removeprefix("0x")))
            for address, key in keys.items()
        }
        self._signatures: dict[tuple[Order, str], bytes] = {}

    def signed(self, value: Any) -> Any:
        """The contract's argument for an `Offer`, an `Order`, or a list of offers or matches."""
        if isinstance(value, Offer):
            return value.order.as_tuple(), value.signer, self.signature(value)
        if isinstance(value, Order):
            return value.as_tuple()
        return [
            self.signed(entry) if isinstance(entry, Offer) else entry.as_tuple() for entry in value
        ]

    def digest(self, order: Order) -> bytes:
        """What is signed, equal to `Domain.hash`."""
        return keccak(self._prefix + keccak(ORDER_TYPEHASH + _order_words(order.as_tuple())))

    def signature(self, offer: Offer) -> bytes:
        """The bytes that the offer's `signed_by` describes; none of a wallet's."""
        seal, key = offer.signed_by.seal, offer.signed_by.key
        if seal is Seal.NONE:
            return b""
        if seal is Seal.KEY:
            return self.sign(offer.order, key)
        if seal is Seal.MALLEABLE:
            return _mirrored(self.sign(offer.order, offer.signer))
        if seal is Seal.GARBAGE:
            return _GARBAGE
        raise InputError("no wallet signs here", next_step="sign with a key")

    def sign(self, order: Order, address: str) -> bytes:
        """The signature (r, s, v) of an address's key; the same order is signed once."""
        known = (order, address)
        signature = self._signatures.get(known)
        if signature is None:
            if len(self._signatures) >= _SIGNATURES_KEPT:
                self._signatures.clear()
            key = self._keys[address.lower()]
            raw = key.sign_recoverable(self.digest(order), hasher=None)
            signature = self._signatures[known] = raw[:64] + bytes([27 + raw[64]])
        return signature


_ORDERS: Final = (Offer, Order, list)


def _mirrored(signature: bytes) -> bytes:
    """The other signature of the same key and digest, with s in the upper half."""
    s = _CURVE_ORDER - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


# --- encoders of ABI types ------------------------------------------------------------------


@functools.cache
def _functions(contract: str) -> dict[str, Callable[[Sequence[Any]], bytes]]:
    """Encoders of whole calls by function name; the longest of several with one name."""
    found = {}
    for entry in artifacts.load(contract).abi:
        if entry["type"] == "function":
            found[entry["name"]] = _function(abi.selector(entry), entry["inputs"])
    return found


def _function(
    selector: bytes, inputs: Sequence[Mapping[str, Any]]
) -> Callable[[Sequence[Any]], bytes]:
    encode = _sequence([_encoder(item) for item in inputs]).encode
    count = len(inputs)

    def pack(values: Sequence[Any]) -> bytes:
        if len(values) != count:
            raise InputError(
                f"{len(values)} arguments for {count}", next_step="give one for each parameter"
            )
        return selector + encode(values)

    return pack


def _encoder(item: Mapping[str, Any]) -> Encoder:
    """The encoder of one parameter."""
    kind = str(item["type"])
    if kind.endswith("]"):
        cut = kind.rindex("[")
        inner = _encoder({**item, "type": kind[:cut]})
        length = kind[cut + 1 : -1]
        return _sequence([inner] * int(length)) if length else _array(inner)
    if kind == "tuple":
        return _sequence([_encoder(part) for part in item["components"]])
    if kind == "bytes":
        return Encoder(_bytes, 0)
    if kind == "string":
        return Encoder(lambda text: _bytes(text.encode()), 0)
    if kind.startswith("int"):
        return Encoder(_signed, 32)
    if kind == "address":
        return Encoder(_address, 32)
    if kind.startswith("bytes"):
        return Encoder(_fixed_bytes, 32)
    return Encoder(_unsigned, 32)  # uint and bool


def _unsigned(value: int) -> bytes:
    return int(value).to_bytes(32)


def _signed(value: int) -> bytes:
    return (value % _WORD).to_bytes(32)


def _fixed_bytes(value: bytes) -> bytes:
    return value.ljust(32, b"\0")


@functools.lru_cache(maxsize=4_096)
def _address(value: str) -> bytes:
    return bytes.fromhex(value[2:]).rjust(32, b"\0")


def _bytes(value: bytes) -> bytes:
    return len(value).to_bytes(32) + value + b"\0" * (-len(value) % 32)


def _sequence(parts: Sequence[Encoder]) -> Encoder:
    """The encoder of a tuple."""
    encoders = [part.encode for part in parts]
    if all(part.size for part in parts):

        def encode_static(values: Sequence[Any]) -> bytes:
            return b"".join([encode(value) for encode, value in zip(encoders, values, strict=True)])

        return Encoder(encode_static, sum(part.size for part in parts))
    sizes = [part.size for part in parts]
    return Encoder(lambda values: _heads_and_tails(encoders, sizes, values), 0)


def _array(inner: Encoder) -> Encoder:
    """The encoder of an array of any length."""
    encode, size = inner

    def encode_array(values: Sequence[Any]) -> bytes:
        count = len(values)
        if size:
            return count.to_bytes(32) + b"".join([encode(value) for value in values])
        body = _heads_and_tails([encode] * count, [0] * count, values)
        return count.to_bytes(32) + body

    return Encoder(encode_array, 0)


def _heads_and_tails(
    encoders: Sequence[Callable[[Any], bytes]], sizes: Sequence[int], values: Sequence[Any]
) -> bytes:
    heads, tails = [], []
    position = sum(sizes) + 32 * sizes.count(0)
    for encode, size, value in zip(encoders, sizes, values, strict=True):
        if size:
            heads.append(encode(value))
        else:
            tail = encode(value)
            heads.append(position.to_bytes(32))
            tails.append(tail)
            position += len(tail)
    return b"".join(heads + tails)


def _order_words(values: Sequence[Any]) -> bytes:
    """The fields of `Order.as_tuple` as words."""
    account, market, size, price, fee, expiry, salt, flags, matcher, counterparty, trigger = values
    return b"".join(
        [
            account.to_bytes(32),
            market.to_bytes(32),
            (size % _WORD).to_bytes(32),
            price.to_bytes(32),
            fee.to_bytes(32),
            expiry.to_bytes(32),
            salt.to_bytes(32),
            flags.to_bytes(32),
            _address(matcher),
            counterparty.to_bytes(32),
            trigger.to_bytes(32),
        ]
    )
