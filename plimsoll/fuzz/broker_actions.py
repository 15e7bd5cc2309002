"""What may happen to brokers, as actions: see `plimsoll.fuzz.actions`.

A broker is the number of its vault, in the order they were opened, from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from plimsoll.fuzz.actions import RULES, Rule, rule
from plimsoll.fuzz.stage import GARBAGE, UNSIGNED
from plimsoll.guarantees import GuaranteeTerms
from plimsoll.model.consents import Consent
from plimsoll.model.orders import Seal
from plimsoll.orders import NOBODY

if TYPE_CHECKING:
    from plimsoll.fuzz.machine import Machine

ALL_RULES: Final[dict[str, Rule]] = RULES
"""Those of `plimsoll.fuzz.actions` and the ones below."""


@rule
def open_vault(m: Machine, sender: int, terms: Sequence[int]) -> None:
    """A broker's vault; terms as `plimsoll.model.broker_state.VaultTerms`."""
    m.call(sender, "registry_open_vault", "Broker", "BRK", tuple(terms))


@rule
def registry(m: Machine, sender: int, step: int, broker: int) -> None:
    """Join (0), suspend (1), reinstate (2), leave (3) or retire (4)."""
    name = ("join", "suspend", "reinstate", "leave", "retire")[step]
    m.call(sender, f"registry_{name}", m.broker(broker))


@rule
def fill_fund(m: Machine, sender: int, broker: int) -> None:
    """Complete a broker's part of the guaranty fund."""
    m.call(sender, "fund_fill", m.broker(broker))


@rule
def set_fund(m: Machine, sender: int, minimum: int, rate_ppm: int, cause_ppm: int) -> None:
    """Parameters of the guaranty fund."""
    m.call(sender, "fund_set_parameters", minimum, rate_ppm, cause_ppm)


# --- capital ----------------------------------------------------------------------------------


@rule
def add_stake(m: Machine, sender: int, broker: int, tokens: int) -> None:
    """More first-loss capital."""
    m.allow(sender, m.broker(broker))
    _vault(m, sender, "add_stake", broker, tokens)


@rule
def request_stake(m: Machine, sender: int, broker: int, tokens: int) -> None:
    """Announce that stake will leave."""
    _vault(m, sender, "request_stake", broker, tokens)


@rule
def withdraw_stake(m: Machine, sender: int, broker: int, tokens: int, receiver: int) -> None:
    """Take announced stake out."""
    _vault(m, sender, "withdraw_stake", broker, tokens, m.address(receiver))


@rule
def fund_pool(m: Machine, sender: int, broker: int, tokens: int, receiver: int) -> None:
    """Deposit token units into a pool."""
    m.allow(sender, m.broker(broker))
    _vault(m, sender, "deposit", broker, tokens, m.address(receiver))


@rule
def mint_pool(m: Machine, sender: int, broker: int, shares: int, receiver: int) -> None:
    """Buy a number of a pool's shares."""
    m.allow(sender, m.broker(broker))
    _vault(m, sender, "mint", broker, shares, m.address(receiver))


@rule
def request_pool(m: Machine, sender: int, broker: int, shares: int) -> None:
    """Announce leaving a pool."""
    _vault(m, sender, "request_withdrawal", broker, shares)


@rule
def leave_pool(m: Machine, sender: int, broker: int, way: int, amount: int) -> None:
    """Redeem shares (0), or withdraw token units (1)."""
    name = ("redeem", "withdraw")[way]
    _vault(m, sender, name, broker, amount, m.address(sender), m.address(sender))


@rule
def clear_pool(m: Machine, sender: int, broker: int, owner: int) -> None:
    """Clear a request whose window is over."""
    _vault(m, sender, "clear_lapsed", broker, m.address(owner))


@rule
def transfer_pool(m: Machine, sender: int, broker: int, to: int, shares: int) -> None:
    """Hand shares of a pool to somebody."""
    _vault(m, sender, "transfer", broker, m.address(to), shares)


@rule
def give_vault(m: Machine, sender: int, broker: int, tokens: int) -> None:
    """Send tokens to a broker's vault, outside of any function."""
    if m.broker(broker) != NOBODY:
        m.call(sender, "token_transfer", m.broker(broker), tokens)


# --- guarantees -------------------------------------------------------------------------------


@rule
def sponsor(m: Machine, sender: int, terms: Sequence[int], signers: Sequence[int]) -> None:
    """Put a guarantee in force or renew it; see `terms_of`."""
    client, operator = _consents(m, terms, signers)
    m.allow(terms[0], m.broker(terms[2]))
    m.call(sender, "sponsorship_sponsor", client, operator)


@rule
def port(m: Machine, sender: int, terms: Sequence[int], signers: Sequence[int]) -> None:
    """Move a client to another broker; see `terms_of`."""
    client, operator = _consents(m, terms, signers)
    m.allow(terms[0], m.broker(terms[2]))
    m.call(sender, "sponsorship_port", client, operator)


@rule
def revoke_terms(m: Machine, sender: int, terms: Sequence[int]) -> None:
    """Make terms void before they are agreed on."""
    m.call(sender, "sponsorship_revoke", terms_of(m, terms))


@rule
def release(m: Machine, sender: int, owner: int, sub: int) -> None:
    """End a guarantee."""
    m.call(sender, "sponsorship_release", m.account(owner, sub))


@rule
def margin_call(m: Machine, sender: int, step: int, owner: int, sub: int) -> None:
    """Call (0), cure (1), count stops (2), declare a default (3), start early (4)."""
    name = ("call", "cure", "count_stops", "declare_default", "start_early")[step]
    m.call(sender, f"sponsorship_{name}", m.account(owner, sub))


@rule
def measure(m: Machine, sender: int, owner: int, sub: int) -> None:
    """Note what a client may lose of its lock."""
    m.call(sender, "sponsorship_measure", m.account(owner, sub))


def terms_of(m: Machine, terms: Sequence[int]) -> GuaranteeTerms:
    """Terms from plain numbers.

    owner, sub, broker, guarantee, fee (ppm), expiry and last second to agree (unix seconds),
    buffer (ppm), cure period (s), early start (ppm), salt.
    """
    owner, sub, broker, guarantee, fee_ppm, expiry, valid_until = terms[:7]
    buffer_ppm, cure_s, early_ppm, salt = terms[7:]
    return GuaranteeTerms(
        account=m.account(owner, sub),
        broker=m.broker(broker),
        guarantee=guarantee,
        fee_ppm=fee_ppm,
        expiry=expiry,
        buffer_ppm=buffer_ppm,
        cure_s=cure_s,
        early_ppm=early_ppm,
        salt=salt,
        valid_until=valid_until,
    )


def _vault(m: Machine, sender: int, function: str, broker: int, *args: Any) -> None:
    """A call of a broker's vault, if it has been opened."""
    if m.broker(broker) != NOBODY:
        m.call(sender, f"vault_{function}", m.broker(broker), *args)


def _consents(m: Machine, terms: Sequence[int], signers: Sequence[int]) -> tuple[Consent, Consent]:
    """Of client and operator; a signer is a person, -1 nobody, -2 garbage bytes."""
    agreed = terms_of(m, terms)
    client, operator = (_consent(m, agreed, signer) for signer in signers)
    return client, operator


def _consent(m: Machine, terms: GuaranteeTerms, signer: int) -> Consent:
    if signer == UNSIGNED:
        return Consent(terms)
    if signer == GARBAGE:
        return Consent(terms, Seal.GARBAGE)
    return Consent(terms, Seal.KEY, m.address(signer))
