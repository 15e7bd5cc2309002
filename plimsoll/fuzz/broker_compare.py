"""The model's brokers against what the chain shows of them: token units and times are exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from plimsoll.fuzz.broker_states import BrokersState, ClientState, ShareState, VaultState
from plimsoll.model import (
    broker_exits,
    broker_vaults,
    guaranty_fund,
    margin_calls,
    tokens,
    vault_shares,
)
from plimsoll.model.broker_state import NOBODY, CallState
from plimsoll.model.state import CASH_BOUND_WAD, World

Difference = tuple[str, int, int, int]  # what, model, chain, bound

_UNIT: Final = 64  # token units: a measured risk is rounded up, and may be one more for each client
_ZERO: Final = int(NOBODY, 16)
WORDS: Final = (
    *("members", "fund", "reserved_2", "reserved_5", "escrow"),
    *VaultState._fields[1:],
    *ClientState._fields[1:],
)
"""The last word of every difference that is a broker's."""


def differences(world: World, seen: BrokersState, value_bound_wad: int) -> Iterator[Difference]:
    """Everything that may differ; what depends on a mark by `value_bound_wad`."""
    members = tuple(int(member, 16) for member in world.brokers.members)
    yield "brokers members", members != seen.members, 0, 0
    yield "brokers fund", guaranty_fund.total(world), seen.fund, 0
    escrow = world.addresses["escrow"]
    kept = sum(vault.assets + vault.unearned for vault in world.brokers.vaults.values())
    yield "brokers escrow", kept, seen.escrow[0], 0
    yield "brokers escrow", tokens.balance(world, escrow), seen.escrow[1], 0
    for layer, reserved in zip((2, 5), seen.reserved, strict=True):
        model = world.waterfall.reserved[layer]
        yield f"brokers reserved_{layer}", model, reserved, CASH_BOUND_WAD
    for vault in seen.vaults.values():
        yield from _vault(world, vault)
    for client in seen.clients.values():
        yield from _client(world, client, value_bound_wad)
    for share in seen.shares.values():
        yield from _share(world, share)


def _vault(world: World, seen: VaultState) -> Iterator[Difference]:
    broker = f"0x{seen.broker:040x}"
    name = f"broker {broker}"
    vault = broker_vaults.as_of_now(world, world.brokers.vaults[broker])
    yield f"{name} stake", vault.stake, seen.stake, 0
    yield f"{name} pool", vault.pool.assets_tokens, seen.pool, 0
    yield f"{name} unearned", vault.unearned, seen.unearned, 0
    yield f"{name} supply", vault.pool.supply, seen.supply, 0
    yield f"{name} generation", vault.pool.generation, seen.generation, 0
    yield f"{name} client_locks", vault.client_locks, seen.client_locks, 0
    yield f"{name} commitment", vault.commitment, seen.commitment, 0
    yield f"{name} free", vault.free, seen.free, 0
    yield f"{name} lock_room", broker_vaults.lock_room(world, vault), seen.lock_room, 0
    yield f"{name} client_limit", broker_vaults.client_limit(world, vault), seen.client_limit, 0
    yield f"{name} max_deposit", broker_vaults.max_deposit(world, vault), seen.max_deposit, 0
    offered, opens, _ = broker_exits.stake_request(world, vault)
    yield f"{name} offered", offered, seen.offered, 0
    yield f"{name} offered_opens", opens, seen.offered_opens, 0
    yield f"{name} held", vault.assets + vault.unearned, seen.held, 0
    seat = world.brokers.seats[broker]
    yield f"{name} state", 1 << seat.state - 1, seen.state, 0
    yield f"{name} since", seat.since, seen.since, 0
    share = world.brokers.share(broker)
    yield f"{name} contribution", share.contribution, seen.contribution, 0
    yield f"{name} assessment", share.assessment, seen.assessment, 0
    yield f"{name} due", guaranty_fund.due(world, broker), seen.due, 0
    yield f"{name} cost", share.cost, seen.cost, 0
    yield f"{name} required", guaranty_fund.required(world, broker), seen.required, 0
    yield f"{name} room", guaranty_fund.room(world, broker), seen.room, 0
    clients = world.brokers.clients.get(broker, ())
    yield f"{name} clients", clients != seen.clients, 0, 0
    yield f"{name} at_risk", world.brokers.at_risk(broker), seen.at_risk, _UNIT
    redeems = vault_shares.preview_redeem(broker_vaults.left(world, vault), 10**12)
    yield f"{name} redeems", redeems, seen.redeems, _UNIT


def _client(world: World, seen: ClientState, value_bound_wad: int) -> Iterator[Difference]:
    account = seen.account
    name = f"client {account:#x}"
    record = world.brokers.sponsored.get(account)
    if record is None:
        yield f"{name} broker", _ZERO, seen.broker, 0
        yield f"{name} vault_lock", 0, seen.vault_lock, 0
        yield f"{name} opening", 0, seen.opening + seen.shield, 0
        return
    yield f"{name} broker", int(record.broker, 16), seen.broker, 0
    for field in ("lock", "fee_ppm", "expiry", "buffer_ppm", "cure_s", "early_ppm"):
        yield f"{name} {field}", getattr(record, field), getattr(seen, field), 0
    vault = world.brokers.vaults[record.broker]
    yield f"{name} risk", world.brokers.risks.get(account, 0), seen.risk, 1
    yield f"{name} vault_lock", vault.locks.get(account, 0), seen.vault_lock, 0
    guarantee = world.account(account).guarantee
    opening = guarantee.opening_wad(world.now) if guarantee else 0
    shield = guarantee.shield_wad(world.now) if guarantee else 0
    yield f"{name} opening", opening, seen.opening, 0
    yield f"{name} shield", shield, seen.shield, 0
    call = world.brokers.call(account)
    yield f"{name} call_state", call.state, seen.call_state, 0
    if call.state is not CallState.NONE:
        yield f"{name} called_at", call.called_at, seen.called_at, 0
        yield f"{name} deadline", call.deadline, seen.deadline, 0
    if call.state is CallState.CALLED:
        amount = margin_calls.amount_wad(world, account)
        yield f"{name} amount", amount, seen.amount, 2 * value_bound_wad
    held = world.waterfall.reservations.get(account)
    yield f"{name} set_aside", held.broker if held else 0, seen.set_aside, value_bound_wad


def _share(world: World, seen: ShareState) -> Iterator[Difference]:
    broker, holder = f"0x{seen.broker:040x}", f"0x{seen.holder:040x}"
    name = f"holder {holder} of {broker}"
    pool = world.brokers.vaults[broker].pool
    yield f"{name} shares", vault_shares.balance(pool, holder), seen.shares, 0
    if seen.shares:
        request, opens, _ = vault_shares.withdrawal_request(world, pool, holder)
        yield f"{name} request", request, seen.request, 0
        yield f"{name} opens", opens, seen.opens, 0
