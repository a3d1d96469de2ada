"""Shows on stderr how a run goes: a live table in a terminal, else a line an event."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import on_screen

if TYPE_CHECKING:
    from rich.console import RenderableType

MARKS = {
    "waiting": ("·", "dim"),
    "running": ("▸", "yellow"),
    "succeeded": ("✓", "green"),
    "reused": ("✓", "cyan"),
    "failed": ("✗", "bold red"),
    "interrupted": ("✗", "bold red"),
    "skipped": ("-", "dim"),
}


class Place(NamedTuple):
    """A task of the pipeline: its row in the table. A loop executes it more than once."""

    path: tuple[str, ...]
    label: str
    depth: int  # the boxes around it
    is_box: bool = False  # a loop, a condition or a pipeline: only its title is shown


class Progress(Protocol):
    """What a run tells of itself; `begun` and `ended` get the path of the task's place."""

    last: str  # the step whose line stands last on the screen, if it is one's

    def say(self, text: str) -> None:
        """Tell of the run as a whole."""

    def begun(self, path: tuple[str, ...], name: str) -> None:
        """Tell that an execution of a task has begun."""

    def line(self, name: str, text: str) -> None:
        """Pass on a line that a step printed."""

    def ended(self, path: tuple[str, ...], name: str, state: str, seconds: float) -> None:
        """Tell that an execution of a task has ended."""

    def close(self) -> None:
        """End the display, before anything else is printed."""


def places(compiled: Mapping[str, Any]) -> list[Place]:
    """Return the rows of a live table; none of a pipeline that cannot be drawn."""
    from kfp_workbench.graph import model, spec  # where there is no table, nothing needs it

    try:
        graph = spec.read(compiled)
    except WorkbenchError:
        return []
    return [
        Place(path, node.label, len(path) - 1, is_box=bool(node.inside))
        for path, node in model.tasks(graph, boxes=True)
    ]


def make(places: Callable[[], Sequence[Place]]) -> Progress:
    """Return the display that fits stderr; it asks for the places if it shows them."""
    if sys.stderr.isatty() and os.environ.get("TERM") not in (None, "", "dumb"):
        return Table(places(), verbose=os.environ.get("V") == "1")
    return Lines()


class Silent:
    """Tells nothing."""

    last = ""

    def say(self, text: str) -> None:
        """Do nothing."""

    def begun(self, path: tuple[str, ...], name: str) -> None:
        """Do nothing."""

    def line(self, name: str, text: str) -> None:
        """Do nothing."""

    def ended(self, path: tuple[str, ...], name: str, state: str, seconds: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """A line an event, with the time; and all that the steps print."""

    def __init__(self) -> None:
        self.last = ""
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print a line with the time."""
        self._print(f"{time.strftime('%H:%M:%S')} {text}")

    def begun(self, path: tuple[str, ...], name: str) -> None:
        """Print that a task has begun."""
        self.say(f"{name}: started")

    def line(self, name: str, text: str) -> None:
        """Print a step's line."""
        self.last = name
        self._print(f"         {name} | {text}")

    def ended(self, path: tuple[str, ...], name: str, state: str, seconds: float) -> None:
        """Print how a task ended."""
        # A cluster tells whole seconds.
        taken = f"{seconds:.2f}" if seconds % 1 else f"{seconds:.0f}"
        result = "reused from an earlier run" if state == "reused" else f"{state} after {taken} s"
        self.say(f"{name}: {result}")

    def close(self) -> None:
        """Do nothing: each line was printed at once."""

    def _print(self, text: str) -> None:
        with self._lock:
            sys.stderr.write(
                f"{on_screen(text)}\n"
            )  # at once: an interrupt comes between two writes
            sys.stderr.flush()


class Table:
    """A table with a row a task: its state, its time; below what was printed, until it is closed."""

    def __init__(self, places: Sequence[Place], verbose: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self.last = ""  # logs are above the table, if anywhere
        self._verbose = verbose
        self._lock = threading.Lock()
        self._rows = {place.path: _Row(place) for place in places}
        self._console = Console(file=sys.stderr, highlight=False)
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._is_open = False

    def say(self, text: str) -> None:
        """Print a line with the time, above the table."""
        self._print(f"{time.strftime('%H:%M:%S')} {text}")

    def begun(self, path: tuple[str, ...], name: str) -> None:
        """Show that a task runs."""
        with self._lock:
            if not self._is_open:
                self._is_open = True
                self._live.start()
            if path in self._rows:
                self._rows[path].running[name] = time.monotonic()

    def line(self, name: str, text: str) -> None:
        """Print a step's line above the table, if that was asked for (``V=1``)."""
        if self._verbose:
            self._print(f"         {name} | {text}")

    def ended(self, path: tuple[str, ...], name: str, state: str, seconds: float) -> None:
        """Show how a task ended."""
        with self._lock:
            if row := self._rows.get(path):
                row.running.pop(name, None)  # one that is reused has not begun
                row.done.append((state, seconds))

    def close(self) -> None:
        """Leave the table on the screen as it is."""
        if self._is_open:
            self._is_open = False
            for row in self._rows.values():
                row.closed = True
            self._live.stop()

    def _print(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(on_screen(text)), soft_wrap=True)

    def _render(self) -> "RenderableType":
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable.grid(padding=(0, 2))
        with self._lock:
            rows = _fitting(list(self._rows.values()), self._console.height - 3)
            for row in rows:
                mark, style = ("", "dim") if row.place.is_box else MARKS[row.state]
                title = "  " * row.place.depth + on_screen(row.place.label)
                label = Text(title, "dim" if row.place.is_box else "", overflow="ellipsis")
                table.add_row(Text(mark, style), label, Text(row.count), Text(row.time))
            hidden = len(self._rows) - len(rows)
            if hidden:
                table.add_row("", Text(f"… and {hidden} more", "dim"), "", "")
        return table


class _Row:
    """The executions of one task."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.running: dict[str, float] = {}  # when each began
        self.done: list[tuple[str, float]] = []  # state and seconds
        self.closed = False

    @property
    def state(self) -> str:
        states = {state for state, _ in self.done}
        for state in ("failed", "interrupted"):
            if state in states:
                return state
        if self.running:
            return "running"
        if states:
            return "reused" if states == {"reused"} else "succeeded"
        return "skipped" if self.closed else "waiting"

    @property
    def count(self) -> str:
        total = len(self.done) + len(self.running)
        if total <= 1:
            return ""
        return f"{len(self.done)} of {total} so far" if self.running else f"{total} times"

    @property
    def time(self) -> str:
        if self.state == "reused":
            return "reused"
        now = time.monotonic()
        running = sum(now - began for began in self.running.values())
        seconds = sum(taken for _, taken in self.done) + running
        return f"{seconds:.1f} s" if self.done or self.running else ""


def _fitting(rows: list[_Row], height: int) -> list[_Row]:
    """Return the rows that a screen holds: what failed or runs, then what ended last, then the next."""
    if len(rows) <= height:
        return rows
    order = {"failed": 0, "interrupted": 0, "running": 1, "waiting": 2, "skipped": 4}
    ranked = sorted(rows, key=lambda row: 5 if row.place.is_box else order.get(row.state, 3))
    kept = {id(row) for row in ranked[: max(1, height - 1)]}
    return [row for row in rows if id(row) in kept]
