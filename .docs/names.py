"""Finds what names lead to, in signatures and in single backticks, beyond what Sphinx finds by itself."""

from __future__ import annotations

import importlib.metadata
import pydoc
import sys

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_SHORT = {"pd": "pandas", "np": "numpy", "pa": "pyarrow", "ArrayLike": "numpy", "NDArray": "numpy"}
_OTHERS = sys.stdlib_module_names | importlib.metadata.packages_distributions().keys() - {"mdnb"}

_INTERNAL = {
    "BarColumns",
    "Columns",
    "Content",
    "FeedNames",
    "LiveStrip",
    "Locator",
    "Recorder",
    "StoreWriter",
    "SymbolState",
    "T",
    "TableState",
}


def _is_of_others(name: str) -> bool:
    """Return whether a name is of the standard library or of another package."""
    top = name.partition(".")[0]
    return _SHORT.get(top, top) in _OTHERS


def _is_internal(name: str) -> bool:
    """Return whether it is a type that signatures have, and that nobody outside of mdnb has to do with."""
    last = name.rpartition(".")[2]
    return last.startswith("_") or last in _INTERNAL


def _inherited(node: pending_xref, name: str) -> list[str]:
    """Return under what an attribute of the bases of the class around may be documented."""
    kind = pydoc.locate(f"{node.get('py:module')}.{node.get('py:class')}")
    return [
        f"{room}.{base.__name__}.{name}"
        for base in getattr(kind, "__mro__", ())
        for room in ("mdnb", base.__module__)
    ]


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.Node | None:
    """Find by its last part what is documented once; leave what is not ours."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix("typing.")
    domain = env.domains.python_domain
    last = target if not target.startswith("mdnb.") else target.rpartition(".")[2]
    found = [(name, each) for name, each in domain.objects.items() if name.endswith(f".{last}")]
    # The plain data manager has the same names.
    of_data = [each for each in found if each[0] == f"mdnb.RealtimeDataManager.{last}"]
    inherited = [each for each in found if each[0] in _inherited(node, last)][:1]
    found = of_data or inherited or (found if "." in target or target[0].isupper() else [])
    if len({(each.docname, each.node_id) for _, each in found}) == 1:
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0][0], node, text)
    return text if _is_of_others(target) or _is_internal(target) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the search."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}
