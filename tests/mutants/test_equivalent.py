"""What is claimed of mutants is about the code as it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import main
from tests.mutants.equivalent import Change, Claim, read_claims, reason_of, unused
from tests.mutants.rooms import room_of

ROOT = Path(__file__).parents[2]
CLAIMS = read_claims()


def _function(module: str, name: str) -> ast.AST:
    found: ast.AST = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    for part in name.split("."):
        found = next(node for node in ast.iter_child_nodes(found) if getattr(node, "name", None) == part)
    return found


@pytest.mark.parametrize("claim", CLAIMS, ids=[f"{one.function}-{at}" for at, one in enumerate(CLAIMS)])
def test_each_claim_is_of_lines_that_its_function_has(claim: Claim) -> None:
    function = _function(claim.module, claim.function)
    lines = (ROOT / claim.module).read_text(encoding="utf-8").splitlines()
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    text = " ".join(line.strip() for line in lines[function.lineno - 1 : function.end_lineno])
    for was, becomes in claim.changes:
        assert was in text
        assert was != becomes
    assert room_of(claim.module) is not None
    assert claim.reason.endswith(".")


def test_a_claim_covers_its_change_and_no_other() -> None:
    claim = Claim("m.py", "f", (("a", "b"), ("a", "c")), "so")
    assert reason_of(Change("m.py", "f", "a", "c"), [claim]) == "so"
    for other in (
        Change("m.py", "f", "a", "d"),
        Change("m.py", "g", "a", "b"),
        Change("n.py", "f", "a", "b"),
    ):
        assert reason_of(other, [claim]) is None
    assert unused([claim], [Change("m.py", "f", "a", "c")]) == [(claim, "a", "b")]


def test_an_unknown_room_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["attic"])
    assert raised.value.code == 2
    assert (
        "no room 'attic'; there are validate, bars, decode, runtime, runtime/live, runtime/past,"
        " market_store, stores, io" in capsys.readouterr().err
    )
