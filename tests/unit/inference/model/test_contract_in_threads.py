"""msgspec looks a type up on its first use; two threads that did so at once crashed the service."""

from __future__ import annotations

import subprocess
import sys

from support.project import FIXTURES

FIXTURE = FIXTURES / "mixed-columns.onnx"
FIRST_USE_IN_EIGHT_THREADS = """
import sys, threading
from pathlib import Path
from inference.model.contract_codec import METADATA_KEY, decode_contract
from inference.model.graph.onnx_file import read_metadata

document = read_metadata(Path(sys.argv[1]).read_bytes())[METADATA_KEY]
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)

def decode():
    together.wait()
    decode_contract(document)

threads = [threading.Thread(target=decode) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_first_decoding_in_many_threads_does_not_crash_the_process() -> None:
    """Tried several times, since it is a race: without decoders made at import it lost 4 of 12."""
    for _ in range(8):
        command = [sys.executable, "-c", FIRST_USE_IN_EIGHT_THREADS, str(FIXTURE)]
        done = subprocess.run(command, check=False, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
