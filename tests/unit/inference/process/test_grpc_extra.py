from __future__ import annotations

import subprocess
import sys

import pytest

from inference.settings import InvalidSettingsError, Settings, listening


def test_nothing_of_grpc_is_imported_without_its_port() -> None:
    program = (
        "import sys, tempfile, pathlib; from inference.app import create_app; "
        "from inference.settings import Settings; folder = pathlib.Path(tempfile.mkdtemp()); "
        "create_app(Settings(models_dir=folder, state_dir=folder)); "
        "print([name for name in sys.modules if name.startswith('grpc')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"


def test_the_port_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "find_spec", lambda _: None)
    assert Settings().grpc_port is None
    with pytest.raises(InvalidSettingsError, match=r"inference\[grpc\]"):
        Settings(grpc_port=8001)
