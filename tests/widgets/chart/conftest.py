"""The chart that most tests of this folder look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mdnb.widgets.chart.chart import LiveChart
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import HandSource


@pytest.fixture
def source() -> HandSource:
    return HandSource()


@pytest.fixture
def chart(source: HandSource) -> Iterator[LiveChart]:
    made = drawn_by_hand(source, bars=100)
    yield made
    made.close()
