"""Progress of a publication or a long request, in a notebook or a terminal."""

from __future__ import annotations

import contextlib
import html
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console

if TYPE_CHECKING:
    from types import TracebackType


_TICK_SECONDS = 1.0


class Progress:
    """A line with the current step and the elapsed time.

    In a notebook it is a display that ends as one line; in a terminal a spinner on stderr, so that
    output can be piped; elsewhere there is no output. The time is updated during a long step.

    Args:
        name: The model's name.
        action: What happens to the model.
        shown: Whether to show it; by default in a notebook or a terminal.
    """

    def __init__(self, name: str, *, action: str = "publishing", shown: bool | None = None) -> None:
        self._what = f"{action} {name}"
        self._step = self._text = ""
        self._begin = time.perf_counter()
        self._handle: Any = None
        self._status: Any = None
        self._ended = threading.Event()
        self._showing = threading.Lock()
        self._console = Console(stderr=True)
        in_notebook = is_notebook()
        if shown is False or not (in_notebook or sys.stderr.isatty()):
            return
        if in_notebook:
            self._handle = _display(self._to_line("..."))
        else:
            self._status = self._console.status(self._what)

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        if self._status is not None or self._handle is not None:
            threading.Thread(target=self._tick, name="exporter-progress", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        with contextlib.suppress(Exception), self._showing:
            if self._status is not None:
                self._status.stop()
            if error is not None and self._handle is not None:
                self._handle.update(_Html(self._to_line(f"failed at: {self._step}")))

    def begin(self, step: str, detail: str = "") -> None:
        """Show a new step."""
        self._step = step
        self._show(f"{step} ({detail})" if detail else step)

    def note(self, detail: str) -> None:
        """Add a detail to the current step."""
        self._show(f"{self._step} ({detail})")

    def done(self, message: str, before_time: str = ", in") -> None:
        """Replace the line with the result and the time it took."""
        self._ended.set()
        # The publication has succeeded, even if the display fails.
        with contextlib.suppress(Exception), self._showing:
            self._show_end(f"{message}{before_time} {time.perf_counter() - self._begin:.1f} s")

    def _show_end(self, line: str) -> None:
        if self._handle is not None:
            self._handle.update(_Html(line))
        if self._status is not None:
            self._status.stop()
            self._console.print(f"[green]✓[/green] {line}", highlight=False)

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            self._show(self._text)

    def _show(self, text: str) -> None:
        self._text = text
        seconds = int(time.perf_counter() - self._begin)
        text = f"{text}, {seconds} s" if seconds else text
        # A failing display must not stop the publication.
        with contextlib.suppress(Exception), self._showing:
            if self._ended.is_set():
                return
            if self._handle is not None:
                self._handle.update(_Html(self._to_line(text)))
            if self._status is not None:
                self._status.update(f"{self._what}: {text}")

    def _to_line(self, text: str) -> str:
        return f"{self._what}: {text}"


def is_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class _Html:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f'<div style="opacity:.7;font-size:90%">{html.escape(self._text)}</div>'


def _display(text: str) -> Any:
    from IPython.display import display  # noqa: PLC0415 - installed only in a notebook

    return display(_Html(text), display_id=True)  # type: ignore[no-untyped-call]
