"""The whole protocol, from deposit to auto-deleveraging, as `make demo` plays it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from plimsoll.chain import AnvilProcess
from plimsoll.demo.play import perform
from plimsoll.demo.reconcile import reconcile
from plimsoll.report.checks import followed_queue
from plimsoll.report.document import build
from plimsoll.units import WAD, to_wad

pytestmark = pytest.mark.slow


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
        "broker", "junior", "senior", "fund", "haircut", "shortfall", "deficits")}  # fmt: skip
    paid = sum(totals.values()) - totals["deficits"]
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
        stage.client.fund.read("totalAssets") * decimals,
    ]
    assert view["capital"][3] > 0
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
