"""A kept market of the simulator that is killed from outside; run by ``test_killed_market.py``."""

from __future__ import annotations

import sys

import mdnb


def main(folder: str) -> None:
    market = mdnb.live("MNQ", ["1sec", "5sec", "1min"], store=folder, initial_days=0.01, progress=False)
    while True:
        event = market.wait_for("new_bar", timeout=30.0)
        if event.data.timeframe == "1sec":
            print(event.data.time_ns, flush=True)  # noqa: T201 - what the parent reads


if __name__ == "__main__":
    main(sys.argv[1])
