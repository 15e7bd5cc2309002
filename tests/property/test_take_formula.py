"""A take never lowers E/MM, never makes E negative, never takes more than the formula.

20,000 random cross accounts: the contract's integers against fractions. The take is carried
out as the ledger does it, with every rounding against the account.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

import pytest
from brownie import project
from eth_abi import decode, encode
from eth_utils import function_signature_to_4byte_selector as selector
from pyrevm import EVM

ACCOUNTS = 20_000
WAD = 10**18
PPM = 10**6
SENDER = "0x00000000000000000000000000000000000000AA"
SLICE_TERMS = selector(
    "slice_terms(int256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256)"
)
# the contract's slack of 10 wei against rounding, seen through 1 / (kappa * r - a)
SLACK = 10


@dataclass(frozen=True)
class Leg:
    """One position: signed size and mark (wad), brackets as (threshold in wad, rate in ppm)."""

    size: int
    mark: int
    brackets: tuple[tuple[int, int], ...]

    def value(self, size: int) -> int:
        """Worth of a signed size, wad, rounded down."""
        return size * self.mark // WAD

    def notional(self, size: int) -> int:
        """Worth of a size, unsigned, wad."""
        return abs(size) * self.mark // WAD

    def margin(self, size: int) -> int:
        """Maintenance margin, wad, rounded up."""
        return -(-self.margin_exact(self.notional(size)) // 1)

    def margin_exact(self, notional: int | Fraction) -> Fraction:
        """Tax brackets over notional."""
        total = Fraction(0)
        tops = [threshold for threshold, _ in self.brackets[1:]] + [None]
        for (low, rate), high in zip(self.brackets, tops, strict=True):
            part = max(notional - low, 0) if high is None else max(min(notional, high) - low, 0)
            total += Fraction(part) * rate / PPM
        return total

    def rate_ppm(self) -> int:
        """Marginal rate at the whole leg."""
        notional = self.notional(self.size)
        return [r for low, r in self.brackets if low == 0 or notional > low][-1]


def random_leg(draw: random.Random) -> Leg:
    """Notional from a tenth of a unit to ten million, any mark, one to three brackets."""
    mark = int(10 ** draw.uniform(12, 23))
    notional = 10 ** draw.uniform(-1, 7)
    size = max(1, int(notional * WAD) * WAD // mark) * draw.choice((1, -1))
    rates = sorted(draw.randint(1_000, 300_000) // 10 * 10 for _ in range(draw.randint(1, 3)))
    lows = [0, *sorted(int(10 ** draw.uniform(2, 7)) * WAD for _ in rates[1:])]
    return Leg(size, mark, tuple(zip(lows, rates, strict=True)))


@pytest.fixture(scope="module")
def formula():
    """The contract's formula in process: arguments -> (c_a, phi_a, largest, smallest)."""
    evm = EVM(gas_limit=10**9)
    evm.set_balance(SENDER, 10**20)
    code = bytes.fromhex(
        project.get_loaded_projects()[0].TakeFormulaHarness.bytecode.removeprefix("0x")
    )
    address = evm.deploy(SENDER, code)
    types = ["int256"] + ["uint256"] * 9

    def call(*arguments: int) -> tuple[int, int, int, int]:
        raw = evm.message_call(SENDER, address, calldata=SLICE_TERMS + encode(types, arguments))
        return decode(["uint256"] * 4, bytes(raw))

    return call


def worsened(mark: int, ppm: int, long: bool) -> int:
    """Mark worsened for the account, the last wei in its favour."""
    return mark - mark * ppm // PPM if long else mark + mark * ppm // PPM


def test_take__random_cross_accounts__never_worse_never_more(formula):
    draw = random.Random(20_251_010)
    capped = restored = whole = least = 0
    for number in range(ACCOUNTS):
        legs = [random_leg(draw) for _ in range(draw.randint(1, 10))]
        leg = draw.choice(legs)
        kappa = draw.randint(1_010_000, 2_000_000)
        c, fee = draw.randint(0, 100_000), draw.randint(0, 20_000)
        n_min = draw.randint(100, 1_000) * WAD
        mm = sum(each.margin(each.size) for each in legs)
        # from nothing to just under the end of the auction
        gap = draw.choice((draw.random(), 10 ** draw.uniform(-6, 0)))
        equity = int(mm * kappa / PPM * (1 - gap) * draw.choice((1, 1, 1, 0.01)))
        size, notional = abs(leg.size), leg.notional(leg.size)
        leg_mm, rate = leg.margin(leg.size), leg.rate_ppm()

        c_a, phi_a, size_max, size_min = formula(
            equity, mm, leg_mm, size, leg.mark, rate, c, fee, kappa, n_min
        )

        # c_a + phi_a = min(c + phi, E * MM_m / (MM * N_m)), the fee first to go, in whole ppm
        cap = Fraction(equity * leg_mm, mm * notional)
        a = Fraction(c_a + phi_a, PPM)
        want = min(Fraction(c + fee, PPM), cap)
        assert want - Fraction(1, PPM) <= a <= want, number
        assert c_a <= c, number
        assert phi_a <= fee, number
        assert phi_a == 0 or c_a == c, number
        capped += a < Fraction(c + fee, PPM)

        # N_max = (kappa * MM - E) / (kappa * r_m - c_a - phi_a), n_min, the whole leg
        slope = Fraction(kappa * rate, PPM * PPM) - a
        assert slope > 0 or notional < 100, number
        exact = (Fraction(kappa * mm, PPM) - equity) / slope if slope > 0 else Fraction(notional)
        n_least = max(n_min, notional // 20)
        unit = leg.mark // WAD + 2  # one step of size, in quote
        bound = min(Fraction(notional), max(exact + SLACK / slope if slope > 0 else exact, n_least))
        assert size_max == size or leg.notional(size_max) <= bound + unit, number
        assert size_max == size or leg.notional(size_max) >= max(exact, n_least) - unit, number
        assert size_min == (
            size if notional <= n_least else min(size, -(-n_least * WAD // leg.mark))
        )
        assert 0 < size_min <= size_max <= size, number
        whole += size_max == size
        least += size_max == size_min != size

        # carry it out as the ledger does, at the limits and between them
        for taken in {size_min, size_max, draw.randint(size_min, size_max)}:
            long = leg.size > 0
            moved = taken if long else -taken
            price = worsened(leg.mark, c_a, long)
            cash = moved * price // WAD  # rounded down, paid for shorts
            fee_paid = leg.notional(taken) * phi_a // PPM
            left = leg.size - moved
            after = equity + cash - fee_paid + leg.value(left) - leg.value(leg.size)
            mm_after = mm - leg_mm + leg.margin(left)
            assert after * mm >= equity * mm_after, (number, taken)
            assert after >= 0, number
            if taken == size_max != size and size_max > size_min and len(leg.brackets) == 1:
                assert after * PPM >= kappa * mm_after, "an exact slice ends the auction"
                restored += 1
            if taken == size_max > size_min and taken != size:
                # no overshoot beyond the slack, one step of size and one of price
                over = SLACK + (2 * unit + 2) * (1 + slope) + taken // WAD + 1
                assert after * PPM <= kappa * mm_after + over * PPM, number

    # every branch was really walked
    assert min(capped, restored, whole, least) > ACCOUNTS // 50, (capped, restored, whole, least)


def test_take__bankrupt__pays_nothing_and_gives_the_whole_leg(formula):
    draw = random.Random(3)
    for _ in range(500):
        leg = random_leg(draw)
        size, mm = abs(leg.size), leg.margin(leg.size)
        equity = -draw.randint(0, 10**24)
        terms = formula(
            equity, mm, mm, size, leg.mark, leg.rate_ppm(), 50_000, 5_000, 1_200_000, 100 * WAD
        )
        assert terms[:3] == (0, 0, size)


def test_take__equity_of_a_wei__restores_margin_where_nothing_at_all_gives_the_leg(formula):
    # margin of the leg is 15,000, and at the marginal rate of 10 % the account sheds 150,000
    leg = Leg(2_000 * WAD, 100 * WAD, ((0, 50_000), (100_000 * WAD, 100_000)))
    mm = leg.margin(leg.size)

    def largest(equity: int) -> int:
        rate, size = leg.rate_ppm(), leg.size
        return formula(equity, mm, mm, size, leg.mark, rate, 30_000, 5_000, 1_200_000, 100 * WAD)[2]

    assert largest(0) == 2_000 * WAD
    assert 0 <= largest(1) - 1_500 * WAD <= 1


def test_take__a_slice_costs_all_the_margin_it_frees__whole_leg(formula):
    """No convex brackets lead here: their marginal rate is at least the leg's mean, 3 %."""
    size, mark, mm = 1_000 * WAD, 100 * WAD, 3_000 * WAD
    terms = formula(mm + 1, mm, mm, size, mark, 25_000, 30_000, 0, 1_200_000, 100 * WAD)
    assert terms[:3] == (30_000, 0, size)


def test_take__legs_of_a_few_wei__terms_never_fail(formula):
    draw = random.Random(5)
    for _ in range(2_000):
        size = draw.choice((1, 2, 10, 10**6, draw.getrandbits(40) + 1))
        mark = int(10 ** draw.uniform(0, 23))
        notional = size * mark // WAD
        leg_mm = -(-notional * 50_000 // PPM)
        equity = draw.randint(0, 10**6)
        terms = formula(
            equity, leg_mm + 10**6, leg_mm, size, mark, 50_000, 30_000, 5_000, 1_200_000, 1
        )
        assert 0 < terms[3] <= terms[2] <= size
