"""A document is made in a thread, once for all simultaneous requests, and kept while valid."""

from __future__ import annotations

import asyncio
import threading

import pytest

from inference.runtime.documents import Document, Documents, Subject
from support.repository_harness import scenario


class Thing:
    """The subject of a document."""


@scenario
async def test_simultaneous_requests_share_one_document() -> None:
    made, may_end = [], threading.Event()
    things = [Thing()]

    def make(subject: Subject) -> int:
        made.append(subject.thing)
        may_end.wait(10)
        return len(made)

    document = Document(lambda: Subject(things[-1]), make)
    first = [asyncio.create_task(document.get()) for _ in range(50)]
    await asyncio.sleep(0)
    first[0].cancel()  # a client that leaves ends nothing for the others
    things.append(Thing())  # the first document is out of date by now
    second = [asyncio.create_task(document.get()) for _ in range(50)]
    await asyncio.sleep(0)
    may_end.set()
    assert await asyncio.gather(*first[1:]) == [1] * 49
    assert await asyncio.gather(*second) == [2] * 50
    assert await document.get() == 2
    assert made == things


@scenario
async def test_document_that_always_changes_is_made_again_for_each_later_request() -> None:
    made = []
    document = Document(lambda: Subject(None), lambda _: made.append(1) or len(made))
    assert [await document.get(), await document.get()] == [1, 2]


@scenario
async def test_failure_to_make_a_document_reaches_only_the_requests_that_waited() -> None:
    fails = [True]

    def make(_: Subject) -> str:
        if fails.pop() if fails else False:
            raise ZeroDivisionError
        return "made"

    document = Document(lambda: Subject(None), make)
    with pytest.raises(ZeroDivisionError):
        await document.get()
    assert await document.get() == "made"


@pytest.mark.parametrize(("asked", "kept"), [(15, 15), (16, 16), (17, 16)])
def test_the_last_16_documents_about_single_models_are_kept(asked: int, kept: int) -> None:
    documents: Documents[int] = Documents()
    for number in range(asked):
        documents.of(number, lambda: Subject(None), lambda _: 1)
    assert len(documents._kept) == kept
