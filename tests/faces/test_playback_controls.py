"""Pausing, going on, jumping and the speed of what plays, of every kind of recording."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.errors import ClosedError, OptionError, WaitTimeoutError
from mdnb.feeds.recorder import Recorder
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START

GOLD = {"symbol": "GC", "timeframes": ["1min", "1hour"], "progress": False}


def closed(market: Any, name: str = "1min") -> pd.DataFrame:
    return market._parts.manager.market.engine.frame(name, closed_only=True)


def whole(path: str | Path, **options: Any) -> pd.DataFrame:
    with mdnb.open(path, speed="max", **options) as market:
        market.wait_ended(LIMIT_SECONDS)
        return closed(market)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | str]:
    """The same day as rows, as a saved market, and as frames of messages."""
    folder = tmp_path_factory.mktemp("gold")
    with mdnb.open("dataset:gold-ticks", speed="max", **GOLD) as market:
        market.wait_ended(LIMIT_SECONDS)
        saved = market.save(folder / "gold.mdnb")
        ticks = market._parts.manager.market.engine.recent(10**6)
    with Recorder(folder / "raw.mdnb", "mdnb", ["GC"]) as recorder:
        for row in ticks.tolist():
            at_ns, price, size, count, side, number, _ = row
            frame = {"e": "trades", "s": "GC", "r": [[at_ns, price, size, count, side, number]]}
            recorder.frame(at_ns, json.dumps(frame))
    return {"rows": "dataset:gold-ticks", "saved": saved, "frames": folder / "raw.mdnb"}


KINDS = ("rows", "saved", "frames")


def test_who_waits_for_the_end_of_a_paused_replay_is_told_that_it_is() -> None:
    with mdnb.open("dataset:gold-ticks", speed=1000, **GOLD) as market:
        market.playback.pause()
        with pytest.raises(
            WaitTimeoutError, match=r"paused, and has not ended after 0.01 s: playback.resume"
        ):
            market.wait_ended(0.01)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("speed", [1.0, "max"])
def test_jumps_of_a_paused_replay_show_the_market_as_it_was(
    kind: str, speed: float | str, files: dict[str, Any]
) -> None:
    options = {**GOLD, "symbol": "GC"}
    wanted = whole(files[kind], **options)
    with mdnb.open(files[kind], speed=speed, **options) as market:
        playback = market.playback
        playback.pause()
        assert playback.paused
        for text in ("2013-10-07T00:30", "2013-10-07T00:30:30", "2013-10-07T09:15", "2013-10-07T17:00:01"):
            moment = pd.Timestamp(text, tz="UTC")
            playback.jump(text)
            assert playback.paused
            if speed != "max":
                # As fast as possible it may be passed by what came in the same frame.
                assert playback.time == moment
                held = closed(market)
                pd.testing.assert_frame_equal(
                    held, wanted[wanted.index <= held.index[-1]], check_exact=True, check_freq=False
                )
                # A bar closes with the first trade behind it, or half a second after its end.
                over = wanted.index[wanted.index <= moment - pd.Timedelta("60.5s")]
                assert over[-1] <= held.index[-1] <= moment - pd.Timedelta("1min")
        playback.speed = "max"
        assert playback.speed == float("inf")
        playback.resume()
        market.wait_ended(LIMIT_SECONDS)
        pd.testing.assert_frame_equal(closed(market), wanted, check_exact=True, check_freq=False)


def test_nothing_moves_while_it_is_paused(files: dict[str, Any]) -> None:
    with mdnb.open(files["saved"], speed=1_000_000.0, progress=False) as market:
        playback = market.playback
        changed = threading.Event()
        market.wait_for("new_bar", timeout=LIMIT_SECONDS)
        playback.pause()
        time, held = playback.time, closed(market)
        market.on("new_bar", lambda _: changed.set())
        market.on("tick_data", lambda _: changed.set())
        # An hour of market time passes in 4 ms at this speed.
        assert not changed.wait(0.5)
        assert playback.time == time
        assert closed(market).equals(held)
        assert market.data.get_current_price() is not None
        playback.resume()
        assert changed.wait(LIMIT_SECONDS)
        assert not playback.paused


def test_the_speed_changes_while_it_plays(files: dict[str, Any]) -> None:
    with mdnb.open(files["saved"], speed=1.0, progress=False) as market:
        playback = market.playback
        assert playback.speed == 1.0
        playback.speed = 36_000
        first = playback.time
        bar = market.wait_for("new_bar", timeout=LIMIT_SECONDS)
        assert playback.time > first
        assert bar is not None
        playback.speed = 0.001
        playback.jump(playback.time + pd.Timedelta("2h"))
        assert closed(market).index[-1] > first + pd.Timedelta("1h50min")
        for wrong in ("fast", 0, -1, float("nan"), None):
            with pytest.raises(OptionError, match="is no speed"):
                playback.speed = wrong  # type: ignore[assignment]
        playback.speed = "max"
        market.wait_ended(LIMIT_SECONDS)


def test_a_handler_may_pause_what_it_is_told_of(files: dict[str, Any]) -> None:
    seen: list[pd.Timestamp] = []
    third = threading.Event()
    with mdnb.open(files["saved"], speed="max", timeframes="1hour", progress=False) as market:

        def look(event: mdnb.Event) -> None:
            seen.append(event.time)
            if len(seen) == 3:
                market.playback.pause()
                third.set()

        market.on("new_bar", look)
        market.start()
        assert third.wait(LIMIT_SECONDS)
        assert len(seen) == 3
        market.playback.resume()
        market.wait_ended(LIMIT_SECONDS)
        assert len(seen) == 24


def test_what_cannot_be_done_is_said(files: dict[str, Any]) -> None:
    with mdnb.open(files["saved"], speed=1.0, progress=False) as market:
        playback = market.playback
        playback.jump("2013-10-07T12:00")
        with pytest.raises(
            OptionError, match=r"mdnb\.open\('.*gold\.mdnb', start='2013-10-07T09:00:00\+00:00'\)"
        ):
            playback.jump("2013-10-07T09:00")
        for wrong in ("yesterday", None):
            with pytest.raises(OptionError):
                playback.jump(wrong)  # type: ignore[arg-type]
        assert "playing at 2013-10-07 12:00" in repr(playback)
    with pytest.raises(ClosedError):
        playback.jump("2013-10-07T13:00")
    said = r"this market is live.*live\.save\('btc\.mdnb'\).*mdnb\.open"
    live = mdnb.live("MNQ", "1min", feed="sim://?speed=1", initial_days=0, progress=False)
    with live, pytest.raises(OptionError, match=said):
        live.playback.pause()


@pytest.mark.parametrize("kind", KINDS)
def test_a_jump_beyond_the_end_ends_it_and_says_so(kind: str, files: dict[str, Any]) -> None:
    with mdnb.open(files[kind], speed=1.0, **GOLD) as market:
        said = r"ends at 2013-10-07 23:59:.*, before 2020-01-01 00:00:00\+00:00: it was played to its end"
        with pytest.warns(UserWarning, match=said):
            market.playback.jump("2020-01-01")
        market.wait_ended(LIMIT_SECONDS)
        assert len(closed(market)) == 1314
        for again in ("2020-01-01", "2013-10-07T12:00"):
            with pytest.raises(ClosedError, match="was played to its end"):
                market.playback.jump(again)


def test_the_async_suite_has_the_same(files: dict[str, Any]) -> None:
    async def main() -> tuple[bool, str, int]:
        suite = await mdnb.TradingSuite.create("GC", ["1min"], feed=f"replay:{files['saved']}")
        async with suite:
            suite.playback.pause()
            await suite.playback.jump("2013-10-07T00:10")
            return suite.playback.paused, str(suite.playback.time), len(await suite.data.get_data("1min"))

    paused, time, count = asyncio.run(main())
    assert (paused, time, count) == (True, "2013-10-07 00:10:00+00:00", 10)


def test_no_bar_closes_by_the_clock_while_it_is_paused(tmp_path: Path) -> None:
    path = tmp_path / "slow.mdnb"
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number in (0, 1, 600):
            at_ns = START + number * SECOND
            recorder.frame(
                at_ns, json.dumps({"e": "trades", "s": "X", "r": [[at_ns, 5.0, 1.0, 1, 1, number]]})
            )
    with mdnb.open(path, speed=1.0, timeframes="1min", progress=False) as market:
        playback = market.playback
        playback.pause()
        start = pd.Timestamp(START, tz="UTC")
        playback.jump(start + pd.Timedelta("59s"))
        assert len(closed(market)) == 0
        playback.jump(start + pd.Timedelta("61s"))
        assert len(closed(market)) == 1
        assert playback.time == start + pd.Timedelta("61s")


def test_what_is_over_says_so_and_takes_nothing_that_would_do_nothing() -> None:
    with mdnb.open("dataset:gold-ticks", symbol="GC", timeframes="1min", speed="max") as market:
        playback = market.playback
        with pytest.raises(AttributeError, match=r"no 'sped'; got 'max'.*Did you mean 'speed'"):
            playback.sped = "max"  # type: ignore[attr-defined]  # that is what is wrong with it
        assert repr(playback).endswith("speed max>")
        market.wait_ended(LIMIT_SECONDS)
        assert ": over at " in repr(playback)
        for act in (playback.pause, playback.resume):
            with pytest.raises(ClosedError, match="was played to its end"):
                act()
    for act in (playback.pause, playback.resume):
        with pytest.raises(ClosedError, match="was closed"):
            act()
    with pytest.raises(OptionError, match="type must be a text"):
        market.data.get_validation_errors(type=5)  # type: ignore[arg-type]  # that is what is wrong with it
