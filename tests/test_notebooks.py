"""What the notebooks in the repository hold: results that can be seen without a kernel, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_without_widget_state_with_a_picture_in_its_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert "application/vnd.jupyter.widget" not in text
    book = json.loads(text)
    assert "widgets" not in book["metadata"]
    charts = [
        cell for cell in book["cells"] if cell["cell_type"] == "code" and ".chart(" in "".join(cell["source"])
    ]
    for cell in charts:
        pictures = [output["data"]["image/svg+xml"] for output in cell["outputs"] if "data" in output]
        assert pictures, "run: python -m tests.refresh_notebooks"
        # Before it is trusted, as on Binder, a notebook shows the other form.
        assert all("image/png" in output["data"] for output in cell["outputs"] if "data" in output)
        drawing = ET.fromstring("".join(pictures[-1]))
        assert drawing.tag.endswith("svg")
        assert len(list(drawing.iter())) > 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_was_run_in_order_without_an_error(path: Path) -> None:
    book = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output["output_type"] != "error" for cell in cells for output in cell["outputs"])


def test_the_quickstart_is_five_cells() -> None:
    book = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))
    assert NOTEBOOKS[0].name == "01_quickstart.ipynb"
    assert sum(cell["cell_type"] == "code" for cell in book["cells"]) == 5
