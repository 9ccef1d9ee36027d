"""Where the answered requests of one version are taken for the log, on the event loop.

A request of one row is packed into bytes, which are appended to a list. Others are handed on as
objects: those of several rows, which cost little for each, and those with unknown texts.
"""

from __future__ import annotations

import logging
import math
import random
import weakref
from typing import TYPE_CHECKING

from inference.logs import KEY_ID, REQUEST_ID, fields
from inference.model.io_binding import BoundNames
from inference.monitoring.log.rows.packed_rows import RowForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.monitoring.log.backlog import Backlog, RowBuffer
    from inference.telemetry.request_latency import Tap
    from inference.telemetry.timing import Answered, Timing

    Append = Callable[[Servable, Timing], None]

_log = logging.getLogger(__name__)

_MAX_FORMS = 32  # of one version: callers choose which outputs they ask for


class LogTap:
    """Takes the requests of one version; does not hold the version.

    Args:
        backlog: Where packed rows go.
        hand_on: Takes requests that are not packed; returns whether there was room.
        has_keys: Whether callers have keys.

    Attributes:
        append: Takes a request that was answered with 200; only on the event loop. It is replaced
            once the form of most requests is known.
    """

    __slots__ = ("_backlog", "_forms", "_hand_on", "_has_keys", "append")
    append: Append

    def __init__(
        self, backlog: Backlog, hand_on: Callable[[Servable, Timing], bool], *, has_keys: bool
    ) -> None:
        self._backlog = backlog
        self._hand_on = hand_on
        self._has_keys = has_keys
        self._forms: dict[object, Append] = {}
        self.append = self._append

    def _append(self, servable: Servable, timing: Timing) -> None:
        """Take a request of any form."""
        answered = timing.served
        if answered is None:
            return
        names = answered[2]
        is_bound = isinstance(names, BoundNames)
        key = id(names) if is_bound else tuple(names)
        append = self._forms.get(key)
        if append is None and timing.rows == 1 and len(self._forms) < _MAX_FORMS:
            append = self._forms[key] = self._learn(servable, answered)
            if is_bound:
                self.append = append
        if append is None or timing.rows > 1:
            self._append_whole(servable, timing)
        else:
            append(servable, timing)

    def _append_whole(self, servable: Servable, timing: Timing) -> None:
        """Hand a request on as it is."""
        if not self._hand_on(servable, timing):
            self._backlog.lost += timing.rows

    def _learn(self, servable: Servable, answered: Answered) -> Append:
        """Return what takes requests that are like this one."""
        try:
            form = RowForm.of(servable, answered)
        except Exception as error:  # noqa: BLE001 - serving goes on whatever happens here
            extra = fields("prediction-log", model=servable.name, version=servable.version)
            _log.warning("rows cannot be packed: %s", type(error).__name__, extra=extra)
            form = None
        if form is None:
            return self._append_whole
        buffer = self._backlog.add_buffer(servable, form)
        weakref.finalize(servable, buffer.close).atexit = False
        if isinstance(answered[2], BoundNames):
            return self._append_bound(buffer, answered)
        return self._append_arrays(buffer)

    def _append_bound(self, buffer: RowBuffer, example: Answered) -> Append:
        """Return what takes rows whose numbers are in the memory of a binding.

        All that it needs are variables of its own, since the event loop calls it for each request.
        """
        form, rows, look, append_any = buffer.form, buffer.rows, self._backlog.look, self._append
        names, pack, codes, keys = example[2], form.pack_head, form.codes, form.keys
        memory = names.memory  # type: ignore[attr-defined]
        place, add, has_keys = form.label_place, rows.append, self._has_keys
        is_list = place is not None and isinstance(example[3][place], list)
        request_id, key_id = REQUEST_ID.get, KEY_ID.get
        append_whole = self._append_whole

        def append(servable: Servable, timing: Timing) -> None:
            answered = timing.served
            if answered is None or answered[2] is not names:
                append_any(servable, timing)
                return
            try:
                code = 0
                if place is not None:
                    label = answered[3][place]
                    code = codes[label[0] if is_list else label]
                key = keys[key_id()] if has_keys else 0
                head = pack(timing.started, timing.done, request_id() or b"", key, code)
            except Exception:  # noqa: BLE001 - such as a label that is not known
                append_whole(servable, timing)
                return
            add(head + memory)
            count = len(rows)
            if count == 1 or count > buffer.room:
                look(buffer)

        return append

    def _append_arrays(self, buffer: RowBuffer) -> Append:
        """Return what takes rows that are arrays, one for each input and output."""
        form, rows, look = buffer.form, buffer.rows, self._backlog.look

        def append(servable: Servable, timing: Timing) -> None:
            try:
                packed = form.pack_arrays(timing, REQUEST_ID.get() or b"", KEY_ID.get())
            except Exception:  # noqa: BLE001 - such as a category that is not known
                self._append_whole(servable, timing)
                return
            rows.append(packed)
            if len(rows) == 1 or len(rows) > buffer.room:
                look(buffer)

        return append


class SampledTap:
    """Takes a random sample of requests; the others cost less than a tenth of a microsecond.

    Args:
        tap: Takes the sample.
        share: The share of the requests, above 0 and below 1.
    """

    __slots__ = ("_left", "_scale", "_tap")

    def __init__(self, tap: Tap, share: float) -> None:
        self._tap = tap
        # Gaps between independent draws are geometric: floor(ln(u) / ln(1 - p)) + 1.
        self._scale = 1.0 / math.log1p(-share)
        self._left = self._draw()  # requests until the next is taken

    def append(self, servable: Servable, timing: Timing) -> None:
        """Take or skip a request that was answered with 200; only on the event loop."""
        self._left -= 1
        if self._left > 0:
            return
        self._left = self._draw()
        self._tap.append(servable, timing)

    def _draw(self) -> int:
        return int(math.log(1.0 - random.random()) * self._scale) + 1  # noqa: S311 - no secret
