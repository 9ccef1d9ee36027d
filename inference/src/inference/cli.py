"""The commands: ``inference serve``, ``check FILE``, ``models`` and ``key NAME``."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from inference.errors import RookeryError, SettingError
from inference.settings import Settings

_OK, _REFUSED, _USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0 done, 1 refused or failed, 2 wrong use or a wrong setting.
    """
    parser = argparse.ArgumentParser(
        prog="inference", description="Serve ONNX models from a folder, live and without restart."
    )
    parser.add_argument("--version", action="version", version=f"inference {version('inference')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "serve", help="serve the models folder; settings are INFERENCE_... variables"
    )
    check = commands.add_parser("check", help="examine one file as the service would")
    check.add_argument("file", type=Path)
    check.add_argument("--json", action="store_true", help="the report as JSON")
    models = commands.add_parser("models", help="list the models of the running service")
    models.add_argument("--json", action="store_true", help="as the service answers")
    key = commands.add_parser("key", help="make an API key, and its line for the file of keys")
    key.add_argument("name", help="what to call it in the log and in metrics")
    key.add_argument(
        "--scope", default="predict", help="predict, admin, or predict,admin; default: predict"
    )
    options = parser.parse_args(arguments)
    if options.command == "key":
        return print_key(options.name, options.scope)
    try:
        settings = Settings()
    except ValidationError as error:
        return _complain(error)
    match options.command:
        case "serve":
            return _serve(settings)
        case "check":
            return check_file(options.file, settings, as_json=options.json)
        case _:
            return list_models(settings, as_json=options.json)


def _serve(settings: Settings) -> int:
    # The service multiplies no matrices: numpy's library need not map memory for a thread per core,
    # and start it, since what forks has to have one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Ctrl-C during the start simply ends it; once it serves, the supervisor takes signals itself.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        # Imported late, so that the other commands start at once.
        from inference.process.server import serve  # noqa: PLC0415

        return _OK if serve(settings) else _REFUSED
    except SettingError as error:
        sys.stderr.write(f"inference: {error}\n")
        return _USAGE
    finally:
        signal.signal(signal.SIGINT, before)


def print_key(name: str, scopes: str) -> int:
    """Make a key and print it, once, with its line for the file of keys."""
    from inference.web.access.key import make_key  # noqa: PLC0415

    try:
        key, line = make_key(name, scopes.split(","))
    except SettingError as error:
        sys.stderr.write(f"inference: {error}\n")
        return _USAGE
    sys.stderr.write(
        "The key is shown this once; the line below it belongs into the file that "
        "INFERENCE_API_KEYS_FILE names.\n"
    )
    print(f"{key}\n{line}")  # noqa: T201
    return _OK


def check_file(path: Path, settings: Settings, *, as_json: bool) -> int:
    """Print the admission report of one file."""
    from inference.repository.admission import Limits, examine  # noqa: PLC0415

    report = examine(path, Limits.of(settings))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())  # noqa: T201
        return _OK if report.admitted else _REFUSED
    lines = [f"{path}: {'admitted' if report.admitted else 'refused: ' + report.reason}"]
    if report.digest:
        lines.append(f"  sha256    {report.digest}, {report.size_bytes:,} bytes")
    if report.admitted:
        contract = "yes" if report.has_contract else "none: features are positional"
        lines.append(f"  contract  {contract}")
        lines.append(
            f"  samples   {report.samples} replayed, largest difference {report.max_difference:.3g}"
        )
        lines.append(f"  loaded    in {report.load_ms:g} ms")
        costs = ", ".join(f"{rows} rows {cost:g} µs" for rows, cost in report.cost_us.items())
        lines.append(f"  one run   {costs or 'not measured'}")
    lines += [f"  warning   {warning}" for warning in report.warnings]
    print("\n".join(lines))  # noqa: T201
    return _OK if report.admitted else _REFUSED


def list_models(settings: Settings, *, as_json: bool) -> int:
    """Print the models of the service that runs at the configured address."""
    url = f"http://{settings.url_host}:{settings.port}/models"
    shown = settings.api_key.get_secret_value() if settings.api_key else None
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    request = urllib.request.Request(url, headers=headers)
    # A proxy that the environment names is for elsewhere.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
        table = _table(answer)
    except urllib.error.HTTPError as error:
        hint = "; INFERENCE_API_KEY has to hold a key" if error.code in (401, 403) else ""
        sys.stderr.write(f"inference: the service at {url} answers {error.code}{hint}\n")
        return _REFUSED
    except (KeyError, TypeError):
        sys.stderr.write(f"inference: what answers at {url} is another service\n")
        return _REFUSED
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        sys.stderr.write(
            f"inference: no service answers at {url} ({reason}): start it with 'inference serve', "
            "or set INFERENCE_HOST and INFERENCE_PORT to where it runs\n"
        )
        return _REFUSED
    print(json.dumps(answer, indent=2) if as_json else table)  # noqa: T201
    return _OK


def _table(answer: dict[str, Any]) -> str:
    rows = [("", "MODEL", "STATE", "ACTIVE", "TASK", "REASON")]
    for m in answer["models"]:
        refused = "; ".join(f"version {q['version']}: {q['reason']}" for q in m["quarantined"])
        rows.append(
            (
                "*" if m["selected"] else "",
                m["name"],
                m["state"],
                str(m["active_version"] or "-"),
                m["task"] or "-",
                m["reason"] or refused,
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(r, widths, strict=False)), r[5]]) for r in rows
    ]
    lines += [f"ignored: {i['path']}: {i['reason']}" for i in answer["ignored"]]
    return "\n".join(line.rstrip() for line in lines)


def _complain(error: ValidationError) -> int:
    for wrong in error.errors():
        name = f"INFERENCE_{'_'.join(map(str, wrong['loc'])).upper()}"
        sys.stderr.write(f"inference: {name}={wrong['input']!r}: {wrong['msg']}\n")
    return _USAGE


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RookeryError as error:
        sys.exit(f"inference: {error}")
