"""Load by wrk, from the generator's own core: https://github.com/wg/wrk."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmark.figures import Figures

_MARK = "FIGURES "
_SCRIPT = """
local file = assert(io.open({body}, "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
{headers}
{unique}
done = function(summary, latency)
   local failed = summary.errors
   io.write(string.format('\\n{mark}{{"rate": %f, "mean_ms": %f, "p50_ms": %f, "p99_ms": %f, '
      .. '"requests": %d, "failures": %d}}\\n',
      summary.requests / summary.duration * 1e6, latency.mean / 1e3,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.requests,
      failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
"""


# Each request gets another trace, as behind a tracing proxy. The rest of it is made once.
_UNIQUE = """
local counter, before, after = 0
init = function()
   wrk.headers["traceparent"] = "MARK"
   local text = wrk.format()
   local first, last = text:find("MARK", 1, true)
   before, after = text:sub(1, first - 1), text:sub(last + 1)
end
request = function()
   counter = counter + 1
   return before .. string.format("00-%032x-%016x-01", counter, counter) .. after
end
"""


@dataclass(frozen=True)
class Request:
    """One request, sent over and over.

    Attributes:
        path: Where to.
        body: What; JSON unless the headers say otherwise.
        headers: Beside the content type.
        is_unique: Whether each request has another ``traceparent``.
    """

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    is_unique: bool = False


class Wrk:
    """The load generator.

    Args:
        folder: For its scripts and bodies.
        cores: Where it runs.
    """

    def __init__(self, folder: Path, cores: Sequence[int]) -> None:
        program = shutil.which("wrk")
        if program is None:
            raise SystemExit("wrk is missing (Debian and Ubuntu: apt-get install wrk)")
        self._program = program
        self._folder = folder
        self._cores = cores
        self._scripts = 0

    def measure(self, url: str, request: Request, *, connections: int, seconds: int) -> Figures:
        """Ask as fast as the answers come, over so many connections.

        Returns:
            ``rate`` a second, ``mean_ms``, ``p50_ms``, ``p99_ms``, ``requests`` and ``failures``.
        """
        command = self._command(url, request, connections, seconds)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures: Figures = json.loads(done.stdout.rpartition(_MARK)[2])
        return figures

    @contextlib.contextmanager
    def background(
        self, url: str, request: Request, *, connections: int, seconds: int
    ) -> Iterator[None]:
        """Ask meanwhile; ends with the block, or after so many seconds.

        It gives way to the generator that measures: their waiting for each other is not the
        server's.
        """
        command = ["chrt", "--idle", "0", *self._command(url, request, connections, seconds)]
        load = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            load.kill()
            load.wait()

    def _command(self, url: str, request: Request, connections: int, seconds: int) -> list[str]:
        self._scripts += 1
        script = self._folder / f"{self._scripts}.lua"
        body = script.with_suffix(".body")
        body.write_bytes(request.body)
        headers = {"Content-Type": "application/json"} | dict(request.headers)
        script.write_text(
            _SCRIPT.format(
                body=json.dumps(str(body)),
                headers="\n".join(
                    f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
                    for name, value in headers.items()
                ),
                unique=_UNIQUE if request.is_unique else "",
                mark=_MARK,
            )
        )
        threads = min(connections, len(self._cores))
        return [
            *("taskset", "--cpu-list", ",".join(map(str, self._cores))),
            *(self._program, "--latency", f"-t{threads}", f"-c{connections}", f"-d{seconds}s"),
            *("--timeout", "30s", "--script", str(script), url + request.path),
        ]
