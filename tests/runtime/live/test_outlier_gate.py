"""Trades held back as outliers and let in later: the bars are then as if they had never been away."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.runtime.live.test_pipeline import SECOND, START, Rig

PRICES = ["open", "high", "low", "close", "volume", "tick_count"]
CALM = [(START + i * 10_000_000, 100.0 + 0.25 * (i % 2), 1.0, 1, 0, i + 1) for i in range(60)]


def _row(ns: int, price: float, trade_id: int) -> TradeRow:
    return START + SECOND + ns, price, 1.0, 1, 0, trade_id


def _rig(batches: Sequence[Sequence[TradeRow]], **config: bool) -> Rig:
    rig = Rig(["1sec", "1min", "63tick"], remove_outliers=True, **config)
    rig.pipeline.outlier_gate = OutlierGate(rig.engine)
    for batch in batches:
        rig.trades(*batch)
    assert rig.accounting().balanced
    assert rig.accounting().held_back == 0
    return rig


# From 100 to 140 for good: held back twice, and believed the third time.
JUMP = [_row(1, 140.0, 61), _row(2, 140.25, 62), _row(3, 140.0, 63)]


@pytest.mark.parametrize("kept", [True, False], ids=["ticks kept", "no ticks kept"])
def test_a_jump_that_begins_a_bar_leaves_the_bar_before_it_whole(kept: bool) -> None:
    one_by_one = _rig([CALM, *([row] for row in JUMP)], enable_tick_data=kept)
    at_once = _rig([CALM, JUMP], enable_tick_data=kept)
    for name in ("1sec", "1min"):
        held = one_by_one.engine.frame(name)[PRICES]
        pd.testing.assert_frame_equal(held, at_once.engine.frame(name)[PRICES])
        assert held["tick_count"].sum() == 63
    assert one_by_one.engine.frame("1sec")["tick_count"].tolist() == [60, 3]
    assert one_by_one.engine.frame("63tick")["tick_count"].tolist() == [63]


@pytest.mark.parametrize("kept", [True, False], ids=["ticks kept", "no ticks kept"])
def test_a_jump_after_empty_intervals_leaves_none_out(kept: bool) -> None:
    later = [(row[0] + 3 * SECOND, *row[1:]) for row in JUMP]
    rig = _rig([CALM, *([row] for row in later)], enable_tick_data=kept, fill_gaps=True)
    assert rig.engine.frame("1sec")["tick_count"].tolist() == [60, 0, 0, 0, 3]


def test_a_jump_in_the_midst_of_a_batch_keeps_the_order_of_its_trades() -> None:
    first = _row(0, 100.0, 61)
    jump = [(*row[:5], row[5] + 1) for row in JUMP]
    rig = _rig([CALM, [first, jump[0]], *([row] for row in jump[1:])])
    assert rig.engine.recent(4)["trade_id"].tolist() == [61, 62, 63, 64]
    second = rig.engine.frame("1sec").iloc[-1]
    assert (second["open"], second["close"]) == (100.0, 140.0)


def test_near_zero_a_jump_is_measured_in_units_of_the_last_decimal() -> None:
    engine = SymbolState(
        Instrument("X", price_decimals=2, positive_prices=False), Sessions.always(), ["1min"], source="trades"
    )
    gate = OutlierGate(engine)
    calm = [(*row[:1], 0.01 * (at % 3 - 1), *row[2:]) for at, row in enumerate(CALM)]
    assert gate.split(calm) == (calm, [], [])
    far, near = _row(1, 0.9, 61), _row(2, 0.02, 62)
    assert gate.split([far, near]) == ([near], [far], [])
