"""All types of findings are known by name, so that a misspelt one is no empty answer."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.runtime.live.data_quality import TROUBLE_WORDS
from mdnb.validate.findings import FINDING_TYPES
from mdnb.validate.rules import ValidationRules

PACKAGE = Path(mdnb.__file__).parent
# What makes a finding, or what becomes one, of its first text that looks like a type.
MAKERS = {
    "QualityFinding",
    "findings_of",
    "note",
    "_note",
    "note_fault",
    "tell_trouble",
    "trouble",
    "rejected",
}
KEEPER = {"_tell", "_tell_all", "_tell_logged"}
TYPE = re.compile(r"[a-z]+(_[a-z]+)*")


def types_in(path: Path) -> set[str]:
    """Return the types that are written out where a module makes findings."""
    makers = MAKERS | (KEEPER if path.name == "store_keeper.py" else set())
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
        if name in makers:
            found |= {text for text in texts if isinstance(text, str) and TYPE.fullmatch(text)}
    return found


def test_every_type_that_is_written_anywhere_is_known() -> None:
    found = set(TROUBLE_WORDS).union(*map(types_in, PACKAGE.rglob("*.py")))
    assert len(found) > 80
    assert found <= FINDING_TYPES | {"odd"}, "the last one stands in an example"


def test_every_check_s_types_are_known() -> None:
    rules = ValidationRules()
    assert all(rules.allows(kind) for kind in FINDING_TYPES)
    none = ValidationRules(**{name: False for name in vars(type(rules)) if name.startswith("check_")})
    assert sum(not none.allows(kind) for kind in FINDING_TYPES) == 27


@pytest.mark.parametrize(
    ("type_", "meant"),
    [("histry_failed", "history_failed"), ("Price_spike", "price_spike"), ("data gap", "data_gap")],
)
def test_a_misspelt_type_is_said_to_be_one(type_: str, meant: str) -> None:
    with mdnb.live("BTC-USD", ["1min"], initial_days=0.01) as market:
        with pytest.raises(OptionError, match=f"Did you mean '{meant}'"):
            market.data.get_validation_errors(type=type_)
        assert market.data.get_validation_errors(type=meant) == []
        with pytest.raises(OptionError, match=r"no type of these\. Types found so far: none"):
            market.data.get_validation_errors(type="zzzzzz")
