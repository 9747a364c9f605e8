"""project-x-py 4.4.1: its ``RealtimeDataManager``, offline, with 1,000 bars of history a timeframe.

The client and the realtime client are stand-ins that only answer; nobody listens to its events. Its rate
limit, which drops every tick within a millisecond of the one before, is switched off: otherwise it would
be measured while it throws ticks away.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import orjson
import polars as pl
from project_x_py.models import Instrument
from project_x_py.realtime_data_manager import RealtimeDataManager
from websockets.asyncio.client import connect

from tests.benchmarks.ticks import START_NS, difference, load, spread_out

__all__ = ["MEASURES"]

_HISTORY = 1000
_CONTRACT = "CON.F.US.MNQ.H24"
_NAMES = {"1hour": "1hr"}


class _Client:
    """Answers what ``initialize`` asks: the instrument, and bars that end where the ticks begin."""

    def __init__(self, end_ns: int) -> None:
        self.end_ns = end_ns

    async def get_instrument(self, _name: str) -> Instrument:
        return Instrument(
            id=_CONTRACT,
            name="MNQH4",
            description="",
            tickSize=0.25,
            tickValue=0.5,
            activeContract=True,
            symbolId="F.US.MNQ",
        )

    async def get_bars(self, _instrument: str, interval: int, unit: int, days: int) -> pl.DataFrame:
        step_us = interval * (1 if unit == 1 else 60) * 1_000_000
        starts = self.end_ns // 1000 // step_us * step_us + np.arange(-_HISTORY, 0) * step_us
        stamps = (
            pl.Series("timestamp", starts)
            .cast(pl.Datetime("us", "UTC"))
            .dt.convert_time_zone("America/Chicago")
        )
        flat = np.full(_HISTORY, 17_000.0)
        ones = np.ones(_HISTORY, dtype=np.int64)
        return pl.DataFrame(
            {"timestamp": stamps, "open": flat, "high": flat, "low": flat, "close": flat, "volume": ones}
        )


class _Realtime:
    """A realtime client that is there and silent."""

    def is_connected(self) -> bool:
        return True


async def _manager(timeframes: dict[str, int], end_ns: int = START_NS) -> RealtimeDataManager:
    logging.disable(logging.CRITICAL)
    names = [_NAMES.get(name, name) for name in timeframes]
    manager = RealtimeDataManager("MNQ", _Client(end_ns), _Realtime(), timeframes=names)
    await manager.initialize()
    manager._min_update_interval = 0.0
    manager.is_running = True
    return manager


async def _push(manager: RealtimeDataManager, ticks: Any) -> float:
    given = [
        {
            "timestamp": dt.datetime.fromtimestamp(int(ts_ns) // 1000 / 1e6, manager.timezone),
            "price": float(price),
            "volume": int(size),
            "type": "trade",
            "source": "gateway_trade",
        }
        for ts_ns, price, size in ticks
    ]
    begun = time.process_time()
    for tick in given:
        await manager._process_tick_data(tick)
    # Its callbacks run as tasks; one turn of the loop lets all of them finish.
    await asyncio.sleep(0)
    return time.process_time() - begun


def _wrong(manager: RealtimeDataManager, ticks: Any, timeframes: dict[str, int]) -> str:
    for name, seconds in timeframes.items():
        frame = manager.data[_NAMES.get(name, name)].slice(_HISTORY)
        stamps = frame["timestamp"].dt.epoch("ns")
        columns = [frame[column] for column in ("open", "high", "low", "close", "volume")]
        if found := difference(name, list(zip(stamps, *columns, strict=True)), ticks, seconds):
            return found
    return ""


async def online(path: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    """Await ``_process_tick_data`` tick by tick; its bars are judged on ticks spread over hours as well."""
    checked = await _manager(timeframes)
    wide = spread_out(path, 120)
    await _push(checked, wide)
    wrong = _wrong(checked, wide, timeframes)
    manager = await _manager(timeframes)
    ticks = load(path, count)
    seconds = await _push(manager, ticks)
    return {"seconds": seconds, "count": count, "wrong": wrong or _wrong(manager, ticks, timeframes)}


async def get_data(calls: int, bars: int) -> dict[str, Any]:
    """Await ``get_data("1min", bars=...)`` with 1,000 bars held."""
    manager = await _manager({"1min": 60})
    begun = time.process_time()
    for _ in range(calls):
        frame = await manager.get_data("1min", bars=bars)
    seconds = time.process_time() - begun
    return {
        "seconds": seconds,
        "count": calls,
        "wrong": "" if frame.height == bars else f"{frame.height} bars",
    }


async def path(url: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    """Receive its own ``GatewayTrade`` messages by ``websockets``, decode them by orjson, hand them in.

    Its SignalR client, which costs more, is left out. It stamps trades by the clock on arrival, so only
    the volume can be judged.
    """
    manager = await _manager(timeframes, end_ns=time.time_ns() - 7_200_000_000_000)
    sold = 0
    begun = time.process_time()
    async with connect(url, compression=None, max_size=None) as socket:
        async for frame in socket:
            for part in str(frame).split("\x1e"):
                if part:
                    contract, trades = orjson.loads(part)["arguments"]
                    for trade in trades:
                        sold += trade["volume"]
                        await manager._on_trade_update({"contract_id": contract, "data": trade})
    await asyncio.sleep(0)
    seconds = time.process_time() - begun
    wrong = ""
    for name, frame in manager.data.items():
        volume = frame.slice(_HISTORY)["volume"].sum()
        if volume != sold:
            wrong = wrong or f"{name}: volume {volume} of {sold}"
    return {"seconds": seconds, "count": count, "wrong": wrong}


def _blocking(measure: Callable[..., Coroutine[Any, Any, dict[str, Any]]]) -> Callable[..., dict[str, Any]]:
    def run(**given: Any) -> dict[str, Any]:
        return asyncio.run(measure(**given))

    return run


MEASURES = {"online": _blocking(online), "get_data": _blocking(get_data), "path": _blocking(path)}
