"""How well versions did over time, by the truth that came."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from exporter.errors import OptionError
from exporter.rookery.log import parse_length, records, to_time
from inference.monitoring.feedback.scores import score

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from inference.monitoring.feedback.records import Record

_METRICS = ("accuracy", "macro_f1", "mean_absolute_error", "root_mean_squared_error")


class Live(pd.DataFrame):  # type: ignore[misc]
    """The metrics of each version in each period, by the time of the answers."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def draw(self, metric: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw one metric over time, a line for each version.

        Args:
            metric: A column; ``None`` for the first metric.
            ax: Where to draw; ``None`` for a new figure.

        Raises:
            OptionError: There is no such column.
        """
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing needs it
        from matplotlib import dates  # noqa: PLC0415

        known = [name for name in (*_METRICS, "rows") if name in self.columns]
        chosen = metric or known[0]
        if chosen not in known:
            raise OptionError(f"there is no metric {metric!r}: choose one of {', '.join(known)}")
        if ax is None:
            _, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
        for version, part in self.groupby("version"):
            ax.plot(part["time"], part[chosen], marker="o", label=f"version {version}")
        if len(self):
            ax.legend()
        words = chosen.replace("_", " ")
        ax.set(title=f"live {words}", ylabel=words, xlabel="time of the answers, UTC")
        untyped: Any = dates
        locator = untyped.AutoDateLocator()
        ax.xaxis.set(major_locator=locator, major_formatter=untyped.ConciseDateFormatter(locator))
        return ax


def read_live(folder: Path, model: str, since: Any, every: Any) -> Live:
    """Score a model; see :meth:`exporter.rookery.served_model.ServedModel.live`."""
    begin = to_time(since)
    length = parse_length(every)
    seconds = 0.0 if length is None else length.total_seconds()
    if not seconds > 0:
        raise OptionError(f"every={every!r} is no length of time: pass one such as '10min' or '1D'")
    groups: dict[tuple[int, float], dict[tuple[str, int], Record]] = defaultdict(dict)
    for path in folder.glob(f"{model}/[1-9]*/feedback"):
        if not path.parent.name.isdecimal():
            continue
        for record in records(folder, model, path.parent.name):
            if begin is None or record.answered >= begin.timestamp():
                period = record.answered // seconds * seconds
                groups[int(path.parent.name), period][record.request_id, record.row] = record
    lines = []
    for (version, period), rows in sorted(groups.items()):
        scores = score(list(rows.values()))
        if scores is not None:
            time = pd.Timestamp(period, unit="s", tz="UTC")
            found = {name: getattr(scores, name) for name in ("rows", *_METRICS)}
            lines.append({"version": version, "time": time, **found})
    table = pd.DataFrame(lines, columns=["version", "time", "rows", *_METRICS])
    return Live(table.drop(columns=[name for name in _METRICS if table[name].isna().all()]))
