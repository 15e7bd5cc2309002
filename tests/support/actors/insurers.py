"""Insurers, and an attacker: money into the vaults and out, and functions of others' roles."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.support.actors.judged import Judged
from tests.support.attacks import attacks


class Insurers(Judged):
    """What insurers and contributors do."""

    @rule(
        kind=st.sampled_from(["in", "in", "out", "gift", "sweep"]),
        tokens=st.integers(1, 20_000),
        senior=st.booleans(),
    )
    def insurance(self, kind: str, tokens: int, senior: bool) -> None:
        if kind == "in":
            self.insure(tokens, senior)
        elif kind == "out":
            self.leave_insurance(1 + tokens // 250)
        elif kind == "gift":
            self.contribute(1 + tokens // 4)
        else:
            self.act(self.venue.keeper, self.venue.client.custody, "sweep_fees")

    def insure(self, tokens: int, senior: bool) -> None:
        venue, insurer = self.venue, self.person("insurer").signer
        vault = venue.client.senior if senior else venue.client.junior
        venue.mint(insurer, tokens, vault.address)
        receiver = insurer.address if senior else venue.timelock
        _, reason = self.act(insurer, vault, "deposit", tokens * 10**6, receiver)
        assert reason == "", reason

    def leave_insurance(self, part: int) -> None:
        """Ask, wait out the notice, and leave: refused exactly while a reservation stands."""
        venue, insurer, senior = self.venue, self.person("insurer").signer, self.venue.client.senior
        shares = senior.read("balanceOf", insurer.address) * part // 100
        if not shares:
            return
        self.act(insurer, senior, "request_withdrawal", shares)
        venue.wait(14 * 86_400)
        blocked = venue.client.waterfall.read("exits_blocked")
        worth = senior.read("previewRedeem", shares)
        had = venue.balance(insurer.address)
        call = ("redeem", shares, insurer.address, insurer.address)
        _, reason = self.act(insurer, senior, *call)
        assert (reason == "vault: loss pending") == blocked, f"I-11 {reason!r}"
        if not reason:
            assert venue.balance(insurer.address) == had + worth, "I-27 previewRedeem"

    def contribute(self, tokens: int) -> None:
        venue, donor = self.venue, self.person("insurer").signer
        venue.mint(donor, tokens, venue.client.custody.address)
        self.act(donor, venue.client.custody, "contribute", tokens * 10**6)


class Attackers(Judged):
    """What somebody without a role tries."""

    @rule(number=st.integers(0, 28))
    def attack(self, number: int) -> None:
        """No privileged function obeys somebody else."""
        client, attacker = self.venue.client, self.person("attacker")
        victim, own = self.person("maker").account, attacker.account
        known = attacks(victim, own, attacker.address)
        name, function, args, reason = known[number % len(known)]
        _, found = self.act(attacker.signer, getattr(client, name), function, *args)
        assert found == reason, f"I-34 {name}.{function}: {found!r}"
