"""Recognizes files that are not ONNX models by their first bytes, and says what to do instead.

A file that was renamed, not downloaded whole, or saved by another library is a common mistake. Its
bytes are only compared, never parsed. This is asked after a file has been found to be no model, so
a wrong guess can refuse nothing.
"""

from __future__ import annotations

import re

HEAD_BYTES = 512

_CONVERT = "convert the model to ONNX"
_SAFETENSORS_MOST = 100_000_000  # bytes of its header, by its own specification
_TAR_OFFSET = 257
_PICKLE_PROTOCOLS = range(2, 6)
# The offset of the bytes, the bytes, what they mean.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer: run 'git lfs pull', and copy the file itself",
    ),
    (0, b"\x1f\x8b", "compressed with gzip: uncompress it with gunzip"),
    (0, b"BZh", "compressed with bzip2: uncompress it with bunzip2"),
    (0, b"\xfd7zXZ\0", "compressed with xz: uncompress it with unxz"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd: uncompress it with unzstd"),
    (0, b"\x04\x22\x4d\x18", "compressed with lz4: uncompress it with unlz4"),
    (0, b"\x89HDF\r\n\x1a\n", f"an HDF5 file, such as Keras writes: {_CONVERT}"),
    (0, b"\x93NUMPY", f"a NumPy array: {_CONVERT}"),
    (0, b"GGUF", f"a GGUF file: {_CONVERT}"),
    (0, b"tree\nversion=", f"a LightGBM model: {_CONVERT}"),
    (0, b"CBM1", "a CatBoost model: save it with format='onnx'"),
    (0, b"%PDF", "a PDF document: copy the model instead"),
    (4, b"TFL3", f"a TensorFlow Lite model: {_CONVERT}"),
    (4, b"ORTM", "in onnxruntime's own ORT format: copy the .onnx file that it was made of"),
    (_TAR_OFFSET, b"ustar", "a tar archive: extract the .onnx file"),
)
_FIELDS = (
    rb"ir_version|producer_name|producer_version|opset_import|graph|domain|model_version"
    rb"|doc_string|metadata_props"
)
# In this order, since XML looks like HTML.
_TEXTS = (
    (re.compile(rb"\s*<\?xml\b"), f"an XML document, such as PMML: {_CONVERT}"),
    (
        re.compile(rb"\s*<(!doctype\s+html|!--|[a-z][a-z0-9]*[\s/>])", re.IGNORECASE),
        "an HTML page, most likely of an error or a log-in: download the file again",
    ),
    (
        re.compile(rb"(\s|#[^\n]*\n)*(" + _FIELDS + rb")\s*[:{]"),
        "an ONNX model in protobuf's text format: save it with onnx.save in binary form",
    ),
    (
        re.compile(rb"\s*<\s*(" + _FIELDS + rb")\s*:"),
        "an ONNX model as text: parse it with onnx.parser and save it with onnx.save",
    ),
    (re.compile(rb'\s*(\{\s*"|\[\s*[\[{"\d-])'), f"a JSON document: {_CONVERT}"),
    # Pickles of protocols 0 and 1; the newer ones begin with their number.
    (
        re.compile(rb"c[\w.]+\n[\w.]+\n(p\d+\n|q|\(|\.)|\(?[dilt]?p\d+\n|\(?[\]\}]q\x00"),
        "a pickle: publish the model with 'exporter publish'",
    ),
)


def recognize(head: bytes) -> str:
    """Return what a file is, and what to do about it.

    Args:
        head: Its first :data:`HEAD_BYTES` bytes.

    Returns:
        Such as ``"compressed with gzip: uncompress it with gunzip"``; empty for what is not known.
    """
    for offset, magic, meaning in _MAGIC:
        if head[offset:].startswith(magic):
            return meaning
    if head.startswith(b"PK\x03\x04"):
        return _zip(head)
    if head[:1] == b"\x80" and len(head) > 1 and head[1] in _PICKLE_PROTOCOLS:
        return _pickle(head)
    if head[:1] == b"\x78" and len(head) > 1 and int.from_bytes(head[:2]) % 31 == 0:
        return f"compressed with zlib, as joblib does with pickles: {_CONVERT}"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _SAFETENSORS_MOST:
        return f"a safetensors file, which holds weights and no graph: {_CONVERT}"
    text = _decoded(head)
    return next((meaning for pattern, meaning in _TEXTS if pattern.match(text)), "")


def explain(reason: str, head: bytes) -> str:
    """Return why a file is no model, and what it is instead if that is known.

    Args:
        reason: Why it is no model.
        head: Its first bytes.
    """
    what = recognize(head)
    return f"the file is not an ONNX model, it is {what}" if what else reason


def _zip(head: bytes) -> str:
    if b"data.pkl" in head or b"/byteorder" in head or b".format_version" in head:
        return "a PyTorch file: export the model with torch.onnx.export"
    if b"metadata.json" in head or b"config.json" in head:
        return f"a ZIP archive, such as Keras writes: {_CONVERT}"
    return "a ZIP archive: extract the .onnx file"


def _pickle(head: bytes) -> str:
    if head[2:].startswith(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19") or b"torch" in head:
        return "a PyTorch file: export the model with torch.onnx.export"
    return "a pickle: publish the model with 'exporter publish'"


def _decoded(head: bytes) -> bytes:
    """Return a text in UTF-8 without its byte order mark."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace").encode()
    return head.removeprefix(b"\xef\xbb\xbf")
