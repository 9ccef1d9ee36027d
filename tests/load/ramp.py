"""A ramp that finds the knee: ever more users, until answers get slow or fail.

The knee is the last step within bounds that still brought more answers a second: beyond it more
users only wait longer. locust needs a core for itself and makes a few thousand requests a second;
where it says that its processor was full, the knee is its own and not the service's.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locust import LoadTestShape, events

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from locust.env import Environment

_WORTH = 1.05  # a step that brings less than 5 % more answers brings none


@dataclass
class Step:
    """What so many users saw.

    Attributes:
        users: How many there were.
        times_ms: How long each answer took.
        failures: How many answers were none.
        seconds: How long the step lasted.
    """

    users: int
    times_ms: list[float] = field(default_factory=list)
    failures: int = 0
    seconds: float = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times_ms) / self.seconds if self.seconds else 0

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 answers were faster than."""
        if len(self.times_ms) < 2:
            return 0
        return statistics.quantiles(self.times_ms, n=20)[-1]

    @property
    def failed_part(self) -> float:
        """Failed requests of all."""
        return self.failures / max(1, len(self.times_ms) + self.failures)


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """Let the bounds be chosen."""
    group = parser.add_argument_group("Ramp")
    group.add_argument("--step-seconds", type=float, default=5, help="length of one step")
    group.add_argument("--largest-users", type=int, default=256, help="users of the last step")
    group.add_argument("--bound-p95-ms", type=float, default=50, help="slower is out of bounds")
    group.add_argument("--bound-failures", type=float, default=0.01, help="part of all requests")


class Ramp(LoadTestShape):
    """Twice the users in each step, until a step is out of bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._began = 0.0
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
            self._began = now  # a step begins when all its users are there
            step.times_ms.clear()
            step.failures = 0
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
        self._began = now

    def _is_within(self, step: Step) -> bool:
        options: Any = self.runner.environment.parsed_options
        return (
            len(step.times_ms) > 0
            and step.p95_ms <= options.bound_p95_ms
            and step.failed_part <= options.bound_failures
        )

    def _observe(
        self, response_time: float, exception: BaseException | None = None, **_: object
    ) -> None:
        if not self.steps or self.steps[-1].seconds:
            return
        if exception is None:
            self.steps[-1].times_ms.append(response_time)
        else:
            self.steps[-1].failures += 1

    def _report(self, environment: Environment, **_: object) -> None:
        options: Any = environment.parsed_options
        done = [step for step in self.steps if step.seconds]
        lines = [f"\n{'users':>6} {'answers/s':>10} {'p95 ms':>8} {'failed':>8}"]
        lines += [
            f"{step.users:>6} {step.rate:>10,.0f} {step.p95_ms:>8.1f} {step.failed_part:>8.2%}"
            + ("" if self._is_within(step) else "  out of bounds")
            for step in done
        ]
        knee = self.knee
        if knee is None:
            lines.append("No knee: already the first step was out of bounds.")
        else:
            lines.append(
                f"Knee: {knee.users} users, {knee.rate:,.0f} answers/s, p95 {knee.p95_ms:.1f} ms "
                f"(bounds: p95 {options.bound_p95_ms:g} ms, {options.bound_failures:.1%} failed)"
            )
        if self.runner.cpu_warning_emitted:
            lines.append("locust's own processor was full: the knee is the generator's.")
        sys.stdout.write("\n".join(lines) + "\n")
        # Failures beyond the knee are what the ramp looks for.
        environment.process_exit_code = 0 if knee else 1
