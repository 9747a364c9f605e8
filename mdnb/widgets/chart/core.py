"""The parts of a chart behind its plotly figure, and forwarding of its methods to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from mdnb.widgets.chart.annotations import Annotations
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.chart.time_places import TimePlaces
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.figure.plotly_private import SilentFigure
from mdnb.wrong_arguments import arguments_do_not_fit

__all__ = ["ChartCore", "Transport", "part_method"]

P = ParamSpec("P")
R = TypeVar("R")
Part = TypeVar("Part")


class Transport(Protocol):
    """Brings a chart to the pages that show it.

    Attributes
    ----------
    replays, links
        Whether the front end can replay, and share crosshair and zoom with others.
    """

    replays: bool
    links: bool

    @property
    def held(self) -> ChartBars:
        """The bars drawn."""
        ...

    def make_figure(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the figure's traces and its layout."""
        ...

    def wants(self) -> bool:
        """Return whether a page shows the chart."""
        ...

    def draw(self, version: tuple[int, int, int]) -> None:
        """Send what changed."""
        ...

    def beat(self) -> None:
        """Send a heartbeat while nothing changes."""
        ...

    def receive(self, message: Any) -> None:
        """Handle a message from a page."""
        ...

    def follow(self, on: bool) -> None:
        """Have every page follow the newest bar, or stay where it is."""
        ...

    def recompose(self) -> None:
        """Send everything again: kind, overlays, timeframe or symbol changed."""
        ...

    def recolour(self, old: Look, *, tell: bool) -> None:
        """Change the colours from another look's."""
        ...

    def number_points(self, points: dict[str, list[Any]]) -> None:
        """Give the points of an event the numbers that they have in the figure's data."""
        ...

    def traits(self) -> dict[str, Any]:
        """Return the initial values of the synced traits, for a page opened now."""
        ...


class ChartCore:
    """The parts of one chart.

    Attributes
    ----------
    figure
        What plotly knows of the chart.
    state
        What the chart knows of itself.
    transport
        How it is drawn; another one once a page cannot run our front end.
    annotations
        What stands beside its bars.
    places
        Of what the user added at times.
    """

    __slots__ = ("annotations", "figure", "places", "state", "transport")

    def __init__(self, figure: SilentFigure, state: ChartState, transport: Transport) -> None:
        self.figure = figure
        self.state = state
        self.transport = transport
        self.annotations = Annotations(figure, state, self._is_wanted)
        self.places = TimePlaces(figure, state)

    def _is_wanted(self) -> bool:
        return self.transport.wants()  # not that of a transport that was exchanged


def part_method(
    part: Callable[[ChartCore], Part], method: Callable[Concatenate[Part, P], R]
) -> Callable[Concatenate[Any, P], R]:
    """Return a method of a chart that one of its parts carries out, documented as that is.

    Parameters
    ----------
    part
        Returns the part, or makes it: most of them hold nothing of their own.
    method
        As the part's class has it.
    """

    @functools.wraps(method)
    def carry_out(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        one = part(self._mdnb)
        try:
            return method(one, *args, **kwargs)
        except TypeError as error:
            said = arguments_do_not_fit(method, kwargs, error)
            if said is None:
                raise
            raise said from error

    return carry_out
