"""Every method of the data manager is told of: what it does, what it raises, an example that runs."""

from __future__ import annotations

import inspect

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
