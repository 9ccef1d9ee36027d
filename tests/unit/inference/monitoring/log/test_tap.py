"""What the event loop packs becomes the same rows as requests that are handed on whole."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from inference.logs import KEY_ID, REQUEST_ID
from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.monitoring.columns import ServedTable
from inference.monitoring.log import tap as module
from inference.monitoring.log.backlog import Backlog
from inference.monitoring.log.rows.encoder import RowEncoder, requests_of
from inference.monitoring.log.rows.logged_rows import encode_schema
from inference.monitoring.log.tap import LogTap, SampledTap
from inference.monitoring.served import ServedBatch
from inference.serving.dispatcher import Dispatcher
from inference.serving.inferrer import Inferrer
from inference.serving.predictor import Predictor
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.timing import Timing
from support.answers.kinds import kinds
from support.models.artifacts import MEASUREMENTS, booleans, integers, mixed, penguins, regressor
from support.monitoring.logged import decode
from support.monitoring.watched import answered
from support.project import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference.monitoring.served import Handed

ROWS = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0], [9.5, 170.9, 192.0, 3500.0]]
PLANS = {"inline": Plan(mode="inline", inline_rows=8), "thread": Plan("thread")}
MODELS: dict[str, bytes] = {
    "texts": penguins(),
    "integers": integers(),
    "booleans": booleans(),
    "value": regressor(),
    "values": regressor(["a", "b c"]),
    "forest": (FIXTURES / "penguins-forest.onnx").read_bytes(),
    **kinds(),
}


class Log:
    """A tap, and what it has taken."""

    def __init__(self, servable: Servable, *, has_keys: bool = True) -> None:
        self.servable = servable
        self.whole: list[Handed] = []
        self.every: list[Handed] = []
        self.woken = 0
        self.backlog = Backlog(self._wake)
        self.tap = LogTap(self.backlog, self._hand_on, has_keys=has_keys)

    def _wake(self) -> None:
        self.woken += 1

    def _hand_on(self, servable: Servable, timing: Timing) -> bool:
        self.whole.append((servable, timing, REQUEST_ID.get(), KEY_ID.get(), 1.0))
        return True

    def append(self, timing: Timing) -> None:
        self.every.append((self.servable, timing, REQUEST_ID.get(), KEY_ID.get(), 1.0))
        self.tap.append(self.servable, timing)

    @property
    def packed(self) -> int:
        return sum(len(buffer.rows) for buffer in self.backlog.buffers)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows that were packed or handed on, by the request's id."""
        encoder = RowEncoder(self.servable, ())
        frames = [encode_schema(encoder.schema)]
        for buffer, packed in self.backlog.take():
            table = buffer.form.unpack(packed)
            frames.append(encoder.encode(table, table.requests(0.0)))
        return _sorted(decode(b"".join([*frames, *_encode(encoder, self.whole)])))

    def expected(self) -> list[dict[str, Any]]:
        """Return what the same requests are as objects."""
        encoder = RowEncoder(self.servable, ())
        frames = _encode(encoder, self.every)
        return _sorted(decode(b"".join([encode_schema(encoder.schema), *frames])))


def _encode(encoder: RowEncoder, handed: list[Handed]) -> list[bytes]:
    tables = [ServedTable(one[0], ServedBatch([one])) for one in handed]
    return [encoder.encode(table, requests_of(table)) for table in tables]


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["request_id"], row["row"]))


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(Settings(), Counters("waiting", 1))
    yield dispatcher
    dispatcher.close()


def serve(
    log: Log, dispatcher: Dispatcher, bodies: Sequence[bytes], *, infer: bool = False
) -> None:
    """Answer each request as the routes do, and log it; each has an id and a key of its own."""
    predictor = Predictor(log.servable, dispatcher, Settings())
    inferrer = Inferrer(dispatcher, max_rows=100)

    async def ask(body: bytes) -> None:
        timing = Timing()
        if infer:
            if inferrer.infer_now(log.servable, body, None, timing) is None:
                await inferrer.infer(log.servable, body, None, timing)
        elif predictor.predict_now(log.servable, body, timing) is None:
            await predictor.predict(log.servable, body, timing)
        log.append(timing)

    for number, body in enumerate(bodies, len(log.every)):
        REQUEST_ID.set(b"id-%03d" % number)
        KEY_ID.set(["anna", None, "bert"][number % 3])
        asyncio.run(ask(body))


def record(row: Sequence[Any]) -> bytes:
    return json.dumps(dict(zip(MEASUREMENTS, row, strict=True))).encode()


def tensor(row: Sequence[Any], name: str = "X", **more: Any) -> bytes:
    given = {"name": name, "shape": [1, len(row)], "datatype": "FP32", "data": row}
    return json.dumps({"inputs": [given], **more}).encode()


@pytest.mark.parametrize("route", ["predict", "infer"])
@pytest.mark.parametrize("plan", list(PLANS))
@pytest.mark.parametrize("model", list(MODELS))
def test_packed_rows_are_the_rows_of_whole_requests(
    model: str, plan: str, route: str, dispatcher: Dispatcher
) -> None:
    log = Log(Servable.load("m", 1, MODELS[model], plan=PLANS[plan]))
    (spec,) = log.servable.signature.inputs
    infer = route == "infer"
    one = [tensor(row, spec.name) if infer else record(row) for row in ROWS]
    serve(log, dispatcher, one * 2, infer=infer)

    assert log.packed == len(one) * 2, "all of them"
    rows = log.rows()
    assert rows == log.expected()
    assert [row["key_id"] for row in rows] == ["anna", None, "bert"] * 2
    measured = [list(row.values())[3 : 3 + len(MEASUREMENTS)] for row in rows]
    assert measured == [pytest.approx(row) for row in ROWS * 2]


def test_rows_in_the_memory_of_a_binding_are_copied_at_once(dispatcher: Dispatcher) -> None:
    """The next request overwrites them, over another route, too."""
    log = Log(Servable.load("m", 1, penguins(), plan=PLANS["inline"]))
    for row in ROWS[:2]:
        serve(log, dispatcher, [record(row)])
        serve(log, dispatcher, [tensor(row)], infer=True)

    assert log.packed == 4
    rows = log.rows()
    assert rows == log.expected()
    first = MEASUREMENTS[0]
    assert [row[first] for row in rows] == pytest.approx([39.1, 39.1, 46.5, 46.5])


@pytest.mark.parametrize("plan", list(PLANS))
def test_categories_and_missing_values_are_packed_and_unknown_texts_handed_on(
    plan: str, dispatcher: Dispatcher
) -> None:
    log = Log(Servable.load("m", 1, mixed(), plan=PLANS[plan]))
    rows = [
        [3.5, 4, True, "Dream", "male"],
        [None, -(2**31), False, "Biscoe", None],
        [2.5, 2**31 - 1, False, "Biscoe", "☃ unknown"],
        [2.5, 0, False, "Dream", "female"],
    ]
    serve(log, dispatcher, [json.dumps([row]).encode() for row in rows])

    assert (log.packed, len(log.whole)) == (3, 1)
    found = log.rows()
    assert found == log.expected()
    names = [feature.name for feature in log.servable.features or ()]
    assert [[row[name] for name in names] for row in found] == rows


def test_requests_of_several_rows_are_handed_on(dispatcher: Dispatcher) -> None:
    log = Log(Servable.load("m", 1, penguins(), plan=PLANS["inline"]))
    serve(
        log, dispatcher, [json.dumps(ROWS).encode(), json.dumps(ROWS[:1]).encode(), record(ROWS[0])]
    )
    serve(log, dispatcher, [json.dumps(ROWS[:2]).encode()])

    assert (log.packed, len(log.whole)) == (2, 2)
    assert log.rows() == log.expected()
    assert len(log.expected()) == 7


def test_each_choice_of_outputs_is_a_form_of_its_own_and_forms_have_a_limit(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_FORMS", 3)
    log = Log(Servable.load("m", 1, penguins(), plan=PLANS["inline"]))
    label, table = "label", "probabilities"
    for chosen in ([label], [table], [label, table], [table, label]):
        outputs = [{"name": name} for name in chosen]
        serve(log, dispatcher, [tensor(row, outputs=outputs) for row in ROWS[:2]], infer=True)

    assert (log.packed, len(log.whole)) == (6, 2)
    rows = log.rows()
    assert rows == log.expected()
    assert [row["label"] is None for row in rows] == [False] * 2 + [True] * 2 + [False] * 4
    assert [row["p_Adelie"] is None for row in rows] == [True] * 2 + [False] * 6


def test_ids_of_every_length_are_whole(dispatcher: Dispatcher) -> None:
    log = Log(Servable.load("m", 1, penguins(), plan=PLANS["inline"]), has_keys=False)
    predictor = Predictor(log.servable, dispatcher, Settings())
    ids = [b"a" * length for length in (1, 39, 40, 41, 127, 128)]
    for request_id in ids:
        REQUEST_ID.set(request_id)
        KEY_ID.set(None)
        timing = Timing()
        assert predictor.predict_now(log.servable, record(ROWS[0]), timing)
        log.append(timing)

    assert log.packed == len(ids)
    assert [row["request_id"].encode() for row in log.rows()] == ids


def test_only_the_first_row_that_waits_wakes_the_thread(dispatcher: Dispatcher) -> None:
    log = Log(Servable.load("m", 1, penguins(), plan=PLANS["inline"]))
    serve(log, dispatcher, [record(ROWS[0])] * 5)
    assert log.woken == 1
    list(log.backlog.take())
    serve(log, dispatcher, [record(ROWS[0])] * 2)
    assert log.woken == 2


def test_what_finds_no_room_is_counted_by_rows() -> None:
    backlog = Backlog(lambda: None)
    servable = Servable.load("m", 1, penguins())
    tap = LogTap(backlog, lambda *_: False, has_keys=False)
    tap.append(servable, answered(None, feeds={}, results=(), rows=7))
    tap.append(servable, answered(("not", "numbers")))
    assert backlog.lost == 8


def test_a_request_without_results_is_not_logged() -> None:
    log = Log(Servable.load("m", 1, penguins()))
    log.tap.append(log.servable, Timing())
    assert (log.packed, log.whole) == (0, [])


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_a_sample_has_its_share(share: float) -> None:
    class Counting:
        count = 0

        def append(self, *_: object) -> None:
            self.count += 1

    taken, requests = Counting(), 200_000
    tap = SampledTap(taken, share)
    timing, servable = answered(), Servable.load("m", 1, penguins())
    for _ in range(requests):
        tap.append(servable, timing)

    deviation = (requests * share * (1 - share)) ** 0.5
    assert abs(taken.count - requests * share) < 5 * deviation
