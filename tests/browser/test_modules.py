"""The pages' modules that need no browser, run by Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[[str], Any]

STATIC = ROOT / "inference/src/inference/web/pages/static"
LONG = 2**53 + 1
PAGE = """
globalThis.document = {
  documentElement: { dataset: {}, lang: "en" },
  getElementById: () => null,
};
const { keyOf } = await import(`${folder}/answer.js`);
const { ask, number, read, readRecord, useKey, writeRecord } = await import(`${folder}/service.js`);
const { follow } = await import(`${folder}/stream.js`);
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run JavaScript that prints JSON."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js: apt-get install nodejs")
    folder = shutil.copytree(STATIC, tmp_path / "static")
    (folder / "package.json").write_text('{"type": "module"}')

    def run(script: str) -> Any:
        program = f"const folder = {json.dumps(folder.as_uri())};{PAGE}{script}"
        command = [node, "--input-type=module", "--eval", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize(
    ("label", "keys", "key"),
    [
        (1.0, ["0.0", "1.0"], "1.0"),
        (-1, ["-1", "1"], "-1"),
        (True, ["false", "true"], "true"),
        ("b", ["a", "b"], "b"),
        (LONG, [str(LONG - 1), str(LONG)], str(LONG)),
        ("c", ["a", "b"], None),
    ],
)
def test_label_is_found_among_the_keys(
    run: Run, label: object, keys: list[str], key: str | None
) -> None:
    answer = json.dumps(json.dumps({"label": label}))
    assert run(f"console.log(JSON.stringify(keyOf(read({answer}).label, {keys})))") == key


def test_long_numbers_of_a_record_keep_all_digits(run: Run) -> None:
    record = {"id": LONG, "least": -(2**63), f'a": {LONG}': f"{LONG}", "x": 0.5, "gone": None}
    shown = json.dumps(json.dumps(record | {"whole": True}))
    assert run(f"console.log(writeRecord(readRecord({shown})))") == record | {"whole": True}
    assert run(f"console.log(readRecord('[1, {LONG}]').indexOf({LONG}n))") == 1


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (453_217.3, 5, "453,217"),
        (-12_345.6, 2, "-12,346"),
        (0.123456, 4, "0.1235"),
        (9999.6, 4, "10,000"),
        (1.5e20, 3, "150,000,000,000,000,000,000"),
    ],
)
def test_numbers_lose_only_digits_behind_the_point(
    run: Run, value: float, digits: int, written: str
) -> None:
    assert run(f"console.log(JSON.stringify(number({value}, {digits})))") == written


def test_key_that_no_header_takes_is_an_error_of_the_request(run: Run) -> None:
    caught = 'ask("/models").catch((error) => console.log(JSON.stringify(error.name)))'
    assert run(f'useKey("\\u201ckey\\u201d"); {caught}') == "TypeError"


def test_silent_stream_is_opened_again(run: Run) -> None:
    script = """
    const { setTimeout: later } = globalThis;
    globalThis.setTimeout = (call, ms, ...rest) => later(call, ms / 1000, ...rest);
    let opened = 0, canceled = 0;
    globalThis.fetch = async () => {
      opened += 1;
      return new Response(new ReadableStream({ cancel: () => { canceled += 1; } }));
    };
    const states = [];
    const stop = follow("/events", {
      state: (state) => {
        states.push(state);
        if (states.length < 3) return;
        stop();
        console.log(JSON.stringify({ opened, canceled, states }));
      },
    });
    """
    assert run(script) == {"opened": 2, "canceled": 1, "states": ["on", "off", "on"]}


@pytest.mark.parametrize(
    ("protocol", "argument"),
    [("https:", '"ml.example", ssl=True'), ("http:", '"ml.example"')],
)
def test_code_has_the_address_and_tells_the_client_of_triton_of_tls(
    run: Run, protocol: str, argument: str
) -> None:
    """Source: ``tritonclient.http.InferenceServerClient``, whose URL has no scheme."""
    script = """
        const host = "ml.example";
        globalThis.location = { protocol: PROTOCOL, host, origin: `${PROTOCOL}//${host}` };
        const code = {
          dataset: { address: "http://127.0.0.1:8000" },
          textContent: 'Client("127.0.0.1:8000") http://127.0.0.1:8000/models',
        };
        const { start } = await import(`${folder}/usage.js`);
        start({ querySelectorAll: () => [code] });
        console.log(JSON.stringify(code.textContent));
    """
    program = script.replace("PROTOCOL", json.dumps(protocol))
    assert run(program) == f"Client({argument}) {protocol}//ml.example/models"
