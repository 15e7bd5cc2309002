"""One market kept twice, by the ledger and by the eager model, compared after each operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from plimsoll import loss_weights
from tests.support.bare_ledger import WAD, BareLedger
from tests.support.eager_ledger import TICK_SHIFT, Eager, Key, Position, encode_entry

RAY = 10**27
SIZE_ERROR = 64  # wei of base units, per account
CASH_ERROR = 10**5  # wei of quote, per account
DUST = 10**4  # wei of base units: less may be a position or a bucket to one of the two only


def packed_key(key: Key) -> int:
    """A model's bucket as the ledger numbers it, market 1."""
    long, leverage_class, tick = key
    return 1 << 17 | long << 16 | leverage_class << 13 | tick


def whole_loss_on(long: bool) -> int:
    """Loss weights that put everything on one side of market 1: the account held the other."""
    return loss_weights.pack(loss_weights.split([loss_weights.LegLoss(1, long, 1)]))


class Twin:
    """The ledger, the model, and operations that move both."""

    def __init__(self, ledger: BareLedger, count: int, cash: int) -> None:
        self.chain = ledger
        self.model = Eager()
        self.mark = 100 * WAD
        self.cash_error = CASH_ERROR
        self.accounts = [ledger.account(index) for index in range(count)]
        self.seen: Counter[str] = Counter()
        for account in self.accounts:
            ledger.fund(account, cash)
            self.model.cash[account] = Fraction(cash)

    # --- operations -------------------------------------------------------------------------

    def trade(self, maker: int, taker: int, size: int, price: int) -> None:
        """A fill; `size` is signed as the taker's."""
        receipt = self.chain.trade(maker, taker, size, price)
        self._accrue()
        paid = Fraction(size * price // WAD)
        fees = {who: event["fee"] for who, event in self.chain.changes(receipt).items()}
        for account, delta, cash in ((maker, -size, paid), (taker, size, -paid)):
            self.model.cash[account] += cash - fees[account]
            # nobody enters at a price worse than the mark
            entered = min(price, self.mark) if delta > 0 else max(price, self.mark)
            self._settle(account, delta, entered)

    def move_price(self, mark: int, seconds: int = 0) -> None:
        """A new mark, to eight decimals, after some time."""
        self.mark = mark // 10**10 * 10**10
        self.chain.set_price(self.mark)
        self.chain.rpc.increase_time(seconds)
        self.chain.poke()
        self._accrue()

    def sync(self, account: int) -> None:
        """Write back what happened to a position."""
        self.chain.send(self.chain.attacker, "sync", account, 1)
        self._accrue()
        self._settle(account)

    def rematch(
        self, account: int, size: int, discount_ppm: int, buckets: int = 1_000
    ) -> list[int]:
        """Re-match a solvent account, which must have a position; returns the buckets used."""
        position = self.model.positions[account]
        queue = self.queue(not position.long)
        self._start(account)
        receipt = self.chain.send(
            self.chain.liquidator, "rematch", account, 1, size, discount_ppm, buckets
        )
        self._accrue()
        price = self.mark * (10**6 - discount_ppm * (1 if position.long else -1)) // 10**6
        used = self._rematched([receipt], queue)
        wanted = min(Fraction(size), position.size)
        self._compare_buckets(self.model.rematch(account, wanted, self.mark, price), receipt)
        self._settle(account)
        self.chain.send(self.chain.liquidator, "set_started", account, False)
        return used

    def resolve(self, account: int, reserved: int, chunk: int = 1_000) -> None:
        """The frozen resolve of a bankrupt account, `chunk` buckets a call, and its cover."""
        position = self.model.positions[account]
        winners = not position.long
        self._start(account)
        self.chain.send(
            self.chain.liquidator, "adl_begin", account, reserved, whole_loss_on(winners)
        )
        self._accrue()
        queue = self.queue(winners)
        job = self.chain.ledger.read("adl_job")
        # joining its bucket anew has cost the account a wei of accrued cash
        assert 0 <= -self.chain.health(account)["equity"] - job["deficit"] <= 1
        uncovered = job["deficit"] - min(job["deficit"], reserved)
        assert job["uncovered"] == uncovered
        receipts = self._run_job(chunk)

        paying = [
            key for key in self.model.winners(winners, self.mark) if self.model.size(key) > DUST
        ]
        profit, rate = self.model.haircut(winners, self.mark, Fraction(uncovered))
        self._compare_haircut(receipts, winners, uncovered, profit, rate, paying)
        self.model.cash[account] += min(Fraction(uncovered), profit)
        self._rematched(receipts, queue)
        self.model.rematch(account, position.size, self.mark, self.mark)
        self.model.place(account, None)
        self._accrue()
        self._close_account(account)

    def queue(self, long: bool) -> list[int]:
        """Keys of a side's buckets in the order the ledger would re-match them."""
        return [row["key"] for row in self.chain.ledger.read("adl_queue", 1, long, 64)]

    # --- comparing --------------------------------------------------------------------------

    def check(self) -> None:
        """Every account, both sides' open interest, the queue."""
        self._accrue()  # a deposit or a cover since may have taken a second
        for account in self.accounts:
            self._check_account(account)
        sides = self.chain.ledger.read("open_interest", 1)
        for long, interest in zip((True, False), sides, strict=True):
            held = sum(p.size for p in self.model.positions.values() if p.long == long)
            assert abs(interest - held) < DUST, (long, interest, float(held))
            rows = self.chain.ledger.read("adl_queue", 1, long, 64)
            assert sum(row["size"] for row in rows) == interest
            worst = {packed_key(key): entry for key, entry in self.model.worst.items()}
            for row in rows:
                self.seen["rolls"] = max(self.seen["rolls"], row["epoch"])
                if row["size"] > DUST:
                    assert abs(row["worst_entry"] - worst[row["key"]]) <= 16

    def check_rank(self, account: int) -> None:
        """What stands before an account is what the queue lists before its bucket."""
        position = self.model.positions[account]
        rows = self.chain.ledger.read("adl_queue", 1, position.long, 64)
        keys = [row["key"] for row in rows]
        place = keys.index(packed_key((position.long, *position.place)))
        rank = self.chain.ledger.read("adl_rank", account, 1)
        assert rank == {
            "size_ahead": sum(row["size"] for row in rows[:place]),
            "bucket_size": rows[place]["size"],
            "buckets_ahead": place,
            "score_ray": rows[place]["score_ray"],
        }

    def _check_account(self, account: int) -> None:
        leg = self.chain.leg(account)
        cash = self.chain.health(account)["cash"]
        position = self.model.positions.get(account)
        signed = Fraction(0)
        if position is not None:
            signed = position.size if position.long else -position.size
        error = leg["size"] - signed
        assert abs(error) <= SIZE_ERROR, (account, leg, float(error))
        self.seen["largest size error"] = max(self.seen["largest size error"], int(abs(error)))
        error = cash - self.model.cash[account]
        assert abs(error) <= self.cash_error, (account, float(error))
        self.seen["largest cash error"] = max(self.seen["largest cash error"], int(abs(error)))
        if position is not None and position.size > 100:
            assert abs(leg["entry"] - position.entry) <= position.entry / 2**31
            worse = (leg["entry"] - position.entry) * (1 if position.long else -1)
            assert worse >= -1, "an entry never improves by rounding"

    def _compare_haircut(
        self,
        receipts: Sequence[Any],
        long: bool,
        uncovered: int,
        profit: Fraction,
        rate: Fraction,
        winners: Sequence[Key],
    ) -> None:
        set_events = [e for r in receipts for e in self.chain.ledger.events(r)]
        (event,) = [e for e in set_events if e.name == "HaircutSet"] or [None]
        if uncovered == 0:
            assert event is None
            return
        assert abs(event["profit"] - profit) <= 10**6, (event, float(profit))
        assert event["credited"] == min(uncovered, event["profit"])
        if event["profit"]:
            assert event["eta_ray"] == min(RAY, -(-event["credited"] * RAY // event["profit"]))
        assert abs(event["eta_ray"] - rate * RAY) <= 10**12
        self.seen["haircuts"] += rate > 0
        self.seen[f"haircuts of {'longs' if long else 'shorts'}"] += rate > 0
        self.seen["full haircuts"] += rate == 1
        charged = {packed_key(key) for key in winners}
        logged = {e["key"] for e in set_events if e.name == "BucketHaircut"}
        assert charged <= logged, "every winning bucket pays"
        self.seen["haircuts of many buckets"] += len(charged) > 1

    def _compare_buckets(self, closed: Mapping[Key, Fraction], receipt: Any) -> None:
        """The same buckets in the same order; a few wei may fall into one more on either side."""
        ours = [e["key"] for e in self._rematch_events([receipt]) if e["size"] > DUST]
        assert ours == [packed_key(key) for key, size in closed.items() if size > DUST]

    def _rematched(self, receipts: Sequence[Any], queue: list[int]) -> list[int]:
        keys = [event["key"] for event in self._rematch_events(receipts)]
        merged = list(dict.fromkeys(keys))
        assert merged == queue[: len(merged)], "re-matching follows the published queue"
        self.seen["re-matches"] += 1
        self.seen["re-matches of many buckets"] += len(merged) > 1
        return merged

    def _rematch_events(self, receipts: Sequence[Any]) -> list[Any]:
        events = [e for receipt in receipts for e in self.chain.ledger.events(receipt)]
        return [event for event in events if event.name == "BucketRematched"]

    # --- steps ------------------------------------------------------------------------------

    def _accrue(self) -> None:
        self.model.accrue(self.chain.ledger.read("funding", 1)[0])

    def _start(self, account: int) -> None:
        self.chain.send(self.chain.liquidator, "set_started", account, True)

    def _run_job(self, chunk: int) -> list[Any]:
        receipts = []
        while self.chain.ledger.read("adl_job")["account"]:
            receipts.append(self.chain.send(self.chain.liquidator, "adl_step", chunk))
            assert len(receipts) < 200, "the job does not end"
        return receipts

    def _close_account(self, account: int) -> None:
        """Cover what is left of the loss; the ledger's cash is then the model's."""
        cash = self.chain.health(account)["cash"]
        assert abs(cash - self.model.cash[account]) <= CASH_ERROR
        if cash < 0:
            self.chain.send(self.chain.liquidator, "cover", account, -cash)
        self.chain.send(self.chain.liquidator, "set_started", account, False)
        self.model.cash[account] = Fraction(self.chain.health(account)["cash"])

    def _settle(self, account: int, delta: int = 0, price: int = 0) -> None:
        """After a touch: compare the new position with the model's, then take over its rounding."""
        leg = self.chain.leg(account)
        old = self.model.positions.get(account)
        if old is not None and old.size < DUST:
            old = None
        before = Fraction(0) if old is None else (old.size if old.long else -old.size)
        after = before + delta
        if abs(after) < DUST:
            after = Fraction(leg["size"])
        if after == 0:
            self.model.place(account, None)
            return
        if old is None or (before > 0) != (after > 0):
            want = Fraction(price)
        elif abs(after) > abs(before):
            want = (old.entry * old.size + abs(delta) * price) / (old.size + abs(delta))
        else:
            want = old.entry
        long, entry = after > 0, leg["entry"]
        assert abs(entry - want) <= want / 2**31, (entry, float(want))
        assert (entry - want) * (1 if long else -1) >= -1, "an entry never improves by rounding"
        tick = encode_entry(entry, long) >> TICK_SHIFT
        place = (leg["leverage_class"], tick)
        self.model.place(account, Position(abs(after), long, Fraction(entry), place))
