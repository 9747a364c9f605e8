"""Which contract counts when."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import SymbolError
from mdnb.feeds.rolls import ContractHistory, Seam


def test_each_symbol_has_its_own_rolls() -> None:
    contracts = ContractHistory()
    contracts.begin("MNQ", "Z25")
    contracts.begin("MES", "Z25")
    roll = contracts.roll("MNQ", "H26", 10)
    assert contracts.rolls == (roll,) == (Seam("MNQ", 10, "Z25", "H26"),)
    assert (contracts.contract("MNQ"), contracts.contract("MES")) == ("H26", "Z25")
    assert contracts.spans("MES", 0, 20) == [("Z25", 0, 20)]
    with pytest.raises(SymbolError, match="open the feed for it first"):
        contracts.contract("MCL")


@given(st.lists(st.integers(1, 100), unique=True, max_size=5), st.integers(0, 110), st.integers(0, 110))
def test_spans_are_the_contracts_of_each_instant(seams: list[int], start: int, end: int) -> None:
    contracts = ContractHistory()
    contracts.begin("X", "0")
    for number, at in enumerate(sorted(seams), 1):
        contracts.roll("X", str(number), at)
    expected = [str(sum(seam <= at for seam in seams)) for at in range(start, end)]
    assert [contracts.contract("X", at) for at in range(start, end)] == expected
    spans = contracts.spans("X", start, end)
    assert [name for name, first, last in spans for _ in range(first, last)] == expected
    assert len({name for name, _, _ in spans}) == len(spans)
