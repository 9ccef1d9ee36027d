"""The faults: each does harm, waits for what must follow, and leaves the service whole."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from soak.expected import BLOCKS
from soak.site import answered_by, freeze
from support.models.artifacts import penguins
from support.models.hostile_models import endless, greedy
from support.service.process import eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from soak.expected import Expected
    from soak.question import Questions
    from soak.site import Site
    from soak.tally import Tally
    from support.service.raw_http import Answer

EXAMINATION_SECONDS = 10
_FLOOD, _SLOW, _LEAVERS, _BURST = 300, 8, 40, 8
_PIECES, _PIECE_SECONDS = 5, 0.2
_ROW = str(BLOCKS["one"][0]).encode()
_ASKED = request("/models/steady/predict", _ROW)
_PAUSE = threading.Event()  # never set


class Faults:
    """What can be done to a service.

    Args:
        site: The service.
        expected: Receives new weights before a file has them.
        questions: Receives what may be missing.
        tally: Receives deaths and abandoned requests.

    Attributes:
        recoveries: Seconds from each death of a worker to the first prediction of its successor.
        spare: A worker that is not to be killed.
        log: What the service wrote before its restart.
    """

    def __init__(self, site: Site, expected: Expected, questions: Questions, tally: Tally) -> None:
        self._site, self._expected = site, expected
        self._questions, self._tally = questions, tally
        self._service = site.service
        self._version = self._flat = 0
        self.recoveries: list[float] = []
        self.spare: int | None = None
        self.log = ""

    def fill(self) -> None:
        """Place the models, before the service starts."""
        self._put("steady/1/model.onnx", "steady", 1, 1)
        self._put("threaded/1/model.onnx", "threaded", 1, 2)
        self._put("threaded/2/model.onnx", "threaded", 2, 5)
        self._service.put("threaded/3/model.onnx", penguins(6))  # the shadow, which never answers
        self._put("side/1/model.onnx", "side", 1, 3)
        self._put("flat.onnx", "flat", 1, 4)
        self._version, self._flat = 1, 4
        self._put("moving/1/model.onnx", "moving", 1, 1001)

    # -- files -------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Publish a new version, and take the oldest away."""
        self._publish()
        self._await_version()

    def publish_many(self) -> None:
        """Publish a burst of versions at once."""
        for _ in range(_BURST):
            self._publish()
        self._await_version()

    def replace(self) -> None:
        """Replace a file in place by another model."""
        before, self._flat = self._flat, self._flat + 1
        digest = self._service.model("flat")["versions"][0]["digest"]
        self._expected.allow("flat", 1, before, self._flat)
        self._service.put("flat.onnx", penguins(self._flat))
        self._site.everywhere("/models/flat", lambda m: m["versions"][0]["digest"] != digest)
        self._expected.allow("flat", 1, self._flat)

    def corrupt(self) -> None:
        """Publish a version that is truncated."""
        self._refused(penguins(self._version)[:700], "truncated")

    def fail_samples(self) -> None:
        """Publish a version that answers its golden samples wrongly."""
        self._refused(penguins(self._version, wrong=True, note=f"{time.time()}"), "golden sample")

    def exhaust_memory(self) -> None:
        """Publish a version that wants 2 TiB."""
        self._refused(greedy(), "memory")

    def hang(self) -> None:
        """Publish a version whose examination never ends."""
        self._refused(endless(), "INFERENCE_ADMISSION_TIMEOUT_SECONDS")

    def corrupt_in_place(self) -> None:
        """Overwrite a live file with rubbish, then restore it."""
        self._service.put("flat.onnx", b"rubbish")
        self._site.everywhere("/models/flat", lambda m: m["quarantined"])
        self.replace()

    def remove(self) -> None:
        """Take a model away, and put it back."""
        self._questions.side_may_be_away.set()
        content = (self._service.models / "side/1/model.onnx").read_bytes()
        shutil.rmtree(self._service.models / "side")
        self._site.everywhere("/models", lambda document: "side" not in _names(document))
        self._service.put("side/1/model.onnx", content)
        self._site.everywhere("/models", lambda document: "side" in _names(document, "ready"))
        self._questions.side_may_be_away.clear()

    def unload(self) -> None:
        """Unload a model, and load it again."""
        self._questions.side_may_be_away.set()
        for verb, status in (("unload", 409), ("load", 200)):
            document = self._service.client.post(f"/v2/repository/models/side/{verb}")
            assert document.status_code == 200, document.text
            answer = self._service.client.post("/models/side/predict", json=BLOCKS["one"][0])
            assert answer.status_code == status, answer.text
        self._site.everywhere("/models", lambda document: "side" in _names(document, "ready"))
        self._questions.side_may_be_away.clear()

    # -- folders -----------------------------------------------------------------------------------

    def lose_models_folder(self) -> None:
        """Take the whole models folder away for a while, as a lost mount does."""
        away = self._service.root / "away"
        document = self._service.log.count("is not there")
        self._service.models.rename(away)
        try:
            eventually(lambda: self._service.log.count("is not there") > document, within=30)
        finally:
            away.rename(self._service.models)
        self.publish()

    def lose_state_folder(self) -> None:
        """Let nothing be written to the state folder for a while; root would heed no mode."""
        lock = self._service.root / "state" / ".lock"
        self._questions.choices_may_fail.set()
        lock.unlink(missing_ok=True)
        lock.mkdir()
        answer = self._service.client.post("/select-model/?model=steady")
        assert answer.status_code == 503, answer.text
        assert "nothing changed" in answer.text
        lock.rmdir()
        answer = self._service.client.post("/select-model/?model=steady")
        assert answer.status_code == 200, answer.text
        _PAUSE.wait(0.5)  # for the client that chooses: what it was refused is over
        self._questions.choices_may_fail.clear()

    # -- workers -----------------------------------------------------------------------------------

    def kill(self) -> None:
        """Kill a worker with SIGKILL: the younger, once one is to be spared."""
        before, workers = self._site.answering(), self._site.workers()
        victim = workers[-1] if self.spare in workers else workers[0]
        death = freeze(victim)
        self._tally.kill(death)
        os.kill(victim, signal.SIGKILL)
        self.recoveries.append(self._recover(before) - death.at)

    def kill_examining(self) -> None:
        """Kill a worker while a new version is examined."""
        self._publish()
        self.kill()
        self._await_version()

    def restart(self) -> None:
        """Stop the whole service with SIGTERM under load, and start it again on the same port.

        Connections are refused meanwhile; what had been accepted has to be answered.
        """
        self._questions.choices_may_fail.set()
        chosen = self._service.client.post("/select-model/?model=flat")
        pinned = self._service.client.put("/models/steady/active", json={"version": 1})
        assert (chosen.status_code, pinned.status_code) == (200, 200)
        self._service.settings["port"] = self._site.port
        self._tally.is_down.set()
        assert self._service.stop() == 0
        self.log += self._service.log
        self._service.start()
        _PAUSE.wait(0.2)  # for clients that were refused just before
        self._tally.is_down.clear()
        self._questions.choices_may_fail.clear()
        assert self._service.model("steady")["pinned_version"] == 1

    # -- clients -----------------------------------------------------------------------------------

    def leave(self) -> None:
        """Let clients go in the middle of a request, or before its answer."""
        for turn in range(_LEAVERS):
            with Raw(self._site.url) as raw:
                raw.send(_ASKED[: len(_ASKED) // 2] if turn % 2 else _ASKED)
                # Half of them reset the connection instead of closing it.
                if turn % 4 < 2:
                    raw.socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
                    )
        self._tally.leave(_LEAVERS)

    def be_slow(self) -> None:
        """Send requests in small pieces."""
        size = len(_ASKED) // _PIECES + 1
        with ExitStack() as stack:
            slow = [stack.enter_context(Raw(self._site.url)) for _ in range(_SLOW)]
            for begin in range(0, len(_ASKED), size):
                for raw in slow:
                    raw.send(_ASKED[begin : begin + size])
                _PAUSE.wait(_PIECE_SECONDS)
            for raw in slow:
                self._judge(raw.answer())

    def flood(self) -> None:
        """Open many connections at once, and ask on each."""
        with ExitStack() as stack:
            flood = [stack.enter_context(Raw(self._site.url)) for _ in range(_FLOOD)]
            for raw in flood:
                raw.send(_ASKED)
            for raw in flood:
                self._judge(raw.answer())

    # -- how ---------------------------------------------------------------------------------------

    def _put(self, place: str, name: str, version: int, seed: int) -> None:
        self._expected.allow(name, version, seed)
        self._service.put(place, penguins(seed))

    def _publish(self) -> None:
        self._version += 1
        number = self._version
        self._put(f"moving/{number}/model.onnx", "moving", number, 1000 + number)

    def _await_version(self) -> None:
        number = self._version
        self._site.everywhere("/models/moving", lambda m: m["active_version"] == number)
        for folder in (self._service.models / "moving").iterdir():
            if int(folder.name) < number - 1:
                shutil.rmtree(folder)

    def _refused(self, content: bytes, reason: str) -> None:
        self._version += 1
        number = self._version  # no answer may ever come from it: no weights are allowed
        place = self._service.put(f"moving/{number}/model.onnx", content)

        def is_refused(document: dict[str, Any]) -> bool:
            refused = {entry["version"]: entry["reason"] for entry in document["quarantined"]}
            return reason in refused.get(number, "")

        self._site.everywhere("/models/moving", is_refused, within=90)
        shutil.rmtree(place.parent)

    def _recover(self, before: set[str]) -> float:
        """Wait for a prediction by a worker that was not there before; give the time of it."""
        recovered = 0.0

        def has_recovered() -> bool:
            nonlocal recovered
            with Raw(self._site.url) as raw:
                answer = raw.ask(_ASKED)
            recovered = time.monotonic()
            self._judge(answer)
            return answered_by(answer) not in before

        eventually(has_recovered, within=30, what="the successor answers")
        return recovered

    def _judge(self, answer: Answer) -> None:
        assert answer.status == 200, answer.body
        document = answer.json()
        found = [list(document["probabilities"].values())]
        wrong = self._expected.judge(document["model"], document["version"], "one", found)
        assert not wrong, wrong


def _names(document: dict[str, Any], *states: str) -> set[str]:
    return {m["name"] for m in document["models"] if not states or m["state"] in states}
