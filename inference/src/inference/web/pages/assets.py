"""The pages' style sheet and modules, under a path that names their content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from inference.web.documents import DocumentResponse, encoded

if TYPE_CHECKING:
    from starlette.requests import Request

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


class Assets:
    """All files, read once.

    Attributes:
        path: The folder in which pages find them. It changes with their content, so that browsers
            can keep a file for good, and modules import each other by relative paths.
    """

    def __init__(self) -> None:
        self._files = {
            path.name: (encoded(path.read_bytes()), _TYPES[path.suffix])
            for path in sorted(_FOLDER.iterdir())
            if path.suffix in _TYPES
        }
        known = "".join(name + file.etag for name, (file, _) in self._files.items())
        self._digest = hashlib.blake2b(known.encode(), digest_size=8).hexdigest()
        self.path = f"/pages/{self._digest}"

    @property
    def names(self) -> list[str]:
        """The names of all files."""
        return list(self._files)

    def route(self) -> Route:
        """Return the route of the files."""
        return Route("/pages/{digest}/{name}", self._get, methods=["GET"])

    async def _get(self, request: Request) -> DocumentResponse:
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        response = DocumentResponse(*found)
        # A page of another release, during an update, gets the present file and does not keep it.
        if request.path_params["digest"] == self._digest:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response
