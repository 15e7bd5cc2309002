"""Public calls of the broker layer by name, as `plimsoll.model.protocol` runs them.

Names begin with their contract: `registry_`, `fund_`, `sponsorship_`, and `vault_` for a broker's
vault, whose calls take the broker's address first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from plimsoll.model import (
    broker_exits,
    broker_registry,
    broker_vaults,
    consents,
    guaranty_fund,
    margin_calls,
    sponsorship,
)

CALLS: Final[dict[str, Callable[..., Any]]] = {
    "registry_open_vault": broker_registry.open_vault,
    "registry_join": broker_registry.join,
    "registry_suspend": broker_registry.suspend,
    "registry_reinstate": broker_registry.reinstate,
    "registry_leave": broker_registry.leave,
    "registry_retire": broker_registry.retire,
    "fund_set_parameters": guaranty_fund.set_parameters,
    "fund_fill": guaranty_fund.fill,
    "sponsorship_sponsor": sponsorship.sponsor,
    "sponsorship_port": sponsorship.port,
    "sponsorship_revoke": consents.revoke,
    "sponsorship_release": sponsorship.release,
    "sponsorship_call": margin_calls.call,
    "sponsorship_cure": margin_calls.cure,
    "sponsorship_count_stops": margin_calls.count_stops,
    "sponsorship_declare_default": margin_calls.declare_default,
    "sponsorship_start_early": margin_calls.start_early,
    "sponsorship_measure": sponsorship.measure,
    "vault_deposit": broker_vaults.deposit,
    "vault_mint": broker_vaults.mint,
    "vault_withdraw": broker_vaults.withdraw,
    "vault_redeem": broker_vaults.redeem,
    "vault_request_withdrawal": broker_vaults.request_withdrawal,
    "vault_clear_lapsed": broker_vaults.clear_lapsed,
    "vault_transfer": broker_vaults.transfer,
    "vault_add_stake": broker_exits.add_stake,
    "vault_request_stake": broker_exits.request_stake,
    "vault_withdraw_stake": broker_exits.withdraw_stake,
}
