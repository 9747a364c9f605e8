"""Reads docstrings in numpydoc's form, by Sphinx's own parser of it.

Three things differ from ``sphinx.ext.napoleon``: a class shows a signature only where it says what its
parameters are, since the others are made by mdnb; attributes show their types; and a property's first line
may have a colon.
"""

from __future__ import annotations

import inspect
import re

from sphinx.application import Sphinx
from sphinx.ext.autodoc import Options
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring

_SETTINGS = Config(napoleon_use_rtype=False)


class _Docstring(NumpyDocstring):
    def _parse_attributes_section(self, section: str) -> list[str]:
        lines: list[str] = []
        kind = self._obj if inspect.isclass(self._obj) else None
        types = {name: each for base in (kind.__mro__ if kind else ()) for name, each in _annotations(base)}
        for names, _, description in self._consume_fields():
            each = [name for name in names.split(", ") if not _is_shown_by_itself(kind, name)]
            if not each:
                continue
            given = {types.get(name) for name in each}
            lines += [f".. py:attribute:: {each[0]}", *(f"                  {name}" for name in each[1:])]
            if len(given) == 1 and (type_ := given.pop()):
                lines.append(f"   :type: {type_}")
            lines += ["", *self._indent(description, 3), ""]
        return lines


def _annotations(kind: type) -> list[tuple[str, str]]:
    return [(name, str(each)) for name, each in vars(kind).get("__annotations__", {}).items()]


def _is_shown_by_itself(kind: type | None, name: str) -> bool:
    """Return whether it is a property with a docstring of its own."""
    return isinstance(thing := getattr(kind, name, None), property) and bool(thing.__doc__)


def _section(kind: object, title: str) -> list[str]:
    """Return the names that a section of a class's docstring tells of."""
    text = inspect.getdoc(kind) or ""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[^\n]*\n---|\Z)", text, re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^(\w[\w, ]*)", found[1], re.MULTILINE) if found else []
    return [name for head in heads for name in head.split(", ")]


def _read(app: Sphinx, what: str, name: str, thing: object, options: Options, lines: list[str]) -> None:
    # "property" would have what is before a colon in the first line as its type.
    kind = "method" if what in ("property", "attribute", "data") else what
    lines[:] = str(_Docstring(list(lines), _SETTINGS, app, kind, name, thing, options)).splitlines()


def _signature(
    _app: Sphinx,
    what: str,
    _name: str,
    thing: object,
    _options: Options,
    given: str | None,
    _returned: str | None,
) -> tuple[str, str] | None:
    if given and what in ("class", "exception") and not _section(thing, "Parameters"):
        return "", ""
    return None


def _skip(_app: Sphinx, _what: str, _name: str, thing: object, _skip: bool, _options: Options) -> bool | None:
    """Leave out fields of named tuples: the class's docstring tells of them under Attributes."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the reader."""
    app.connect("autodoc-process-docstring", _read)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True}
