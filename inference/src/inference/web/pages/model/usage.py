"""How programs use a model: the same request in several languages, with real values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inference.web.pages.html import Html, element

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.web.pages.texts import Texts

# The browser puts the address that it knows in the place of this one.
ADDRESS = "http://127.0.0.1:8000"
_LONGEST = 4000  # characters of a record; a longer one is unreadable
_LARGEST_EXACT = 2**53 - 1  # of JavaScript's integers


def make_usage(texts: Texts, name: str, servable: Servable, *, keyed: bool) -> Html:
    """Return a block for each way.

    Args:
        texts: The texts.
        name: The model.
        servable: Its active version.
        keyed: Whether requests need a key.
    """
    record = _record(servable)
    snippets = []
    if record is not None:
        snippets += [
            ("curl", _curl(name, record, keyed=keyed)),
            ("Python, httpx", _python(name, record, keyed=keyed)),
            ("JavaScript", _javascript(name, record, keyed=keyed)),
        ]
    triton = _triton(name, servable, record, keyed=keyed)
    if triton is not None:
        snippets.append(("Triton client", triton))
    if record is not None:
        snippets.append((texts("use.notebook"), _notebook(name, record)))
    blocks = [_block(texts, number, *snippet) for number, snippet in enumerate(snippets)]
    note = element("p", texts("use.key"), class_="hint") if keyed else None
    return element("div", note, blocks or element("p", texts("try.tensors")), class_="usage")


def _block(texts: Texts, number: int, title: str, code: str) -> Html:
    copy = element(
        "button",
        texts("use.copy"),
        type="button",
        data_copy=f"code-{number}",
        aria_label=f"{texts('use.copy')}: {title}",
    )
    return element(
        "section",
        element("div", element("h2", title), copy, class_="line"),
        element(
            "pre",
            element("code", code, id=f"code-{number}", data_address=ADDRESS),
            tabindex="0",
            role="region",
            aria_label=title,
        ),
        class_="block",
    )


def _record(servable: Servable) -> dict[str, Any] | None:
    """Return values that the model takes, or ``None`` if they are too many to read."""
    contract = servable.contract
    features = servable.features or []
    row = contract.samples[0].row if contract and contract.samples else None
    names = [feature.name for feature in features]
    values = row if row is not None else [feature.example for feature in features]
    record = dict(zip(names, values, strict=False))
    return record if record and len(json.dumps(record)) <= _LONGEST else None


def _curl(name: str, record: dict[str, Any], *, keyed: bool) -> str:
    body = json.dumps(record).replace("'", "'\\''")
    key = ' \\\n  -H "Authorization: Bearer $API_KEY"' if keyed else ""
    return (
        f"curl {ADDRESS}/models/{name}/predict{key} \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def _python(name: str, record: dict[str, Any], *, keyed: bool) -> str:
    key = '\n    headers={"Authorization": f"Bearer {api_key}"},' if keyed else ""
    return (
        "import httpx\n\n"
        f"record = {_literal(record)}\n"
        "answer = httpx.post(\n"
        f'    "{ADDRESS}/models/{name}/predict",{key}\n'
        "    json=record,\n)\n"
        "answer.raise_for_status()\n"
        "print(answer.json())"
    )


def _javascript(name: str, record: dict[str, Any], *, keyed: bool) -> str:
    key = ", Authorization: `Bearer ${apiKey}`" if keyed else ""
    sent, written = "JSON.stringify(record)", json.dumps(record, indent=2, ensure_ascii=False)
    if any(isinstance(one, int) and abs(one) > _LARGEST_EXACT for one in record.values()):
        # As numbers of JavaScript they would be rounded.
        text = json.dumps(record, ensure_ascii=False)
        sent, written = "record", json.dumps(text, ensure_ascii=False)
    return (
        f"const record = {written};\n"
        f'const answer = await fetch("{ADDRESS}/models/{name}/predict", {{\n'
        '  method: "POST",\n'
        f'  headers: {{ "Content-Type": "application/json"{key} }},\n'
        f"  body: {sent},\n"
        "});\n"
        "console.log(await answer.json());"
    )


def _notebook(name: str, record: dict[str, Any]) -> str:
    return (
        "import pandas as pd\nfrom exporter import Rookery\n\n"
        f'model = Rookery("{ADDRESS}")["{name}"]\n'
        f"model.predict(pd.DataFrame([{_literal(record)}]))"
    )


def _triton(
    name: str, servable: Servable, record: dict[str, Any] | None, *, keyed: bool
) -> str | None:
    """Return the request as tensors; ``None`` if there are no values for them."""
    features = servable.features
    specs = servable.signature.inputs
    if features is None or record is None or any(spec.datatype is None for spec in specs):
        return None
    inputs = []
    for number, spec in enumerate(specs):
        values = [record[one.name] for one in features if one.input == spec.name]
        if not values or any(value is None for value in values):
            return None
        inputs.append(_tensor(number, spec, values))
    key = ', headers={"Authorization": f"Bearer {api_key}"}' if keyed else ""
    names = ", ".join(f"input_{number}" for number in range(len(inputs)))
    outputs = [spec.name for spec in servable.signature.outputs if spec.datatype is not None]
    if not outputs:
        return None
    return (
        "import numpy as np\nimport tritonclient.http as triton\n\n"
        f'client = triton.InferenceServerClient("{ADDRESS.partition("//")[2]}")\n'
        + "".join(inputs)
        + f'answer = client.infer("{name}", [{names}]{key})\n'
        f"print(answer.as_numpy({_quote(outputs[0])}))"
    )


def _tensor(number: int, spec: TensorSpec, values: list[Any]) -> str:
    row = f"[{', '.join(map(_quote, values))}]"
    array = row if len(spec.shape) == 1 else f"[{row}]"
    return (
        f'values = np.array({array}, dtype="{spec.dtype}")\n'
        f"input_{number} = triton.InferInput("
        f'{_quote(spec.name)}, list(values.shape), "{spec.datatype}")\n'
        f"input_{number}.set_data_from_numpy(values)\n"
    )


def _literal(record: dict[str, Any]) -> str:
    """Write a record as Python does."""
    lines = [f"    {_quote(name)}: {_quote(value)},\n" for name, value in record.items()]
    return "{\n" + "".join(lines) + "}"


def _quote(value: Any) -> str:
    # Escapes of JSON are pairs of surrogates, which are no character in Python.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
