"""Join the front end's ES modules into the one module that a page is sent.

The files under ``widgets/static`` import each other by relative paths, so that editors, a type checker, a
linter and Node read them as they are. A widget's page gets one text: each file once, those it imports before
it, without the imports and the word ``export``. Names stay as they are written, which is why two files of one
page may not declare the same one.
"""

from __future__ import annotations

import dataclasses
import pathlib
import posixpath
import re

__all__ = ["STATIC", "join_modules"]

STATIC = pathlib.Path(__file__).parents[1] / "static"
_IMPORT = re.compile(r'^import (?:\{(?P<names>[^}]*)\} from )?"(?P<path>\.{1,2}/[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)
_ENTRY_EXPORT = re.compile(r"^export (?:default\b|\{[^}]*\};)", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_DECLARED = re.compile(
    r"^(?P<export>export )?(?:(?:async )?function\*? |class |(?:const|let|var) )"
    r"(?P<names>[A-Za-z_$][\w$]*|\[[^\]]*\]|\{[^}]*\})",
    re.MULTILINE,
)


def join_modules(entry: str, folder: pathlib.Path = STATIC) -> str:
    """Return a module and all that it imports as one text, with the exports of the first.

    Parameters
    ----------
    entry
        Path of the module, relative to the folder.
    folder
        Where the modules are.

    Raises
    ------
    ImportError
        When a file that is imported is missing, or does not export a name that is asked of it; when files
        import each other in a circle; when two of them declare the same name; or when an import or export has
        a form that cannot be joined.
    """
    modules: dict[str, _Module] = {}
    _collect(entry, folder, modules, ())
    owners: dict[str, str] = {}
    for path, module in modules.items():
        for name in module.declared:
            if name in owners:
                raise ImportError(
                    f"{owners[name]} and {path} both declare {name!r}: joined, they share one scope"
                )
            owners[name] = path
    return "\n".join(f"// ---- {path}\n\n{module.body}\n" for path, module in modules.items())


@dataclasses.dataclass(frozen=True, slots=True)
class _Module:
    """A file without its imports; the names it declares where a line begins, and those that it exports."""

    body: str
    declared: tuple[str, ...]
    exported: tuple[str, ...]


def _collect(
    entry: str, folder: pathlib.Path, modules: dict[str, _Module], importers: tuple[str, ...]
) -> None:
    """Add a file behind those it imports."""
    if entry in importers:
        raise ImportError(f"modules import each other: {' -> '.join((*importers, entry))}")
    if entry in modules:
        return
    try:
        source = (folder / entry).read_text(encoding="utf-8")
    except OSError as error:
        raise ImportError(f"{importers[-1] if importers else folder} imports {entry}: {error}") from error
    for found in _IMPORT.finditer(source):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(entry), found["path"]))
        _collect(target, folder, modules, (*importers, entry))
        exported = modules[target].exported
        for name in _split(found["names"] or ""):
            if name not in exported:
                offered = ", ".join(exported) or "nothing"
                raise ImportError(f"{entry} imports {name!r} from {target}, which exports {offered}")
    modules[entry] = _read(entry, source, is_entry=not importers)


def _read(path: str, source: str, *, is_entry: bool) -> _Module:
    body = _EXPORT.sub("", _IMPORT.sub("", source))
    for left in _OTHER.finditer(body):
        if not (is_entry and _ENTRY_EXPORT.match(body, left.start())):
            allowed = 'import { name } from "./file.js"; or export before a declaration'
            raise ImportError(f"{path}: {left[0]!r} cannot be joined; write {allowed}")
    names = [(name, found["export"]) for found in _DECLARED.finditer(source) for name in _names(found)]
    exported = tuple(name for name, is_exported in names if is_exported)
    return _Module(body.strip(), tuple(name for name, _ in names), exported)


def _names(found: re.Match[str]) -> list[str]:
    return _split(found["names"].strip("[]{} "))


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
