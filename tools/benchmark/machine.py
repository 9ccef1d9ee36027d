"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmark.environments import mlserver_version

_PACKAGES = (
    "uvicorn",
    "httptools",
    "uvloop",
    "fastapi",
    "pydantic",
    "msgspec",
    "numpy",
    "onnxruntime",
    "scikit-learn",
    "skl2onnx",
    "xgboost-cpu",
    "lightgbm",
    "catboost",
)


def describe_machine() -> dict[str, str]:
    """Describe the machine: processor, cores, memory, system, and how busy it is already."""
    fields = dict(_lines(Path("/proc/cpuinfo"))[::-1])
    kilobytes = int(dict(_lines(Path("/proc/meminfo")))["MemTotal"].split()[0])
    kind = "virtual" if "hypervisor" in fields.get("flags", "") else "physical"
    return {
        "processor": f"{fields.get('model name', platform.machine())}, {kind}",
        "cores": f"{os.cpu_count()}",
        "memory": f"{kilobytes * 1024 / 1e9:.1f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.2f} (average of the last minute)",
    }


def describe_versions() -> dict[str, str]:
    """Give the versions of everything that is measured."""
    versions = {"Python": platform.python_version()}
    versions |= {package: version(package) for package in _PACKAGES}
    # wrk prints its version and then its usage, and ends with 1.
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    versions["MLServer"] = mlserver_version()
    return versions | {"wrk": said.split()[1] if said.startswith("wrk ") else "unknown"}


def read_ticks() -> tuple[int, int]:
    """Give the clock ticks of all cores so far: those taken away by the host, and all."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[7], sum(ticks)


def _lines(path: Path) -> list[tuple[str, str]]:
    pairs = [line.partition(":") for line in path.read_text().splitlines()]
    return [(name.strip(), value.strip()) for name, colon, value in pairs if colon]
