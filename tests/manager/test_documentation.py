"""Every method of the data manager is told of: what it does, what it raises, an example that runs."""

from __future__ import annotations

import inspect
import pydoc

import pytest

from mdnb.manager import RealtimeDataManager
from mdnb.manager.forward import Forward
from mdnb.sync_manager import SyncDataManager

METHODS = {name: value for name, value in vars(RealtimeDataManager).items() if isinstance(value, Forward)}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_has_an_example_that_runs_as_a_doctest(name: str) -> None:
    text = METHODS[name].__doc__ or ""
    assert ">>> " in text
    assert f"{name}(" in text
    assert text.strip().splitlines()[0].endswith(".")
    signature = inspect.signature(METHODS[name].method)
    options = [option for option in signature.parameters if option not in ("self", "timeout")]
    missing = [option for option in options if option not in text]
    assert not missing or "As in `export_to_csv`" in text or "see `import_from_csv`" in text, missing


def test_both_faces_have_the_same_names() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(SyncDataManager) | {"symbol"} == public(RealtimeDataManager) | {"symbol"}


def test_a_plain_method_says_what_it_takes() -> None:
    import mdnb

    with mdnb.live("BTC-USD", ["1min"], initial_days=0) as market:
        assert str(inspect.signature(market.data.get_data)).startswith("(timeframe: 'str', count:")
        assert "newest so many" in str(market.data.get_data.__doc__)
        assert repr(market.data.get_data).startswith("<get_data(")


def test_help_of_a_plain_face_calls_nothing_async_and_names_types() -> None:
    import mdnb

    for kind in (mdnb.LiveMarket, mdnb.LiveSymbol, mdnb.SyncDataManager):
        shown = pydoc.render_doc(kind, renderer=pydoc.plaintext)
        methods = [line for line in shown.splitlines() if line.startswith(" |  ") and line[5:6].strip()]
        assert not [line for line in methods if line.startswith(" |  async ")]
    assert " |  bid\n |      Return the best bid" in pydoc.render_doc(
        mdnb.LiveMarket, renderer=pydoc.plaintext
    )
    awaited = pydoc.render_doc(mdnb.TradingSuite, renderer=pydoc.plaintext)
    assert " |  async add_timeframe(self, timeframe: 'str') -> 'str'" in awaited


def test_a_plain_method_is_called_on_its_class_as_on_a_market() -> None:
    import mdnb

    with mdnb.live("BTC-USD", ["1min"], initial_days=0) as market:
        assert mdnb.LiveMarket.add_timeframe(market, "5m") == "5min"
        assert market.timeframes == ["1min", "5min"]
