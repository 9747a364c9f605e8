"""Alpaca's corrections, cancellations and conditions on real sockets: bars, a recording, an outage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.feeds.timeouts import Liveness
from mdnb.rows import TradeRow
from mdnb.runtime.process.bridge import call
from mdnb.stores.ticks import CANCELLED
from tests.venues.alpaca_venue import KEY, SECRET, AlpacaDialect, Change
from tests.venues.faults import Drop
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, tape_of

BEGUN = 10
# No outage is meant but those of the test, however slow the machine is.
PATIENT = Liveness(stale_seconds=100.0, dead_seconds=200.0)
TAPE = tape_of(BEGUN, 300, live_apart=0.1)
SECONDS = {"1sec": 1, "5sec": 5}
CONDITIONS = {
    30: ["@", "I"],
    31: ["@", "Z"],
    60: ["@", "M"],
    90: ["@", "W"],
    120: ["@", "F", "T"],
    125: ["@", "I"],
}
CHANGES = {
    # At once, later, of one that was corrected before, of an odd lot, and much later.
    20: [Change(20)],
    45: [Change(40, (99_000.0, 3.0, ["@"])), Change(35)],
    50: [Change(40, (30_001.0, 2.0, ["@"]))],
    62: [Change(30, (30_002.5, 2.0, ["@"])), Change(31)],
    140: [Change(130), Change(131, (30_003.0, 1.0, ["@"]))],
    200: [Change(70), Change(71, (29_999.0, 1.0, ["@", "I"])), Change(132)],
    310: [Change(310)],
}


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)


def expected(
    seconds: int, since: int = BEGUN, said: Mapping[int, Sequence[Change]] = CHANGES
) -> list[tuple[float, ...]]:
    """Return the bars of the tape as it is in the end, by pandas and the two lists above alone."""
    left: dict[int, tuple[TradeRow, Any]] = {
        row[5]: (row, CONDITIONS.get(row[5], ["@"])) for row in TAPE[since:]
    }
    for changes in said.values():
        for change in changes:
            row, _ = left.pop(change.number)
            if change.now is not None:
                price, size, conditions = change.now
                left[change.number] = ((row[0], price, size, *row[3:]), conditions)
    rows = [(*left[number][0][:3], "".join(left[number][1])) for number in sorted(left)]
    table = pd.DataFrame(rows, columns=["ts", "price", "size", "c"])
    table = table[~table["c"].str.contains("M")]
    table["start"] = table["ts"] // (seconds * 10**9) * (seconds * 10**9)
    whole = table["c"].str.contains("I|W")
    in_price = table[~whole]
    prices = in_price.groupby("start")["price"].agg(["first", "max", "min"])
    last = in_price[~in_price["c"].str.contains("Z")].groupby("start")["price"].last()
    volume = table.groupby("start")["size"].sum()
    made = prices.assign(last=last, volume=volume)
    return [
        (int(str(start)), *values) for start, values in zip(made.index, made.to_numpy().tolist(), strict=True)
    ]


def staged(*faults: Any, said: Mapping[int, Sequence[Change]] = CHANGES) -> Stage:
    venue = StandIn(AlpacaDialect(CONDITIONS, said, TAPE), TAPE, faults, begun=BEGUN)
    call(venue.listen())
    return Stage(venue, venue.feed(liveness=PATIENT), "AAPL", SECONDS, TAPE)


def _is_over(stage: Stage) -> bool:
    # The last trade of the tape is taken back.
    last = stage.pipeline.engine.ticks.last()
    taken_back = last is not None and last[0] == TAPE[-1][0] and last[-1] == CANCELLED
    return taken_back and not stage.repair.stretches


def test_bars_are_those_of_the_corrected_tape_live_and_in_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "aapl.jsonl"
    stage = staged()
    try:
        with stage.market.record(file):
            stage.begin()
            call(stage.until(lambda: _is_over(stage)))
            bars = {name: stage.candles(name) for name in SECONDS}
            assert bars == {name: expected(seconds) for name, seconds in SECONDS.items()}
            accounting = stage.market.accounting()
            assert accounting.balanced
            said = (accounting.cancelled, accounting.corrected, accounting.in_part, accounting.left_out)
            assert said == (7, 5, 5, 1)
            assert accounting.unmatched == 0
            # The last one was taken back: the price is that of the one before.
            assert stage.market.price == TAPE[-2][1]
            ticks = stage.market.data.get_recent_ticks(count=1000)
            flags = {tick.trade_id: tick.flag for tick in ticks}
            assert sorted(set(flags.values())) == [
                "cancelled",
                "corrected",
                "not_counted",
                "ok",
                "volume_only",
            ]
    finally:
        stage.close()
    with mdnb.live("AAPL", list(SECONDS), feed=f"replay:{file}?speed=max", initial_days=0) as again:
        again.start()
        again.wait_ended()
        for name, seconds in SECONDS.items():
            frame = again[name].frame
            columns = ("open", "high", "low", "close", "volume")
            rows = zip(
                frame.index.as_unit("ns").asi8.tolist(),
                *(frame[one].tolist() for one in columns),
                strict=True,
            )
            assert [*rows] == expected(seconds)
        played = again.accounting()
        assert (played.cancelled, played.corrected, played.left_out) == (7, 5, 1)


def test_what_an_outage_cost_comes_back_as_it_is_by_then() -> None:
    # Trades 101 to 170 are missed, odd lots, corrected and cancelled ones among them.
    stage = staged(Drop(at=100, misses=70))
    try:
        stage.begin()
        call(stage.until(lambda: _is_over(stage)))
        for name, seconds in SECONDS.items():
            assert stage.candles(name) == expected(seconds)
        accounting = stage.market.accounting()
        assert accounting.balanced
        assert accounting.backfilled >= 60
    finally:
        stage.close()


# Of trades before an outage, from 101 to 170: said before it, in it and after it; and of one that is in it.
SAID_IN_OUTAGE = {
    80: [Change(55), Change(56, (30_007.0, 2.0, ["@"]))],
    120: [Change(95), Change(96, (30_050.0, 2.0, ["@"])), Change(57, (29_900.0, 1.0, ["@", "I"]))],
    140: [Change(96, (30_040.0, 5.0, ["@"])), Change(110)],
    200: [Change(94), Change(97, (29_950.0, 1.0, ["@"]))],
    310: [Change(310)],
}


def test_what_is_said_in_an_outage_of_trades_before_it_is_learned_from_the_history() -> None:
    stage = staged(Drop(at=100, misses=70), said=SAID_IN_OUTAGE)
    try:
        stage.begin()
        call(stage.until(lambda: _is_over(stage)))
        for name, seconds in SECONDS.items():
            assert stage.candles(name) == expected(seconds, said=SAID_IN_OUTAGE)
        accounting = stage.market.accounting()
        assert accounting.balanced
        # Each once, those of the outage as they are by then.
        said = accounting.cancelled, accounting.corrected, accounting.unmatched
        assert said == (4, 4, 0)
        assert stage.market.data.get_validation_errors(type="trade_change_unmatched") == []
    finally:
        stage.close()


def test_the_history_tells_what_was_changed_and_when_the_trade_was_made() -> None:
    tape = TAPE[:40]
    said = {30: [Change(20), Change(21, (99.5, 3.0, ["@"]))], 35: [Change(21, (98.5, 2.0, ["@", "I"]))]}
    venue = StandIn(AlpacaDialect(tape=tape, changes=said), tape, begun=40)
    call(venue.listen())

    async def ask() -> Any:
        feed = venue.feed()
        await feed.open(["AAPL"])
        try:
            return await feed.history_changes("AAPL", tape[0][0], tape[-1][0] + 1)
        finally:
            await feed.close()

    try:
        told = call(ask())
    finally:
        call(venue.close())
    made = {number: tape[number - 1] for number in (20, 21)}
    assert [(one.trade_ns, one.price, one.row and one.row[1:3]) for one in told] == [
        (made[20][0], made[20][1], None),
        (made[21][0], made[21][1], (98.5, 2.0)),
        (made[21][0], 99.5, (98.5, 2.0)),
    ]
