"""The example of CONTRIBUTING, built and installed as another package: its venue is found by its name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.venues.bars import bars_of
from tests.venues.example_venue import PACKAGE, ExampleDialect
from tests.venues.stand_in import StandIn, tape_of

ROOT = Path(__file__).parents[2]
_SCRIPT = """
import sys
import mdnb

assert "example" in mdnb.feed_names()
stream, rest, file = sys.argv[1:]
feed = f"example://?url={stream}&rest={rest}"
with mdnb.live("BTC/USD", ["1min", "1hour"], feed=feed, initial_days=1, progress=False) as live:
    with live.record(file):
        live.wait_for("tick_data")
    print(live["1min"].frame["open"].to_list()[:40])
with mdnb.live("BTC/USD", ["1sec"], feed=f"replay:{file}?speed=max", initial_days=0) as again:
    again.start()
    again.wait_ended()
    print(float(again.price))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the example's wheel, and unpack it as an installer does."""
    folder = tmp_path_factory.mktemp("example")
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    name = subprocess.run(
        [sys.executable, "-c", build, str(folder)],
        cwd=PACKAGE,
        check=True,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    ).stdout.split()[-1]
    site = folder / "site"
    with zipfile.ZipFile(folder / name) as wheel:
        wheel.extractall(site)
    return site


def test_its_feed_and_its_decoder_are_found_and_work(installed: Path, tmp_path: Path) -> None:
    assert not list(PACKAGE.glob("*.egg-info"))
    # Another process goes by this computer's clock.
    now_ns = time.time_ns() // 10**6 * 10**6
    tape = tape_of(600, 200, start_ns=now_ns - 600 * 5 * 10**9)
    venue = StandIn(ExampleDialect(), tape, begun=600, pace=0.02)
    call(venue.listen())
    call(_begin(venue))
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, venue.stream.url, venue.rest.url, str(tmp_path / "x.jsonl")],
            env=os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    finally:
        call(venue.close())
    assert done.returncode == 0, done.stderr[-3000:]
    opens, price = done.stdout.splitlines()
    assert opens == str([bar[1] for bar in bars_of(tape, 60)[:40]])
    assert float(price) in {row[1] for row in tape[600:]}


async def _begin(venue: StandIn) -> None:
    venue.stream.play()
