"""The command line: ``mdnb demo``, ``mdnb doctor``, ``mdnb record``, ``mdnb --version``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
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
    record.add_argument("symbol")
    record.add_argument("file", type=Path)
    record.add_argument("--feed", default=None, help="a feed's name, such as 'sim://?speed=10'")
    record.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args(arguments)
    try:
        if given.command == "demo":
            from mdnb.notebook.demo import run_demo

            return run_demo(given.folder)
        if given.command == "record":
            return _record(given.symbol, given.file, given.feed, given.seconds)
        return _doctor(quiet=given.quiet)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        print(f"mdnb {given.command}: {error}", file=sys.stderr)  # noqa: T201  # this is a command line
        return 1


def _doctor(*, quiet: bool) -> int:
    from mdnb.notebook.doctor import examine

    problems, lines = examine()
    for line in lines if not quiet else problems:
        print(line)  # noqa: T201  # this is a command line
    return 1 if problems else 0


def _record(symbol: str, file: Path, feed: str | None, seconds: float) -> int:
    from mdnb.runtime.process.bridge import run
    from mdnb.runtime.recording import record

    frames = run(record(symbol, file, feed, seconds))
    done = f"{frames:,} frames of {symbol} in {file}; play them with feed='replay:{file}'"
    print(done)  # noqa: T201  # this is a command line
    return 0
