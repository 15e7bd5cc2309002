"""Entry prices as small floats: order, error, ticks."""

from __future__ import annotations

import random

import pytest

from plimsoll.chain import AnvilProcess
from tests.support import eager_ledger as model
from tests.support.expect import reverts
from tests.support.lone_contract import deploy_alone

LARGEST = (2**34 - 1) << (127 - 33)  # the largest price with a code of its own


@pytest.fixture(scope="module")
def harness():
    with AnvilProcess() as anvil:
        yield deploy_alone(anvil.rpc, "EntryTickHarness")


def prices() -> list[int]:
    draw = random.Random(1)
    edges = [2**e + d for e in (0, 1, 5, 33, 34, 60, 90, 127) for d in (0, 1) if 2**e + d > 0]
    # rounding these up carries into the exponent
    carries = [2**e - 1 for e in (1, 34, 35, 60, 100)]
    return [*edges, *carries, *(draw.getrandbits(draw.randint(1, 127)) + 1 for _ in range(40))]


def test_encode__any_price__equals_the_model_and_rounds_by_direction(harness):
    for price in prices():
        for up in (True, False):
            code = harness.read("encode", price, up)
            assert code == model.encode_entry(price, up)
            decoded = harness.read("decode", code)
            assert decoded == model.decode_entry(code)
            error = decoded - price if up else price - decoded
            assert 0 <= error <= price >> 33, (price, up)


def test_encode_near__any_hint__changes_nothing(harness):
    for price in prices()[::3]:
        for near in (0, 1 << 33, (price.bit_length() - 1) << 33 | 5, 2**40 - 1):
            for up in (True, False):
                code = harness.read("encode_near", price, up, near)
                assert code == model.encode_entry(price, up), (price, near)


def test_encode__ascending_prices__codes_never_descend(harness):
    codes = [harness.read("encode", price, True) for price in sorted(prices())]
    assert codes == sorted(codes)


def test_encode__zero__reverts(harness):
    with reverts("entry: zero price"):
        harness.read("encode", 0, True)
    assert harness.read("encode", 1, True) == 0


def test_encode__rounding_past_the_last_code__reverts(harness):
    assert harness.read("encode", LARGEST, True) == 2**40 - 1
    assert harness.read("encode", LARGEST + 1, False) == 2**40 - 1
    with reverts("entry: price too large"):
        harness.read("encode", LARGEST + 1, True)


def test_tick__a_price_lies_between_the_edges_of_its_tick(harness):
    for price in prices():
        if price < 64:
            continue  # below 64 wei several ticks are one price
        tick = harness.read("tick", harness.read("encode", price, False))
        low = harness.read("worse_edge", tick, False)
        high = harness.read("worse_edge", tick, True)
        assert low == model.worse_edge(tick, False)
        assert high == model.worse_edge(tick, True)
        assert low <= price < high
        assert high - low <= max(low // 64, 1) + 1
