"""The rows, and the method, in a document of another server's protocol.

=======================  ==========================================================  ==============
member                   rows                                                        protocol
=======================  ==========================================================  ==============
``instances``            records, or rows; single values for a model of one feature  all
``inputs``               the same, or columns by name                                TensorFlow,
                                                                                     MLflow
``dataframe_records``    records                                                     MLflow
``dataframe_split``      rows under ``data``, names of their columns in ``columns``  MLflow
=======================  ==========================================================  ==============

Sources: https://www.tensorflow.org/tfx/serving/api_rest and
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from inference.errors import RequestError, TooLargeError
from inference.runtime.suggestions import nearest, shorten
from inference.runtime.threads import PIECE_BYTES
from inference.serving.answers.plain import PlainForm
from inference.serving.json_encoding import explain_refusal, to_utf8
from inference.serving.tensors.list_slices import WHOLE_BYTES, Span, find_end
from inference.web.adapters.columns import Table
from inference.web.adapters.list_pieces import (
    first_byte,
    first_item_byte,
    items_in_pieces,
    join_rows,
)
from inference.web.adapters.missing_values import replace_nan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable
    from inference.serving.rows.row_limits import RowLimits

DATA = ("instances", "inputs", "dataframe_records", "dataframe_split")
_OTHERS = ("signature_name", "params", "parameters")
_METHOD = "predict_fn"  # as the file of a model of MLflow calls it
_MAX_UNCUT_BYTES = 8 * 1024 * 1024  # of what is decoded at once
_KEY = re.compile(rb'"(?:instances|inputs|dataframe_records|data)"[ \t\r\n]*+:[ \t\r\n]*+(?=\[)')
_KEY_BYTES = 256
# The end of a list, and another member behind it. Within a string it may be anything.
_NEXT = re.compile(rb'\][ \t\r\n}]*+,[ \t\r\n]*+"')
_MARK = b'{"":0}'  # in place of a long list; no value of a document


class Unwrapped(NamedTuple):
    """What a document asks.

    Attributes:
        rows: A list of records or rows, as the predict routes take it.
        form: The form of the answer.
    """

    rows: bytes
    form: PlainForm


class _Split(msgspec.Struct):
    data: msgspec.Raw
    columns: list[Any] | None = None


_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_split = msgspec.json.Decoder(_Split).decode
_decode_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_parameters = msgspec.json.Decoder(dict[str, Any] | None).decode
_decode_name = msgspec.json.Decoder(str | None).decode
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def unwrap(
    body: bytes, servable: Servable, limits: RowLimits, taken: Sequence[str] = DATA
) -> Unwrapped:
    """Find the rows and the method in a document.

    Args:
        body: The document, as JSON.
        servable: The model; it must have features.
        limits: Those of a request.
        taken: The members that may have the rows.

    Raises:
        RequestError: It is not such a document, or has not the columns of the model.
        TooLargeError: It is too long to be decoded at once, or has too many values in columns.
    """
    text = replace_nan(to_utf8(body))
    outline, long_list = _take_list(text)
    members = _decode_members(text, outline)
    _check_members(members, taken)
    (name,) = [each for each in taken if each in members]
    method = _read_method(members)
    value = members[name]
    rows = _Rows(servable, limits, long_list)
    if name == "dataframe_split":
        return Unwrapped(rows.split(value), PlainForm(method))
    both = ("predictions", "outputs") if name == "inputs" else ("predictions",)
    return Unwrapped(rows.find(value, name), PlainForm(method, both))


def _take_list(text: bytes) -> tuple[bytes, bytes | None]:
    """Take the list of rows out of a long document.

    Returns:
        The document with a mark in place of the list, and the list; ``None`` where it is short, or
        has no such list.

    Raises:
        TooLargeError: What has to be decoded at once is too long.
    """
    if len(text) <= WHOLE_BYTES:
        return text, None
    key = None
    for offset in range(0, len(text), PIECE_BYTES):
        key = _KEY.search(text, offset, offset + PIECE_BYTES + _KEY_BYTES)
        if key is not None:
            break
    end = None if key is None else _find_end(text, key.end())
    if key is not None and end is not None:
        outline = text[: key.end()] + _MARK + text[end:]
        if len(outline) <= _MAX_UNCUT_BYTES:
            return outline, _copy(text, key.end(), end)
    if len(text) > _MAX_UNCUT_BYTES:
        raise TooLargeError(
            f"a document of more than {_MAX_UNCUT_BYTES:,} bytes must have its rows in one list: "
            '{"instances": [[...], ...]}'
        )
    return text, None


def _find_end(text: bytes, start: int) -> int | None:
    """Return where the list ends that begins at an offset; ``None`` if it has no end."""
    end = text.rfind(b"]", start) + 1
    for at in range(start, end, PIECE_BYTES):
        if _NEXT.search(text, at, at + PIECE_BYTES + _KEY_BYTES):
            # Perhaps another list follows. To look at each item takes longer than all else here.
            return find_end(Span(text, start + 1, len(text)))
    return end or None


def _copy(text: bytes, start: int, end: int) -> bytes:
    """Copy a part of a long text, so that other threads run in between."""
    part = bytearray(end - start)
    with memoryview(text) as view:
        for at in range(start, end, PIECE_BYTES):
            piece = view[at : min(at + PIECE_BYTES, end)]
            part[at - start : at - start + len(piece)] = piece
    return cast("bytes", part)  # it does all that is asked of bytes; a copy costs as much


def _decode_members(text: bytes, outline: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode(outline)
    except _REFUSED as error:
        if first_byte(text) not in (b"{", b""):
            raise RequestError(
                'the body is not an object: send {"instances": [...]} with a list of records or '
                "rows"
            ) from None
        infinite = " (Infinity is no number in JSON)" if b"Infinity" in text else ""
        reason = explain_refusal(error, outline)
        raise RequestError(f"the body is not JSON{infinite}: {reason}") from None


def _check_members(members: dict[str, msgspec.Raw], taken: Sequence[str]) -> None:
    """Check that a document has its rows once, and nothing that is not known.

    Raises:
        RequestError: It has not.
    """
    found = [name for name in taken if name in members]
    known = (*taken, *_OTHERS)
    for name in members:
        if name not in known:
            raise RequestError(
                f"'{shorten(name)}' is not a member of the document.{nearest(name, known)} It has "
                f"one of {', '.join(taken)}"
            )
    if len(found) != 1:
        has = f"it has {' and '.join(found)}" if found else "it has none of them"
        raise RequestError(f"the document must have one of {', '.join(taken)}: {has}")


def _read_method(members: dict[str, msgspec.Raw]) -> str:
    """Return the method that a document names.

    Raises:
        RequestError: It is no name, or there are other parameters.
    """
    try:
        name = _decode_name(members.get("signature_name", b"null"))
    except _REFUSED:
        raise RequestError("'signature_name' is not a string") from None
    method = "predict" if name in (None, "serving_default") else name
    for member in ("params", "parameters"):
        try:
            parameters = _decode_parameters(members.get(member, b"null")) or {}
        except _REFUSED:
            raise RequestError(f"'{member}' is not an object") from None
        for key, value in parameters.items():
            if key != _METHOD or not isinstance(value, str):
                raise RequestError(
                    f"'{member}' has '{shorten(key)}', which the model does not take: send "
                    f'{{"{_METHOD}": "predict_proba"}}, or leave it out'
                )
            method = value
    return method


class _Rows(NamedTuple):
    """Makes the rows of a member of a document.

    Attributes:
        servable: The model.
        limits: Those of a request.
        long_list: The list that a mark stands for, if there is one.
    """

    servable: Servable
    limits: RowLimits
    long_list: bytes | None

    def find(self, value: msgspec.Raw, name: str) -> bytes:
        """Return records, rows, or rows of single values, of which too many are left out."""
        text = self._whole(value)
        first = first_byte(text)
        if first == b"{" and name == "inputs":
            return self._from_columns(text)
        if first != b"[":
            raise RequestError(f"'{name}' is not a list: send a list of records or rows")
        if first_item_byte(text) in (b"[", b"{", b"]"):
            return text
        width = Table(self.servable).width
        if width != 1:
            raise RequestError(
                f"'{name}' is a list of values, and the model takes {width} of them: "
                f'send a list of rows, {{"{name}": [[...]]}}'
            )
        pieces = items_in_pieces(text, f"'{name}'", self.limits.row_bytes)
        return join_rows((b"[%b]" % item for items in pieces for item in items), self.limits)

    def split(self, value: msgspec.Raw) -> bytes:
        """Return the rows of a table, in the order of the features."""
        try:
            split = _decode_split(value)
        except _REFUSED as error:
            raise RequestError(
                "'dataframe_split' is not a table: send "
                f'{{"columns": ["...", ...], "data": [[...], ...]}}: {error}'
            ) from None
        rows = self._whole(split.data)
        if first_byte(rows) != b"[" or first_item_byte(rows) not in (b"[", b"]"):
            raise RequestError("'data' of 'dataframe_split' is not a list of rows")
        if split.columns is None or first_item_byte(rows) == b"]":
            return rows
        what = "'dataframe_split'"
        return Table(self.servable).reorder(rows, split.columns, what, self.limits)

    def _from_columns(self, text: bytes) -> bytes:
        try:
            columns = _decode_columns(text)
        except _REFUSED as error:
            raise RequestError(f"'inputs' is not JSON: {error}") from None
        table = Table(self.servable)
        if len(columns) == 1:
            (name,) = columns
            if table.is_input(name):  # the tensor of all features, as TensorFlow's clients name it
                return self.find(columns[name], "inputs")
        whole = {name: self._whole(column) for name, column in columns.items()}
        return table.transpose(whole, "'inputs'")

    def _whole(self, value: msgspec.Raw) -> bytes:
        """Return a value of a document, or the long list in its place."""
        text = bytes(value)
        return self.long_list if self.long_list is not None and text == _MARK else text
