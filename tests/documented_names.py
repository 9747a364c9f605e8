"""The names that the reference page uses: what it imports, calls, gives and reads."""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterator

from tests.page import PAGE, blocks

__all__ = ["called", "config_fields", "event_fields", "event_types", "imported", "read_fields"]

_TREES = [ast.parse(block.code) for block in blocks(PAGE.read_text(encoding="utf-8"))]
_DATA = ("suite.data", "data_manager")


def _nodes() -> Iterator[ast.AST]:
    for tree in _TREES:
        yield from ast.walk(tree)


def imported() -> set[str]:
    """Return what is imported of the package, with its module."""
    nodes = [node for node in _nodes() if isinstance(node, ast.ImportFrom)]
    return {
        f"{node.module}.{name.name}"
        for node in nodes
        for name in node.names
        if "project_x" in str(node.module)
    }


def called() -> dict[str, list[str]]:
    """Return each call of the suite and its data, and the arguments it is given by name."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    owners = {"suite": "suite.", "TradingSuite": "TradingSuite."} | dict.fromkeys(_DATA, "suite.data.")
    for node in _nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = owners.get(ast.unparse(node.func.value))
            if owner is not None:
                arguments = found[owner + node.func.attr]
                arguments += [word.arg for word in node.keywords if word.arg and word.arg not in arguments]
    return dict(found)


def event_types() -> set[str]:
    """Return the members of EventType."""
    nodes = [node for node in _nodes() if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if ast.unparse(node.value) == "EventType"}


def _handlers() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    for tree in _TREES:
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "suite.on":
                kind, handler = node.args
                yield ast.unparse(kind).removeprefix("EventType."), functions[ast.unparse(handler)]


def event_fields() -> dict[str, set[str]]:
    """Return what is read of each type of event, of the event itself or of its data."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for kind, handler in _handlers():
        for node in ast.walk(handler):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("event", "event.data", "bar"):
                found[kind].add(node.attr)
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "event.data":
                found[kind].add(ast.literal_eval(node.slice))
        found[kind].discard("data")
    return dict(found)


def _results(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Give (variable, method) for what the data manager returns, and for each of several."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Await):
            function = getattr(node.value.value, "func", None)
            if isinstance(function, ast.Attribute) and ast.unparse(function.value) in _DATA:
                names[ast.unparse(node.targets[0])] = function.attr
    for node in ast.walk(tree):
        if isinstance(node, ast.For) and (method := names.get(ast.unparse(node.iter).partition("[")[0])):
            yield ast.unparse(node.target), method
    yield from names.items()


def read_fields() -> dict[str, set[str]]:
    """Return what is read of that which each method of the data manager returns; not of frames."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for tree in _TREES:
        names = dict(_results(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Subscript) and (
                method := names.get(ast.unparse(node.value))
            ):
                if isinstance(node, ast.Attribute):
                    found[method].add(node.attr)
                elif isinstance(node.slice, ast.Constant):
                    found[method].add(node.slice.value)
    return {method: fields for method, fields in found.items() if method not in ("get_data", "get_all_data")}


def config_fields() -> list[str]:
    """Return the options that DataManagerConfig is given."""
    nodes = [node for node in _nodes() if isinstance(node, ast.Call)]
    (made,) = [node for node in nodes if ast.unparse(node.func) == "DataManagerConfig"]
    return [str(word.arg) for word in made.keywords]
