"""The whole protocol, from deposit to auto-deleveraging, as `make demo` plays it."""

from __future__ import annotations

import dataclasses
import io
import json
import socket
from decimal import Decimal

import pytest
from rich.console import Console

from plimsoll import artifacts
from plimsoll.chain import AnvilOptions, AnvilProcess, is_listening
from plimsoll.chain.anvil import free_port
from plimsoll.contract import NodeSigner
from plimsoll.demo.play import perform
from plimsoll.demo.reconcile import reconcile
from plimsoll.demo.stage import GAS
from plimsoll.errors import ContractReverted
from plimsoll.report.checks import followed_queue
from plimsoll.report.document import build
from plimsoll.report.narrative import tell
from plimsoll.risk_terms import NO_BUFFER, NO_CONCENTRATION, BufferTerms, Concentration
from plimsoll.scenario import load_scenario
from plimsoll.units import WAD, to_wad
from scripts import demo as program
from scripts.deploy import DEFAULT_SCENARIO, leave_with

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scenario():
    return load_scenario(DEFAULT_SCENARIO)


@pytest.fixture(scope="module")
def performance(scenario):
    artifacts.ensure_compiled()
    options = AnvilOptions(genesis_timestamp=scenario.path[0].time - 3_600)
    with AnvilProcess(options=options) as anvil:
        yield perform(anvil.rpc, scenario, lambda text: None)


@pytest.fixture(scope="module")
def document(performance):
    return build(performance)


@pytest.fixture
def stage(performance):
    """The stage at its end; whatever a test does to it is undone."""
    with performance.stage.rpc.undone():
        yield performance.stage


# --- what happened ---------------------------------------------------------------------


def test_demo__every_stage__reached(document):
    assert [stage for stage, reached in document["reached"].items() if not reached] == []


def test_demo__books__match_to_the_wei(performance):
    stage = performance.stage
    books = reconcile(stage, performance.final, stage.happenings)
    assert books.token_total == books.claim_total
    assert 0 <= books.rounding <= books.rounding_limit
    assert all(assets == balance for _, assets, balance in books.vaults)


def test_demo__a_token_more__is_noticed(performance, stage):
    client = stage.client
    stage.send(client.token, "mint", client.custody.address, 1)
    books = reconcile(stage, performance.final, stage.happenings)
    assert books.token_total - books.claim_total == 10**12
    assert not books.good


def test_demo__layers__pay_exactly_what_was_not_the_accounts_own(document):
    totals = {key: Decimal(value) for key, value in document["waterfall"].items() if key in (
        "junior", "senior", "haircut", "shortfall", "deficits")}  # fmt: skip
    paid = totals["junior"] + totals["senior"] + totals["haircut"] + totals["shortfall"]
    # every draw is rounded up to a wei of its layer, never down
    assert abs(paid - totals["deficits"]) < Decimal("1e-9")
    assert totals["shortfall"] == 0


def test_demo__every_payer__gave_the_same_part_of_its_profit(document):
    for resolve in document["resolves"]:
        for leg in resolve["legs"]:
            for entry in leg["paid"]:
                part = Decimal(entry["amount"]) / Decimal(entry["profit"])
                # a second of funding lies between the two snapshots
                assert abs(part - Decimal(leg["eta"])) < Decimal("0.002")


def test_demo__queue__followed_without_a_gap(performance):
    assert all(followed_queue(resolve) for resolve in performance.keeper.resolves)


def test_demo__sizes__long_equals_short_but_for_dust(performance):
    for long, short in performance.final.interest:
        assert abs(long - short) < 1_000


def test_demo__same_seed__same_figures_also_on_a_chain_that_is_ahead(scenario, document):
    with AnvilProcess() as anvil:
        again = build(perform(anvil.rpc, scenario, lambda text: None))
    assert json.dumps(again) == json.dumps(document)


def test_demo__stress_view__counts_who_was_there_before_the_fall(performance, document):
    view = performance.stress
    assert len(view.holders) == len({position.name for position in performance.opened.positions})
    none = view.rows[0]
    names = performance.stage.people
    for one in view.holders:
        assert one.equity == performance.opened.equity[names.name_of(one.account)]
    assert (none.loss, none.shock.ppm) == (0, 0)
    told = document["stress_before_fall"]
    assert len(told["shocks"]) == len(view.rows) == 33
    assert {row["cover_2"]["survived"] for row in told["shocks"]} == {True, False}


# --- the risk engine -------------------------------------------------------------------


def test_engine__extra_margin__is_what_the_ledger_asks(scenario, performance, document):
    """A whale in the lowest class: its notional, and the extra on top."""
    concentrated = {entry["account"]: entry for entry in document["risk_engine"]["concentrated"]}
    assert "winner-01" in concentrated
    opened = performance.opened
    (whale,) = (position for position in opened.positions if position.name == "winner-01")
    assert (whale.leverage_class, opened.markets[0].s_im_ppm) == (0, 0)
    extra = to_wad(concentrated["winner-01"]["extra_margin"])
    assert extra > 0
    assert whale.im == whale.notional + extra
    beyond = whale.notional - opened.markets[0].larger_side // 5
    assert abs(extra * 50 - beyond) <= 100  # 2 % of what is above a fifth, rounded up


def test_engine__surcharges__are_what_the_fee_balance_has_beside_plain_fees(performance, document):
    """The fees of the openings, all of them, from the ledger's own events."""
    stage, scenario = performance.stage, performance.stage.scenario
    plain = 0
    for match in (h for h in stage.happenings if h.name == "Matched"):
        terms = scenario.markets[match["market"] - 1]
        notional = abs(match["size"]) * match["price"] // WAD
        for rate in (terms.maker_fee_ppm, terms.taker_fee_ppm):
            plain += -(-notional * rate // 10**18) * 10**12
    trades = {h.transaction for h in stage.happenings if h.name == "Matched"}
    fees = sum(
        h["fee"]
        for h in stage.happenings
        if h.name == "PositionChanged" and h.transaction in trades
    )
    paid = sum(to_wad(entry["paid"]) for entry in document["risk_engine"]["surcharges"])
    assert paid == fees - plain > 0


def test_engine__outage__stops_as_long_as_the_scenario_says(scenario, document):
    short, for_good = document["risk_engine"]["outages"]
    wanted = scenario.outages[0]
    assert abs(short["began"] - wanted.start) < 30
    assert abs(short["ended"] - wanted.end) < 30
    assert short["seconds"] == short["ended"] - short["began"]
    assert short["grace_until"] == short["ended"] + short["seconds"]
    assert for_good["ended"] is None
    resolved = [
        resolve["time"]
        for resolve in document["resolves"]
        for leg in resolve["legs"]
        if leg["market"] == short["market"] and leg["buckets_rematched"]
    ]
    assert not [time for time in resolved if short["began"] <= time < short["grace_until"]]
    assert [time for time in resolved if time >= short["grace_until"]]


def test_engine__caps__follow_capital_down_and_are_the_terms(scenario, performance):
    opened, calm = performance.opened, performance.calm
    assert calm.capital * 10 < opened.capital * 6
    for market, before, after in zip(scenario.markets, opened.markets, calm.markets, strict=True):
        assert after.cap * 10 < before.cap * 6
        terms = market.buffer
        exact_cap = terms.kappa_ppm * terms.share_ppm * opened.capital // (terms.gap_ppm * 10**6)
        # a float of ten digits in base two, rounded down
        assert 0 <= exact_cap - before.cap <= exact_cap // 1_000 + WAD


def test_engine__wind_down__every_position_is_cash_at_the_final_mark(performance, document):
    ended = document["risk_engine"]["wind_down"]
    market = ended["market"]
    held = [p for p in performance.wound_down.at_settlement.positions if p.market == market]
    assert len(ended["positions"]) == len(held) > 10
    for entry in ended["positions"]:
        paid = to_wad(entry["size"]) * to_wad(entry["price"]) // WAD
        assert to_wad(entry["paid"]) == paid
        # a second of funding in other markets
        change = to_wad(entry["cash_after"]) - to_wad(entry["cash_before"])
        assert abs(change - paid) < 10**15
    assert not [p for p in performance.final.positions if p.market == market]
    assert performance.final.interest[market - 1] == (0, 0)


def test_engine__settled_market__refuses_trades_and_asks_no_margin(performance, stage):
    market = performance.wound_down.market
    assert stage.client.clock_stop(market)[2] is False
    assert stage.client.mark(market) == (performance.wound_down.settled["price"], False)
    assert stage.client.buffer_terms(market) == NO_BUFFER
    assert stage.client.concentration(market) == NO_CONCENTRATION
    assert stage.client.buffer_cap(market) == 2**256 - 1
    assert stage.client.buffers(market)["utilisation_ppm"] == 0
    with pytest.raises(ContractReverted, match="market: settled"):
        stage.client.settle_market(stage.operator, market)


def test_client__terms_and_capital__as_the_scenario_set_them(scenario, performance, stage):
    assert stage.client.buffer_terms(1) == scenario.markets[0].buffer
    assert stage.client.concentration(1) == scenario.markets[0].concentration
    assert stage.client.capital() == performance.final.capital
    assert stage.client.buffer_cap(1) == performance.final.markets[0].cap
    owner = stage.client.clearinghouse.read("owner")
    stage.rpc.set_balance(owner, WAD)
    with stage.rpc.impersonating(owner):
        signer = NodeSigner(owner)
        stage.client.set_buffer_terms(signer, 1, BufferTerms(1_000_000, 1_000, 500_000))
        stage.client.set_concentration(signer, 1, Concentration(5, 10, 0))
        stage.client.set_risk_terms(signer, 1, scenario.markets[1].risk)
    assert stage.client.buffer_terms(1) == BufferTerms(1_000_000, 1_000, 500_000)
    assert stage.client.concentration(1) == Concentration(5, 10, 0)
    assert 0 < stage.client.buffer_cap(1) < performance.final.markets[0].cap


# --- the lens --------------------------------------------------------------------------


def test_lens_overview__any_account__equals_the_ledger(stage):
    client = stage.client
    person = stage.people["liquidator-a"]
    view = client.lens.read("overview", person.account)
    assert view["owner"] == person.address
    assert view["health"] == client.health(person.account)
    assert [leg["market"] for leg in view["legs"]] == client.clearinghouse.read(
        "markets_of", person.account
    )
    for entry in view["legs"]:
        assert entry["leg"] == client.leg(person.account, entry["market"])
    assert view["auction"]["started"] == 0


def test_lens_dry_run__then_the_price_falls__start_reserves_exactly_that(stage):
    client, person = stage.client, stage.people["liquidator-a"]
    prices = tuple(to_wad(price) for price in ("70000", "1900", "60"))
    fallen = [(number, price) for number, price in enumerate(prices, start=1)]
    # withdraw what is not needed, so that the fall is more than the account can bear
    health = client.health(person.account)
    free = (health["equity_im"] - health["im"]) // 10**12 - 1
    stage.send(
        client.custody, "withdraw", person.account, free, person.address, signer=person.signer
    )

    seen = client.lens.read("dry_run", person.account, fallen)
    stage.set_prices(stage.clock.now + 60, prices)
    new = stage.send(client.liquidator, "start", person.account)
    started = next(h for h in new if h.name == "AuctionStarted")
    assert seen["loss"] > 0
    assert abs(started["equity"] - seen["equity"]) < WAD  # a minute of funding
    assert started["weights"] == seen["weights"]

    # and at the marks that are now: to the wei
    now = client.lens.read("dry_run", person.account, [])
    assert client.waterfall.read("reservation", person.account) == now["layers"]
    assert now["loss"] == sum(now["layers"]) + now["uncovered"]
    view = client.lens.read("overview", person.account)
    assert view["started"] is True
    assert view["auction"]["weights"] == now["weights"]


def test_lens_buffers__any_market__equal_the_waterfall(stage):
    view = stage.client.lens.read("buffers", 1)
    decimals = 10**12
    assert view["capital"] == [
        0,
        stage.client.junior.read("totalAssets") * decimals,
        stage.client.senior.read("totalAssets") * decimals,
        0,
    ]
    assert view["reserved"] == [0, 0, 0, 0]
    assert view["concession"] == stage.client.waterfall.read("concession_available", 1)
    assert view["exits_blocked"] is False


def test_lens_books__equal_custody_ledger_and_both_vaults(stage):
    client = stage.client
    view = client.lens.read("books")
    for name, vault in (("junior", client.junior), ("senior", client.senior)):
        assert view[f"{name}_assets"] == vault.read("totalAssets")
        assert view[f"{name}_balance"] == client.token.read("balanceOf", vault.address)
    assert view["junior_assets"] != view["senior_assets"]
    assert view["custody"] == client.custody.read("reconciliation")
    assert view["redemption_rate"] == client.custody.read("redemption_rate")
    fees = client.clearinghouse.read("fee_balances")
    assert (view["trading_fees"], view["insurance_fees"]) == fees
    reserve = int(client.clearinghouse.address, 16) << 96
    assert view["dust_reserve"] == client.health(reserve)["equity"]


# --- the program -----------------------------------------------------------------------


def test_program__free_port__plays_writes_and_stops_its_chain(tmp_path, capsys):
    port = free_port()
    program.run(["--port", str(port), "--out", str(tmp_path)])
    assert not is_listening(port)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"]["accounts"] >= 60
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "deleveraging.png",
        "open_interest_caps.png",
        "prices_and_equity.png",
        "risk_engine.png",
        "waterfall.png",
    ]
    told = capsys.readouterr().out
    for title in (
        "The fall",
        "Auctions",
        "Forced resolves",
        "Reconciliation",
        "Stress view",
        "The risk engine",
    ):
        assert title in told


def test_program__too_much_insurance__says_what_was_not_reached(tmp_path, capsys):
    data = json.loads(DEFAULT_SCENARIO.read_text())
    data["insurance"] = {"junior": "1000000", "senior": "1000000"}
    rich_scenario = tmp_path / "rich.json"
    rich_scenario.write_text(json.dumps(data))
    argv = ["--port", str(free_port()), "--out", str(tmp_path), "--scenario", str(rich_scenario)]
    with pytest.raises(SystemExit) as caught:
        leave_with(program.run, [*argv, "--quiet"])
    assert caught.value.code == 6
    assert "a gains haircut" in capsys.readouterr().err


def test_program__port_of_another_program__refused(tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        other.settimeout(0)
        with pytest.raises(SystemExit) as caught:
            leave_with(program.run, ["--port", str(port), "--out", str(tmp_path)])
    assert caught.value.code == 4
    assert f"port {port} is in use" in capsys.readouterr().err


def test_gas__every_call__fits_a_small_block():
    assert GAS <= 12_000_000


def test_scenario__without_outages_and_terms__asks_for_none(scenario):
    plain = dataclasses.replace(
        scenario,
        markets=tuple(
            dataclasses.replace(market, risk=None, buffer=None, concentration=None)
            for market in scenario.markets
        ),
        outages=(),
        wind_down=None,
        path=tuple(step for step in scenario.path if step.phase != "after"),
    )
    with AnvilProcess() as anvil:
        document = build(perform(anvil.rpc, plain, lambda text: None))
    assert [stage for stage, reached in document["reached"].items() if not reached] == []
    engine = document["risk_engine"]
    assert (engine["outages"], engine["concentrated"], engine["wind_down"]) == ([], [], None)
    assert {entry["paid"] for entry in engine["surcharges"]} == {"0"}
    console = Console(width=132, file=io.StringIO())
    tell(document, console)
    assert "No surcharge" not in console.file.getvalue()


def test_scenario__without_liquidators__everything_is_resolved_by_force(scenario):
    alone = dataclasses.replace(scenario, liquidators=())
    with AnvilProcess() as anvil:
        performance = perform(anvil.rpc, alone, lambda text: None)
        reached = build(performance)["reached"]
    assert not reached["a partial take"]
    assert reached["no auction left open"]
    assert reached["custody equals claims and counted dust, to the wei"]
