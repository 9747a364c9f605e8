"""A forked process and the markets of its parent: whatever it asks of them raises at once, and it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PLAIN = """
lambda: live.close()
lambda: live.price
lambda: live.wait_for("new_bar", 1)
lambda: live["1min"].frame
lambda: len(live["1min"])
lambda: live.data.get_data("1min")
lambda: live.timeframes
lambda: live.status
lambda: str(live)
lambda: live.chart("1min")
lambda: live.depth()
lambda: live.on("new_bar", print)
lambda: live.off("new_bar")
lambda: live.alert(above=1.0)
lambda: live.export("bars.csv")
lambda: live.accounting()
lambda: live.alignment()
lambda: live.wait_ended(1)
lambda: live.add_timeframe("15min")
lambda: live.data.get_validation_errors()
lambda: next(live.events("new_bar"))
lambda: next(stream)
lambda: list(live.data.iter_bars("1min")) if hasattr(live.data, "iter_bars") else live.close()
lambda: chart.close()
lambda: chart.set_kind("line")
lambda: chart.draw()
lambda: tape.draw()
lambda: asyncio.run(suite.disconnect())
lambda: asyncio.run(price_of(suite))
lambda: asyncio.run(suite.wait_for("new_bar", 1))
lambda: asyncio.run(suite.data.get_data("1min"))
"""

SCRIPT = """
import asyncio, faulthandler, os, signal, sys, warnings
warnings.simplefilter("ignore")
import mdnb
from mdnb.errors import RuntimeUseError

async def price_of(suite): return await suite.price
async def made():
    return await mdnb.TradingSuite.create("MNQ", timeframes=["1min"], feed="sim://?speed=20", initial_days=0)

def attempt():
    wrong = []
    for line in {lines!r}.strip().splitlines():
        try:
            eval(line, globals())()
        except RuntimeUseError as error:
            said = str(error)
            if str(parent) not in said or "of its own in the child" not in said or "spawn" in said:
                wrong.append(line + ": " + str(error))
        except BaseException as error:
            wrong.append(line + ": " + repr(error))
        else:
            wrong.append(line + " returned")
    # One of its own works.
    with mdnb.live("MES", ["1min"], feed="sim://?speed=20", initial_days=0.01) as own:
        wrong += [] if own.price > 0 else ["no price of its own"]
    print("\\n".join(wrong) or "right", flush=True)

parent = os.getpid()
live = mdnb.live("MNQ", ["1min"], feed="sim://?speed=20", initial_days=0.01)
suite = mdnb.run(made())
before = live.price
stream = live.events("new_bar")
chart, tape = live.chart("1min"), live.tape()
{fork}
live.wait_for("tick_data")
live.close()
mdnb.run(suite.disconnect())
print("parent goes on")
"""

OS_FORK = """
child = os.fork()
if not child:
    # It is not to be waited for for ever here: an alarm ends it, and this is seen.
    signal.alarm({limit})
    attempt()
    {end}
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

MULTIPROCESSING = """
import multiprocessing
process = multiprocessing.get_context("fork").Process(target=attempt)
process.start()
process.join({limit})
print(process.exitcode)
if process.exitcode is None: process.kill()
"""


def answers(fork: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(lines=PLAIN, fork=fork)],
        capture_output=True,
        text=True,
        timeout=2 * LIMIT_SECONDS,
        check=False,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_whatever_a_fork_asks_of_its_parents_market_raises_and_it_ends(end: str, tmp_path: Path) -> None:
    limit = int(LIMIT_SECONDS)
    assert answers(OS_FORK.format(limit=limit, end=end), tmp_path) == ["right", "0", "parent goes on"]


def test_a_fork_made_by_multiprocessing_is_one_too(tmp_path: Path) -> None:
    assert answers(MULTIPROCESSING.format(limit=LIMIT_SECONDS), tmp_path) == ["right", "0", "parent goes on"]
