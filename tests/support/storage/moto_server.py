"""moto's server, which here stores one object at a time: ``moto_server.py HOST PORT``.

Run by the Python of an environment that has moto. moto itself looks for an object and writes it in
two steps of a thread: on a busy machine, two callers sometimes create the same object.
"""

from __future__ import annotations

import io
import sys
import threading
from typing import Any

from moto import server

_whole = server.DomainDispatcherApplication.__call__
_lock = threading.Lock()


def _one_put_at_a_time(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
    if environ["REQUEST_METHOD"] != "PUT" or "CONTENT_LENGTH" not in environ:
        return _whole(self, environ, start_response)
    # The content comes first, however slowly: meanwhile others may store theirs.
    content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    with _lock:
        return _whole(self, environ, start_response)


server.DomainDispatcherApplication.__call__ = _one_put_at_a_time

if __name__ == "__main__":
    server.main(["-H", sys.argv[1], "-p", sys.argv[2]])
