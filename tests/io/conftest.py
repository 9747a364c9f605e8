"""What holds of every file that is refused, whichever test it is that comes across it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import mdnb.io
from mdnb.errors import DataImportError
from mdnb.io.notes import refuse


def checked(where: str, problem: str, remedy: str) -> DataImportError:
    """Refuse a file, and see that it is named, and what is wrong and what to do said as sentences are."""
    assert isinstance(where, str)
    assert re.fullmatch(r"(?s)\S.*[a-z].*[^\s.]", problem), problem
    assert re.fullmatch(r"(?s)[A-Z].*[a-z].*[.?]", remedy), remedy
    return refuse(where, problem, remedy)


@pytest.fixture(scope="session", autouse=True)
def _refusals_are_sentences() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for found in pkgutil.walk_packages(mdnb.io.__path__, "mdnb.io."):
            module = importlib.import_module(found.name)
            if getattr(module, "refuse", None) is refuse:
                patch.setattr(module, "refuse", checked)
        yield
