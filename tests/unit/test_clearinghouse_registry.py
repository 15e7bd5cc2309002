"""Wiring, listing and roles of the Clearinghouse; its engines called directly."""

from __future__ import annotations

import pytest

from plimsoll.chain import AnvilProcess
from tests.support.bare_ledger import WAD, BareLedger, market_config
from tests.support.expect import reverts

NOBODY = "0x" + "00" * 20
BRACKET = (0, 50_000, 25_000)


@pytest.fixture(scope="module")
def deployed():
    with AnvilProcess() as anvil:
        yield BareLedger(anvil.rpc)


@pytest.fixture
def unwired(ledger):
    """A second Clearinghouse that nobody has wired."""
    engines = (engine.address for engine in ledger.engines)
    return ledger.deploy("Clearinghouse", ledger.oracle.address, *engines)


def with_feed(ledger, market: int, price_wad: int = 100 * WAD) -> None:
    feed = ledger.deploy("TestFeed", 8, price_wad // 10**10)
    ledger.feeds[market] = feed
    source = (feed.address, 86_400, 2 * 86_400)
    ledger.oracle.write(ledger.owner, "set_market", market, [source], 1, 50_000)


def names(ledger):
    wired = (ledger.custody, ledger.exchange, ledger.liquidator, ledger.sponsorship)
    return tuple(who.address for who in wired)


# --- wiring -------------------------------------------------------------------------------------


def test_deploy__engine_without_code__reverts(ledger):
    engines = [engine.address for engine in ledger.engines]
    for missing in range(4):
        broken = [*engines[:missing], ledger.attacker.address, *engines[missing + 1 :]]
        with reverts("wire: not a contract"):
            ledger.deploy("Clearinghouse", ledger.oracle.address, *broken)


def test_wire__by_the_deployer__once(ledger, unwired):
    with reverts("wire: only deployer"):
        unwired.write(ledger.attacker, "wire", *names(ledger))
    for missing in range(4):
        given = list(names(ledger))
        given[missing] = NOBODY
        with reverts("wire: zero address"):
            unwired.write(ledger.owner, "wire", *given)
    unwired.write(ledger.owner, "wire", *names(ledger))
    assert unwired.read("custody") == ledger.custody.address
    assert unwired.read("exchange") == ledger.exchange.address
    assert unwired.read("liquidator") == ledger.liquidator.address
    assert unwired.read("sponsorship") == ledger.sponsorship.address
    with reverts("wire: already done"):
        unwired.write(ledger.owner, "wire", *names(ledger))


def test_immutables__name_the_engines(ledger):
    for name, engine in zip(
        ("TRADE_ENGINE", "TAKE_ENGINE", "ADL_ENGINE", "REGISTRY_ENGINE"),
        ledger.engines,
        strict=True,
    ):
        assert ledger.ledger.read(name) == engine.address


def test_ownership__handed_over__leaves_the_deployer_without_power(ledger):
    ledger.send(ledger.owner, "transfer_ownership", ledger.trader.address)
    assert ledger.ledger.read("owner") == ledger.trader.address
    with_feed(ledger, 2)
    with reverts("ownable: caller is not the owner"):
        ledger.send(ledger.owner, "list_market", 2, market_config())
    with reverts("ownable: caller is not the owner"):
        ledger.send(ledger.owner, "transfer_ownership", ledger.owner.address)
    ledger.send(ledger.trader, "list_market", 2, market_config())


def test_ownership__cannot_be_renounced(ledger):
    assert "renounce_ownership" not in ledger.ledger.artifact.functions


# --- listing ------------------------------------------------------------------------------------


def test_list_market__parameters_come_back_and_are_logged(ledger):
    with_feed(ledger, 255)
    config = market_config(
        oi_cap=123 * WAD,
        min_notional=2**32 - 1,
        taker_fee_ppm=10_000,
        maker_fee_ppm=10_000,
        band_ppm=200_000,
        max_class=2,
        brackets=[BRACKET, (7, 60_000, 30_000), (2**48 - 1, 655_350, 500_000)],
        funding_base_ppb=-12_428_700,
        funding_cap_ppb=40_000_000,
        premium_volume=2**48 - 1,
    )
    receipt = ledger.send(ledger.owner, "list_market", 255, config)
    read = ledger.ledger.read("market_config", 255)
    rows = [tuple(row.values()) for row in read.pop("brackets")]
    plain = list(read.values())
    assert (*plain[:6], rows, *plain[6:]) == config
    (event,) = ledger.ledger.events(receipt)
    assert event.name == "MarketListed"
    assert event["market"] == 255
    assert event["config"] == ledger.ledger.read("market_config", 255)
    assert ledger.ledger.read("mark", 255) == (100 * WAD, True)
    assert ledger.ledger.read("funding", 255) == (0, 0)
    assert ledger.ledger.read("open_interest", 255) == (0, 0)


def test_list_market__anybody_but_the_owner__reverts(ledger):
    with_feed(ledger, 2)
    for signer in (ledger.attacker, ledger.custody, ledger.exchange, ledger.liquidator):
        with reverts("ownable: caller is not the owner"):
            ledger.send(signer, "list_market", 2, market_config())


@pytest.mark.parametrize("market", [0, 256, 2**256 - 1])
def test_list_market__id_out_of_range__reverts(ledger, market):
    with reverts("market: bad id"):
        ledger.send(ledger.owner, "list_market", market, market_config())


def test_list_market__twice__reverts(ledger):
    with reverts("market: already listed"):
        ledger.send(ledger.owner, "list_market", 1, market_config())


def test_list_market__oracle_has_no_price__reverts(ledger):
    with reverts("oracle: no price"):
        ledger.send(ledger.owner, "list_market", 2, market_config())


def brackets(*rows):
    return {"brackets": [*rows, *[rows[-1]] * (3 - len(rows))]}


LISTING_LIMITS = [
    ({"max_class": 4}, {"max_class": 5}, "market: bad leverage class"),
    ({"min_notional": 100}, {"min_notional": 99}, "market: bad least notional"),
    ({"min_notional": 2**32 - 1}, {"min_notional": 2**32}, "market: bad least notional"),
    ({"taker_fee_ppm": 10_000}, {"taker_fee_ppm": 10_001}, "market: fee too high"),
    ({"maker_fee_ppm": 500}, {"maker_fee_ppm": 501}, "market: maker fee above taker"),
    ({"band_ppm": 1_000}, {"band_ppm": 999}, "market: bad band"),
    ({"band_ppm": 200_000}, {"band_ppm": 200_001}, "market: bad band"),
    (
        {"funding_cap_ppb": 40_000_000},
        {"funding_cap_ppb": 40_000_001},
        "market: funding cap too high",
    ),
    (
        {"funding_base_ppb": 12_428_700, "funding_cap_ppb": 40_000_000},
        {"funding_base_ppb": 12_428_701, "funding_cap_ppb": 40_000_000},
        "market: funding cap too high",
    ),
    (
        {"funding_base_ppb": -4_000_000},
        {"funding_base_ppb": -4_000_001},
        "market: base rate above cap",
    ),
    (
        {"funding_base_ppb": 4_000_000},
        {"funding_base_ppb": 4_000_001},
        "market: base rate above cap",
    ),
    ({"oi_cap": 1}, {"oi_cap": 0}, "market: bad open interest cap"),
    ({"premium_volume": 2**48 - 1}, {"premium_volume": 2**48}, "market: bad premium volume"),
    (
        brackets((0, 50_000, 25_000)),
        brackets((1, 50_000, 25_000)),
        "market: bad bracket threshold",
    ),
    (
        brackets(BRACKET, (5, 50_000, 25_000), (5, 50_000, 25_000)),
        brackets(BRACKET, (5, 50_000, 25_000), (4, 50_000, 25_000)),
        "market: bad bracket threshold",
    ),
    (
        brackets(BRACKET, (2**48 - 1, 50_000, 25_000)),
        brackets(BRACKET, (2**48, 50_000, 25_000)),
        "market: bad bracket threshold",
    ),
    (
        brackets(BRACKET, (5, 50_000, 25_000)),
        brackets(BRACKET, (5, 49_990, 25_000)),
        "market: bad bracket rate",
    ),
    (
        brackets(BRACKET, (5, 50_000, 25_000)),
        brackets(BRACKET, (5, 50_000, 24_990)),
        "market: bad bracket rate",
    ),
    (brackets((0, 50_000, 1_000)), brackets((0, 50_000, 990)), "market: bad bracket rate"),
    (brackets((0, 655_350, 1_000)), brackets((0, 655_360, 1_000)), "market: bad bracket rate"),
    (brackets((0, 50_000, 1_000)), brackets((0, 50_001, 1_000)), "market: bad bracket rate"),
    (brackets((0, 50_000, 1_000)), brackets((0, 50_000, 1_001)), "market: bad bracket rate"),
    (
        brackets((0, 30_000, 25_000)),
        brackets((0, 29_990, 25_000)),
        "market: initial margin too low",
    ),
]


@pytest.mark.parametrize(("good", "bad", "reason"), LISTING_LIMITS)
def test_list_market__one_step_past_a_bound__reverts(ledger, good, bad, reason):
    with_feed(ledger, 2)
    with reverts(reason):
        ledger.send(ledger.owner, "list_market", 2, market_config(**bad))
    ledger.send(ledger.owner, "list_market", 2, market_config(**good))


def test_list_market__shares_would_not_fit__reverts(ledger):
    """A cheap token, so that notional is no limit: max OI / P_MIN must stay below 2**119."""
    with_feed(ledger, 2, 10**10)
    with reverts("market: bad open interest cap"):
        ledger.send(ledger.owner, "list_market", 2, market_config(oi_cap=2**99))
    ledger.send(ledger.owner, "list_market", 2, market_config(oi_cap=2**99 - 1))


def test_list_market__basis_would_not_fit__reverts(ledger):
    """Notional at the cap times 1e6 must stay below 2**117 wad."""
    with_feed(ledger, 2)
    limit = -(-(2**117) // 10**6)  # wad quote
    cap = -(-limit * WAD // (100 * WAD))
    with reverts("market: notional too large"):
        ledger.send(ledger.owner, "list_market", 2, market_config(oi_cap=cap))
    ledger.send(ledger.owner, "list_market", 2, market_config(oi_cap=cap - 1))


def test_market_config__unknown_market__reverts(ledger):
    with reverts("market: unknown"):
        ledger.ledger.read("market_config", 9)


# --- engines called directly --------------------------------------------------------------------

FILL = (1 << 96, 2 << 96, 1, WAD, 100 * WAD, 1_000, 1_000, 0)
TAKE = (1 << 96, 2 << 96, 1, WAD, 100 * WAD, 0, 0)


@pytest.mark.parametrize(
    ("engine", "function", "args", "reason"),
    [
        (0, "trade", (FILL,), "access: not exchange"),
        (1, "take", (TAKE,), "access: not liquidator"),
        (2, "rematch", (1 << 96, 1, WAD, 0, 1), "access: not liquidator"),
        (2, "adl_begin", (1 << 96, 0, 0), "access: not liquidator"),
        (2, "adl_step", (1,), "access: not liquidator"),
        (2, "cover", (1 << 96, 0), "access: not liquidator"),
    ],
)
def test_engine__called_directly__nobody_has_access(ledger, engine, function, args, reason):
    for signer in (ledger.exchange, ledger.liquidator, ledger.owner, ledger.attacker):
        with reverts(reason):
            ledger.engines[engine].write(signer, function, *args)


def test_registry_engine__called_directly__changes_its_own_storage_only(ledger):
    registry = ledger.engines[3]
    account = ledger.account_of(ledger.attacker, 3)
    registry.write(ledger.attacker, "open_isolated", 3)
    assert ledger.word("ledger.account_words", account) == 0
    with reverts("ownable: caller is not the owner"):
        registry.write(ledger.attacker, "list_market", 2, market_config())
    # even its deployer only lists a market nobody trades in
    registry.write(ledger.owner, "list_market", 1, market_config(oi_cap=1))
    assert ledger.ledger.read("market_config", 1)["oi_cap"] == 10**6 * WAD


def test_adl_engine__sync_called_directly__does_nothing(ledger):
    account = ledger.account(1)
    ledger.fund(account, WAD)
    receipt = ledger.engines[2].write(ledger.attacker, "sync", account, 1)
    assert receipt["logs"] == []
    assert ledger.health(account)["cash"] == WAD


def test_trade_engine__mark_of_an_earlier_block__refused_even_if_it_trusted_the_caller(ledger):
    """The Clearinghouse pokes first; the engine does not rely on it."""
    engine = ledger.engines[0]
    caller = int(ledger.exchange.address, 16)
    ledger.set_word(caller, "engines.exchange", at=engine.address)
    ledger.set_word(
        ledger.word("ledger.market_terms", 1), "ledger.market_terms", 1, at=engine.address
    )
    with reverts("oracle: poke first"):
        engine.write(ledger.exchange, "trade", FILL)
