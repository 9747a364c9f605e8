"""``python -m tests.benchmarks``: measure, print, write JSON; exit code 1 when a target is missed."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import engine, fields, path, stores, symbols
from tests.benchmarks.bench import Bench, Sizes
from tests.benchmarks.beside import BesideBench
from tests.benchmarks.chart.group import chart
from tests.benchmarks.environments import cache_folder
from tests.benchmarks.report import Group, print_group, print_targets, write_json

__all__ = ["GROUPS", "main"]

GROUPS: dict[str, Callable[[Bench], Group]] = {
    "online": engine.online,
    "bulk": engine.bulk,
    "growth": engine.growth,
    "held": engine.held,
    "path": path.path,
    "pipeline": path.pipeline,
    "symbols": symbols.symbols,
    "calm": symbols.calm,
    "frames": stores.frames,
    "memory": stores.memory,
    "venues": path.venues,
    "fields": fields.fields,
    "latency": path.latency,
    "chart": chart,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the groups named, all by default."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description="Speed beside the peers.")
    parser.add_argument(
        "groups", nargs="*", metavar="group", help=f"which of {', '.join(GROUPS)} (default: all)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: shows that it runs, figures mean little"
    )
    parser.add_argument(
        "--no-peers", action="store_true", help="make no environments; targets against peers are missed"
    )
    parser.add_argument("--repeats", type=int, help="rounds a measurement (default 5)")
    parser.add_argument(
        "--out", type=Path, help="where the JSON goes (default: results/ in the cache folder)"
    )
    parser.add_argument(
        "--beside", type=Path, metavar="TREE", help="our own figures beside those of another checkout"
    )
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.groups if name not in GROUPS]:
        parser.error(f"no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    sizes = Sizes.quick() if given.quick else Sizes()
    if given.repeats:
        sizes = dataclasses.replace(sizes, repeats=given.repeats)
    folder = cache_folder()
    out = given.out or folder / "results" / time.strftime("%Y%m%d-%H%M%S.json")
    if given.beside is not None:
        bench: Bench = BesideBench(sizes, folder, given.beside.resolve())
    else:
        bench = Bench(sizes, folder, with_peers=not given.no_peers)
    groups = []
    try:
        for name in given.groups or GROUPS:
            groups.append(GROUPS[name](bench))
            print_group(groups[-1])
            if isinstance(bench, BesideBench):
                print("\n".join(bench.lines()))
            sys.stdout.flush()
    finally:
        bench.close()
        write_json(groups, out)
    held = given.beside is not None or print_targets(groups)
    print(f"written to {out}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
