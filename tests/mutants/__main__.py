"""``python -m tests.mutants``: put faults into the engine one at a time, and tell which the tests notice.

Name rooms to try only those: ``python -m tests.mutants validate bars``. The exit code is 0 when every room
reached its share. Hours for all of them; verdicts are kept in ``.mutants``: a run that is broken off goes on
where it was. ``--ending 07,57`` tries a sample, the same at each run.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from collections.abc import Mapping, Sequence

from tests.mutants.equivalent import read_claims, reason_of, unused
from tests.mutants.rooms import ROOMS, Room, room_of
from tests.mutants.run import change_of, failed_without_a_fault, read_mutants, run_room
from tests.mutants.sample import EVERY, Sample, read_sample

__all__ = ["main"]

_NOTICED = {"killed", "timeout", "segfault"}
_LIVED = {"survived", "no tests"}
_LEFT_OUT = "left out"
_NOT_TRIED = ("not checked", _LEFT_OUT)


def _tell(room: Room, show: bool, sample: Sample) -> bool:
    """Print what became of a room's mutants; return whether enough of the sample were noticed."""
    claims = read_claims()
    by_file: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    reasons: collections.Counter[str] = collections.Counter()
    lived, changes = [], []
    for mutant in read_mutants(room):
        status = mutant.status if sample.takes(mutant.name) else _LEFT_OUT
        if status in _LIVED:
            change = change_of(room, mutant)
            changes.append(change)
            reason = reason_of(change, claims)
            if reason is not None:
                reasons[f"{change.module} {change.function}: {reason}"] += 1
                status = "equivalent"
            else:
                lived.append((mutant, change))
        by_file[mutant.file][status] += 1
    total = sum(by_file.values(), collections.Counter[str]())
    _print_figures({**dict(sorted(by_file.items())), f"mdnb/{room.name}": total})
    if show:
        for mutant, change in lived:
            print(f"\n{mutant.name}\n  - {change.was}\n  + {change.becomes}")
    if reasons:
        print("\nDo the same as what they were made of:")
        for reason, count in sorted(reasons.items()):
            print(f"  {count} × {reason}")
    here = [claim for claim in claims if room_of(claim.module) == room and sample == EVERY]
    for claim, was, becomes in unused(here, changes):
        print(f"claimed and not found among those that lived: {claim.function}: {was} -> {becomes}")
    share = _share(total)
    if share is None or total["not checked"]:
        tried = "none was" if share is None else f"{total['not checked']} were not"
        print(f"\n{room.name}: {tried} tried")
        return False
    print(f"\n{room.name}: {share:.1f} % noticed, {room.wanted:g} % wanted")
    return share >= room.wanted


def _print_figures(by_file: Mapping[str, collections.Counter[str]]) -> None:
    columns = ["killed", "timeout", "survived", "no tests", "equivalent"]
    columns += sorted({name for counts in by_file.values() for name in counts} - set(columns))
    print(f"\n{'':46} {'made':>6}" + "".join(f" {name:>10}" for name in columns) + f" {'share':>9}")
    for file, counts in by_file.items():
        figures = "".join(f" {counts[name]:10}" for name in columns)
        share = _share(counts)
        print(
            f"{file:46} {counts.total():6}{figures} "
            + (f"{share:8.1f}%" if share is not None else f"{'-':>9}")
        )


def _share(counts: collections.Counter[str]) -> float | None:
    """Return the percentage noticed of those tried that do another thing; None where there are none."""
    judged = counts.total() - counts["equivalent"] - sum(counts[name] for name in _NOT_TRIED)
    return 100 * sum(counts[name] for name in _NOTICED) / judged if judged else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the rooms named, all by default; return 0 when each reached its share."""
    parser = argparse.ArgumentParser("python -m tests.mutants", description="Do the tests notice faults?")
    parser.add_argument(
        "rooms", nargs="*", metavar="room", help=f"which of {', '.join(ROOMS)} (default: all)"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the verdicts of earlier runs")
    parser.add_argument("--show", action="store_true", help="print each change that no test noticed")
    parser.add_argument(
        "--ending",
        type=read_sample,
        default=EVERY,
        metavar="DIGITS",
        help="only mutants whose number ends so: 7 is a tenth, 07 a hundredth, 07,57 two of them",
    )
    parser.add_argument("--told", action="store_true", help="run nothing, tell what the last run found")
    parser.add_argument("--children", type=int, default=2, help="mutants tried at a time (default 2)")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.rooms if name not in ROOMS]:
        parser.error(f"no room {unknown[0]!r}; there are {', '.join(ROOMS)}")
    enough = True
    for name in given.rooms or ROOMS:
        room, start = ROOMS[name], time.monotonic()
        code = 0 if given.told else run_room(room, given.fresh, given.children, given.ending)
        if code and (failed := failed_without_a_fault(room)):
            print(f"\nfailed without a fault: {failed}")
        enough &= _tell(room, given.show, given.ending) and code == 0
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
