"""Brokers at work: vaults, guarantees by both signatures, margin calls, the fund's deadlines.

Calls, cures, defaults and suspensions are open to everybody and made by keepers; an operator ends a
shield early when the client's terms allow it, and fills the fund again if its file says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address

from plimsoll.contract import Contract
from plimsoll.errors import ConfigError, ContractReverted
from plimsoll.fuzz.probe import AccountState
from plimsoll.guarantees import GuaranteeDomain, GuaranteeTerms
from plimsoll.stress.brokers import DAY_S, BrokerPlan, FundPlan
from plimsoll.stress.crowd import Member
from plimsoll.stress.tally import Tally
from plimsoll.stress.venue import DECIMALS, Person, Venue, person
from plimsoll.units import PPM, div_down, div_up, tokens_to_wad, wad_to_tokens_up

HYSTERESIS_PPM: Final = 50_000
"""Of maintenance margin, beyond the buffer: what cures a call."""
_YEAR_S: Final = 365 * 86_400
_STATES: Final = {2: "active", 4: "suspended", 8: "failed", 16: "leaving", 32: "left"}


@dataclass
class Broker:
    """A broker in its vault; `clients` are those whose guarantee stands."""

    plan: BrokerPlan
    vault: Contract
    operator: Person
    clients: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Capital:
    """What a broker has at a moment; amounts wad."""

    name: str
    state: str
    clients: int
    locks: int
    stake: int
    pool: int
    fund: int
    """Contribution and assessment, both parts of stake and pool."""


class Brokerage:
    """All brokers of a run; without any it does nothing."""

    def __init__(self, venue: Venue, plans: Sequence[BrokerPlan], fund: FundPlan) -> None:
        self._venue = venue
        self.brokers: list[Broker] = []
        if not plans:
            return
        values = wad_to_tokens_up(fund.least, DECIMALS), fund.contribution_ppm, fund.cause_ppm
        venue.send(venue.timelock, venue.client.fund, "set_parameters", *values)
        chain_id, sponsorship = venue.chain.chain_id(), venue.client.sponsorship.address
        self._domain = GuaranteeDomain(chain_id, sponsorship)
        self.brokers = [self._found(plan) for plan in plans]

    # --- before the first event --------------------------------------------------------

    def sponsor(self, members: Sequence[Member]) -> None:
        """Guarantees for all clients, in the order of the file."""
        deposits = {member.name: member.deposit for member in members}
        for broker in self.brokers:
            for name in broker.plan.names(list(deposits)):
                guarantee = div_down(deposits[name] * broker.plan.guarantee_ppm, PPM)
                try:
                    self._agree(broker, self._venue.people[name], guarantee)
                except ContractReverted as error:
                    raise ConfigError(
                        f"broker {broker.plan.name} cannot sponsor {name}: {error.reason}",
                        next_step="give it more stake or pool, or its clients less",
                    ) from error
                broker.clients.append(name)

    def _found(self, plan: BrokerPlan) -> Broker:
        """A vault with stake and pool, and a seat."""
        venue, client = self._venue, self._venue.client
        operator = person(f"operator of {plan.name}")
        terms = (
            plan.omega_ppm, plan.first_loss_ppm, plan.client_ppm, plan.commission_ppm, plan.notice,
        )  # fmt: skip
        address = self._open(operator, plan.name[:25], terms)
        vault = client.broker_vault(address)
        stake = wad_to_tokens_up(plan.stake, DECIMALS)
        venue.give(operator, stake, vault)
        venue.send(operator.address, vault, "add_stake", stake)
        if plan.pool:
            venue.send(venue.bank, client.token, "approve", address, 2**256 - 1)
            venue.send(
                venue.bank, vault, "deposit", wad_to_tokens_up(plan.pool, DECIMALS), venue.bank
            )
        try:
            venue.send(operator.address, client.brokers, "join", address)
        except ContractReverted as error:
            raise ConfigError(
                f"broker {plan.name} cannot join: {error.reason}",
                next_step="its capital must cover twice what the fund asks: least_contribution",
            ) from error
        return Broker(plan, vault, operator)

    def _open(self, operator: Person, name: str, terms: tuple[int, ...]) -> str:
        """A vault without capital; returns its address."""
        chain, registry = self._venue.chain, self._venue.client.brokers
        data = registry.encode("open_vault", name, "BROK", terms)
        outcome = chain.transact(operator.address, registry.address, data)
        if not outcome.ok:
            raise ContractReverted(outcome.reason or "", outcome.output)
        address = str(to_checksum_address(outcome.output[-20:]))
        self._venue.logs.watch(address)
        return address

    def _agree(self, broker: Broker, client: Person, guarantee: int) -> None:
        plan, venue = broker.plan, self._venue
        now, tokens = venue.chain.time, wad_to_tokens_up(guarantee, DECIMALS)
        terms = GuaranteeTerms(
            account=client.account,
            broker=broker.vault.address,
            guarantee=tokens,
            fee_ppm=plan.fee_ppm,
            expiry=now + plan.term,
            buffer_ppm=plan.buffer_ppm,
            cure_s=plan.cure,
            early_ppm=plan.early_ppm,
            salt=0,
            valid_until=now,
        )
        venue.give(client, div_up(tokens * plan.fee_ppm * plan.term, PPM * _YEAR_S), broker.vault)
        digest = self._domain.digest(terms)
        consents = (_signature(one, digest) for one in (client, broker.operator))
        sponsorship = venue.client.sponsorship
        venue.send(venue.bank, sponsorship, "sponsor", terms.as_tuple(), *consents)

    # --- at every look -----------------------------------------------------------------

    def work(self, states: Mapping[int, AccountState], tally: Tally) -> None:
        """Margin calls of all clients, and brokers who are late with the fund."""
        for broker in self.brokers:
            for name in list(broker.clients):
                if name in tally.unsponsored:
                    broker.clients.remove(name)
                    continue
                self._watch(broker, name, states[self._venue.people[name].account], tally)
            due = tally.dues.get(broker.vault.address.lower(), 0)
            if due:
                self._after_a_draw(broker, due, tally)

    def _watch(self, broker: Broker, name: str, state: AccountState, tally: Tally) -> None:
        """What anybody, or the operator, would do about a client now."""
        plan = broker.plan
        deadline = tally.calls.get(name, 0)
        if name in tally.defaulted or not state.priced:
            return
        started = name in tally.started
        if deadline == 0:
            if not started and state.equity * PPM < state.mm * (PPM + plan.buffer_ppm):
                self._try("call", name, self._venue.bank, tally)
            return
        enough = state.mm * (PPM + plan.buffer_ppm + HYSTERESIS_PPM)
        if not started and state.equity * PPM >= enough:
            self._try("cure", name, self._venue.bank, tally)
        elif state.equity * PPM < state.mm * plan.early_ppm:
            self._try("start_early", name, broker.operator.address, tally)
        elif self._venue.chain.time > deadline:
            self._try("declare_default", name, self._venue.bank, tally)

    def _try(self, function: str, name: str, sender: str, tally: Tally) -> None:
        venue = self._venue
        account = venue.people[name].account
        try:
            tally.follow(venue.send(sender, venue.client.sponsorship, function, account))
        except ContractReverted as error:
            tally.refuse(f"{function}: {error.reason}")

    def _after_a_draw(self, broker: Broker, due: int, tally: Tally) -> None:
        """The operator fills the fund on the last day for it; after that it is suspended."""
        venue, address = self._venue, broker.vault.address
        fund = venue.client.fund
        late = venue.chain.time >= due - DAY_S
        if broker.plan.refills and late and address.lower() not in tally.unfillable:
            try:
                tally.follow(venue.send(broker.operator.address, fund, "fill", address))
            except ContractReverted as error:
                tally.refuse(f"fill: {error.reason}")
                tally.unfillable.add(address.lower())
        if venue.chain.time > due:
            # with fewer guarantees less is asked: what is left may be enough
            del tally.dues[address.lower()]
            if venue.words(fund, "is_overdue", address)[0]:
                tally.follow(venue.send(venue.bank, venue.client.brokers, "suspend", address))

    # --- reading -----------------------------------------------------------------------

    def guarantees(self, name: str, tally: Tally) -> bool:
        """Whether somebody has a guarantee now."""
        sponsored = any(name in broker.clients for broker in self.brokers)
        return sponsored and name not in tally.unsponsored

    def capital(self) -> list[Capital]:
        """Every broker now."""
        return [self._capital(broker) for broker in self.brokers]

    def assets(self) -> int:
        """Stakes and pools of all, wad."""
        return sum(sum(self._owned(broker)) for broker in self.brokers)

    def holders(self) -> list[str]:
        """Addresses that hold tokens for brokers."""
        escrow = self._venue.client.escrow.address
        return [escrow, *(broker.operator.address for broker in self.brokers)]

    def problems(self) -> list[str]:
        """What is wrong in the brokers' books: locked and free capital, tokens, the fund."""
        found = []
        venue, pledged = self._venue, 0
        token, escrow = venue.client.token, venue.client.escrow
        for broker in self.brokers:
            vault, name = broker.vault, broker.plan.name
            stake, pool, locks, commitment, free, unearned = (
                venue.words(vault, view)[0]
                for view in ("stake", "totalAssets", "client_locks", "commitment", "free_assets",
                             "unearned_fees")
            )  # fmt: skip
            pledged += commitment
            if locks + commitment + free != stake + pool:
                found.append(f"{name}: locked and free capital are not all of it")
            held = venue.words(escrow, "held", vault.address)[0]
            if held != stake + pool + unearned:
                found.append(f"{name} counts {stake + pool + unearned}, escrow holds {held} for it")
        total, balance = (
            venue.words(escrow, "total")[0],
            venue.words(token, "balanceOf", escrow.address)[0],
        )
        if total != balance:
            found.append(f"the brokers' escrow counts {total}, holds {balance}")
        if self.brokers and venue.words(venue.client.fund, "totalAssets")[0] != pledged:
            found.append("the fund's total is not what brokers have committed")
        return found

    def _capital(self, broker: Broker) -> Capital:
        venue, vault = self._venue, broker.vault
        state = venue.words(venue.client.brokers, "state_of", vault.address)[0]
        stake, pool = self._owned(broker)
        return Capital(
            name=broker.plan.name,
            state=_STATES[state],
            clients=venue.words(venue.client.sponsorship, "client_count", vault.address)[0],
            locks=self._wad(vault, "client_locks"),
            stake=stake,
            pool=pool,
            fund=self._wad(vault, "commitment"),
        )

    def _owned(self, broker: Broker) -> tuple[int, int]:
        return self._wad(broker.vault, "stake"), self._wad(broker.vault, "totalAssets")

    def _wad(self, vault: Contract, view: str) -> int:
        return tokens_to_wad(self._venue.words(vault, view)[0], DECIMALS)


def _signature(one: Person, digest: bytes) -> bytes:
    raw = PrivateKey(one.key).sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([27 + raw[64]])
