"""What a field costs that a venue adds to its trades, and that no decoder knows yet."""

from __future__ import annotations

from tests.benchmarks.bench import Bench, Task
from tests.benchmarks.ours_fields import VENUES
from tests.benchmarks.report import Figure, Group, Target

__all__ = ["MOST", "fields"]

MOST = 3.0
"""Times as long as before, at most."""


def fields(bench: Bench) -> Group:
    """Each venue's frame of a trade as it is, and with one more field in each trade, side by side."""
    count = bench.sizes.messages
    found = bench.rounds(
        [
            Task(
                _label(dialect, unknown),
                "ours_fields",
                "decode",
                {"dialect": dialect, "count": count, "unknown": unknown},
            )
            for dialect in VENUES
            for unknown in (False, True)
        ]
    )
    return Group(
        "fields",
        f"CPU us a frame, decoded {count:,} times",
        [Figure.of(samples) for samples in found.values()],
        [
            Target(
                f"{dialect}, a field more over as it was",
                found[_label(dialect, True)].times(found[_label(dialect, False)]),
                "<=",
                MOST,
            )
            for dialect in VENUES
        ],
    )


def _label(dialect: str, unknown: bool) -> str:
    return f"{dialect}, a field more" if unknown else f"{dialect}, as it is"
