"""The load: clients that ask at a steady pace, on kept connections and on fresh ones."""

from __future__ import annotations

import select
import threading
import time
from typing import TYPE_CHECKING, Self

from soak.watch import Truths
from support.service.raw_http import Raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soak.question import Question, Questions
    from soak.tally import Tally

KEEPERS, FRESH = 8, 3
_KEEPER_SECONDS, _FRESH_SECONDS, _VIEW_SECONDS, _CHOICE_SECONDS = 0.04, 0.1, 0.4, 0.25
_TRUTH_SECONDS = 0.25
_RETRY_SECONDS = 0.05
PACE = (
    KEEPERS / _KEEPER_SECONDS
    + FRESH / _FRESH_SECONDS
    + 1 / _VIEW_SECONDS
    + 1 / _CHOICE_SECONDS
    + 1 / _TRUTH_SECONDS
)


class Client(threading.Thread):
    """Asks one question after the other, again and again.

    A connection that was closed while nothing was asked on it is replaced before the next question,
    as every client of HTTP does.

    Args:
        url: The service.
        tally: Receives the result of each request.
        questions: In this order.
        seconds: From one to the next, when the answer is not late.
        keep: Whether one connection is kept.
    """

    def __init__(
        self, url: str, tally: Tally, questions: Sequence[Question], seconds: float, *, keep: bool
    ) -> None:
        super().__init__(daemon=True)
        self._url, self._tally, self._questions = url, tally, questions
        self._seconds, self._keep = seconds, keep
        self._ended = threading.Event()
        self._raw: Raw | None = None
        self._first = True

    def run(self) -> None:
        """Ask until the end."""
        due, turn = time.monotonic(), 0
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            # What is late is not made up for: a stall is no reason for a rush.
            due = max(due, time.monotonic() - self._seconds) + self._seconds
            self._ask(self._questions[turn % len(self._questions)])
            turn += 1
        self._drop()

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _ask(self, question: Question) -> None:
        begun = time.monotonic()
        try:
            raw = self._connection()
        except OSError as error:
            self._tally.fail(question.kind, error, port=0, begun=begun, first=True)
            self._ended.wait(_RETRY_SECONDS)
            return
        first, self._first = self._first, False
        port = raw.socket.getsockname()[1]
        try:
            data = question.data
            answer = raw.ask(data if isinstance(data, bytes) else data())
        except (OSError, AssertionError) as error:
            self._tally.fail(question.kind, error, port=port, begun=begun, first=first)
            self._drop()
            return
        took = time.monotonic() - begun
        try:
            wrong = question.judge(answer)
        except (KeyError, ValueError, TypeError) as error:
            wrong = f"{error!r}: {answer.body[:300]!r}"
        if wrong:
            self._tally.lose(question.kind, wrong)
        else:
            self._tally.answer(question.kind, took)
        if not self._keep or answer.headers.get("connection") == "close":
            self._drop()

    def _connection(self) -> Raw:
        if self._raw is not None and select.select([self._raw.socket], [], [], 0)[0]:
            self._drop()  # closed from the other side
        if self._raw is None:
            self._raw, self._first = Raw(self._url), True
        return self._raw

    def _drop(self) -> None:
        if self._raw is not None:
            self._raw.close()
            self._raw = None


class Load:
    """All clients, asking within the ``with`` block."""

    def __init__(self, url: str, tally: Tally, questions: Questions) -> None:
        asked, views = questions.predictions(), questions.views()

        def client(start: int, seconds: float, *, keep: bool) -> Client:
            turned = asked[start % len(asked) :] + asked[: start % len(asked)]
            return Client(url, tally, turned, seconds, keep=keep)

        self._clients = [
            *(client(3 * n, _KEEPER_SECONDS, keep=True) for n in range(KEEPERS)),
            *(client(5 * n, _FRESH_SECONDS, keep=False) for n in range(FRESH)),
            Client(url, tally, views, _VIEW_SECONDS, keep=True),
            Client(url, tally, questions.choices(), _CHOICE_SECONDS, keep=False),
            Client(url, tally, Truths(questions, tally).questions(), _TRUTH_SECONDS, keep=False),
        ]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.end()
        for client in self._clients:
            client.join(30)
