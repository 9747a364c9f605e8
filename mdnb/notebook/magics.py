"""``%load_ext mdnb``, and its magics ``%mdnb`` and ``%%on_bar``."""

from __future__ import annotations

import argparse
import ast
import shlex
import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from mdnb.errors import OptionError, TimeframeError, suggest
from mdnb.market import LiveMarket, live
from mdnb.notebook.nesting import apply_nesting
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.registry import running_markets
from mdnb.timeframes import Timeframe

__all__ = ["load_ipython_extension", "status_text", "unload_ipython_extension"]

_OPENS = "%mdnb MNQ 1min 5min --feed kraken"
_RUNS = "%%on_bar 5min"


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%mdnb`` and ``%%on_bar``, and make ``asyncio.run(main())`` work in cells.

    Called by ``%load_ext mdnb``.

    Examples
    --------
    In a cell::

        %load_ext mdnb
        %mdnb MNQ 1min 5min

    And in another one, which then runs at each closed bar of five minutes::

        %%on_bar 5min
        print(bar.time, bar.close, view["1min"]["close"].iloc[-1])
    """
    apply_nesting()

    def mdnb(line: str) -> Any:
        """Open a market, ``%mdnb MNQ 1min 5min --feed kraken``, and show its chart; or ``%mdnb status``.

        The market is `live` then, or what ``--name`` says; ``--days`` of history; ``--no-chart``: its card.
        """
        words = shlex.split(line)
        if not words or words == ["status"]:
            print(status_text())  # noqa: T201  # the magic's output
            return None
        return _open(ipython.user_ns, words)

    def on_bar(line: str, cell: str) -> None:
        """Run the cell at each closed bar, ``%%on_bar 5min``: `bar` is the event, `view` what was known then.

        What is assigned is the run's own; ``global`` makes a name the notebook's. Run the cell again to
        change it; with nothing in it, it stops. ``--market`` names another market than `live`.
        """
        _run_at_bars(ipython, shlex.split(line), cell)

    ipython.register_magic_function(mdnb, magic_kind="line", magic_name="mdnb")
    ipython.register_magic_function(on_bar, magic_kind="cell", magic_name="on_bar")


def unload_ipython_extension(ipython: Any) -> None:
    """Remove the magics; asyncio stays patched until the kernel restarts, and a warning says so.

    Examples
    --------
    In a cell::

        %unload_ext mdnb
    """
    for kind, name in (("line", "mdnb"), ("cell", "on_bar")):
        ipython.magics_manager.magics[kind].pop(name, None)
    warnings.warn("asyncio stays patched for nested loops until the kernel is restarted", stacklevel=2)


class _Words(argparse.ArgumentParser):
    """The words after a magic; a wrong one is an error of ours, and ends no kernel."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{self.prog}: {message}. Write for instance {self.description}")


def _open(names: dict[str, Any], words: list[str]) -> Any:
    """Open a market, put it among the notebook's names, and return its chart."""
    parser = _Words(prog="%mdnb", description=_OPENS, add_help=False, allow_abbrev=False)
    parser.add_argument("names", nargs="+", metavar="SYMBOL TIMEFRAME")
    parser.add_argument("--feed")
    parser.add_argument("--days", type=float, default=5.0)
    parser.add_argument("--name", default="live")
    parser.add_argument("--no-chart", action="store_true")
    given = parser.parse_args(words)
    timeframes = [name for word in given.names if (name := _timeframe(word))]
    symbols = [word for word in given.names if not _timeframe(word)]
    if not symbols:
        raise OptionError(f"%mdnb: no symbol is named. Write for instance {_OPENS}")
    if not given.name.isidentifier():
        raise OptionError(f"--name is a name in Python, such as live; got {given.name!r}")
    market = live(
        symbols if len(symbols) > 1 else symbols[0],
        timeframes or None,
        feed=given.feed,
        initial_days=given.days,
    )
    names[given.name] = market
    return market if given.no_chart else market.chart(next(iter(market)))


def _timeframe(word: str) -> str:
    """Return the name of the timeframe that a word is; "" where it is none."""
    try:
        return Timeframe.parse(word).name
    except TimeframeError:
        return ""


def _run_at_bars(ipython: Any, words: list[str], cell: str) -> None:
    """Have a cell run at each closed bar of a market."""
    parser = _Words(prog="%%on_bar", description=_RUNS, add_help=False, allow_abbrev=False)
    parser.add_argument("timeframes", nargs="*", metavar="TIMEFRAME")
    parser.add_argument("--market", default="live")
    given = parser.parse_args(words)
    market = ipython.user_ns.get(given.market)
    if not isinstance(market, LiveMarket):
        raise OptionError(
            f"%%on_bar: no market is called {given.market!r} here. Open one: {_OPENS}; or name it: --market"
        )
    kept = list(market)
    wanted = [Timeframe.parse(word).name for word in given.timeframes] or kept
    for name in wanted:
        if name not in kept:
            raise TimeframeError(f"{name!r} is not kept. {suggest(name, kept)}")
    runs = _function_of(ipython, cell)

    def on_bar(event: Any) -> None:
        if event.timeframe in wanted:
            runs(event, event.view)

    market.on("new_bar", on_bar)
    print(f"runs at each closed bar of {', '.join(wanted)}; run it again to change it")  # noqa: T201  # as above


def _function_of(ipython: Any, cell: str) -> Callable[[Any, Any], None]:
    """Return a cell as a function of a bar and a view; what else it names is the notebook's."""
    made = ast.parse("def on_bar(bar, view): pass")
    function = made.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = ast.parse(ipython.transform_cell(cell)).body or function.body
    found: dict[str, Callable[[Any, Any], None]] = {}
    exec(compile(made, "<on_bar>", "exec"), ipython.user_ns, found)  # noqa: S102  # a cell of the user's
    return found["on_bar"]


def status_text() -> str:
    """Return what runs in this process: sessions, threads, and the last errors of the background loop.

    Examples
    --------
    >>> "session" in status_text()
    True
    """
    background = background_loop()
    running = running_markets().running()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("mdnb")]
    lines = [f"{len(running)} session(s); threads: {', '.join(threads)}"]
    for session in running:
        symbols = ", ".join(session.symbols)
        lines.append(f"  {symbols}: {session.health.status}, {session.health.latency_ms():.1f} ms")
    for name, error in list(background.errors)[-5:]:
        lines.append(f"  error in {name}: {type(error).__name__}: {error}")
    return "\n".join(lines)
