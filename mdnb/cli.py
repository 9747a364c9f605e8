"""The command line: ``mdnb demo``, ``mdnb doctor``, ``mdnb record``, ``mdnb --version``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

from mdnb import __version__

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
        "demo", help="run the quickstart notebook in a real kernel on the embedded feed"
    )
    demo.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where the results are written (default: demo)"
    )
    doctor = commands.add_parser(
        "doctor", help="show what is installed and whether a feed, bars and a chart work here"
    )
    doctor.add_argument("--quiet", action="store_true", help="print only what is wrong")
    record = commands.add_parser(
        "record", help="record a feed's raw frames to a file that replay: plays again"
    )
    record.add_argument("symbol", help="as the feed writes it, such as BTC-USD")
    record.add_argument(
        "file", type=Path, help="a new file, such as day.jsonl; packed where its name ends in .gz"
    )
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
    given = parser.parse_args(arguments)
    try:
        if given.command == "demo":
            from mdnb.notebook.demo import run_demo

            return run_demo(given.folder)
        if given.command == "record":
            return asyncio.run(_record(given.symbol, given.file, given.feed, given.seconds, given.append))
        return _doctor(quiet=given.quiet)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        print(f"mdnb {given.command}: {error}", file=sys.stderr)  # noqa: T201  # this is a command line
        return 1
    except KeyboardInterrupt:
        print(f"mdnb {given.command}: interrupted", file=sys.stderr)  # noqa: T201  # as above
        return 130


def _doctor(*, quiet: bool) -> int:
    from mdnb.notebook.doctor import examine

    problems, lines = examine()
    for line in lines if not quiet else problems:
        print(line)  # noqa: T201  # this is a command line
    return 1 if problems else 0


async def _record(symbol: str, file: Path, feed: str | None, seconds: float, append: bool) -> int:
    stop = asyncio.Event()
    with _stopped_by_signals(stop):
        from mdnb.runtime.recording import record

        print(f"recording {symbol}; Ctrl-C ends it", file=sys.stderr, flush=True)  # noqa: T201  # as above
        frames = await record(symbol, file, feed, seconds, append=append, stop=stop)
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
