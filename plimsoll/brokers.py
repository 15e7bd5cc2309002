"""Brokers, their clients and margin calls, from Python.

    desk = BrokerDesk(client)
    broker = desk.open_vault(operator, "Anchor", "ANC", terms)       # becomes its operator
    desk.add_stake(operator, broker, 5_000 * 10**6)                   # approved before
    desk.join(operator, broker)
    terms = GuaranteeTerms(account=..., broker=broker, guarantee=500 * 10**6, ...)
    desk.agree(anybody, terms, desk.sign(terms, client_key), desk.sign(terms, operator_key))
    desk.guarantee(account).shield_wad, desk.margin_call(account)

Amounts are token units unless a name says wad; parts are ppm; times are unix seconds. Every write
waits for its receipt. A refusal is a `BrokerRefused` whose next step says what would help.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from eth_utils.address import to_checksum_address

from plimsoll.broker_advice import explained
from plimsoll.broker_views import (
    Broker,
    BrokerState,
    CallState,
    Guarantee,
    GuarantyFundState,
    MarginCall,
    VaultTerms,
)
from plimsoll.chain import Receipt
from plimsoll.client import Client
from plimsoll.contract import Contract, Signer
from plimsoll.errors import ContractReverted, InputError
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms

CLIENTS_PER_CALL: Final = 64
"""That one view lists at most."""


class BrokerDesk:
    """The broker layer of one deployment, for clients, operators, depositors and keepers."""

    def __init__(self, client: Client, gas: int | None = None) -> None:
        """`gas` is the limit of every transaction; without it the node estimates each."""
        self.client = client
        self._gas = gas
        self.domain = GuaranteeDomain(client.deployment.chain_id, client.sponsorship.address)
        """What guarantees are signed against."""

    # --- a broker's capital --------------------------------------------------------------

    def open_vault(self, signer: Signer, name: str, symbol: str, terms: VaultTerms) -> str:
        """A new vault, without capital or seat, whose operator the signer becomes; its address.

        The address names the broker everywhere. Name of at most 25 characters, symbol of 5.
        """
        values = terms.require().as_tuple()
        receipt = self._send(signer, self.client.brokers, "open_vault", name, symbol, values)
        opened = next(e for e in self.client.events(receipt) if e.name == "BrokerOpened")
        return str(to_checksum_address(opened["broker"]))

    def add_stake(self, signer: Signer, broker: str, tokens: int) -> Receipt:
        """More first-loss capital, approved before; operator only."""
        return self._send(signer, self.vault(broker), "add_stake", tokens)

    def request_stake(self, signer: Signer, broker: str, tokens: int) -> Receipt:
        """Announce that stake will leave, in place of an earlier request; operator only."""
        return self._send(signer, self.vault(broker), "request_stake", tokens)

    def withdraw_stake(self, signer: Signer, broker: str, tokens: int, receiver: str) -> Receipt:
        """Requested stake, in its window; what clients at risk could lose must stay covered."""
        return self._send(signer, self.vault(broker), "withdraw_stake", tokens, receiver)

    def deposit(
        self, signer: Signer, broker: str, tokens: int, receiver: str | None = None
    ) -> Receipt:
        """Tokens, approved before, for shares of the pool; the signer's unless told otherwise."""
        return self._send(signer, self.vault(broker), "deposit", tokens, receiver or signer.address)

    def request_withdrawal(self, signer: Signer, broker: str, shares: int) -> Receipt:
        """Announce that shares will be redeemed, in place of an earlier request."""
        return self._send(signer, self.vault(broker), "request_withdrawal", shares)

    def redeem(self, signer: Signer, broker: str, shares: int) -> Receipt:
        """Requested shares, in their window, at the price less the provision: see `Broker`."""
        return self._send(
            signer, self.vault(broker), "redeem", shares, signer.address, signer.address
        )

    # --- a broker's seat -----------------------------------------------------------------

    def join(self, signer: Signer, broker: str) -> Receipt:
        """Take a seat; locks contribution and assessment. Operator only."""
        return self._send(signer, self.client.brokers, "join", broker)

    def leave(self, signer: Signer, broker: str) -> Receipt:
        """Sponsor nobody new; operator only. The liability stays until `retire`."""
        return self._send(signer, self.client.brokers, "leave", broker)

    def retire(self, signer: Signer, broker: str) -> Receipt:
        """Free the commitment of one that left or failed and has no clients; anybody."""
        return self._send(signer, self.client.brokers, "retire", broker)

    def suspend(self, signer: Signer, broker: str) -> Receipt:
        """Suspend one that has not replenished the fund in time; anybody."""
        return self._send(signer, self.client.brokers, "suspend", broker)

    def reinstate(self, signer: Signer, broker: str) -> Receipt:
        """End a suspension when the fund is filled again; anybody."""
        return self._send(signer, self.client.brokers, "reinstate", broker)

    def fill_fund(self, signer: Signer, broker: str) -> Receipt:
        """Complete contribution and assessment out of free capital; operator only."""
        return self._send(signer, self.client.fund, "fill", broker)

    # --- guarantees ----------------------------------------------------------------------

    def sign(self, terms: GuaranteeTerms, key: str | bytes) -> bytes:
        """Consent to terms by a private key, as client or as operator."""
        return self.domain.sign(terms, key)

    def fee(self, terms: GuaranteeTerms) -> int:
        """What the account's owner would pay now, and must allow the vault to take."""
        return int(self.client.sponsorship.read("fee_of", terms.as_tuple()))

    def agree(
        self, signer: Signer, terms: GuaranteeTerms, client: bytes = b"", operator: bytes = b""
    ) -> Receipt:
        """Put a guarantee in force, or renew one; a party that sends it needs no signature."""
        consents = self._consents(signer, terms, client, operator)
        return self._send(signer, self.client.sponsorship, "sponsor", terms.as_tuple(), *consents)

    def port(
        self, signer: Signer, terms: GuaranteeTerms, client: bytes = b"", operator: bytes = b""
    ) -> Receipt:
        """Move a client from a broker that is not active; an open call moves along."""
        consents = self._consents(signer, terms, client, operator)
        return self._send(signer, self.client.sponsorship, "port", terms.as_tuple(), *consents)

    def revoke(self, signer: Signer, terms: GuaranteeTerms) -> Receipt:
        """Make signed terms void that were not used yet; either party."""
        return self._send(signer, self.client.sponsorship, "revoke", terms.as_tuple())

    def release(self, signer: Signer, account: int) -> Receipt:
        """End a guarantee that is not needed; the owner, and anybody once it has expired."""
        return self._send(signer, self.client.sponsorship, "release", account)

    # --- margin calls --------------------------------------------------------------------

    def call(self, signer: Signer, account: int) -> Receipt:
        """Call for margin: equity below MM * (1 + buffer); anybody."""
        return self._send(signer, self.client.sponsorship, "call", account)

    def cure(self, signer: Signer, account: int) -> Receipt:
        """End a call in time: equity at least MM * (1 + buffer + 5 %); anybody."""
        return self._send(signer, self.client.sponsorship, "cure", account)

    def measure(self, signer: Signer, account: int) -> Receipt:
        """Count what a client below its buffer could lose of its lock: see `at_risk`; anybody."""
        return self._send(signer, self.client.sponsorship, "measure", account)

    def count_stops(self, signer: Signer, account: int) -> Receipt:
        """Move the deadline by the time a market of the account stood still; anybody."""
        return self._send(signer, self.client.sponsorship, "count_stops", account)

    def declare_default(self, signer: Signer, account: int) -> Receipt:
        """Past the deadline: the guarantee shields no more, and is still first loss; anybody.

        Who would be cured by then is cured instead.
        """
        return self._send(signer, self.client.sponsorship, "declare_default", account)

    def start_early(self, signer: Signer, account: int) -> Receipt:
        """The same before the deadline, below the part of MM that the client signed; operator."""
        return self._send(signer, self.client.sponsorship, "start_early", account)

    # --- reading -------------------------------------------------------------------------

    def vault(self, broker: str) -> Contract:
        """The vault that a broker is named by."""
        return self.client.broker_vault(broker)

    def broker(self, broker: str) -> Broker:
        """A broker's capital, seat and clients; InputError if the address is none."""
        found = self.client.lens.read("broker", broker)
        state = BrokerState(found.pop("state"))
        if state == BrokerState.NONE:
            raise InputError(
                f"{broker} is no broker",
                next_step="give the address of a vault that `open_vault` returned",
            )
        vault = self.vault(broker)
        return Broker(
            address=vault.address,
            state=state,
            terms=VaultTerms(**vault.read("terms")),
            shares=vault.read("totalSupply"),
            client_limit=vault.read("client_limit"),
            cost=self.client.fund.read("cost", broker),
            **found,
        )

    def clients(self, broker: str) -> list[int]:
        """Accounts of all clients of a broker."""
        sponsorship = self.client.sponsorship
        count = int(sponsorship.read("client_count", broker))
        found: list[int] = []
        while len(found) < count:
            new: Sequence[int] = sponsorship.read("clients", broker, len(found), CLIENTS_PER_CALL)
            if not new:
                break
            found += new
        return found

    def guarantee(self, account: int) -> Guarantee | None:
        """The guarantee of an account; None without one."""
        seen = self.client.lens.read("guarantee", account)
        return Guarantee.of(account, seen["sponsored"], seen["opening"], seen["shield"])

    def margin_call(self, account: int) -> MarginCall | None:
        """The margin call of an account; None without one."""
        call = self.client.sponsorship.read("margin_call", account)
        if not call["state"]:
            return None
        return MarginCall(
            account=account,
            state=CallState(call["state"]),
            called_at=call["called_at"],
            deadline=call["deadline"],
            amount_wad=call["amount"],
        )

    def fund(self) -> GuarantyFundState:
        """The guaranty fund."""
        fund = self.client.fund
        return GuarantyFundState(
            total=fund.read("totalAssets"),
            members=tuple(self.client.brokers.read("members")),
            min_contribution=fund.read("min_contribution"),
            contribution_ppm=fund.read("contribution_ppm"),
            cause_ppm=fund.read("cause_ppm"),
        )

    # --- sending -------------------------------------------------------------------------

    def _send(self, signer: Signer, contract: Contract, function: str, *args: Any) -> Receipt:
        try:
            return contract.write(signer, function, *args, gas=self._gas)
        except ContractReverted as error:
            raise explained(error) from error

    def _consents(
        self, signer: Signer, terms: GuaranteeTerms, client: bytes, operator: bytes
    ) -> tuple[bytes, bytes]:
        """Both signatures; what is missing must be the sender's own."""
        sender = to_checksum_address(signer.address)
        owner = to_checksum_address(f"0x{terms.account >> 96:040x}")
        missing = {
            "client": not client and sender != owner,
            "operator": not operator
            and sender != self.client.brokers.read("operator_of", terms.broker),
        }
        for party, absent in missing.items():
            if absent:
                raise InputError(
                    f"the {party}'s consent is missing",
                    next_step=f"pass {party}=desk.sign(terms, key), or let the {party} send it",
                )
        return client, operator
