"""Credit from outside: an account under auction borrows, is cured, shrinks and repays at once."""

from __future__ import annotations

from plimsoll.orders import Flags, SignedOrder
from tests.support.books import check_everything
from tests.support.venue import BTC, WAD, running_venue

UNIT = 10**6
LOAN = 1_000 * UNIT


def test_rescue__in_one_transaction() -> None:
    with running_venue() as venue:
        owner, trader = venue.person("owner"), venue.person("trader")
        venue.deposit(trader, 1_000_000)
        wallet = venue.deploy("AtomicCredit", owner.address)
        lender = venue.deploy("FlashLender")
        venue.send(venue.keeper, venue.client.token, "mint", lender.address, 2 * LOAN)
        account = int(wallet.address, 16) << 96
        venue.deposit(owner, 3_000, account)
        exchange, custody, token = venue.client.exchange, venue.client.custody, venue.client.token

        def trades(size: int) -> tuple[str, bytes]:
            """The wallet's own order against one that the trader has signed."""
            price = venue.mark(BTC)
            maker = venue.signed(trader, BTC, -size, price, flags=Flags.POST_ONLY)
            mine = SignedOrder(venue.order(account, BTC, size, price), wallet.address)
            args = (maker.as_tuple(), mine.as_tuple(), abs(size))
            return exchange.address, exchange.encode("settle_one", *args)

        def run(tokens: int, *calls: tuple[str, bytes]) -> None:
            loan = (lender.address, token.address, tokens, tokens, list(calls))
            venue.send(owner.signer, wallet, "run", *loan)

        run(0, trades(WAD))
        venue.move(BTC, -40_000)
        venue.start(account)
        venue.rejected("account: under liquidation", run, 0, trades(WAD // 2))
        check_everything(venue)
        fee = LOAN // 1_000
        run(
            LOAN,
            (token.address, token.encode("approve", custody.address, LOAN)),
            (custody.address, custody.encode("deposit", account, LOAN)),
            trades(-WAD * 4 // 5),
            (
                custody.address,
                custody.encode("withdraw", account, LOAN + fee, wallet.address),
            ),
        )
        assert not venue.client.clearinghouse.read("is_started", account)
        assert venue.client.leg(account, BTC)["size"] == WAD // 5
        assert venue.balance(lender.address) == 2 * LOAN + fee
        assert venue.balance(wallet.address) == 0
        check_everything(venue)
