"""A folder of many models: which artifacts lie there, and what is ignored and why.

Two shapes are read: ``NAME/VERSION/model.onnx`` and ``NAME.onnx`` (version 1 of NAME). The scan
only lists and stats; it opens nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from inference.admission.files.contents import Fingerprint
from inference.repository.folder.listing import (
    NOT_THERE,
    VERSION,
    by_name,
    by_version,
    cut_reason,
    is_folder,
    list_visible,
)
from inference.settings.model_name import explain_name, is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE_NAME = "model.onnx"
SUFFIX = ".onnx"

Key = tuple[str, int]  # a model's name and version


class Candidate(msgspec.Struct, frozen=True):
    """An artifact on disk that may become a servable."""

    name: str
    version: int
    path: Path
    fingerprint: Fingerprint


class Ignored(msgspec.Struct, frozen=True):
    """An entry of the folder that is not taken for an artifact.

    Attributes:
        path: Relative to the models folder.
        reason: Why, and what would be right.
    """

    path: str
    reason: str


class Scan(msgspec.Struct):
    """What one look at the folder found.

    Attributes:
        present: False when the folder itself is not there.
        device: The filesystem that it is on.
        candidates: At most one per name and version.
        ignored: Everything else but hidden and temporary entries.
        unseen: Models of which something could not be looked at; it may well be there.
        problem: Why a folder that is one model has none; empty otherwise.
    """

    present: bool = True
    device: int = 0
    candidates: list[Candidate] = msgspec.field(default_factory=list)
    ignored: list[Ignored] = msgspec.field(default_factory=list)
    unseen: set[str] = msgspec.field(default_factory=set)
    problem: str = ""

    def is_mount_point_of(self, before: Scan) -> bool:
        """Whether this is an unmounted folder: empty, and on another filesystem than before."""
        is_empty = self.present and not self.candidates and not self.ignored
        return is_empty and bool(before.candidates) and self.device != before.device


def fingerprint(path: Path) -> Fingerprint | None:
    """Read a regular file's fingerprint; ``None`` when it is not (or no longer) one.

    Raises:
        OSError: stat failed, which says nothing about what is there.
    """
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise
    if not stat.S_ISREG(status.st_mode):
        return None
    return Fingerprint.of(status)


def scan_models(models_dir: Path) -> Scan:
    """List the artifacts of a models folder, in the order of their names and versions."""
    try:
        begun = models_dir.stat()
        visible, is_cut = list_visible(models_dir, by_name)
    except OSError:
        return Scan(present=False)
    scan = Scan(device=begun.st_dev)
    if is_cut:
        scan.ignored.append(Ignored("", cut_reason("first by name")))
    folders: list[Path] = []
    files: list[Path] = []
    for entry in visible:
        with looking_at(entry.name, scan):
            is_model = is_folder(entry) and not entry.name.endswith(SUFFIX)
            (folders if is_model else files).append(Path(entry.path))
    for path in folders:
        with looking_at(path.name, scan):
            _scan_name(path, scan)
    versioned = {candidate.name for candidate in scan.candidates} | scan.unseen
    for path in files:
        with looking_at(path.name, scan):
            _scan_flat(path, versioned, scan)
    if not is_same(models_dir, begun):  # what it lacks may have gone with the folder
        return Scan(present=False)
    scan.ignored = [Ignored(escaped(ignored.path), ignored.reason) for ignored in scan.ignored]
    scan.candidates.sort(key=lambda candidate: (candidate.name, candidate.version))
    return scan


def watched_folders(models_dir: Path) -> Iterator[Path]:
    """Give every folder that a scan looks into; each is listed only after it was given.

    So a caller that watches each of them misses nothing.
    """
    yield models_dir
    for folder in _folders_in(models_dir, by_name):
        if is_name(folder.name) and not folder.name.endswith(SUFFIX):
            yield folder
            for version in _folders_in(folder, by_version):
                if VERSION.fullmatch(version.name):
                    yield version


def _folders_in(folder: Path, order: Callable[[os.DirEntry[str]], Any]) -> list[Path]:
    with contextlib.suppress(OSError):  # the scan says so
        entries, _ = list_visible(folder, order)
        return [Path(entry.path) for entry in entries if _might_be_folder(entry)]
    return []


def _might_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return True


@contextlib.contextmanager
def looking_at(path: str, scan: Scan) -> Iterator[None]:
    """Look at ``NAME``, ``NAME.onnx`` or ``NAME/VERSION``; note the model if that fails."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_THERE:
            scan.unseen.add(path.partition("/")[0].removesuffix(SUFFIX))
            scan.ignored.append(Ignored(path, f"it cannot be read: {error.strerror}"))


def is_same(folder: Path, status: os.stat_result) -> bool:
    """Whether a folder is still the one that was looked at."""
    try:
        return os.path.samestat(folder.stat(), status)
    except OSError:
        return False


def _scan_flat(path: Path, versioned: set[str], scan: Scan) -> None:
    if path.suffix != SUFFIX:
        reason = "not an .onnx file"
    elif path.is_dir():
        reason = f"a folder; a model's folder is NAME/VERSION/{FILE_NAME}, a file is NAME.onnx"
    elif not is_name(path.stem):
        reason = explain_name(path.stem)
    elif path.stem in versioned:
        reason = f"shadowed by the folder '{path.stem}/', which has versions of the same name"
    elif (print_ := fingerprint(path)) is None:
        reason = "not a regular file"
    else:
        scan.candidates.append(Candidate(path.stem, 1, path, print_))
        return
    scan.ignored.append(Ignored(path.name, reason))


def _scan_name(folder: Path, scan: Scan) -> None:
    if not is_name(folder.name):
        scan.ignored.append(Ignored(folder.name + "/", explain_name(folder.name)))
        return
    entries, is_cut = list_visible(folder, by_version)
    if is_cut:
        scan.ignored.append(Ignored(folder.name + "/", cut_reason("highest versions")))
    for entry in entries:
        path = f"{folder.name}/{entry.name}"
        with looking_at(path, scan):  # the other versions do not depend on it
            _scan_version(folder.name, path, entry, scan)


def _scan_version(name: str, path: str, entry: os.DirEntry[str], scan: Scan) -> None:
    if not is_folder(entry):
        # Triton's configuration, which is not used here.
        if entry.name != "config.pbtxt":
            scan.ignored.append(Ignored(path, f"a version is a folder, N/{FILE_NAME}"))
        return
    file = Path(entry.path, FILE_NAME)
    if not VERSION.fullmatch(entry.name):
        scan.ignored.append(Ignored(path + "/", "a version is a positive integer"))
    elif (print_ := fingerprint(file)) is None:
        scan.ignored.append(Ignored(path + "/", f"it holds no file {FILE_NAME}"))
    else:
        scan.candidates.append(Candidate(name, int(entry.name), file, print_))


def escaped(path: str) -> str:
    """Write a path that is not Unicode text with escapes, so that it can be shown."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
