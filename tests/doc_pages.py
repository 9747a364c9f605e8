"""The documentation's pages: their blocks of code, run one after the other, and what they say is printed."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import sys
from pathlib import Path

from tests.scripts import run_python

__all__ = ["DOCS", "PAGES", "Block", "blocks", "printed"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / ".docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))

_BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```$)?", re.MULTILINE | re.DOTALL
)


@dataclasses.dataclass(frozen=True)
class Block:
    """Code of a page, and the output that stands right behind it."""

    code: str
    output: str


def blocks(text: str) -> list[Block]:
    """Return a page's blocks of Python, in their order."""
    return [Block(each["code"], each["output"] or "") for each in _BLOCK.finditer(text)]


def printed(page: str, folder: Path) -> list[str]:
    """Run a page's blocks in a process of their own, in which a warning is an error; return what each prints.

    They share their names, as the cells of a notebook do.
    """
    done = run_python(["-m", "tests.doc_pages", page], folder)
    assert not done.stderr, done.stderr
    outputs: list[str] = json.loads(done.stdout)
    return outputs


def _run(page: str) -> list[str]:
    names: dict[str, object] = {"__name__": "__main__"}
    outputs = []
    for number, block in enumerate(blocks((DOCS / page).read_text(encoding="utf-8")), 1):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block.code, f"{page}, block {number}", "exec"), names)
        outputs.append(out.getvalue())
    return outputs


if __name__ == "__main__":
    json.dump(_run(sys.argv[1]), sys.stdout)
