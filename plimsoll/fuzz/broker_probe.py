"""Reads what the chain shows of brokers, view by view, as `plimsoll.fuzz.broker_states`."""

from __future__ import annotations

from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from plimsoll.fuzz.broker_reach import Reach
from plimsoll.fuzz.broker_states import BrokersState, ClientState, ShareState, VaultState
from plimsoll.fuzz.chains import WalkChain
from plimsoll.fuzz.stage import Stage

MOST_CLIENTS: Final = 64


class BrokerProbe:
    """Reads them; the call data of each question asked is kept."""

    def __init__(self, stage: Stage, chain: WalkChain) -> None:
        self._chain = chain
        self._at = {
            name: stage.contracts[name]
            for name in (
                *("registry", "fund", "sponsorship", "escrow"),
                *("waterfall", "clearinghouse", "token"),
            )
        }
        self._data: dict[tuple[Any, ...], bytes] = {}

    def read(self, reach: Reach) -> BrokersState:
        """The state now of what is in reach."""
        members = self._words("registry", "members")[2:]
        return BrokersState(
            vaults={int(broker, 16): self._vault(broker) for broker in reach.vaults},
            clients={account: self._client(account, broker) for account, broker in reach.clients},
            shares={
                (int(broker, 16), holder): self._share(broker, holder)
                for broker, holder in reach.shares
            },
            members=members,
            fund=self._word("fund", "totalAssets"),
            escrow=(
                self._word("escrow", "total"),
                self._word("token", "balanceOf", self._at["escrow"]),
            ),
            reserved=(
                self._word("waterfall", "reserved_total", 2),
                self._word("waterfall", "reserved_total", 5),
            ),
        )

    def _vault(self, broker: str) -> VaultState:
        def own(function: str, *args: Any) -> int:
            return self._word(broker, function, *args)

        offered, opens, _ = self._words(broker, "stake_request")
        state, since = self._words("registry", "state_of", broker)
        fund = {
            name: self._word("fund", name, broker)
            for name in ("contribution", "assessment", "due", "cost", "required", "room")
        }
        return VaultState(
            broker=int(broker, 16),
            stake=own("stake"),
            pool=own("totalAssets"),
            supply=own("totalSupply"),
            generation=own("generation"),
            client_locks=own("client_locks"),
            commitment=own("commitment"),
            unearned=own("unearned_fees"),
            free=own("free_assets"),
            lock_room=own("lock_room"),
            client_limit=own("client_limit"),
            max_deposit=own("maxDeposit", broker),
            offered=offered,
            offered_opens=opens,
            held=self._word("escrow", "held", broker),
            state=state,
            since=since,
            clients=self._words("sponsorship", "clients", broker, 0, MOST_CLIENTS)[2:],
            at_risk=self._word("sponsorship", "at_risk", broker),
            redeems=own("previewRedeem", 10**12),
            **fund,
        )

    def _client(self, account: int, broker: str) -> ClientState:
        record = self._words("sponsorship", "sponsorship", account)
        if record[0]:
            broker = f"0x{record[0]:040x}"
        return ClientState._make(
            (
                account,
                *record,
                *self._words("sponsorship", "margin_call", account),
                *self._words("clearinghouse", "guarantee", account),
                self._word("sponsorship", "risk_of", account),
                self._word(broker, "locks", account),
                self._words("waterfall", "reservation", account)[0],
            )
        )

    def _share(self, broker: str, holder: int) -> ShareState:
        address = f"0x{holder:040x}"
        shares = self._word(broker, "balanceOf", address)
        request, opens, _ = self._words(broker, "withdrawal_request", address)
        return ShareState(int(broker, 16), holder, shares, request, opens)

    def _word(self, contract: str, function: str, *args: Any) -> int:
        return int.from_bytes(self._raw(contract, function, *args)[:32])

    def _words(self, contract: str, function: str, *args: Any) -> tuple[int, ...]:
        raw = self._raw(contract, function, *args)
        return tuple(int.from_bytes(raw[i : i + 32]) for i in range(0, len(raw), 32))

    def _raw(self, contract: str, function: str, *args: Any) -> bytes:
        question = (function, *args)
        data = self._data.get(question)
        if data is None:
            data = self._data[question] = _call_data(function, args)
        return self._chain.static(self._at.get(contract, contract), data)


def _call_data(function: str, args: tuple[Any, ...]) -> bytes:
    """Of a view that takes numbers and addresses only."""
    kinds = ["address" if isinstance(arg, str) else "uint256" for arg in args]
    selector = keccak(text=f"{function}({','.join(kinds)})")[:4]
    return bytes(selector) + encode(kinds, list(args))
