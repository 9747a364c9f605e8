"""The only module that uses plotly's private names; `SilentFigure` is built on them.

No other module uses one: ``tests/widgets/figure/test_plotly_private.py`` holds that, and says which name is
gone when plotly has changed.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import traitlets

from mdnb.widgets.page.late_import import imported_late

# Plotly needs them only when it displays a figure by itself, or makes a PNG of one. Beside JupyterLab
# nbformat takes longer to import than all the rest, for it makes ready to check addresses; kaleido looks for
# browsers.
with imported_late("nbformat"), imported_late("kaleido"):
    from plotly.graph_objs import FigureWidget

__all__ = [
    "DATA_TRAIT",
    "LAYOUT_TRAIT",
    "SilentFigure",
    "adopt_handlers",
    "adopt_shapes",
    "config_of",
    "edits_were_drawn",
    "layout_of",
    "once_drawn",
    "plotly_module",
    "put",
    "restyle",
    "set_config",
    "set_ids",
    "take_relayout",
    "traces_of",
    "view_count",
    "whole_figure",
]

DATA_TRAIT, LAYOUT_TRAIT = "_widget_data", "_widget_layout"
"""What a page that opens begins with."""

_HANDLERS = ("_hover_callbacks", "_unhover_callbacks", "_click_callbacks", "_select_callbacks")
_DRAWN = "_js2py_traceDeltas"


class SilentFigure(FigureWidget):  # type: ignore[misc]  # plotly has no type information
    """A plotly figure that can be changed without plotly's messages to the page."""

    def read_through(self, catch_up: Callable[[], None] | None) -> None:
        """Set a function that is called before the traces are read; it may update them in place, silently."""
        self.__dict__["_mdnb_catch_up"] = catch_up

    @property
    def _data(self) -> list[dict[str, Any]]:
        """Plotly's own name of its traces, from which it answers everybody who reads the figure."""
        catch_up = self.__dict__.get("_mdnb_catch_up")
        if catch_up is not None:
            catch_up()
        held: list[dict[str, Any]] = self.__dict__["_mdnb_data"]
        return held

    @_data.setter
    def _data(self, traces: list[dict[str, Any]]) -> None:
        self.__dict__["_mdnb_data"] = traces

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Change the figure and send nothing of it."""
        self.__dict__["_mdnb_is_quiet"] = True
        try:
            yield
        finally:
            self.__dict__["_mdnb_is_quiet"] = False

    # -- what a page says, before plotly hears of it: for the class above to say more ------------------

    def _mdnb_number_points(self, points: dict[str, list[Any]]) -> None:
        """Give the points of an event the numbers that they have in the figure's data."""

    def _mdnb_taking(self, told: dict[str, Any] | None) -> contextlib.AbstractContextManager[None]:
        """Surround plotly's taking of a changed layout."""
        return contextlib.nullcontext()

    # -- what Python adds or changes, before a page hears of it: for the class above to say more ---------

    def _mdnb_check_traces(self, traces: Sequence[Mapping[str, Any]]) -> None:
        """Refuse traces that cannot be drawn."""

    def _mdnb_take_traces(self, traces: Sequence[dict[str, Any]]) -> None:
        """Change traces that were added to the figure's data."""

    def _mdnb_restyled(self, changes: Mapping[str, Any], _indexes: Sequence[int]) -> Mapping[str, Any]:
        """Return other changes of traces than the figure's data has been given."""
        return changes

    def _mdnb_relaid(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return other changes of the layout than the figure has been given."""
        return changes

    def _mdnb_move(self) -> None:
        """Put what stands at times where these are among other bars."""

    def add_traces(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Add traces; see plotly."""
        made = self._data_validator.validate_coerce(data)
        self._mdnb_check_traces([trace._props for trace in made])
        return super().add_traces(made, *args, **kwargs)

    @traitlets.observe("_js2py_pointsCallback")
    def _handler_js2py_pointsCallback(self, change: dict[str, Any]) -> None:  # noqa: N802  # plotly's name
        if change["new"]:
            self._mdnb_number_points(change["new"]["points"])
        super()._handler_js2py_pointsCallback(change)

    @traitlets.observe("_js2py_relayout")
    def _handler_js2py_relayout(self, change: dict[str, Any]) -> None:
        with self._mdnb_taking(change["new"]):
            super()._handler_js2py_relayout(change)

    # -- what plotly sends: each counts an edit, and waits until the page says that it was made -----------

    def _is_quiet(self) -> bool:
        return bool(self.__dict__.get("_mdnb_is_quiet"))

    def _send_addTraces_msg(self, new_traces_data: list[dict[str, Any]]) -> None:  # noqa: N802
        if not self._is_quiet():
            self._mdnb_take_traces(new_traces_data)
            super()._send_addTraces_msg(new_traces_data)

    def _send_deleteTraces_msg(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if not self._is_quiet():
            super()._send_deleteTraces_msg(*args, **kwargs)

    def _send_moveTraces_msg(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        if not self._is_quiet():
            super()._send_moveTraces_msg(*args, **kwargs)

    def _send_relayout_msg(self, layout_data: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        if not self._is_quiet():
            super()._send_relayout_msg(self._mdnb_relaid(layout_data), *args, **kwargs)

    def _send_restyle_msg(
        self, restyle_data: Mapping[str, Any], trace_indexes: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if not self._is_quiet():
            indexes = self._normalize_trace_indexes(trace_indexes)
            super()._send_restyle_msg(self._mdnb_restyled(restyle_data, indexes), indexes, *args, **kwargs)

    def _send_update_msg(
        self,
        restyle_data: Mapping[str, Any],
        relayout_data: Mapping[str, Any],
        trace_indexes: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if not self._is_quiet():
            indexes = self._normalize_trace_indexes(trace_indexes)
            try:
                restyled = self._mdnb_restyled(restyle_data, indexes)
                relaid = self._mdnb_relaid(relayout_data)
            except Exception:
                # Else plotly would make them once more with the next ones.
                self._batch_layout_edits.clear()
                self._batch_trace_edits.clear()
                raise
            super()._send_update_msg(restyled, relaid, indexes, *args, **kwargs)


# -- a figure's data and layout, as plain dictionaries that may be changed in place -----------------------


def traces_of(figure: Any) -> list[dict[str, Any]]:
    """Return a figure's traces."""
    held: list[dict[str, Any]] = figure._data
    return held


def layout_of(figure: Any) -> dict[str, Any]:
    """Return a figure's layout."""
    held: dict[str, Any] = figure._layout
    return held


def put(figure: Any, target: dict[str, Any], path: str, value: Any) -> None:
    """Set a value in a trace or layout by its path, such as ``line.color``."""
    figure._set_in(target, path, value)


def set_ids(figure: Any, uids: Sequence[str]) -> None:
    """Give the last traces of a figure the ids that ours are found by; a ``FigureWidget`` makes its own."""
    held = traces_of(figure)
    for trace, uid in zip(held[len(held) - len(uids) :], uids, strict=True):
        trace["uid"] = uid


def whole_figure(figure: Any, traces: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return the traits that plotly's front end begins with, as they are now; with other traces if given."""
    data = traces_of(figure) if traces is None else list(traces)
    return {DATA_TRAIT: copy.deepcopy(data), LAYOUT_TRAIT: copy.deepcopy(layout_of(figure))}


def config_of(figure: Any) -> dict[str, Any]:
    """Return plotly's config, such as ``scrollZoom``."""
    held: dict[str, Any] = figure._config
    return held


def set_config(figure: Any, config: Mapping[str, Any]) -> None:
    """Change plotly's config."""
    figure._config = dict(config)


def plotly_module() -> Any:
    """Return plotly's own front end."""
    # Its text: anywidget holds each widget that is given the file.
    return str(FigureWidget._esm)


def view_count(figure: Any) -> int:
    """Return how many views of a figure are open."""
    return int(figure._view_count)


def adopt_handlers(trace: Any, before: Any) -> None:
    """Give a trace the handlers of one that it takes the place of."""
    for name in _HANDLERS:
        setattr(trace, name, getattr(before, name))


def adopt_shapes(layout: Any, shapes: Sequence[Mapping[str, Any]]) -> None:
    """Set ``layout.shapes`` to these, which the layout's data has already; nothing is sent."""
    made = layout._get_validator("shapes").validate_coerce(shapes)
    for shape in made:
        shape._orphan_props.clear()
        shape._parent = layout
    layout._compound_array_props["shapes"] = made


# -- to the page and from it --------------------------------------------------------------------------


def restyle(figure: Any, changes: Mapping[str, Any], traces: Sequence[int]) -> None:
    """Send values of traces, changed or not."""
    figure._send_restyle_msg(dict(changes), list(traces))


def take_relayout(figure: Any, told: Any) -> None:
    """Take a changed layout from a page, as plotly's front end would tell it."""
    figure._handler_js2py_relayout({"new": told})


def once_drawn(figure: Any, then: Callable[[], None]) -> None:
    """Call a function when plotly's front end has drawn for the first time from now on."""

    def on_drawn(change: dict[str, Any]) -> None:
        if change["new"]:
            figure.unobserve(on_drawn, _DRAWN)
            then()

    figure.observe(on_drawn, _DRAWN)


def edits_were_drawn(figure: Any, layout: Any, trace: Any) -> None:
    """Record that a page has drawn edits up to these numbers; -1 for the traces means all.

    Whoever waits for that, with ``figure.batch_update()`` for example, goes on.
    """
    if layout == figure._last_layout_edit_id:
        figure._layout_edit_in_process = False
    if trace in {figure._last_trace_edit_id, -1}:
        figure._trace_edit_in_process = False
    if not figure._layout_edit_in_process and not figure._trace_edit_in_process:
        while figure._waiting_edit_callbacks:
            figure._waiting_edit_callbacks.pop()()
