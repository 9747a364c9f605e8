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


def test_a_roll_that_did_not_come_off_is_taken_back_and_prices_are_noted() -> None:
    contracts = ContractHistory()
    contracts.begin("MNQ", "Z25")
    contracts.begin("MES", "Z25")
    first, other = contracts.roll("MNQ", "H26", 10), contracts.roll("MES", "H26", 12)
    contracts.roll("MNQ", "M26", 20)
    contracts.take_back("MNQ")
    assert (contracts.rolls, contracts.contract("MNQ")) == ((first, other), "H26")
    contracts.price(first, 100.0, 103.0)
    assert [(roll.symbol, roll.old_price, roll.new_price) for roll in contracts.rolls[:1]] == [
        ("MNQ", 100.0, 103.0)
    ]
    contracts.before("MNQ", "U25", 5)
    assert contracts.spans("MNQ", 0, 15) == [("U25", 0, 5), ("Z25", 5, 10), ("H26", 10, 15)]
    assert (contracts.knows("MNQ"), contracts.knows("NQ")) == (True, False)
