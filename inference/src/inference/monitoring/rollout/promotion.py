"""Ends a rollout: pins the new version when its gates hold, and the old one when one is broken.

Every worker looks at the numbers of all. The state file is changed under its lock and only while
the traffic is the one that was judged, so exactly one of them decides.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from inference.errors import StateError
from inference.logs import fields
from inference.monitoring.rollout.gates import judge, measure
from inference.repository.traffic.choice import Decision
from inference.runtime.documents import run_aside
from inference.telemetry.latency_histogram import SUM
from inference.telemetry.rollout_counts import Key

if TYPE_CHECKING:
    from inference.monitoring.rollout.gates import Measures, Verdict
    from inference.repository.operator_state import State, StateFile
    from inference.repository.snapshot import Model, Snapshot
    from inference.repository.traffic.choice import Traffic
    from inference.telemetry.recorder import Recorder

_log = logging.getLogger(__name__)


class Promotion:
    """Judges the rollouts with gates.

    Args:
        state_file: Where pins are set.
        recorder: What was counted.
    """

    def __init__(self, state_file: StateFile, recorder: Recorder) -> None:
        self._state_file = state_file
        self._recorder = recorder
        self._failures: dict[tuple[str, str], float] = {}

    async def judge_all(self, snapshot: Snapshot) -> None:
        """Judge each rollout of a snapshot once."""
        open_ = [m for m in snapshot.models.values() if m.traffic and m.traffic.promote]
        if not open_:
            self._failures.clear()
            return
        self._count_failures(open_)
        tallies = await run_aside(self._recorder.rollouts.add_up)
        for model in open_:
            traffic = model.traffic
            if traffic is None or traffic.promote is None:
                continue
            found = measure(model, traffic, tallies)
            verdict = judge(traffic.promote, found)
            if verdict is not None:
                await self._end(model, traffic, verdict, found)

    def _count_failures(self, models: list[Model]) -> None:
        """Count the requests that versions of a split have failed in this process."""
        now: dict[tuple[str, str], float] = {}
        for (_, name, version, status), values in self._recorder.requests.own_items():
            if status >= "500":
                count = sum(values[:SUM])
                now[name, version] = now.get((name, version), 0.0) + count
        before, self._failures = self._failures, now
        for model in models:
            traffic = model.traffic
            if traffic is None or traffic.shadow is not None:
                continue
            for number in traffic.split:
                series = model.name, str(number)
                failed = now.get(series, 0.0) - before.get(series, now.get(series, 0.0))
                if failed > 0:
                    self._recorder.rollouts.add(Key(*series, traffic.id, "split"), failed=failed)
                self._failures.setdefault(series, 0.0)

    async def _end(self, model: Model, traffic: Traffic, verdict: Verdict, found: Measures) -> None:
        new, old = traffic.new_version, _old_version(model, traffic)
        pinned = new if verdict.is_promoted else old
        version = None if pinned is None else model.versions.get(pinned)
        if pinned is None or version is None or version.servable is None:
            return  # a version that does not answer is not pinned
        decision = Decision(
            outcome="promoted" if verdict.is_promoted else "rolled_back",
            version=new,
            pinned_version=pinned,
            gate=verdict.gate or None,
            value=verdict.value if verdict.gate else None,
            limit=verdict.limit if verdict.gate else None,
            rows=int(found.rows),
            time=time.time(),
        )
        is_mine = False

        def change(state: State) -> State:
            nonlocal is_mine
            current = state.traffic.get(model.name)
            is_mine = current is not None and current.id == traffic.id
            return _decided(state, model.name, decision) if is_mine else state

        try:
            await self._state_file.change(change)
        except StateError:
            return  # logged there; it is judged again
        if is_mine:
            _log_decision(model.name, decision, found)


def _decided(state: State, name: str, decision: Decision) -> State:
    traffic = {model: known for model, known in state.traffic.items() if model != name}
    return msgspec.structs.replace(
        state,
        pins={**state.pins, name: decision.pinned_version},
        traffic=traffic,
        decisions={**state.decisions, name: decision},
    )


def _old_version(model: Model, traffic: Traffic) -> int | None:
    """Return the version that the new one was compared with: that with the largest share."""
    split = model.split
    if split is None:
        return None if model.active is None else model.active.version
    shares = {v: s for v, s in split.shares.items() if s and v != traffic.new_version}
    return max(shares, key=lambda version: (shares[version], -version), default=None)


def _log_decision(name: str, decision: Decision, found: Measures) -> None:
    values = {k: v for k, v in found._asdict().items() if v is not None}
    extra = fields("rollout", model=name, **msgspec.to_builtins(decision), measured=values)
    measured = ", ".join(f"{key} {value:.4g}" for key, value in values.items())
    if decision.gate is None:
        message = "version %d of model %s is promoted and pinned: all gates hold (%s)"
        _log.info(message, decision.version, name, measured, extra=extra)
        return
    _log.warning(
        "version %d of model %s is rolled back and version %d is pinned: %s permits %.4g, "
        "measured %.4g (%s)",
        decision.version,
        name,
        decision.pinned_version,
        decision.gate,
        decision.limit,
        decision.value,
        measured,
        extra=extra,
    )
