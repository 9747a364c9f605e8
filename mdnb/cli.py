"""The command line: ``mdnb demo``, ``doctor``, ``feeds``, ``lab``, ``record``, and ``mdnb --version``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import signal
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mdnb import __version__
from mdnb.errors import MissingExtraError, OptionError, SymbolError

if TYPE_CHECKING:
    from mdnb.feeds.recorder import Recorder

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    Examples
    --------
    >>> main(["doctor", "--quiet"])
    0
    """
    parser = argparse.ArgumentParser(prog="mdnb", description="Live market data in a notebook.")
    parser.add_argument("--version", action="version", version=f"mdnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="run the quickstart notebook in a real kernel on the embedded feed",
        epilog="For instance: mdnb demo --folder results",
    )
    demo.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where the results are written (default: demo)"
    )
    doctor = commands.add_parser(
        "doctor",
        help="show what is installed and whether a feed, bars and a chart work here",
        epilog="For instance: mdnb doctor, or mdnb doctor kraken",
    )
    doctor.add_argument(
        "feed", nargs="?", help="a venue, such as kraken: whether it can be reached from here"
    )
    doctor.add_argument("--quiet", action="store_true", help="print only what is wrong")
    commands.add_parser(
        "feeds",
        help="list the feeds that can be named, and what each offers",
        epilog="For instance: mdnb feeds",
    )
    lab = commands.add_parser(
        "lab", help="open JupyterLab on a folder of notebooks", epilog="For instance: mdnb lab notebooks"
    )
    lab.add_argument("folder", nargs="?", type=Path, default=Path(), help="default: this one")
    _add_record(commands)
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (OSError, ValueError, LookupError, RuntimeError, ImportError) as error:
        print(f"mdnb {given.command}: {error}", file=sys.stderr)  # noqa: T201  # this is a command line
        return 1
    except KeyboardInterrupt:
        print(f"mdnb {given.command}: interrupted", file=sys.stderr)  # noqa: T201  # as above
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.command == "demo":
        from mdnb.notebook.demo import run_demo

        return run_demo(given.folder)
    if given.command == "record":
        feed, symbol, file = _recorded(given)
        try:
            return asyncio.run(_record(symbol, file, feed, given.seconds, given.append))
        except SymbolError as error:
            if feed is not None:
                raise
            how = f"mdnb record FEED {symbol} --out FILE, such as mdnb record kraken BTC/USD --out btc.mdnb"
            raise SymbolError(f"{error} No feed was named: {how}") from error
    if given.command == "lab":
        return _lab(given.folder)
    if given.command == "feeds":
        from mdnb.feeds.feed_names import feed_names

        print(feed_names().table())  # noqa: T201  # this is a command line
        return 0
    return _doctor(given.feed, quiet=given.quiet)


def _lab(folder: Path) -> int:
    """Run JupyterLab until Ctrl-C."""
    if not folder.is_dir():
        raise OptionError(f"{str(folder)!r} is no folder")
    try:
        importlib.import_module("jupyterlab")
    except ImportError as error:
        raise MissingExtraError("JupyterLab is not installed: pip install 'mdnb[lab]'") from error
    command = [sys.executable, "-m", "jupyterlab", str(folder)]
    return subprocess.run(command, check=False).returncode  # noqa: S603  # of this environment


def _add_record(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = commands.add_parser(
        "record",
        help="record a feed's raw frames to a file that mdnb.open and replay: play again",
        usage="mdnb record FEED SYMBOL [--out] FILE [...], or mdnb record SYMBOL [--out] FILE [--feed FEED]",
        epilog="For instance: mdnb record kraken BTC/USD --out btc.mdnb --seconds 600",
    )
    record.add_argument("first", metavar="FEED | SYMBOL", help="a feed's name such as kraken; or a symbol")
    record.add_argument(
        "second",
        nargs="?",
        metavar="SYMBOL | FILE",
        help="a symbol such as BTC/USD; or a new file, packed where its name ends in .mdnb or .gz",
    )
    record.add_argument(
        "third", nargs="?", type=Path, metavar="FILE", help="the file, behind feed and symbol"
    )
    record.add_argument("--out", type=Path, metavar="FILE", help="a new file, such as btc.mdnb")
    record.add_argument(
        "--feed", help="a feed's name, such as 'sim://?speed=10' (default: MDNB_FEED, or the simulator)"
    )
    record.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="for how long (default: 60); 'inf' until Ctrl-C, which ends it at any time, as SIGTERM does",
    )
    record.add_argument(
        "--append", action="store_true", help="go on with a recording of the same symbol and feed"
    )


def _recorded(given: argparse.Namespace) -> tuple[str | None, str, Path]:
    """Return feed, symbol and file of either way to name them."""
    from mdnb.feeds.registry import known_feeds

    out = given.out
    if given.third is not None:
        if out is not None or given.feed is not None:
            raise OptionError("name feed and file once each: mdnb record FEED SYMBOL --out FILE")
        out = given.third
    name = given.first.partition(":")[0].partition("?")[0]
    is_feed = name in known_feeds() and given.feed is None
    if is_feed and (out is None or given.second is None):
        lacks = "no file is named" if given.second else "neither symbol nor file are named"
        lacks = lacks if out is None else "no symbol is named"
        how = f"mdnb record {given.first} {given.second or 'SYMBOL'} --out FILE"
        raise OptionError(f"{name!r} is a feed, and {lacks}: {how}")
    if given.second is None:
        if out is None:
            raise OptionError(f"no file is named: mdnb record FEED {given.first} --out FILE")
        return given.feed, given.first, out
    if out is None:
        return given.feed, given.first, Path(given.second)
    if given.feed is not None:
        raise OptionError("name the feed once: mdnb record FEED SYMBOL --out FILE, without --feed")
    return given.first, given.second, out


def _doctor(feed: str | None, *, quiet: bool) -> int:
    from mdnb.notebook.doctor import examine
    from mdnb.notebook.reach import reach

    problems, lines = examine() if feed is None else reach(feed)
    for line in lines if not quiet else problems:
        print(line)  # noqa: T201  # this is a command line
    return 1 if problems else 0


async def _record(symbol: str, file: Path, feed: str | None, seconds: float, append: bool) -> int:
    stop = asyncio.Event()
    with _stopped_by_signals(stop):
        from mdnb.notebook.recording_progress import show_progress
        from mdnb.runtime.recording import record

        shown: list[asyncio.Task[None]] = []

        def begun(recorder: Recorder) -> None:
            print(f"recording {symbol}; Ctrl-C ends it", file=sys.stderr, flush=True)  # noqa: T201  # as above
            shown.append(asyncio.create_task(show_progress(recorder, sys.stderr)))

        def tell(sentence: str) -> None:
            # On a terminal it stands above the line that counts.
            print(f"{chr(13) * sys.stderr.isatty()}{sentence}", file=sys.stderr, flush=True)  # noqa: T201  # as above

        try:
            frames = await record(
                symbol, file, feed, seconds, append=append, stop=stop, begun=begun, tell=tell
            )
        finally:
            for task in shown:
                task.cancel()
            await asyncio.gather(*shown, return_exceptions=True)
    done = f"{frames:,} frames of {symbol} in {file}; play them with feed='replay:{file}'"
    print(done if frames else f"no frame of {symbol} came")  # noqa: T201  # this is a command line
    return 0


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM set the event instead of ending the process; a second one ends it."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(_number: int, _frame: types.FrameType | None) -> None:
        restore()
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()
