"""Loads locales, which are files, before a process can no longer open files."""

from __future__ import annotations

import contextlib
import ctypes
import os

# LC_ALL_MASK, locale.h of glibc.
_ALL_CATEGORIES = 0x1FBF
# The third is the default of onnxruntime's text operators; glibc caches each spelling separately.
_COMMON = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "en_US.utf8", "en_US")
_FOLDER = "/usr/lib/locale"
_MOST = 50


def load_locales() -> None:
    """Load the locales that text models may name: common ones, and those of this machine."""
    libc = ctypes.CDLL(None)
    libc.newlocale.restype = ctypes.c_void_p
    installed: list[str] = []
    with contextlib.suppress(OSError):
        installed = os.listdir(os.environ.get("LOCPATH", _FOLDER))[:_MOST]  # noqa: PTH208
    variants = [name.replace(".utf8", ".UTF-8") for name in installed]
    for name in dict.fromkeys([*_COMMON, *installed, *variants]):
        libc.newlocale(_ALL_CATEGORIES, os.fsencode(name), None)
