"""Brokers before the first wave: who has one, and what the brokers have put up.

A part of the accounts that will be bankrupt agree on a guarantee the evening before, client and
operator both by signature. How large an account's loss will be is taken from the winners' profit
of that evening; later waves find a little less of it, so a guarantee is not to the dollar in
proportion to the loss. Accounts are dealt to brokers in turn, the largest loss first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from eth_utils.address import to_checksum_address

from plimsoll.accounts import account_id
from plimsoll.contract import Contract, KeySigner
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms
from plimsoll.replay.bankrupt import JUMP_PPM, name_of
from plimsoll.replay.population import MARK
from plimsoll.replay.settings import BrokerPlan
from plimsoll.replay.venue import IM_PPM, TOKEN, Venue
from plimsoll.units import PPM, div_down, div_up

Losses = Mapping[tuple[int, int], int]
"""Expected loss (wad) by wave number and market."""

_ALL_CLIENTS_PPM: Final = PPM  # one client may lock all that a stake allows
_NOTICE_S: Final = 7 * 86_400
_FAILED: Final = 8  # the state as a flag
_YEAR_S: Final = 365 * 86_400
_SEED: Final = 20_251_011
_NO_MINIMUM: Final = 1


@dataclass(frozen=True)
class Sponsored:
    """Brokers before the first wave; amounts wad."""

    clients: int
    bankrupt: int
    """All accounts that will be bankrupt, with a broker or without, as expected."""
    loss: int
    """Of the clients, as expected."""
    guarantees: int
    stakes: int
    pools: int
    fund: int
    """Contributions and assessments together."""
    failed: int = 0
    """Brokers that the fund has excluded by the end of the day."""
    early: int = 0
    """Clients whose guarantee exceeded what they owed: their operators ended the shield."""


def open_vaults(venue: Venue, plan: BrokerPlan) -> tuple[str, ...]:
    """The brokers' vaults, without capital: code must be on chain before the day begins."""
    terms = (plan.omega_ppm, plan.first_loss_ppm, _ALL_CLIENTS_PPM, plan.commission_ppm, _NOTICE_S)
    return tuple(
        to_checksum_address(
            venue.call(
                venue.client.brokers,
                "open_vault",
                f"Broker {number}",
                f"B{number}",
                terms,
                sender=_operator(number).address,
            ).output[-20:]
        )
        for number in range(1, plan.number + 1)
    )


class Brokers:
    """The brokers of one play, from their capital to their end."""

    def __init__(
        self, venue: Venue, plan: BrokerPlan, vaults: Sequence[str], scale: Fraction
    ) -> None:
        self._venue = venue
        self._plan = plan
        self._least = math.floor(plan.least_contribution * scale) // TOKEN
        self._vaults = [venue.client.broker_vault(address) for address in vaults]
        sponsorship = venue.client.sponsorship.address
        self._domain = GuaranteeDomain(venue.chain.chain_id(), sponsorship)
        self._operators: dict[int, str] = {}
        self._early = 0

    def begin(self, losses: Losses, sponsored_ppm: int) -> Sponsored:
        """Capital, seats and guarantees for a part of the accounts with these losses."""
        chosen = _chosen(losses, sponsored_ppm)
        dealt = {
            vault.address: {key: losses[key] for key in chosen[place :: len(self._vaults)]}
            for place, vault in enumerate(self._vaults)
        }
        self._set_fund()
        for number, vault in enumerate(self._vaults, start=1):
            self._found(number, vault, sum(map(self._guarantee, dealt[vault.address].values())))
            for key, loss in dealt[vault.address].items():
                self._agree(number, vault, name_of(*key), self._guarantee(loss))
        return Sponsored(
            clients=len(chosen),
            bankrupt=len(losses),
            loss=sum(losses[key] for key in chosen),
            guarantees=self._sum("client_locks"),
            stakes=self._sum("stake"),
            pools=self._sum("totalAssets"),
            fund=int(self._venue.client.fund.read("totalAssets")) * TOKEN,
        )

    def lower_shield(self, account: int) -> None:
        """Let the operator of a client's broker end the shield, if nobody could start otherwise.

        The client has agreed to that by `early_ppm` of its terms, below which it is. The guarantee
        goes on to pay what the client owes.
        """
        if account not in self._operators or not self._venue.shielded(account):
            return
        sponsorship = self._venue.client.sponsorship
        self._venue.call(sponsorship, "call", account)
        self._venue.call(sponsorship, "start_early", account, sender=self._operators[account])
        self._early += 1

    def at_the_end(self, before: Sponsored) -> Sponsored:
        """The same with what became of the brokers."""
        registry = self._venue.client.brokers
        failed = sum(
            int(registry.read("state_of", vault.address)[0]) == _FAILED for vault in self._vaults
        )
        return replace(before, failed=failed, early=self._early)

    # --- internals ---------------------------------------------------------------------

    def _set_fund(self) -> None:
        fund, plan = self._venue.client.fund, self._plan
        terms = max(_NO_MINIMUM, self._least), plan.contribution_ppm, plan.cause_ppm
        self._venue.call(fund, "set_parameters", *terms, sender=str(fund.read("owner")))

    def _found(self, number: int, vault: Contract, guarantees: int) -> None:
        """Stake and pool for guarantees of so many token units, and a seat."""
        venue, operator = self._venue, _operator(number).address
        stake = div_up(guarantees * self._plan.stake_ppm, PPM) + 2 * max(_NO_MINIMUM, self._least)
        pool = div_up(guarantees * self._plan.pool_ppm, PPM)
        self._give(operator, stake, vault)
        venue.call(vault, "add_stake", stake, sender=operator)
        if pool:
            venue.call(venue.client.token, "approve", vault.address, pool)
            venue.call(vault, "deposit", pool, venue.bank)
        venue.call(venue.client.brokers, "join", vault.address, sender=operator)

    def _agree(self, number: int, vault: Contract, name: str, guarantee: int) -> None:
        """A guarantee of so many token units; anybody brings the two signatures."""
        plan, now = self._plan, self._venue.chain.time
        client = Venue.keyed(name)
        terms = GuaranteeTerms(
            account=account_id(client.address),
            broker=vault.address,
            guarantee=guarantee,
            fee_ppm=plan.fee_ppm,
            expiry=now + plan.term_s,
            buffer_ppm=plan.buffer_ppm,
            cure_s=plan.cure_s,
            early_ppm=plan.early_ppm,
            salt=0,
            valid_until=now,
        )
        self._give(client.address, div_up(guarantee * plan.fee_ppm * plan.term_s, PPM * _YEAR_S),
                   vault)  # fmt: skip
        self._operators[terms.account] = _operator(number).address
        consents = (self._domain.sign(terms, Venue.key(who)) for who in (name, _name(number)))
        self._venue.call(self._venue.client.sponsorship, "sponsor", terms.as_tuple(), *consents)

    def _give(self, who: str, tokens: int, spender: Contract) -> None:
        """Tokens for somebody, and leave to spend them."""
        token = self._venue.client.token
        if tokens:
            self._venue.call(token, "transfer", who, tokens)
            self._venue.call(token, "approve", spender.address, tokens, sender=who)

    def _guarantee(self, loss: int) -> int:
        """Token units beside the initial margin of an account with this loss."""
        top = div_down(MARK * PPM, PPM - JUMP_PPM)
        margin = div_down(top * IM_PPM, PPM)
        own = div_down(loss * margin, top - margin - MARK)
        return max(TOKEN, div_down(own * self._plan.guarantee_ppm, PPM)) // TOKEN

    def _sum(self, view: str) -> int:
        return sum(int(vault.read(view)) for vault in self._vaults) * TOKEN


def _chosen(losses: Losses, part_ppm: int) -> list[tuple[int, int]]:
    """A part of the accounts, largest loss first; a smaller part is within every larger one."""
    keys = sorted(losses)
    random.Random(_SEED).shuffle(keys)  # noqa: S311 - a draw that comes out the same again
    chosen = keys[: div_down(len(keys) * part_ppm + PPM // 2, PPM)]
    return sorted(chosen, key=lambda key: (-losses[key], key))


def _name(number: int) -> str:
    return f"operator {number}"


def _operator(number: int) -> KeySigner:
    return Venue.keyed(_name(number))
