"""What helps when a contract of the broker layer refuses, reason by reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from plimsoll.errors import BrokerRefused, ContractReverted

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "access: no party": "only the account's owner or the broker's operator may revoke terms",
        "access: not account owner": "the owner may release; anybody may after the expiry",
        "access: not operator": "send it from the address that opened the vault",
        "account: under liquidation": "wait until the auction has ended",
        "broker: not active": "name a broker whose state is ACTIVE",
        "broker: bad omega": "give omega_ppm from 1_000_000 to 10_000_000",
        "broker: bad first loss": "give first_loss_ppm from 50_000 to 1_000_000",
        "broker: bad client limit": "give client_ppm from 10_000 to 1_000_000",
        "broker: commission too high": "give commission_ppm of 500_000 at most",
        "broker: bad notice": "give notice_s from 7 to 60 days",
        "call: above buffer": "nothing to call for: equity is at least MM * (1 + buffer)",
        "call: above early start": "wait for the deadline, or for less equity",
        "call: already open": "read margin_call for its amount and deadline",
        "call: clock stopped": "wait until every market of the account is open again",
        "call: deadline passed": "the call can only end in default now",
        "call: defaulted": "agree on new terms, or release the guarantee",
        "call: expired": "the guarantee has ended; agree on new terms",
        "call: not cured": "deposit the call's amount, or reduce the position",
        "call: not due": "wait for the call's deadline; stops of markets move it",
        "call: not open": "there is no open margin call; `call` opens one",
        "consent: not given": "pass the signature of whoever does not send the transaction",
        "consent: wrong signature": "let client and operator sign exactly these terms",
        "fund: closed": "only an active or suspended broker fills its contribution",
        "fund: contribution too low": "let the operator fill the contribution first",
        "fund: not overdue": "the broker still has time to replenish",
        "guarantee: too large": "ask for a smaller guarantee",
        "port: below zero": "deposit until the equity is at least 0",
        "port: defaulted": "a default stays with the broker under which it happened",
        "port: no broker": "agree on a first guarantee with `agree` instead",
        "port: not open": "only clients of a broker that is not active may move, for 30 days",
        "port: same broker": "name another broker in the terms",
        "registry: loss pending": "wait until no loss is reserved",
        "registry: no member": "the broker has no seat to leave",
        "registry: no seat": "all 32 seats are taken; wait until one is free",
        "registry: not active": "only an active broker can be suspended",
        "registry: not leaving": "leave first, and wait seven days",
        "registry: not open": "the broker has a seat already, or had one",
        "registry: not suspended": "only a suspended broker is reinstated",
        "registry: sponsors clients": "wait until every guarantee is released or paid",
        "registry: too early": "seven days after leaving or failing at the earliest",
        "release: needs guarantee": "reduce or deposit until IM is met without the guarantee",
        "sponsor: client below buffer": "deposit until equity is at least MM * (1 + buffer)",
        "sponsor: has a broker": "release that guarantee first, or port it",
        "sponsor: lowers guarantee": "renew with at least the same amount and expiry",
        "sponsor: margin call open": "cure the margin call first",
        "sponsor: no broker": "the account has no guarantee",
        "sponsor: no price": "wait until every market of the account has a price",
        "terms: bad buffer": "give buffer_ppm from 50_000 to 1_000_000",
        "terms: bad cure period": "give cure_s from an hour to a week",
        "terms: bad early start": "give early_ppm of 1_000_000 at most",
        "terms: bad expiry": "give an expiry from cure_s + 26 hours to 366 days from now",
        "terms: fee too high": "give fee_ppm of 500_000 at most",
        "terms: lapsed": "sign terms with a later valid_until",
        "terms: no guarantee": "give a guarantee above 0",
        "terms: used or revoked": "sign the terms again with another salt",
        "vault: above client limit": "lower the guarantee, or let the operator add stake",
        "vault: above stake": "ask for no more than the stake",
        "vault: capital locked": "wait until guarantees end, or add capital",
        "vault: closed": "this broker takes no deposits any more",
        "vault: locks above stake": "let the operator add stake, or wait until guarantees end",
        "vault: loss measured": "wait, or keep as much stake as clients at risk could lose",
        "vault: loss pending": "wait until no loss is reserved in the insurance layers",
        "vault: not requested in time": "request first; redeem in the two days after the notice",
        "vault: stake too small": "let the operator add stake first",
        "vault: zero amount": "give an amount above 0",
    }
)


def explained(error: ContractReverted) -> BrokerRefused:
    """The same refusal with what helps; without advice the next step stays as it was."""
    return BrokerRefused(
        error.reason,
        error.data,
        error.tx_hash,
        next_step=ADVICE.get(error.reason, error.next_step),
    )
