"""The front end's modules as one text: what a page gets, and what is refused before a page fails on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mdnb.widgets.page.join_modules import STATIC, join_modules
from tests.frontend.__main__ import ENTRIES


def _write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_each_file_is_there_once_behind_those_it_imports(tmp_path: Path) -> None:
    _write(
        tmp_path,
        main='// Main.\n\nimport { low } from "./parts/low.js";\n'
        'import {\n  one,\n  two,\n} from "./parts/high.js";\n\n'
        "export const all = [low, one, two];\nexport default { all };\n",
        parts__low='import "../effect.js";\n\nexport function low() {}\n',
        parts__high='import { low } from "./low.js";\n\n'
        "export const one = low;\nexport const [two, three] = [2, 3];\n",
        effect='globalThis.said = "import and export are words";\n',
    )
    assert join_modules("main.js", tmp_path) == (
        '// ---- effect.js\n\nglobalThis.said = "import and export are words";\n\n'
        "// ---- parts/low.js\n\nfunction low() {}\n\n"
        "// ---- parts/high.js\n\nconst one = low;\nconst [two, three] = [2, 3];\n\n"
        "// ---- main.js\n\n// Main.\n\n\nconst all = [low, one, two];\nexport default { all };\n"
    )


def test_the_entry_may_list_what_it_exports(tmp_path: Path) -> None:
    _write(tmp_path, main='import { a } from "./a.js";\nexport { a };\n', a="export class a {}\n")
    assert join_modules("main.js", tmp_path).endswith("class a {}\n\n// ---- main.js\n\nexport { a };\n")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"main": 'import { a, b } from "./a.js";\n', "a": "export const a = 1;\nconst b = 2;\n"},
            r"main.js imports 'b' from a.js, which exports a$",
        ),
        ({"main": 'import { a } from "./a.js";\n', "a": "const a = 1;\n"}, "a.js, which exports nothing"),
        ({"main": 'import { a } from "./gone.js";\n'}, r"main.js imports gone.js: .*No such file"),
        (
            {
                "main": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./b.js";\nexport const a = b;\n',
                "b": 'import { a } from "./a.js";\nexport const b = a;\n',
            },
            "import each other: main.js -> a.js -> b.js -> a.js",
        ),
        (
            {
                "main": 'import { a } from "./a.js";\nlet same;\n',
                "a": "export const a = 1;\nfunction same() {}\n",
            },
            "a.js and main.js both declare 'same'",
        ),
        ({"main": 'import * as all from "./a.js";\n', "a": "export const a = 1;\n"}, "cannot be joined"),
        ({"main": 'import { a as b } from "./a.js";\n', "a": "export const a = 1;\n"}, "imports 'a as b'"),
        ({"main": 'import d3 from "d3";\n'}, "cannot be joined"),
        (
            {"main": 'import { a } from "./a.js";\n', "a": "export const a = 1;\nexport default a;\n"},
            "a.js: 'export default a;' cannot be joined",
        ),
        (
            {"main": 'import { a } from "./a.js";\n', "a": "const a = 1;\nexport { a };\n"},
            r"a.js, which exports nothing|a.js: 'export \{ a \};' cannot be joined",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
def test_what_a_page_would_fail_on_is_said_here(tmp_path: Path, files: dict[str, str], message: str) -> None:
    _write(tmp_path, **files)
    with pytest.raises(ImportError, match=message):
        join_modules("main.js", tmp_path)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))
def test_what_ships_has_no_import_left_and_stays_readable(entry: str) -> None:
    joined = join_modules(entry)
    assert not re.search(r"^import ", joined, re.MULTILINE)
    own = (STATIC / entry).read_text(encoding="utf-8").splitlines()
    body = [line for line in own if not line.startswith(("import ", "export ", "} from "))]
    assert set(body[:3]) <= set(joined.splitlines())
    assert max(map(len, joined.splitlines())) < 250, "not minified"


def test_every_file_is_part_of_some_page() -> None:
    joined = "\n".join(map(join_modules, ENTRIES.values()))
    used = set(re.findall(r"^// ---- (\S+)$", joined, re.MULTILINE))
    assert used == {str(path.relative_to(STATIC).as_posix()) for path in STATIC.rglob("*.js")}
