"""Mutants that do the same as the code they were made of, each with the reason why no test can tell."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Change", "Claim", "read_claims", "reason_of", "unused"]

_FILE = Path(__file__).with_suffix(".toml")


@dataclasses.dataclass(frozen=True)
class Change:
    """What a mutant changes: lines of a function, without their indentation."""

    module: str
    function: str
    was: str
    becomes: str


@dataclasses.dataclass(frozen=True)
class Claim:
    """Changes of one function that are argued to change nothing.

    `changes` holds pairs: the line as it is, the line as the mutant has it.
    """

    module: str
    function: str
    changes: tuple[tuple[str, str], ...]
    reason: str

    def covers(self, change: Change) -> bool:
        return (change.module, change.function) == (self.module, self.function) and (
            (change.was, change.becomes) in self.changes
        )


def read_claims() -> list[Claim]:
    """Return what is claimed."""
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return [
        Claim(
            one["module"],
            one["function"],
            tuple((was, becomes) for was, becomes in one["changes"]),
            one["reason"],
        )
        for one in table.get("equivalent", [])
    ]


def reason_of(change: Change, claims: Iterable[Claim]) -> str | None:
    """Return why a change is claimed to change nothing; None where that is not claimed."""
    return next((claim.reason for claim in claims if claim.covers(change)), None)


def unused(claims: Iterable[Claim], survivors: Iterable[Change]) -> list[tuple[Claim, str, str]]:
    """Return what is claimed and did not survive, or is no change of the code as it is now."""
    lived = {(change.module, change.function, change.was, change.becomes) for change in survivors}
    return [
        (claim, was, becomes)
        for claim in claims
        for was, becomes in claim.changes
        if (claim.module, claim.function, was, becomes) not in lived
    ]
