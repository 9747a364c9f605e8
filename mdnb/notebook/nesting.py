"""Letting ``asyncio.run(main())`` work inside a cell: applied on request only, never by an import."""

from __future__ import annotations

import importlib
import importlib.util

from mdnb.errors import MissingExtraError

__all__ = ["apply_nesting"]


def apply_nesting() -> str:
    """Patch asyncio so that running loops nest; return the name of the package that did it.

    Where ``nest_asyncio2`` is installed (ipykernel 7 brings it) it is taken: ``nest_asyncio`` is no longer
    maintained.

    Raises
    ------
    MissingExtraError
        When neither is installed.
    """
    for name in ("nest_asyncio2", "nest_asyncio"):
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name).apply()
            return name
    raise MissingExtraError("nesting loops needs nest-asyncio2 or nest-asyncio: pip install nest-asyncio2")
