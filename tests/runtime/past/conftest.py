"""A repair that fails goes on, and puts right in the end what it broke: so each failure is looked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_repair_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where a repair logged that it failed; a test that makes it fail turns the log off."""
    yield
    said = [record.getMessage() for record in caplog.get_records("call")]
    assert not [text for text in said if text.startswith("the repair of ")]
