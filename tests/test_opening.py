"""`live.save` and `mdnb.open`: what a market held comes back, plays, and ends as it was saved."""

from __future__ import annotations

import json
import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.decode.renaming import roll_frame
from mdnb.errors import DataExportError, FeedError, MdnbError, OptionError, SymbolError
from mdnb.feeds.recorder import Recorder
from mdnb.io.saved_market import open_saved_market
from mdnb.recordings import RecordingFeed
from mdnb.rows import ContractChange
from tests.feeds.simulated import MINUTE
from tests.io.hostile_markets import SPOILT, START_NS, sound
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade

GOLD = "replay:dataset:gold-ticks?speed=max"
NAMES = ["1min", "5min", "1hour", "100tick", "300vol"]


def gold(timeframes: list[str] = NAMES, **options: Any) -> mdnb.LiveMarket:
    market = mdnb.live("GC", timeframes, feed=GOLD, progress=False, **options)
    market.wait_ended(LIMIT_SECONDS)
    return market


def opened(path: Path | str, **options: Any) -> mdnb.LiveMarket:
    return mdnb.open(path, progress=False, **{"speed": "max", **options})


def frames(market: Any) -> dict[str, pd.DataFrame]:
    engine = market._parts.manager.market.engine  # of a market that is closed, too
    return {name: engine.frame(name, closed_only=True) for name in market.timeframes}


def same_frames(held: Any, again: Any) -> None:
    ours, theirs = frames(held), frames(again)
    assert list(ours) == list(theirs)
    for name, frame in ours.items():
        pd.testing.assert_frame_equal(frame, theirs[name], check_exact=True, check_freq=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[mdnb.LiveMarket, Path]]:
    """Gold's day, of whose ticks memory holds the last part."""
    config = mdnb.DataManagerConfig(max_ticks=15_000, fill_gaps=True)
    with gold(tz="America/New_York", data_manager_config=config) as market:
        yield market, market.save(tmp_path_factory.mktemp("saved") / "gold.mdnb")


# -- bars -------------------------------------------------------------------------------------------------


def test_a_market_whose_ticks_reach_back_to_its_beginning_is_played_from_there(tmp_path: Path) -> None:
    with gold() as market:
        path = market.save(tmp_path / "gold.mdnb")
        with opened(path) as again:
            # That is, from the beginning of the first bar.
            assert again._parts.session.feed.begins_ns == START_OF_DAY
            again.wait_ended(LIMIT_SECONDS)
            same_frames(market, again)
            assert not list(again.data.get_validation_errors())


def test_bars_older_than_the_ticks_are_there_at_once_and_all_end_as_they_were_saved(
    saved: tuple[mdnb.LiveMarket, Path],
) -> None:
    market, path = saved
    begins: list[tuple[str, int]] = []
    with opened(path) as again:
        feed = again._parts.session.feed
        assert isinstance(feed, RecordingFeed)
        first = pd.Timestamp(feed.begins_ns, tz="UTC")
        again.on("new_bar", lambda event: begins.append((event.timeframe, len(event.view["1min"]))))
        again.start()
        again.wait_ended(LIMIT_SECONDS)
        same_frames(market, again)
        assert again.timeframes == market.timeframes
        assert again["1min"].index.tz.key == "America/New_York"
        assert again.data.config.fill_gaps
        # The first bar that closed was made of ticks; those of before were known.
        before = int((market["1min"].index < first).sum())
        assert 0 < before < len(market["1min"])
        assert next(count for name, count in begins if name == "1min") == before + 1
        # Nothing had to be put right at the end: the ticks made the very bars.
        assert "as_saved" not in again._parts.session.market("GC").pipeline.quality.detected
        ticks = again.data.get_recent_ticks(10**6)
        assert len(ticks) == 15_000
        assert ticks == market.data.get_recent_ticks(10**6)


def test_saved_bars_are_known_from_when_they_were(saved: tuple[mdnb.LiveMarket, Path]) -> None:
    market, path = saved
    with opened(path) as again:
        again.wait_ended(LIMIT_SECONDS)
        begin = again._parts.session.feed.begins_ns
        times = [START_OF_DAY + minutes * MINUTE + 17 * SECOND for minutes in (61, 125, 300, 455)]
        times += [begin - 1, begin - MINUTE]
        for ns in times:
            moment = pd.Timestamp(ns, tz="UTC")
            for name in ("1min", "5min", "1hour"):
                ours = market.data.get_data(name, as_of=moment, with_times=True)
                theirs = again.data.get_data(name, as_of=moment, with_times=True)
                pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_freq=False)
            assert market.alignment(as_of=moment).score == again.alignment(as_of=moment).score


START_OF_DAY = pd.Timestamp("2013-10-07", tz="UTC").value


def test_what_is_before_start_is_there_and_what_is_after_end_is_not_played(
    saved: tuple[mdnb.LiveMarket, Path],
) -> None:
    market, path = saved
    with opened(path, start="2013-10-07T12:30:20", end="2013-10-07T13:00", tz="America/New_York") as again:
        again.wait_ended(LIMIT_SECONDS)
        ours, theirs = frames(market)["1min"], frames(again)["1min"]
        assert str(theirs.index[-1]) == "2013-10-07 12:59:00-04:00"
        pd.testing.assert_frame_equal(
            ours[: theirs.index[-2]], theirs[:-1], check_exact=True, check_freq=False
        )
        assert str(pd.Timestamp(again._parts.session.feed.begins_ns, tz="UTC"))[11:19] == "16:30:00"


def test_bars_alone_are_there_at_once_and_it_is_said(tmp_path: Path) -> None:
    with gold(["1min", "5min"], data_manager_config=mdnb.DataManagerConfig(enable_tick_data=False)) as market:
        path = market.save(tmp_path / "bars.mdnb")
        with pytest.warns(UserWarning, match="its bars are there at once"):
            again = opened(path)
        with again:
            same_frames(market, again)
            again.wait_ended(LIMIT_SECONDS)
            same_frames(market, again)
        # A feed of them plays them as bars, and so does open from a time on.
        steps = list(mdnb.play(path, "5min"))
        assert [step.view["5min"]["close"].iloc[-1] for step in steps] == frames(market)["5min"][
            "close"
        ].tolist()
        with opened(path, start="2013-10-07T20:00") as later:
            later.wait_ended(LIMIT_SECONDS)
            assert len(frames(later)["1min"]) == len(frames(market)["1min"])


def test_feeds_and_steps_of_a_saved_market_go_as_open_does(saved: tuple[mdnb.LiveMarket, Path]) -> None:
    market, path = saved
    closes = frames(market)["5min"]["close"].tolist()
    config = mdnb.DataManagerConfig(fill_gaps=True)
    steps = list(mdnb.play(path, ["1min", "5min"], tz="America/New_York", data_manager_config=config))
    assert steps[-1].view["5min"]["close"].tolist() == closes
    feed = f"replay:{path}?speed=max"
    with mdnb.live("gc", ["1min", "5min"], feed=feed, progress=False, data_manager_config=config) as live:
        live.wait_ended(LIMIT_SECONDS)
        assert frames(live)["5min"]["close"].tolist() == closes
    with mdnb.live("GC", "5min", feed=feed, initial_days=0, progress=False) as live:
        live.wait_ended(LIMIT_SECONDS)
        assert 0 < len(frames(live)["5min"]) < len(closes)


def test_a_saved_market_is_saved_again_as_it_was(saved: tuple[mdnb.LiveMarket, Path], tmp_path: Path) -> None:
    _, path = saved
    with opened(path) as market:
        market.wait_ended(LIMIT_SECONDS)
        with opened(market.save(tmp_path / "again.mdnb")) as again:
            again.wait_ended(LIMIT_SECONDS)
            same_frames(market, again)


@pytest.mark.parametrize(
    "names", [["5min", "15min"], ["3min", "15min"], ["1hour"], ["1min", "2min"]], ids=str
)
def test_other_timeframes_are_made_of_those_that_were_saved(
    names: list[str], saved: tuple[mdnb.LiveMarket, Path]
) -> None:
    market, path = saved
    minutes = frames(market)["1min"]
    traded = minutes[minutes["volume"] > 0]
    config = mdnb.DataManagerConfig(fill_gaps=False)
    with opened(path, timeframes=names, data_manager_config=config) as again:
        again.wait_ended(LIMIT_SECONDS)
        for name, frame in frames(again).items():
            rule = traded.resample(name.replace("hour", "h"))
            wanted = rule["high"].max().dropna()
            held = frame[frame["volume"] > 0]
            assert held["high"].tolist() == wanted.tolist(), name
            assert held["close"].tolist() == rule["close"].last().dropna().tolist()
            assert held["tick_count"].tolist() == rule["tick_count"].sum()[wanted.index].tolist()


@pytest.mark.parametrize("price", ["mid", "bid"])
def test_a_market_made_of_quotes_plays_its_quotes(price: str, tmp_path: Path) -> None:
    at = pd.date_range("2026-03-02T14:30Z", periods=900, freq="7s")
    bid = [100 + (number * 7919 % 101) / 100 for number in range(900)]
    quotes = pd.DataFrame({"time": at, "bid": bid, "ask": [one + 0.25 for one in bid]})
    quotes.to_csv(tmp_path / "q.csv", index=False)
    feed = f"replay:{tmp_path / 'q.csv'}?speed=max&price={price}"
    config = mdnb.DataManagerConfig(max_ticks=200)
    with mdnb.live("X", ["1min", "5min"], feed=feed, progress=False, data_manager_config=config) as market:
        market.wait_ended(LIMIT_SECONDS)
        with opened(market.save(tmp_path / "x.mdnb")) as again:
            again.wait_ended(LIMIT_SECONDS)
            same_frames(market, again)
            assert again._parts.session.feed.source == "quotes"


def test_marked_trades_count_as_they_did(tmp_path: Path) -> None:
    """Odd lots and the like, which count for the volume alone, and trades of one time."""
    with Recorder(tmp_path / "r.jsonl", "mdnb", ["X"]) as recorder:
        for number in range(400):
            at_ns = START + number // 2 * SECOND
            marks = (0, 48, 0, 64, 16)[number % 5]
            row = [at_ns, 100 + number % 13, 1.0 + number % 3, 1, 1, number, marks]
            recorder.frame(at_ns, json.dumps({"e": "marked", "s": "X", "r": [row]}))
    feed, config = f"replay:{tmp_path / 'r.jsonl'}?speed=max", mdnb.DataManagerConfig(max_ticks=150)
    with mdnb.live("X", ["1min", "25tick"], feed=feed, progress=False, data_manager_config=config) as market:
        market.wait_ended(LIMIT_SECONDS)
        with opened(market.save(tmp_path / "x.mdnb")) as again:
            again.wait_ended(LIMIT_SECONDS)
            same_frames(market, again)
            assert "as_saved" not in again._parts.session.market("X").pipeline.quality.detected


def test_late_trades_and_those_that_are_in_no_bar(tmp_path: Path) -> None:
    """What came late amends as it did; what was refused, or too late, is in no bar again."""
    with Recorder(tmp_path / "r.jsonl", "mdnb", ["X"]) as recorder:
        for number in range(600):
            at_ns = START + number * SECOND
            late = 3 if number % 61 == 1 else 40 if number % 97 == 50 else 0
            row = [at_ns - late * SECOND, 100 + number * 31 % 17, 1.0, 1, 1, -1]
            recorder.frame(at_ns, json.dumps({"e": "trades", "s": "X", "r": [row]}))
    feed, config = f"replay:{tmp_path / 'r.jsonl'}?speed=max", mdnb.DataManagerConfig(max_ticks=400)
    with mdnb.live("X", ["1min", "5min"], feed=feed, progress=False, data_manager_config=config) as market:
        market.wait_ended(LIMIT_SECONDS)
        assert market.accounting().late_dropped
        with opened(market.save(tmp_path / "x.mdnb")) as again:
            again.wait_ended(LIMIT_SECONDS)
            same_frames(market, again)
            moment = pd.Timestamp(START, tz="UTC") + pd.Timedelta("2min1s")
            pd.testing.assert_frame_equal(
                market.data.get_data("1min", as_of=moment), again.data.get_data("1min", as_of=moment)
            )


def test_contracts_and_the_seams_between_them_come_along(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.jsonl", "mdnb", ["X"], contracts={"X": "XH6"}) as recorder:
        for number in range(900):
            at_ns = START + number * SECOND
            if number == 500:
                recorder.frame(at_ns, roll_frame(ContractChange("X", at_ns, "XH6", "XM6")))
            row = [at_ns, 100.0 + 5 * (number >= 500) + number % 7, 1.0, 1, 1, number]
            recorder.frame(at_ns, json.dumps({"e": "trades", "s": "X", "r": [row]}))
    feed, config = f"replay:{tmp_path / 'r.jsonl'}?speed=max", mdnb.DataManagerConfig(max_ticks=600)
    with mdnb.live("X", ["1min", "5min"], feed=feed, progress=False, data_manager_config=config) as market:
        market.wait_ended(LIMIT_SECONDS)
        path = market.save(tmp_path / "x.mdnb")
        for name in ("X", "x"):
            with opened(path, symbol=name) as again:
                again.wait_ended(LIMIT_SECONDS)
                same_frames(market, again)
                ((ours,), (theirs,)) = market.rolls(), again.rolls()
                assert (ours.time, ours.old, ours.new, ours.difference) == (
                    theirs.time, theirs.old, theirs.new, theirs.difference,
                )  # fmt: skip
                for how in ({"with_contract": True}, {"back_adjust": True}):
                    pd.testing.assert_frame_equal(
                        market.data.get_data("1min", **how), again.data.get_data("1min", **how)
                    )


def test_a_recording_of_several_symbols_opens_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "two.mdnb"
    with Recorder(path, "mdnb", ["A", "B"]) as recorder:
        for number in range(200):
            at_ns, symbol = START + number * SECOND, "AB"[number % 2]
            row = [at_ns, 100.0 + number, 1.0, 1, 1, number]
            recorder.frame(at_ns, json.dumps({"e": "trades", "s": symbol, "r": [row]}))
    with opened(path, timeframes="1min") as market:
        market.wait_ended(LIMIT_SECONDS)
        assert market.symbols == ("A", "B")
        assert len(frames(market["B"])["1min"]) == 4


# -- a live market ----------------------------------------------------------------------------------------


def live_of(symbols: Any, seed: int) -> mdnb.LiveMarket:
    """Return a market that has history and has been live for a while, and is closed."""
    feed = f"sim://?speed=120&seed={seed}"
    names = ["1min", "5min", "1hour", "50tick"]
    with mdnb.live(symbols, names, feed=feed, initial_days=1, progress=False) as market:
        symbol = market.symbols[-1]
        for _ in range(3):
            market.of(symbol).wait_for("new_bar", timeout=LIMIT_SECONDS)
        market.data.get_data("1min")
        market.alert(above=10 * market.price, message="far up", symbol=symbol)
        market.alert(below=1.0, message="far down", once=False)
    return market


@pytest.mark.parametrize("symbols", ["BTC-USD", ["MNQ", "MES"]], ids=["one", "two"])
def test_a_market_of_history_and_quotes_ends_as_it_was_saved(symbols: Any, tmp_path: Path) -> None:
    market = live_of(symbols, 5)
    path = market.save(tmp_path / "live.mdnb")
    with opened(path) as again:
        again.wait_ended(LIMIT_SECONDS)
        assert again.symbols == market.symbols
        for symbol in market.symbols:
            ours, theirs = frames(market.of(symbol)), frames(again.of(symbol))
            for name, frame in ours.items():
                # What was being made is closed at the end of what is played.
                made = theirs[name].iloc[: len(frame)]
                pd.testing.assert_frame_equal(frame, made, check_exact=True, check_freq=False)
            engines = [each._parts.session.market(symbol).engine for each in (market, again)]
            assert [len(each.quotes) for each in engines] == [len(engines[0].quotes)] * 2
            assert engines[1].instrument == engines[0].instrument
            assert engines[1].last_quote == engines[0].last_quote
            assert "as_saved" not in again._parts.session.market(symbol).pipeline.quality.detected


def test_one_symbol_of_a_market_is_saved_alone(tmp_path: Path) -> None:
    market = live_of(["MNQ", "MES"], 6)
    with opened(market["MES"].save(tmp_path / "mes.mdnb")) as again:
        assert again.symbols == ("MES",)
    with pytest.raises(SymbolError, match="does not hold 'NQ'"):
        opened(market.save(tmp_path / "both.mdnb"), symbol="NQ")
    with opened(tmp_path / "both.mdnb", symbol="MES", timeframes="5min") as again:
        assert (again.symbols, again.timeframes) == (("MES",), ["5min"])


def test_ten_busy_minutes_are_small(tmp_path: Path) -> None:
    """100,000 trades and 200,000 quotes, sized and priced as those that were recorded of Binance."""
    import numpy as np

    feed = "replay:dataset:bitcoin-messages?speed=max"
    with mdnb.live("BTCUSDT", ["1sec", "1min"], feed=feed, progress=False, initial_days=0) as market:
        market.wait_ended(LIMIT_SECONDS)
        engine = market._parts.session.market("BTCUSDT").engine
        for store, count in ((engine.ticks, 100_000), (engine.quotes, 200_000)):
            real = store.tail(10**6)
            rng = np.random.default_rng(3)
            steps = rng.permutation(np.diff(real["ts_ns"], append=real["ts_ns"][-1]))
            rows = np.concatenate([real] * (count // len(real) + 1))[: count - len(real)].copy()
            rows["ts_ns"] = real["ts_ns"][-1] + np.cumsum(rng.choice(steps, len(rows)))
            # Prices wander on from where they were, in their own steps; sizes are drawn anew.
            for price in {"price", "bid", "ask"} & set(rows.dtype.names):
                moves = rng.choice(np.diff(real[price]), len(rows))
                rows[price] = np.round(real[price][-1] + np.cumsum(moves), 2)
            for size in {"size", "bid_size", "ask_size"} & set(rows.dtype.names):
                rows[size] = rng.choice(real[size], len(rows))
            store.extend([tuple(row)[:6] for row in rows.tolist()])
        path = market.save(tmp_path / "busy.mdnb")
    assert path.stat().st_size < 2_000_000
    with zipfile.ZipFile(path) as archive:
        assert {"trades/0.parquet", "quotes/0.parquet"} <= set(archive.namelist())


# -- what else is in it -----------------------------------------------------------------------------------


def test_alerts_that_can_still_fire_are_set(tmp_path: Path) -> None:
    with mdnb.live("MNQ", "1min", feed="sim://?speed=1", initial_days=0.1, progress=False) as market:
        market.alert(above=10 * market.price, message="far up")
        market.alert(price=2 * market.price, once=False)
        market.alert(event="data_gap", message="a gap")
        gone = market.alert(below=1.0)
        gone.cancel()
        set_ = [(one.direction, one.price, one.event, one.message, one.once) for one in market.alerts()]
        path = market.save(tmp_path / "x.mdnb")
    with opened(path) as again:
        held = [(one.direction, one.price, one.event, one.message, one.once) for one in again.alerts()]
        assert sorted(map(str, held)) == sorted(map(str, set_))
        assert len(held) == 3


def test_charts_take_after_those_that_were_saved(tmp_path: Path) -> None:
    with mdnb.live(
        ["MNQ", "MES"], ["1min", "5min"], feed="sim://?speed=1", initial_days=0.3, progress=False
    ) as market:
        chart = market.chart("5min", kind="line", overlays=["ema(20)", "rsi(14)"], volume=False)
        times, price = market["5min"].index, market.price
        chart.draw_line(price + 1.25)
        chart.draw_rectangle(times[-9], times[-3], price - 2, price + 2)
        chart.draw_vertical(times[-7])
        chart.draw_measure(times[-3], price + 1, times[-9], price - 2)
        chart.draw_text(times[-5], price, "a <note>")
        for draw in (chart.draw_trend, chart.draw_ray, chart.draw_fibonacci):
            draw(times[-9], price, times[-3], price + 3)
        chart.mark(times[-5], "in", side="buy", price=price)
        chart.set_symbol("MES")
        chart.draw_line(6000.25)
        chart.set_symbol("MNQ")
        other = market["MES"].chart("1min")
        drawn = [tuple(one)[1:] for one in chart.drawings]
        path = market.save(tmp_path / "x.mdnb")
        del other
    with opened(path) as again:
        made = again.chart()
        assert (made.timeframe, made.kind, made.overlays) == ("5min", "line", ("ema(20)", "rsi(14)"))
        assert [tuple(one)[1:] for one in made.drawings] == drawn
        (mark,) = made._mdnb.annotations.marks.made()["MNQ"]
        assert (mark.text, mark.side, mark.price, mark.time) == ("in", "buy", price, times[-5])
        made.set_symbol("MES")
        assert [tuple(one)[1:] for one in made.drawings] == [(6000.25,)]
        # Another timeframe has the drawings of its symbol, and options of its own; what is given counts.
        fine = again.chart("1min")
        assert (fine.kind, fine.overlays) == ("candles", ())
        assert tuple(fine.drawings[0])[1:] == drawn[0]
        assert again.chart("5min", kind="ohlc", overlays=()).kind == "ohlc"
        made.set_symbol("MNQ")
        fine.close()
        with opened(again.save(tmp_path / "y.mdnb")) as third:
            assert third.chart().overlays == ("ema(20)", "rsi(14)")


def test_charts_of_a_file_that_says_nonsense_are_plain(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.mdnb")
    files = {}
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(files["manifest.json"])
    drawing = {"low": 1e308, "high": 1e308, "start_us": 2**61, "end_us": -(2**61)}
    odd = [{**drawing, "kind": kind, "text": "<b>" * 999} for kind in ("text", "ray", "line", "elephant")]
    told["charts"] = [
        {"symbol": "MNQ", "timeframe": "1min", "kind": "pie", "overlays": ["evil(1)"],
         "drawings": {"MNQ": [drawing, *odd], "NOBODY": [drawing]},
         "marks": {"MNQ": [{"time_ns": 5, "side": "x"}]}},
    ]  # fmt: skip
    files["manifest.json"] = json.dumps(told).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with opened(path) as market:
        assert market.chart().kind == "candles"


def test_what_was_noted_of_the_data_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number in range(120):
            price = -1.0 if number == 3 else 100.0 + number
            row = [START + number * SECOND, price, 1.0, 1, 1, number]
            recorder.frame(START + number * SECOND, json.dumps({"e": "trades", "s": "X", "r": [row]}))
    with mdnb.live("X", "1min", feed=f"replay:{path}?speed=max", progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        told = market.save(tmp_path / "x.mdnb")
    (symbol,) = open_saved_market(told).manifest.symbols
    assert "price_not_positive" in [one.type for one in symbol.findings]


def test_names_and_files_that_do_not_do(tmp_path: Path) -> None:
    with gold(["1hour"]) as market:
        with pytest.raises(OptionError, match=r"ends in \.mdnb, such as gold\.mdnb"):
            market.save(tmp_path / "gold.zip")
        with pytest.raises(DataExportError, match="does not exist"):
            market.save(tmp_path / "nowhere" / "gold.mdnb")
        with pytest.raises(OptionError, match="URL"):
            market.save("https://host.example/gold.mdnb")
        path = market.save(tmp_path / "gold.mdnb")
        with pytest.raises(OptionError, match="is of files that others wrote"):
            mdnb.live("GC", "1hour", feed=f"replay:{path}?timeframe=1min", progress=False)
    for wrong in ("\0", tmp_path, tmp_path / "none.mdnb", "~nosuchuser/x.mdnb"):
        with pytest.raises(MdnbError):
            opened(wrong)
    with pytest.raises(FeedError, match=r"mdnb\.open\('https://\.\.\.', sha256=\.\.\.\)"):
        mdnb.live("GC", "1hour", feed="replay:https://host.example/gold.mdnb", progress=False)


@pytest.mark.parametrize("name", SPOILT)
def test_values_that_are_none_are_told(name: str, tmp_path: Path) -> None:
    make, said = SPOILT[name]
    make(path := tmp_path / "x.mdnb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(MdnbError, match=said):
            opened(path)


def test_a_later_trade_does_not_count_twice(tmp_path: Path) -> None:
    """Trades that came late are in the bars of before, and not played once more."""
    path = sound(tmp_path / "x.mdnb")
    with opened(path, start="2026-03-02T08:32:30") as market:
        market.wait_ended(LIMIT_SECONDS)
        frame = frames(market)["1min"]
    assert frame.index[-1] == pd.Timestamp(START_NS, tz="UTC") + pd.Timedelta("5min") or len(frame)
    assert math.isclose(frame["volume"].iloc[-2], 6.0)


@pytest.mark.parametrize("kind", ["recording", "text"])
def test_what_is_no_saved_market_is_not_written_over(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.mdnb"
    with mdnb.live("BTC-USD", "1sec", feed="sim://?speed=10", initial_days=0.01, progress=False) as market:
        if kind == "recording":
            with market.record(path):
                market.wait_for("new_bar", timeout=LIMIT_SECONDS)
        else:
            path.write_text("precious")
        before = path.read_bytes()
        with pytest.raises(mdnb.DataExportError, match="is no saved market"):
            market.save(path)
        assert path.read_bytes() == before
        other = market.save(tmp_path / "y.mdnb")
        assert market.save(other) == other


class Waiting(HandFeed):
    """Has a history that does not answer."""

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> None:
        """Wait until it is closed."""
        await self._done.wait()


@pytest.mark.parametrize("ids", ["sequential", "none"])
@pytest.mark.parametrize("kind", ["down", "waits", "lost"])
def test_what_an_outage_cost_is_told_again_wherever_in_it_the_market_was_saved(
    tmp_path: Path, kind: str, ids: str
) -> None:
    feed = (HandFeed if kind == "lost" else Waiting)(clock=EventClock(START))
    feed.ids = ids  # type: ignore[misc]  # of this one
    rows = [trade(10.0 * at, 100.0 + at, 1.0, at if ids == "sequential" else -1) for at in range(32)]
    with open_market(feed, "1min", "5min") as market:
        feed.trades(*rows[:14])
        feed.status("disconnected")
        feed.clock.advance(rows[25][0])  # type: ignore[attr-defined]  # an EventClock
        if kind != "down":
            feed.status("reconnected")
            feed.trades(*rows[25:])
        path = market.save(tmp_path / "x.mdnb")
    with opened(path) as again:
        told: list[tuple[str, int]] = []
        bars: dict[int, bool] = {}

        def on_bar(event: mdnb.Event) -> None:
            if event.timeframe == "1min":
                bars[(event.time.value - START) // MINUTE] = event.partial

        again.on("data_gap", lambda event: told.append((event.state, event.gap_start.value)))
        again.on("new_bar", on_bar)
        again.wait_ended(LIMIT_SECONDS)
        assert told == [("repairing", rows[13][0]), ("lost", rows[13][0])]
        # From 2:10 on all is missing; what comes at 4:10 is of the bar in which it was over.
        lacking = {2: True} if kind == "down" else {2: True, 4: True, 5: True}
        assert {minute: bars[minute] for minute in bars if minute} == {1: False, **lacking}
        assert [gap.state for gap in again._parts.session.markets["X"].pipeline.gaps] == ["lost"]
        twice = again.save(tmp_path / "y.mdnb")
    with opened(twice) as third:
        third.wait_ended(LIMIT_SECONDS)
        (gap,) = third._parts.session.markets["X"].pipeline.gaps
        assert (gap.state, gap.start_ns) == ("lost", rows[13][0])


def test_bars_that_were_closed_together_close_whole_when_they_are_played(tmp_path: Path) -> None:
    def on_bar(told: list[tuple[Any, ...]]) -> Any:
        fields = ("timeframe", "time", "open", "high", "low", "close", "volume", "tick_count")
        return lambda event: told.append(tuple(getattr(event, name) for name in fields))

    lived: list[tuple[Any, ...]] = []
    played: list[tuple[Any, ...]] = []
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "1min", "5min") as market:
        market._parts.session.bus.tap(mdnb.EventType.NEW_BAR, on_bar(lived))
        # What an outage of four minutes left out comes at once.
        feed.trades(*(trade(2.0 * at, 100.0 + at % 7, 1.0, at) for at in range(200)))
        before = market.data.get_data("1min", closed_only=True, with_times=True)
        path = market.save(tmp_path / "x.mdnb")
    assert before["closed_at"].nunique() < len(before)
    with opened(path) as again:
        again.on("new_bar", on_bar(played))
        amended: list[mdnb.Event] = []
        again.on("bar_amended", amended.append)
        again.wait_ended(LIMIT_SECONDS)
        assert len(lived) == 7
        assert played[: len(lived)] == lived
        assert not amended
        after = again.data.get_data("1min", with_times=True)
        pd.testing.assert_frame_equal(after.iloc[: len(before)], before, check_freq=False)


@pytest.mark.parametrize("timeframes", [None, ["1min", "2min", "3tick"]])
def test_bars_that_were_saved_as_partial_are_so_when_they_have_been_played(
    timeframes: list[str] | None, tmp_path: Path
) -> None:
    rows = [trade(i * 10, 100.0 + i % 5, number=i) for i in range(70)]
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "1min", "5min", "2tick") as market:
        feed.trades(*rows[:20])
        feed.status("disconnected")
        feed.status("reconnected")
        gaps = market.events("data_gap", timeout=LIMIT_SECONDS)
        feed.trades(*rows[30:])
        # Nobody has the trades 20 to 29.
        assert next(event for event in gaps if event.state != "repairing").state == "lost"
        partial = {name: market.data.get_data(name).attrs["partial"] for name in market.timeframes}
        assert partial == {"1min": (3, 4), "5min": (0, 1), "2tick": partial["2tick"]}
        path = market.save(tmp_path / "x.mdnb")
    with opened(path, timeframes=timeframes) as again:
        again.wait_ended(LIMIT_SECONDS)
        played = {name: again.data.get_data(name).attrs["partial"] for name in again.timeframes}
        assert played["1min"][:2] == (3, 4)
        if timeframes is None:
            assert played["5min"][:2] == (0, 1)
            assert set(partial["2tick"]) <= set(played["2tick"])
        else:
            # 14:03:20 to 14:05:00 is what they lack.
            starts = again["2min"].frame.index[list(played["2min"])]
            assert [str(one)[11:16] for one in starts[:2]] == ["14:02", "14:04"]
            assert played["3tick"]
