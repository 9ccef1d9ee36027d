"""The page docs/reference/growth.md: what was measured, and what follows from it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth.crowd import Crowd
    from growth.replicas import Followed

_DAY = 86_400
# Amazon's list prices for a million requests in dollars: S3 Standard, us-east-1.
_GET, _LIST, _PRICED = 0.40, 5.00, "November 2026"
_SYNC_SECONDS = 10
_MANY = 10_000

_PAGE = (Path(__file__).parent / "template.md").read_text()

# What one would do about the documents that list all models.
_ADVICE = {
    "/models": "ask for one model: `/models/NAME`",
    "/metrics": "scrape less often, or drop series in Prometheus",
    "/openapi.json": "it is built on request: do not open `/docs`, use `/models/NAME`",
}


def render(
    crowds: Sequence[Crowd], followed: Sequence[Followed], benchmarks: str, *, load: float
) -> str:
    """Return the page.

    Args:
        crowds: Services with different numbers of models, in ascending order.
        followed: Different numbers of replicas.
        benchmarks: The page of benchmarks, for the rate on one core.
        load: The load of the machine before the measurement.
    """
    first, *_, last = crowds
    rate = _rate(benchmarks, "penguins-logistic-regression")
    forest = _rate(benchmarks, "penguins-random-forest")
    each = _slope(first, last, "megabytes")
    rest = first.megabytes - first.worker_megabytes
    workers = int((1024 - rest) / first.worker_megabytes)
    return _PAGE.format(
        date=datetime.now(UTC).date(),
        load=load,
        rate=rate,
        forest=forest,
        hour=round(rate * 3600 / 1e6),
        forest_hour=round(forest * 3600 / 1e6),
        worker=first.worker_megabytes,
        rest=rest,
        workers=workers,
        whole=round(workers * rate / 1e6, 1),
        kilobytes=last.artifact_bytes / 1000,
        crowds="\n".join(map(_crowd_row, crowds)),
        each=each,
        per_gib=1024 / each,
        publications=len(followed[0].seconds),
        followed="\n".join(map(_followed_row, followed)),
        most=followed[-1].replicas,
        live=median(whole for whole, _ in followed[-1].seconds) + first.live_seconds,
        sync=_SYNC_SECONDS,
        many=_MANY,
        **_prices(),
        **_limits(first, last),
    )


def _prices() -> dict[str, object]:
    state, lists = _DAY * _GET / 1e6, _DAY // _SYNC_SECONDS
    models = lists * _LIST / 1e6
    pages = _MANY // 1000
    return {
        "priced": _PRICED,
        "get": _GET,
        "list": _LIST,
        "day": _DAY,
        "state": state,
        "lists": lists,
        "models": models,
        "many_lists": lists * pages,
        "many_models": models * pages,
        "hundred": 100 * (state + models),
        "month": 30 * 100 * (state + models),
        "slower": 30 * 100 * (state / 5 + models * _SYNC_SECONDS / 60),
    }


def _limits(first: Crowd, last: Crowd) -> dict[str, object]:
    def at_many(name: str) -> float:
        value: float = getattr(first, name)
        return value + _MANY * _slope(first, last, name)

    times = _MANY / last.models
    documents = [
        f"| `GET {path}` | {size:.1f} MB in {_time(seconds)} | ≈ {size * times:.0f} MB in "
        f"{_time(seconds * times)} | {_ADVICE[path]} |"
        for path, (size, seconds) in last.documents.items()
    ]
    return {
        "last": last.models,
        "last_memory": last.worker_megabytes / 1024,
        "memory": at_many("worker_megabytes") / 1024,
        "last_load": last.load_seconds,
        "load_many": at_many("load_seconds"),
        "last_idle": last.idle_share,
        "idle": at_many("idle_share"),
        "last_pages": ceil(last.models / 1000),
        "pages": _MANY // 1000,
        "documents": "\n".join(documents),
    }


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _slope(first: Crowd, last: Crowd, name: str) -> float:
    """Return what one model adds to a figure."""
    added: float = getattr(last, name) - getattr(first, name)
    return added / (last.models - first.models)


def _rate(benchmarks: str, model: str) -> int:
    found = re.search(rf"^\| {model}/16/direct \| ([\d,]+)", benchmarks, re.MULTILINE)
    assert found, f"the page of benchmarks has no rate of {model}"
    return int(found[1].replace(",", ""))


def _crowd_row(crowd: Crowd) -> str:
    return (
        f"| {crowd.models:,} | {crowd.megabytes:.0f} MiB | {crowd.load_seconds:.1f} s "
        f"| {crowd.live_seconds:.1f} s | {crowd.idle_share:.1%} of a core |"
    )


def _followed_row(followed: Followed) -> str:
    whole, half = zip(*followed.seconds, strict=True)
    return (
        f"| {followed.replicas} | {median(half):.1f} s ({max(half):.1f}) "
        f"| {median(whole):.1f} s ({max(whole):.1f}) | {followed.megabytes:.0f} MiB |"
    )
