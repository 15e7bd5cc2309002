"""A lens whose exchange does not do what it should, and calls with little gas."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from plimsoll.contract import Contract
from plimsoll.preview import Fill
from tests.support.expect import reverts
from tests.support.fill_checks import chain_of
from tests.support.venue import BTC, WAD, Venue

REHEARSED = keccak(text="Rehearsed(bool,bytes)")[:4]
ERROR = keccak(text="Error(string)")[:4]


@pytest.fixture
def lens(venue: Venue, probe: Contract) -> Contract:
    """A lens that takes the probe for the clearinghouse, and whatever it names for the exchange."""
    client = venue.client
    others = (client.custody.address, client.liquidator.address, client.waterfall.address)
    return venue.deploy("Lens", probe.address, *others)


def test_preview__exchange_without_code__reverts(
    venue: Venue, probe: Contract, lens: Contract, fill: Fill
) -> None:
    venue.send(venue.keeper, probe, "set_exchange", venue.keeper.address)
    with reverts("preview: not a rehearsal"):
        lens.read("preview", fill.as_tuple())


def test_preview__exchange_that_does_not_revert__reverts(
    venue: Venue, probe: Contract, lens: Contract, fill: Fill
) -> None:
    venue.send(venue.keeper, probe, "set_exchange", probe.address)
    with reverts("preview: not a rehearsal"):
        lens.read("preview", fill.as_tuple())


def test_preview__no_answer_after_a_good_fill__reverts(
    venue: Venue, probe: Contract, lens: Contract, fill: Fill
) -> None:
    venue.send(venue.keeper, probe, "set_exchange", probe.address)
    for answered in (False, True):
        words = REHEARSED + encode(["bool", "bytes"], [answered, b""])
        venue.send(venue.keeper, probe, "set_last_words", words)
        with reverts("preview: account unreadable"):
            lens.read("preview", fill.as_tuple())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"\x01", "call: no reason"),
        (REHEARSED[:3], "call: no reason"),
        (ERROR + encode(["string"], ["#0 "]), "#0 "),
        (ERROR + encode(["string"], ["#0 x: y"]), "x: y"),
        (ERROR + encode(["string"], ["x: y"]), "x: y"),
        (ERROR + encode(["string"], ["x" * 96]), "x" * 96),
        (ERROR + encode(["string"], ["x" * 97]), "call: no reason"),
        (ERROR + b"\xff" * 64, "call: no reason"),
    ],
)
def test_preview__any_revert_data__a_reason(
    venue: Venue, probe: Contract, lens: Contract, fill: Fill, words: bytes, reason: str
) -> None:
    venue.send(venue.keeper, probe, "set_exchange", probe.address)
    venue.send(venue.keeper, probe, "set_last_words", words)
    preview = lens.read("preview", fill.as_tuple())
    assert (preview["success"], preview["reason"]) == (False, reason)


@pytest.mark.parametrize("size", [WAD, 100 * WAD])
def test_preview__any_gas__the_answer_or_none(venue: Venue, fill: Fill, size: int) -> None:
    """Too little gas is never taken for a fill that is refused."""
    lens = venue.client.lens
    asked = Fill(fill.maker, fill.taker, BTC, size, fill.price)
    chain = chain_of(venue)
    data = lens.encode("preview", asked.as_tuple())
    full = chain.run_and_forget(venue.keeper.address, lens.address, data)
    assert full.ok
    seen = set()
    for gas in range(40_000, full.gas * 5 // 4, full.gas // 150):
        with chain.undone():
            outcome = chain.run(venue.keeper.address, lens.address, data, 0, gas)
        assert not outcome.ok or outcome.output == full.output
        seen.add(outcome.reason)
    assert {None, "preview: out of gas"} <= seen
