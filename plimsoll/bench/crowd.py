"""The same liquidation against ten accounts and against a hundred thousand.

A crowd is one bucket of so many accounts, each of another owner, each opened by a deposit and a
fill of its own. All crowds hold the same size together, so that nothing but their number differs.
It is built in process on a `ColdChain`, or on Anvil with the same transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plimsoll.accounts import account_id
from plimsoll.bench.auctions import resolve_bankrupt, resolve_solvent
from plimsoll.bench.cold import ColdChain
from plimsoll.bench.venue import GAS, OPTIONS, Trader, Venue
from plimsoll.chain import AnvilProcess, Rpc
from plimsoll.chain.rpc import transaction
from plimsoll.errors import ChainError
from plimsoll.orders import unsigned
from plimsoll.units import WAD

TOTAL: Final = 100_000 * WAD
"""Size of a crowd's bucket: one unit for each of 100,000, the least that may be opened."""

_DEPOSIT: Final = 1_000_000 * 10**6  # token units, enough for a tenth of the bucket
_COUNTERPARTY: Final = 50_000_000  # whole tokens, enough for all of it
_CHUNK: Final = 5_000  # accounts between two looks at revm's journal, which grows

Call = tuple[str, str, bytes]  # sender, contract, data
Progress = Callable[[str], None]


@dataclass(frozen=True)
class CrowdCost:
    """Gas of two resolves against a bucket of so many accounts."""

    accounts: int
    haircut: int
    """A bankrupt account: two draws, one haircut, one re-match."""
    rematch: int
    """A solvent account, re-matched after its auction."""

    @property
    def gas(self) -> tuple[int, int]:
        """Both."""
        return self.haircut, self.rematch


def in_process(accounts: Sequence[int], progress: Progress) -> list[CrowdCost]:
    """Every crowd on a chain of its own in this process."""
    costs = []
    for count in accounts:
        venue = Venue(ColdChain(OPTIONS))
        costs.append(_measure(venue, count, progress))
    return costs


def on_anvil(accounts: Sequence[int], progress: Progress) -> list[CrowdCost]:
    """Every crowd on an Anvil of its own: receipts to compare with."""
    costs = []
    for count in accounts:
        with AnvilProcess(None, OPTIONS) as anvil:
            venue = Venue(anvil.rpc)
            anvil.rpc.call("anvil_autoImpersonateAccount", [True])
            costs.append(_measure(venue, count, progress))
    return costs


def _measure(venue: Venue, count: int, progress: Progress) -> CrowdCost:
    # blocks of one time, for all crowds to meet the same funding
    venue.rpc.call("anvil_setBlockTimestampInterval", [0])
    counterparty = _gather(venue, count, progress)
    venue.rpc.call("anvil_setBlockTimestampInterval", [1])
    with _undone(venue.rpc):
        haircut = resolve_bankrupt(venue, counterparty)
    with _undone(venue.rpc):
        rematch = resolve_solvent(venue, counterparty)
    return CrowdCost(count, haircut, rematch)


def _gather(venue: Venue, count: int, progress: Progress) -> Trader:
    """Open the bucket: `count` shorts against one long, who is returned."""
    size, rest = divmod(TOTAL, count)
    assert rest == 0, "crowds are powers of ten"
    counterparty = venue.trader(_COUNTERPARTY)
    posted = venue.posted(counterparty, TOTAL).as_tuple()
    # only the account differs from one taker to the next
    pattern = account_id("0x" + "ee" * 20)
    order = unsigned(venue.order(counterparty, -size).replaced(account=pattern))
    exchange, custody = venue.client.exchange, venue.client.custody
    fill = exchange.encode("settle_one", posted, order.as_tuple(), size)
    owner_word = bytes(12) + bytes.fromhex("ee" * 20)
    for start in range(0, count, _CHUNK):
        progress(f"scale.adl, {start:,} of {count:,} accounts")
        calls: list[Call] = []
        for index in range(start, min(start + _CHUNK, count)):
            owner = to_checksum_address(keccak(text=f"owner {index}")[:20])
            account = account_id(owner)
            deposit = custody.encode("deposit", account, _DEPOSIT)
            own = fill.replace(pattern.to_bytes(32), account.to_bytes(32))
            own = own.replace(owner_word, bytes(12) + bytes.fromhex(owner[2:]))
            calls.append((venue.bank.address, custody.address, deposit))
            calls.append((owner, exchange.address, own))
        _send(venue.rpc, calls)
    interest = venue.client.clearinghouse.read("open_interest", 1)
    if tuple(interest) != (TOTAL, TOTAL):
        raise ChainError(
            f"a crowd of {count} holds {interest}, not {TOTAL}",
            next_step="see plimsoll/bench/crowd.py",
        )
    return counterparty


def _send(rpc: Rpc, calls: Sequence[Call]) -> None:
    """Carry out many transactions; nobody looks at their receipts, the sum tells."""
    if isinstance(rpc, ColdChain):
        for sender, to, data in calls:
            rpc.transact(sender, to, data, rpc.time)
        rpc.settle()
        return
    for sender, to, data in calls:
        rpc.send_transaction(transaction(to=to, data=data, sender=sender, gas=GAS, gasPrice=0))


@contextmanager
def _undone(rpc: Rpc) -> Iterator[None]:
    if isinstance(rpc, ColdChain):
        image = rpc.image()
        yield
        rpc.restore(image)
    else:
        with rpc.undone():
            yield
