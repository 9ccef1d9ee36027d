"""A folder that is one model, as KServe, SageMaker, Vertex AI and Azure ML mount it.

It has ``VERSION/model.onnx``, or else ``model.onnx``, or else a single ``*.onnx`` of any name,
each of which is version 1. It may be read-only, and files and folders may be symbolic links, as in
volumes of Kubernetes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference.repository.folder.listing import (
    NOT_THERE,
    VERSION,
    by_name,
    cut_reason,
    is_folder,
    list_visible,
)
from inference.repository.folder.scan import (
    FILE_NAME,
    SUFFIX,
    Candidate,
    Ignored,
    Scan,
    escaped,
    fingerprint,
    is_same,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_LISTED = 5  # files that a message names
_WANTED = f"{FILE_NAME}, a single file *{SUFFIX}, or VERSION/{FILE_NAME}"


def scan_one_model(folder: Path, name: str) -> Scan:
    """List the versions of the model that a folder is.

    Args:
        folder: The models folder.
        name: The name of the model.

    Returns:
        A scan with a ``problem`` unless there is a version.
    """
    try:
        begun = folder.stat()
        visible, is_cut = list_visible(folder, by_name)
    except OSError:
        return Scan(present=False)
    scan = Scan(device=begun.st_dev)
    if is_cut:
        scan.ignored.append(Ignored("", cut_reason("first by name")))
    files = []
    for entry in visible:
        try:
            if is_folder(entry):
                _scan_folder(entry, name, scan)
            elif _is_file(entry, scan):
                files.append(entry.name)
        except OSError as error:
            if error.errno not in NOT_THERE:
                scan.unseen.add(name)
                scan.ignored.append(Ignored(entry.name, f"it cannot be read: {error.strerror}"))
    _choose_file(folder, name, files, scan)
    if not is_same(folder, begun):
        return Scan(present=False)
    if not scan.candidates:
        scan.problem = scan.problem or _describe_lack(folder, scan)
    scan.ignored = [Ignored(escaped(ignored.path), ignored.reason) for ignored in scan.ignored]
    scan.candidates.sort(key=lambda candidate: candidate.version)
    return scan


def watched_folders_of_one(folder: Path) -> Iterator[Path]:
    """Give the folder and those of its versions, each before it is listed."""
    yield folder
    try:
        entries, _ = list_visible(folder, by_name)
    except OSError:  # the scan says so
        return
    for entry in entries:
        if VERSION.fullmatch(entry.name):
            yield Path(entry.path)


def _scan_folder(entry: os.DirEntry[str], name: str, scan: Scan) -> None:
    if not VERSION.fullmatch(entry.name):
        reason = f"with INFERENCE_MODEL_NAME, a folder is a version, N/{FILE_NAME}"
        scan.ignored.append(Ignored(entry.name + "/", reason))
        return
    file = Path(entry.path, FILE_NAME)
    print_ = fingerprint(file)
    if print_ is None:
        scan.ignored.append(Ignored(entry.name + "/", f"it holds no file {FILE_NAME}"))
    else:
        scan.candidates.append(Candidate(name, int(entry.name), file, print_))


def _is_file(entry: os.DirEntry[str], scan: Scan) -> bool:
    """Whether an entry is a regular file that may be the model; note why not."""
    if not entry.name.endswith(SUFFIX):
        scan.ignored.append(Ignored(entry.name, "not an .onnx file"))
        return False
    if fingerprint(Path(entry.path)) is None:
        scan.ignored.append(Ignored(entry.name, "not a regular file"))
        return False
    return True


def _choose_file(folder: Path, name: str, files: list[str], scan: Scan) -> None:
    """Take the file that is the model, if there are no folders of versions."""
    if scan.candidates or not files:
        others, reason = files, "shadowed by the folders of versions"
    elif FILE_NAME in files or len(files) == 1:
        chosen = FILE_NAME if FILE_NAME in files else files[0]
        others, reason = [file for file in files if file != chosen], f"shadowed by {chosen}"
        print_ = fingerprint(folder / chosen)
        if print_ is not None:
            scan.candidates.append(Candidate(name, 1, folder / chosen, print_))
    else:
        listed = ", ".join(map(escaped, files[:_LISTED]))
        more = f" and {len(files) - _LISTED} more" if len(files) > _LISTED else ""
        scan.problem = (
            f"{folder} has several files *{SUFFIX} ({listed}{more}), and with "
            f"INFERENCE_MODEL_NAME it is one model: call one of them {FILE_NAME}, or unset "
            "INFERENCE_MODEL_NAME to serve each as a model"
        )
        others, reason = files, f"it is one of several: call one of them {FILE_NAME}"
        scan.unseen.add(name)  # as when a file is replaced by one of another name
    scan.ignored += [Ignored(file, reason) for file in others]


def _describe_lack(folder: Path, scan: Scan) -> str:
    found = [escaped(ignored.path) for ignored in scan.ignored if ignored.path][:_LISTED]
    has = f"it has {', '.join(found)}" if found else "it is empty"
    return f"there is no model in {folder}: with INFERENCE_MODEL_NAME it has {_WANTED}; {has}"
