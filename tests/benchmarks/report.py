"""Figures and targets, as a table and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tests.benchmarks.bench import Samples

__all__ = ["Figure", "Group", "Target", "print_group", "print_targets", "write_json"]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured number."""

    label: str
    value: float
    unit: str
    note: str = ""

    @classmethod
    def of(cls, samples: Samples, *, unit: str = "us", note: str = "") -> Figure:
        """Return the median of a task, with its spread and what was wrong with its result."""
        if samples.error:
            return cls(samples.label, math.nan, unit, f"NOT MEASURED: {samples.error}")
        spread = f"{min(samples.micros):.3g}..{max(samples.micros):.3g}"
        judged = f"WRONG: {samples.wrong}" if samples.wrong else ""
        return cls(
            samples.label, samples.median, unit, "  ".join(part for part in (spread, note, judged) if part)
        )


@dataclasses.dataclass(frozen=True)
class Target:
    """A line of `design/speed.md` to hold: ``value`` at least or at most ``limit``; nan counts as missed."""

    line: str
    value: float
    relation: Literal[">=", "<="]
    limit: float
    unit: str = "x"

    @property
    def held(self) -> bool:
        """Whether it was measured and holds."""
        return self.value >= self.limit if self.relation == ">=" else self.value <= self.limit


@dataclasses.dataclass(frozen=True)
class Group:
    """What one group of measurements found."""

    name: str
    about: str
    figures: list[Figure]
    targets: list[Target] = dataclasses.field(default_factory=list)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _line(target: Target) -> str:
    word = "not measured" if math.isnan(target.value) else ("pass" if target.held else "MISSED")
    wanted = f"{target.relation} {_number(target.limit)}{target.unit}"
    return f"  {word:<13}{_number(target.value) + target.unit:>12}  (target {wanted:<12}) {target.line}"


def print_group(group: Group) -> None:
    """Print the figures and targets of one group."""
    print(f"\n{group.name}: {group.about}")
    width = max((len(figure.label) for figure in group.figures), default=0)
    for figure in group.figures:
        print(
            f"  {figure.label:<{width}}  {_number(figure.value):>9} {figure.unit:<10} {figure.note}".rstrip()
        )
    for target in group.targets:
        print(_line(target))


def print_targets(groups: Sequence[Group]) -> bool:
    """Print all targets once more; return whether every one holds."""
    targets = [target for group in groups for target in group.targets]
    print("\nTargets")
    for target in targets:
        print(_line(target))
    held = sum(target.held for target in targets)
    print(f"\n{held} of {len(targets)} targets hold")
    return held == len(targets)


def write_json(groups: Sequence[Group], path: Path) -> None:
    """Write everything, with what it was measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made: dict[str, Any] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "groups": [dataclasses.asdict(group) for group in groups],
    }
    path.write_text(json.dumps(made, indent=1))
