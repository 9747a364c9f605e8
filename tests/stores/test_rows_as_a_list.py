"""Trades in memory do what a plain list does, whatever is done to them, and tell of all of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mdnb.rows import TradeRow
from mdnb.stores.ticks import (
    CANCELLED,
    CORRECTED,
    IN_BARS,
    QUOTE_DTYPE,
    REFUSED,
    STATUS,
    TICK_DTYPE,
    WAITING,
    RowStore,
    counts_in_full,
    is_in_bars,
)

Held = tuple[float, ...]
"""A trade and its flag, as the store's dtype has them."""


class Model:
    """A list of trades beside the store that is to hold them."""

    def __init__(self, seed: int, limit: int) -> None:
        self.random = random.Random(seed)
        self.store = RowStore(TICK_DTYPE, limit)
        self.rows: list[Held] = []
        self.limit, self.total, self.gone_ns, self.number = limit, 0, -(2**63), 0
        self.told: list[Held] = []
        self.changed: list[tuple[Held, Held]] = []
        self.wanted: list[Held] = []
        self.wanted_changes: list[tuple[Held, Held]] = []
        self.store.on_rows = lambda rows: self.told.extend(rows.tolist())
        self.store.on_change = lambda before, now: self.changed.extend(
            zip(before.tolist(), now.tolist(), strict=True)
        )

    def some(self, count: int) -> list[TradeRow]:
        self.number += count
        first = self.number - count
        late = self.random.randrange(0, 30) if self.random.random() < 0.3 else 0
        return [
            (1000 + 10 * at - late, 100.0 + at % 3, 1.0 + at % 2, 1, 1, at)
            for at in range(first, first + count)
        ]

    def add(self, rows: list[Held]) -> None:
        self.rows += rows
        self.total += len(rows)
        self.wanted += rows
        self.cut()

    def cut(self) -> None:
        over = max(0, len(self.rows) - self.limit)
        self.gone_ns = max([self.gone_ns, *(int(row[0]) for row in self.rows[:over])])
        del self.rows[:over]

    def step(self) -> None:
        kind = self.random.choice(
            ("extend", "extend", "array", "insert", "change", "clear", "out", "drop", "limit")
        )
        getattr(self, f"do_{kind}")()

    def do_extend(self) -> None:
        flag = self.random.choice((IN_BARS, IN_BARS, REFUSED, WAITING))
        rows = self.some(self.random.choice((0, 1, 2, 5, 40)))
        self.store.extend(rows, flag)
        self.add([(*row, flag) for row in rows])

    def do_array(self) -> None:
        rows = [(*row, IN_BARS) for row in self.some(self.random.choice((0, 1, 7, 30)))]
        self.store.extend_array(np.array(rows, dtype=TICK_DTYPE))
        self.add(rows)

    def do_insert(self) -> None:
        rows = self.some(3)
        places = [self.random.randrange(len(self.rows) + 1) for _ in rows]
        new = self.store.insert(rows, places, WAITING)
        made = [(*row, WAITING) for row in rows]
        held = [(place, at, row) for at, (place, row) in enumerate(zip(places, made, strict=True))]
        whole: list[Held] = []
        for at in range(len(self.rows) + 1):
            whole += [row for place, _, row in sorted(held, key=lambda one: one[1]) if place == at]
            whole += self.rows[at : at + 1]
        self.rows = []
        self.wanted += made
        self.total += 3
        self.rows = whole
        self.cut()
        assert [row for row, is_new in zip(self.rows, new.tolist(), strict=True) if is_new] == [
            row for row in self.rows if row in made
        ]

    def do_change(self) -> None:
        if self.rows:
            at = self.random.randrange(len(self.rows))
            row, flag = self.store.tick(at)
            assert (*row, flag) == self.rows[at]
            now = (*row[:1], 77.0, *row[2:])
            self.store.change(at, now, flag | CORRECTED)  # type: ignore[arg-type]  # of six still
            self.wanted_changes.append((self.rows[at], (*now, flag | CORRECTED)))
            self.rows[at] = (*now, flag | CORRECTED)

    def do_clear(self) -> None:
        waiting = [row for row in self.rows if int(row[6]) & STATUS == WAITING]
        chosen = waiting[::2]
        count = self.store.clear_flags([row[:6] for row in chosen], WAITING)  # type: ignore[misc]  # of six
        assert count == len(chosen)
        for at, row in enumerate(self.rows):
            if row in chosen:
                self.rows[at] = (*row[:6], int(row[6]) & ~STATUS)
                self.wanted_changes.append((row, self.rows[at]))

    def do_out(self) -> None:
        if self.random.random() < 0.3:
            self.store.take_out(WAITING)
            kept = [row for row in self.rows if int(row[6]) & STATUS != WAITING]
            self.total -= len(self.rows) - len(kept)
            self.rows = kept

    def do_drop(self) -> None:
        if self.rows and self.random.random() < 0.3:
            ns = int(self.rows[len(self.rows) // 3][0])
            gone = [int(row[0]) for row in self.rows if row[0] < ns]
            assert self.store.drop_before(ns) == len(gone)
            self.gone_ns = max([self.gone_ns, *gone])
            self.rows = [row for row in self.rows if row[0] >= ns]

    def do_limit(self) -> None:
        if self.random.random() < 0.3:
            self.limit = self.random.choice((5, 20, 60))
            self.store.set_limit(self.limit)
            self.cut()

    def check(self) -> None:
        store, rows = self.store, self.rows
        assert (len(store), store.total) == (len(rows), self.total)
        assert store.tail(10_000).tolist() == rows
        assert store.tail(2).tolist() == rows[-2:]
        assert store.newest_gone_ns == self.gone_ns
        assert (store.reaches(self.gone_ns), store.reaches(self.gone_ns + 1)) == (False, True)
        assert store.last() == (rows[-1] if rows else None)
        assert (self.told, self.changed) == (self.wanted, self.wanted_changes)
        if not rows:
            return
        low, high = (int(rows[len(rows) // part][0]) for part in (3, 2))
        assert store.between(low, high).tolist() == [row for row in rows if low <= row[0] < high]
        newest, late = -1.0, []
        for row in rows:
            late.append(row[0] < newest)
            newest = max(newest, row[0])
        assert store.late(7).tolist() == late[-7:]
        price, size, number = rows[-1][1], rows[-1][2], int(rows[-1][5])
        assert store.find(number, price, size) == len(rows) - 1
        assert store.find(number, price + 50, size) is store.find(number, price, size + 9) is None


@pytest.mark.parametrize("seed", range(10))
def test_trades_are_those_of_a_plain_list(seed: int) -> None:
    model = Model(seed, limit=(5, 20, 60)[seed % 3])
    for _ in range(60):
        model.step()
        model.check()


def test_one_that_was_taken_back_is_not_found_again() -> None:
    store = RowStore(TICK_DTYPE, 9)
    store.extend([(at, 9.0, 1.0, 1, 0, 7) for at in (1, 2)])
    before = store.changes
    store.change(1, (2, 9.0, 1.0, 1, 0, 7), CANCELLED)
    assert (store.find(7, 9.0, 1.0), store.changes) == (0, before + 1)
    store.change(0, (1, 9.0, 1.0, 1, 0, 7), CANCELLED | CORRECTED)
    assert store.find(7, 9.0, 1.0) is None
    assert store.last() == (2, 9.0, 1.0, 1, 0, 7, CANCELLED)


def test_quotes_have_no_flag_and_their_number_of_values_is_checked() -> None:
    store = RowStore(QUOTE_DTYPE, 3)
    store.extend([(1, 9.0, 1.0, 10.0, 2.0)])
    store.extend([(2, 9.0, 1.0, 10.0, 2.0), (3, 9.5, 1.0, 10.0, 2.0)])
    assert store.tail(9).tolist()[-1] == (3, 9.5, 1.0, 10.0, 2.0)
    assert store.nbytes == 3 * QUOTE_DTYPE.itemsize
    frame = store.frame(2, "Asia/Tokyo")
    assert list(frame.columns) == ["bid", "bid_size", "ask", "ask_size"]
    assert (str(frame.index.dtype), len(frame)) == ("datetime64[ns, Asia/Tokyo]", 2)
    store.extend([(1, 9.0, 1.0, 10.0), (2, 9.0, 1.0, 10.0)])  # type: ignore[list-item]  # one too few
    with pytest.raises(ValueError, match="each row has to have 5 values: ts_ns, bid"):
        store.settle()


def test_which_trades_count_is_told_by_their_flags() -> None:
    flags = np.array([IN_BARS, REFUSED, WAITING, CANCELLED, CORRECTED, IN_BARS | 16, IN_BARS | 32], np.uint8)
    assert is_in_bars(flags).tolist() == [True, False, False, False, True, True, True]
    assert counts_in_full(flags).tolist() == [True, False, False, False, True, False, False]
