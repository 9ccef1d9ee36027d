"""A ramp that finds the knee: ever more users, until answers get slow or fail.

The knee is the last step within bounds that still brought more answers a second: beyond it more
users only wait longer. locust needs a core for itself and makes a few thousand requests a second;
where it says that its processor was full, the knee is its own and not the service's.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from locust import LoadTestShape, events

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from locust.env import Environment

_CHECK_SECONDS = 5
_START_SECONDS = 30  # a step's users are there within a second or two
_WORTH = 1.05  # a step that brings less than 5 % more answers brings none


@dataclass
class Step:
    """What so many users saw.

    Attributes:
        users: How many there were.
        times_ms: How long each answer took.
        by_request: The same by model and number of rows.
        failures: How many answers were none.
        seconds: How long the step lasted.
    """

    users: int
    times_ms: list[float] = field(default_factory=list)
    by_request: dict[str, list[float]] = field(default_factory=dict)
    failures: int = 0
    seconds: float = 0

    def add(self, request: str, time_ms: float) -> None:
        """Note an answer."""
        self.times_ms.append(time_ms)
        self.by_request.setdefault(request, []).append(time_ms)

    def clear(self) -> None:
        """Begin anew."""
        self.times_ms.clear()
        self.by_request.clear()
        self.failures = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times_ms) / self.seconds if self.seconds else 0

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 answers were faster than."""
        return percentile(self.times_ms, 95)

    @property
    def failed_part(self) -> float:
        """Failed requests of all."""
        return self.failures / max(1, len(self.times_ms) + self.failures)


def percentile(times_ms: list[float], percent: int) -> float:
    """Give what so many of 100 answers were faster than; 0 without answers."""
    if len(times_ms) < 2:
        return sum(times_ms)
    # Of few answers, no more than the slowest took.
    return statistics.quantiles(times_ms, n=100, method="inclusive")[percent - 1]


@events.init.add_listener
def check_service(environment: Environment, **_: object) -> None:
    """End at once where there is nothing to load: users would try for ever."""
    host = (environment.host or "").rstrip("/")
    try:
        # Whatever proxies the environment names, the users ask directly.
        opener = build_opener(ProxyHandler({}))
        if key := os.environ.get("INFERENCE_API_KEY"):
            opener.addheaders.append(("X-API-Key", key))
        with opener.open(f"{host}/v2/models", timeout=_CHECK_SECONDS) as response:
            models = json.load(response)["models"]
    except HTTPError as error:
        sys.exit(f"make load: {host} {_refusal(error.code)}")
    except (KeyError, TypeError):
        sys.exit(f"make load: what answers at {host} is not the service: set LOAD_URL to it")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        sys.exit(
            f"make load: no service answers at {host} ({reason}): start it with 'make serve', or "
            "set LOAD_URL to where it runs"
        )
    if not models:
        sys.exit(f"make load: the service at {host} has no model that is ready: publish one first")


def _refusal(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "requires an API key: set INFERENCE_API_KEY to one with the scope predict"
    return f"answers {status}; is that the service?"


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """Let the bounds be chosen."""
    group = parser.add_argument_group("Ramp")
    group.add_argument("--step-seconds", type=float, default=5, help="length of one step")
    group.add_argument("--largest-users", type=int, default=256, help="users of the last step")
    group.add_argument("--bound-p95-ms", type=float, default=50, help="slower is out of bounds")
    group.add_argument("--report", default="", help="file for the report, in Markdown")
    group.add_argument("--bound-failures", type=float, default=0.01, help="part of all requests")


class Ramp(LoadTestShape):
    """Twice the users in each step, until a step is out of bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._began = self._asked = 0.0
        events.request.add_listener(self._observe)
        events.quitting.add_listener(self._report)

    def tick(self) -> tuple[int, float] | None:
        """Say how many users there should be; ``None`` ends the test."""
        options: Any = self.runner.environment.parsed_options
        now = time.monotonic()
        if not self.steps:
            self._begin(1, now)
        step = self.steps[-1]
        if self.get_current_user_count() < step.users:
            if now - self._asked > _START_SECONDS:
                sys.stderr.write(
                    f"make load: {step.users} users do not all ask within {_START_SECONDS} s: the "
                    "service has stopped answering, or this machine cannot run so many\n"
                )
                return None
            self._began = now  # a step begins when all its users are there
            step.clear()
        elif now - self._began >= options.step_seconds:
            step.seconds = now - self._began
            if step.users >= options.largest_users or not self._is_within(step):
                return None
            self._begin(min(2 * step.users, options.largest_users), now)
        return self.steps[-1].users, 100

    @property
    def knee(self) -> Step | None:
        """The last step within bounds that was worth its users."""
        best: Step | None = None
        for step in self.steps:
            if not step.seconds or not self._is_within(step):
                break
            if best is None or step.rate > best.rate * _WORTH:
                best = step
        return best

    def _begin(self, users: int, now: float) -> None:
        self.steps.append(Step(users))
        self._began = self._asked = now

    def _is_within(self, step: Step) -> bool:
        options: Any = self.runner.environment.parsed_options
        return (
            len(step.times_ms) > 0
            and step.p95_ms <= options.bound_p95_ms
            and step.failed_part <= options.bound_failures
        )

    def _observe(
        self, name: str, response_time: float, exception: BaseException | None = None, **_: object
    ) -> None:
        if not self.steps or self.steps[-1].seconds:
            return
        if exception is None:
            self.steps[-1].add(name, response_time)
        else:
            self.steps[-1].failures += 1

    def _report(self, environment: Environment, **_: object) -> None:
        options: Any = environment.parsed_options
        bounds = f"p95 {options.bound_p95_ms:g} ms, {options.bound_failures:.1%} failed"
        done = [step for step in self.steps if step.seconds]
        text = write_report(done, self.knee, self._is_within, bounds)
        if self.runner.cpu_warning_emitted:
            text += "\nlocust's own processor was full: the knee is the generator's.\n"
        sys.stdout.write(f"\n{text}")
        if options.report:
            Path(options.report).write_text(f"# Load on {environment.host}\n\n{text}")
        # Failures beyond the knee are what the ramp looks for.
        environment.process_exit_code = 0 if self.knee else 1


def write_report(
    steps: list[Step], knee: Step | None, is_within: Callable[[Step], bool], bounds: str
) -> str:
    """Write the knee, each step, and the latency by model at the knee."""
    if knee is None:
        lines = ["No knee: already the first step was out of bounds.", ""]
    else:
        lines = [
            (
                f"Knee: {knee.users} users, {knee.rate:,.0f} answers/s, p95 {knee.p95_ms:.1f} ms "
                f"(bounds: {bounds})"
            ),
            "",
        ]
    lines += _table(
        ("users", "answers/s", "p50 ms", "p95 ms", "p99 ms", "failed", ""),
        [
            (
                f"{step.users}",
                f"{step.rate:,.0f}",
                *_latencies(step.times_ms),
                f"{step.failed_part:.2%}",
                "knee" if step is knee else "" if is_within(step) else "out of bounds",
            )
            for step in steps
        ],
    )
    if knee is not None:
        lines += ["", f"At the knee, {knee.users} users:", ""]
        rows = [
            (name, f"{len(times) / knee.seconds:,.0f}", *_latencies(times))
            for name, times in sorted(knee.by_request.items())
        ]
        lines += _table(("request", "answers/s", "p50 ms", "p95 ms", "p99 ms"), rows)
    return "\n".join(lines) + "\n"


def _latencies(times_ms: list[float]) -> tuple[str, ...]:
    return tuple(f"{percentile(times_ms, percent):.1f}" for percent in (50, 95, 99))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Write a table that is Markdown, and that a terminal shows in columns."""
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    return [line(head), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(line, rows)]
