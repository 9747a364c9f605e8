"""The blocks of a page as its reader runs them: in a folder of their own, and on market time."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import dataclasses
import inspect
import io
import json
import re
import types
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.runtime.process.bridge import await_call
from tests.limits import LIMIT_SECONDS

__all__ = [
    "PAGE",
    "Block",
    "Part",
    "Run",
    "bars_of_the_simulator",
    "blocks",
    "check_values",
    "put_bad_data",
    "read_output",
    "run_block",
    "through_an_outage",
    "twice_lost",
]

PAGE = Path(__file__).parent / "data" / "data-manager-api.md"
_LONG_SECONDS = 1.0
_WALL_SECONDS = LIMIT_SECONDS
_TOLD_SECONDS = LIMIT_SECONDS
_AGE_NS = 60 * 60 * 1_000_000_000

During = Callable[[mdnb.TradingSuite], Awaitable[None]]


# The page


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of Python: the headings it stands under, its code, and the line where that begins."""

    heading: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """Return the Python blocks of a page, in order."""
    found: list[Block] = []
    section = topic = ""
    fence: str | None = None
    held: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if fence is not None:
            if line.rstrip() == "```":
                if fence == "python":
                    heading = f"{section} / {topic}" if topic else section
                    found.append(Block(heading, "".join(held), number - len(held)))
                fence = None
            else:
                held.append(line)
        elif line.startswith("```"):
            fence, held = line[3:].strip(), []
        elif line.startswith("## "):
            section, topic = line[3:].strip(), ""
        elif line.startswith("### "):
            topic = line[4:].strip()
    return found


# Running one


@dataclasses.dataclass
class Run:
    """What a block did.

    Attributes
    ----------
    output
        What it printed.
    suites
        What it opened, in order.
    folder
        Where it ran.
    names
        Its global names.
    """

    folder: Path
    output: str = ""
    suites: list[mdnb.TradingSuite] = dataclasses.field(default_factory=list)
    names: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def suite(self) -> mdnb.TradingSuite:
        """The first suite it opened."""
        return self.suites[0]

    @property
    def newest(self) -> tuple[int, float]:
        """Time (UTC epoch ns) and price of the newest trade."""
        row = self.suite.data.engine.last_trade
        assert row is not None
        return row[0], row[1]

    def bars(self, timeframe: str) -> pd.DataFrame:
        """Return the closed bars held; also after the suite was disconnected."""
        return self.suite.data.engine.frame(timeframe, closed_only=True)


class _MarketAsyncio(types.ModuleType):
    """The asyncio of a reader who has no time: a second or more of `sleep` is one of the market."""

    def __init__(self, run: Run, during: During | None) -> None:
        super().__init__("asyncio")
        self._run = run
        self._during = during

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float, result: Any = None) -> Any:
        if delay < _LONG_SECONDS:
            return await asyncio.sleep(delay, result)
        work: list[Awaitable[None]] = [_market_passes(suite, delay) for suite in self._run.suites]
        if self._during is not None:
            work.append(self._during(self._run.suite))
        await asyncio.gather(*work)
        return result


async def _market_passes(suite: mdnb.TradingSuite, seconds: float) -> None:
    """Wait until trades have been taken that are so much younger than the newest one now."""
    engine = suite.data.engine
    loop, moved = asyncio.get_running_loop(), asyncio.Event()
    listener = engine.listen(lambda: loop.call_soon_threadsafe(moved.set))
    try:
        assert engine.last_trade is not None
        end_ns = engine.last_trade[0] + round(seconds * 1e9)
        async with asyncio.timeout(_WALL_SECONDS):
            while engine.last_trade[0] < end_ns:
                await moved.wait()
                moved.clear()
    finally:
        listener.close()


@contextlib.contextmanager
def _recorded(run: Run) -> Iterator[None]:
    """Keep every suite that is made; they are the real ones."""
    create = mdnb.TradingSuite.create.__func__  # type: ignore[attr-defined]

    async def recording(cls: type[mdnb.TradingSuite], *args: Any, **options: Any) -> mdnb.TradingSuite:
        suite = await create(cls, *args, **options)
        run.suites.append(suite)
        return suite

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mdnb.TradingSuite, "create", classmethod(recording))
        yield


def run_block(
    block: Block,
    folder: Path,
    feed: str,
    *,
    in_a_cell: bool = False,
    during: During | None = None,
    after: Callable[[Run], Awaitable[None]] | None = None,
) -> Run:
    """Run a block as it stands but for the package's name, and return what it did.

    Parameters
    ----------
    in_a_cell
        It belongs into a notebook in which a ``suite`` is open, and may ``await``.
    during
        What happens to the market while the block sleeps.
    after
        What the reader of a block ``in_a_cell`` does with it next.
    """
    run = Run(folder)
    run.names = {
        "__name__": "__main__",
        "asyncio": _MarketAsyncio(run, during),
        "EventType": mdnb.EventType,
        "TradingSuite": mdnb.TradingSuite,
    }
    code = compile(
        "\n" * (block.line - 1) + block.code.replace("project_x_py", "mdnb"),
        PAGE.name,
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if in_a_cell else 0,
        dont_inherit=True,
    )

    async def cell() -> None:
        suite = run.names["suite"] = await mdnb.TradingSuite.create("MNQ")
        async with suite:
            waiting = eval(code, run.names)
            if inspect.isawaitable(waiting):
                await waiting
            if after is not None:
                await after(run)

    text = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        _recorded(run),
        contextlib.redirect_stdout(text),
    ):
        patch.chdir(folder)
        patch.setenv("MDNB_FEED", feed)
        if in_a_cell:
            asyncio.run(cell())
        else:
            exec(code, run.names)
    run.output = text.getvalue()
    return run


# What happens to the market meanwhile


async def _told(suite: mdnb.TradingSuite, kind: mdnb.EventType, **wanted: Any) -> mdnb.Event:
    def fits(event: mdnb.Event) -> bool:
        return all(event[name] == value for name, value in wanted.items())

    return await suite.wait_for(kind, _TOLD_SECONDS, fits)


async def _lose(suite: mdnb.TradingSuite) -> None:
    """Let the network break hard, and wait until the connection has healed itself."""
    feed = suite._parts.session.feed
    # The longest pause that the backoff allows, so that trades are really missed.
    feed._wall = dataclasses.replace(feed._wall, dice=lambda: 1.0)  # type: ignore[attr-defined]

    async def abort() -> None:
        feed._socket.transport.abort()  # type: ignore[attr-defined]

    back = asyncio.create_task(_told(suite, mdnb.EventType.CONNECTION_STATUS_CHANGED, status="reconnected"))
    # The task has to listen before there is something to hear.
    await asyncio.sleep(0)
    await await_call(abort())
    await back


async def through_an_outage(suite: mdnb.TradingSuite) -> None:
    """Lose the connection, and wait until what was missed has been told."""
    gap = asyncio.create_task(_told(suite, mdnb.EventType.DATA_GAP, state="repaired"))
    await asyncio.sleep(0)
    await _lose(suite)
    await gap


async def put_bad_data(suite: mdnb.TradingSuite) -> None:
    """Let the venue send what is no JSON, half a frame, and a trade at a hundred times the price."""
    session = suite._parts.session
    row = suite.data.engine.last_trade
    assert row is not None
    absurd = {"e": "trades", "s": suite.symbols[0], "r": [[row[0], row[1] * 100, 1.0, 1, 1, -1]]}
    frames = ["{oops", '{"e":"trades","s":"MNQ","r":[[', json.dumps(absurd)]

    async def put() -> None:
        for frame in frames:
            session.batcher.on_frame(frame)

    alert = asyncio.create_task(_told(suite, mdnb.EventType.DATA_QUALITY_ALERT))
    await asyncio.sleep(0)
    await await_call(put())
    await alert


async def twice_lost(run: Run) -> None:
    """Use the handlers that the block defined, and lose the connection twice."""
    suite = run.suite
    bars: list[mdnb.Bar] = []

    async def on_new_bar(event: mdnb.Event) -> None:
        await run.names["on_new_bar"](event)
        bars.append(event.data)

    handle = await suite.on(mdnb.EventType.NEW_BAR, on_new_bar)
    status = await suite.on(mdnb.EventType.CONNECTION_STATUS_CHANGED, run.names["on_connection_status"])
    for _ in range(2):
        await _lose(suite)
    await _market_passes(suite, 300)
    assert {bar.timeframe for bar in bars} >= {"1min", "5min"}
    assert (handle.errors, status.errors) == (0, 0)


def bars_of_the_simulator(feed: str, days: float) -> pd.DataFrame:
    """Return closed one-minute bars of the simulated market, of so many days before its start."""

    async def main() -> pd.DataFrame:
        async with await mdnb.TradingSuite.create("MNQ", ["1min"], feed=feed, initial_days=days) as suite:
            return await suite.data.get_data("1min", closed_only=True)

    return asyncio.run(main())


# What it printed


_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d"
_WHOLE = r"\d{1,3}(?:,\d{3})+|\d+"


def _whole(text: str) -> int:
    return int(text.replace(",", ""))


# No pattern fits nan or inf: what is not finite is not expected.
_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "price": (r"\d+\.\d\d", float),
    "amount": (r"\d+(?:\.\d+)?", float),
    "positive": (r"\d+(?:\.\d+)?", float),
    "percent": (r"\d+(?:\.\d+)?", float),
    "signed": (r"-?\d+(?:\.\d+)?", float),
    "count": (_WHOLE, _whole),
    "some": (_WHOLE, _whole),
    "time": (_TIME, pd.Timestamp),
    "name": (r"[a-z_0-9]+", str),
    "text": (r"\S.*", str),
    "names": (r"\[.*\]", ast.literal_eval),
    "truth": ("True|False", lambda text: text == "True"),
}
_FIELD = re.compile(r"\{(\w+):(\w+)\}")


@dataclasses.dataclass(frozen=True)
class Part:
    """Lines that are printed together, how often at least and at most; None: there is no most.

    In a line ``{name:kind}`` stands for a value; everything else is to the letter.
    """

    lines: tuple[str, ...]
    least: int = 1
    most: int | None = 1

    def kinds(self) -> dict[str, str]:
        """Return the kind of each value."""
        return dict(_FIELD.findall("\n".join(self.lines)))

    def read(self, printed: list[str]) -> dict[str, Any] | None:
        """Return the values at the beginning of what was printed, None where it is something else."""
        if len(printed) < len(self.lines):
            return None
        values: dict[str, Any] = {}
        for line, wanted in zip(printed, self.lines, strict=False):
            kinds = dict(_FIELD.findall(wanted))
            match = _pattern(wanted).fullmatch(line)
            if match is None:
                return None
            values |= {name: _KINDS[kinds[name]][1](text) for name, text in match.groupdict().items()}
        return values


def _pattern(line: str) -> re.Pattern[str]:
    pieces = _FIELD.split(line)
    pattern = re.escape(pieces[0])
    for name, kind, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        pattern += f"(?P<{name}>{_KINDS[kind][0]}){re.escape(text)}"
    return re.compile(pattern)


def read_output(output: str, parts: dict[str, Part], *, in_order: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the values of what was printed, by part; every line has to belong to one.

    Parameters
    ----------
    in_order
        The parts come in their order; else as events come, in any.
    """
    printed = output.splitlines()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in parts}
    left = list(parts)
    at = 0
    while at < len(printed):
        for name in left:
            values = parts[name].read(printed[at : at + len(parts[name].lines)])
            if values is not None:
                break
        else:
            raise AssertionError(f"line {at + 1} is not expected: {printed[at]!r}; expected is one of {left}")
        found[name].append(values)
        at += len(parts[name].lines)
        if in_order:
            left = left[left.index(name) :]
    for name, part in parts.items():
        times = len(found[name])
        assert part.least <= times, f"{name} was printed {times} times, not {part.least} or more:\n{output}"
        assert part.most is None or times <= part.most, f"{name} was printed {times} times"
    return found


def check_values(
    parts: dict[str, Part], found: dict[str, list[dict[str, Any]]], newest_ns: int, price: float
) -> None:
    """Hold every value against what its kind can be, given the newest trade."""
    for name, rows in found.items():
        kinds = parts[name].kinds()
        for row in rows:
            for field, value in row.items():
                assert _can_be(kinds[field], value, newest_ns, price), f"{name}: {field} is {value!r}"


def _can_be(kind: str, value: Any, newest_ns: int, price: float) -> bool:
    if kind == "price":
        return 0.5 * price <= value <= 1.5 * price
    if kind in ("positive", "some"):
        return value > 0
    if kind == "percent":
        return 0 <= value <= 100
    if kind == "time":
        return value.tzinfo is not None and newest_ns - _AGE_NS <= value.value <= newest_ns
    return True
