"""The benchmarks run, and judge right. Figures are not looked at here: that is ``make bench``."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import __main__ as command, ours, ours_fields, ours_path, ours_stores, ours_symbols
from tests.benchmarks.bench import Bench, MeasureError, Samples, Sizes, Task
from tests.benchmarks.environments import InstallError, Peer, environment
from tests.benchmarks.path import server
from tests.benchmarks.report import Target
from tests.benchmarks.ticks import FIVE, TWENTY, difference, make_ticks, reference_bars, ticks_file


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(ticks_file(tmp_path_factory.mktemp("ticks"), 3000))


@pytest.mark.parametrize("name", TWENTY)
def test_reference_bars_equal_pandas(name: str) -> None:
    made = make_ticks(20_000)
    frame = pd.DataFrame({"price": made["price"], "size": made["size"]}, index=made["ts_ns"].view("M8[ns]"))
    grouped = frame.resample(f"{TWENTY[name]}s")
    want = grouped["price"].ohlc().assign(volume=grouped["size"].sum()).dropna()
    bars = reference_bars(made, TWENTY[name])
    assert np.array_equal(bars["start_ns"], want.index.to_numpy().astype("M8[ns]").view("i8"))
    for column in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(bars[column], want[column].to_numpy())


def test_a_wrong_bar_is_found() -> None:
    made = make_ticks(2000)
    rows = reference_bars(made, 30).tolist()
    assert not difference("30sec", rows, made, 30)
    start, open_, high, low, close, volume = rows[1]
    rows[1] = (start, open_, high, low, close, volume + 1)
    assert "volume" in difference("30sec", rows, made, 30)
    assert "instead of" in difference("30sec", rows[1:], made, 30)


@pytest.mark.parametrize(
    ("measure", "given"),
    [(ours.online, {}), (ours.batches, {"batch": 10}), (ours.bulk, {})],
)
def test_our_engine_is_measured_with_right_bars(
    ticks: str, measure: Callable[..., dict[str, Any]], given: dict[str, int]
) -> None:
    answer = measure(path=ticks, count=3000, timeframes=FIVE, **given)
    assert answer["wrong"] == ""
    assert answer["count"] == 3000


def test_bars_held_are_measured_round_after_round(ticks: str) -> None:
    for _ in range(2):
        assert ours.held(ticks, 3000, bars=500)["wrong"] == ""


def test_the_path_is_measured_with_right_bars_and_books(ticks: str) -> None:
    assert ours_path.pipeline(ticks, 2000, FIVE, batch=100)["wrong"] == ""
    with server(ticks) as address:
        answer = ours_path.path(f"{address}/trades/2000", ticks, 2000, FIVE)
    assert answer["wrong"] == ""


@pytest.mark.parametrize(("symbols", "turn"), [(1, 1), (10, 200), (1000, 200)])
def test_many_symbols_are_measured_with_right_bars_and_books(ticks: str, symbols: int, turn: int) -> None:
    assert ours_symbols.symbols(ticks, 3000, FIVE, symbols, turn)["wrong"] == ""


@pytest.mark.parametrize("load", ["idle", "python", "numpy"])
def test_latency_is_measured_for_every_trade(ticks: str, load: str) -> None:
    with server(ticks) as address:
        answer = ours_path.latency(f"{address}/paced/100/2000", 100, load)
    assert answer["wrong"] == ""
    assert 0 < answer["p50"] <= answer["p99"] <= answer["max"]


@pytest.mark.parametrize("dialect", ours_fields.VENUES)
def test_a_field_that_nobody_knows_is_measured_with_the_same_trades(dialect: str) -> None:
    frame = ours_fields.trade_frame(dialect)
    assert "brandNew" in ours_fields.grown(frame)
    for unknown in (False, True):
        assert ours_fields.decode(dialect, 200, unknown=unknown)["wrong"] == ""


def test_stores_are_measured() -> None:
    assert ours_stores.memory_bars(3000)["wrong"] == ""
    assert ours_stores.memory_ticks(3000)["wrong"] == ""
    for ticking in (True, False):
        assert ours_stores.get_data(calls=3, bars=1000, held=1500, ticking=ticking)["wrong"] == ""


def test_a_measure_that_raises_is_reported_and_the_process_goes_on(tmp_path: Path, ticks: str) -> None:
    bench = Bench(Sizes.quick(), tmp_path)
    given = {"path": ticks, "count": 3000, "timeframes": FIVE}
    try:
        found = bench.rounds(
            [
                Task("raises", "ours", "online", {**given, "path": "nowhere.npy"}),
                Task("measures", "ours", "online", given),
            ]
        )
    finally:
        bench.close()
    assert "FileNotFoundError" in found["raises"].error
    assert len(found["measures"].micros) == 2
    assert not found["measures"].wrong


def test_a_process_that_cannot_start_is_reported(tmp_path: Path) -> None:
    bench = Bench(Sizes.quick(), tmp_path)
    try:
        with pytest.raises(MeasureError, match=r"nobody\.log"):
            bench.worker("nobody").ask("online")
    finally:
        bench.close()


def test_a_peer_that_no_python_runs_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"Python >= 9\.9"):
        environment(Peer("future", ("future-package",), oldest=(9, 9)), tmp_path)


def test_a_target_that_was_not_measured_is_missed() -> None:
    assert not Target("x", math.nan, "<=", 1).held
    assert not Target("x", math.nan, ">=", 1).held
    assert Target("x", 1.0, "<=", 1).held
    assert math.isnan(Samples("a").times(Samples("b")))


def test_a_run_without_peers_shows_what_is_missing_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MDNB_BENCH_CACHE", str(tmp_path))
    assert command.main(["--quick", "--no-peers", "online"]) == 1
    printed = capsys.readouterr().out
    assert "NOT MEASURED" in printed
    assert "not measured" in printed
    assert list((tmp_path / "results").glob("*.json"))
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_another_checkout_is_measured_beside_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "cache_folder", lambda: tmp_path)
    assert command.main(["--quick", "online", "--beside", str(Path(__file__).parents[2])]) == 0
    printed = capsys.readouterr().out
    _, ratios = printed.split("medians of the rounds' ratios:")
    assert [line.rsplit(maxsplit=2)[0].strip() for line in ratios.strip().splitlines()[:4]] == [
        "mdnb",
        "mdnb, rows by 10",
        "mdnb, rows by 100",
        "mdnb, rows by 1000",
    ]
