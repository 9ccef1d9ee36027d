from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import sys
import zlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from exporter.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sklearn.pipeline import Pipeline

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("outside_git")]


@pytest.fixture
def run(tmp_path: Path, penguins: pd.DataFrame, logistic: Pipeline) -> Callable[..., int]:
    """Run the command on a saved model and a CSV file with more columns than it needs."""
    joblib.dump(logistic, tmp_path / "model.joblib")
    penguins[::2].to_csv(tmp_path / "data.csv", index=False)
    penguins[1::2].to_csv(tmp_path / "held.csv", index=False)
    (tmp_path / "models").mkdir()

    def run_publish(*arguments: str, model: str = "model.joblib", sample: str = "data.csv") -> int:
        return main(
            [
                "publish",
                str(tmp_path / model),
                *("--name", "penguins"),
                *("--sample", str(tmp_path / sample)),
                *("--models-dir", str(tmp_path / "models")),
                *arguments,
            ]
        )

    return run_publish


def _published(tmp_path: Path) -> list[str]:
    return [str(p.relative_to(tmp_path)) for p in tmp_path.glob("models/*/*/*")]


def test_publishes_a_saved_model(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model's own columns are found in the file, and the warning goes to the error stream."""
    held = str(tmp_path / "held.csv")
    status = run("--target", "species", "--evaluate", held, "--unit", "body_mass_g=g", "--quiet")
    output = capsys.readouterr()
    assert (status, _published(tmp_path)) == (0, ["models/penguins/1/model.onnx"])
    assert "penguins version 1 (classification) is published" in output.out
    assert "runs the code in it" in output.err


def test_publishes_a_pickle(run: Callable[..., int], tmp_path: Path, logistic: Pipeline) -> None:
    """pickle.dump() will do."""
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(logistic))
    assert run(model="model.pkl") == 0


@pytest.mark.parametrize(
    ("arguments", "files", "expected"),
    [
        ([], {"model": "absent.joblib"}, (2, "absent.joblib cannot be read: No such file")),
        ([], {"model": "data.csv"}, (2, "save the model with joblib.dump")),
        ([], {"sample": "absent.csv"}, (2, "absent.csv cannot be read")),
        ([], {"sample": "model.joblib"}, (2, "not a CSV file with a header line")),
        (["--target", "sort"], {}, (2, "has no column 'sort'; it has species")),
        (["--evaluate", "x.csv"], {}, (2, "--evaluate requires --target")),
        (["--unit", "grams"], {}, (2, "must be FEATURE=UNIT")),
        (["--unit", "mass=g"], {}, (2, "names 'mass', which is not a feature")),
        (["--tolerance", "0"], {}, (1, "the ONNX file answers differently from the original")),
        (["--url", "http://127.0.0.1:9", "--wait", "0.01"], {}, (1, "no service answers")),
    ],
)
def test_tells_wrong_use_from_refusal(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    files: dict[str, str],
    expected: tuple[int, str],
) -> None:
    """The status is 2 for errors of the caller, 1 for those of model or machine, with one line."""
    status, message = expected
    assert run(*arguments, **files) == status
    output = capsys.readouterr().err
    assert message in output
    assert "Traceback" not in output


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x04.", pickle.dumps({"no": "model"})])
def test_says_that_a_file_holds_no_model(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    """Truncated, foreign and other pickles are no tracebacks."""
    (tmp_path / "bad.pkl").write_bytes(content)
    assert run(model="bad.pkl") == 2
    assert "exporter: " in capsys.readouterr().err


def test_names_the_package_that_a_pickle_needs(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of another library says which to install."""
    (tmp_path / "bad.pkl").write_bytes(b"cno_such_package\nModel\n.")
    assert run(model="bad.pkl") == 2
    assert "needs the package 'no_such_package'" in capsys.readouterr().err


def test_repeats_warnings_of_loading(
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    measured: pd.DataFrame,
    penguins: pd.DataFrame,
) -> None:
    """A model of another version of scikit-learn is published with a word about it."""
    model: Any = LogisticRegression(max_iter=5000).fit(measured, penguins["species"])
    state = model.__getstate__()
    data = pickle.dumps(model).replace(
        state["_sklearn_version"].encode(), b"1.7.9"[: len(state["_sklearn_version"])]
    )
    (tmp_path / "old.pkl").write_bytes(data)
    assert run(model="old.pkl") == 0
    assert "from version 1.7.9" in capsys.readouterr().err


def _csv(tmp_path: Path, frame: pd.DataFrame, **options: Any) -> None:
    frame.to_csv(tmp_path / "other.csv", index=False, **options)


@pytest.mark.parametrize("option", [";", "\\t", "|"])
def test_offers_the_separator_that_a_file_has(
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    penguins: pd.DataFrame,
    option: str,
) -> None:
    _csv(tmp_path, penguins, sep=option.replace("\\t", "\t"))
    assert run(sample="other.csv") == 2
    assert f"pass --sep '{option}'" in capsys.readouterr().err
    assert run("--sep", option, sample="other.csv") == 0


def test_notices_a_file_without_a_head_line(
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    measured: pd.DataFrame,
) -> None:
    _csv(tmp_path, measured, header=False)
    assert run(sample="other.csv") == 2
    assert "has no header line" in capsys.readouterr().err


def test_reads_columns_as_text_where_asked(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = pd.DataFrame({"code": ["01123", "0456", "True", "01123"] * 5, "n": range(20)})
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["code"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(codes, codes["n"] % 2)
    joblib.dump(model, tmp_path / "codes.joblib")
    _csv(tmp_path, codes[codes["code"] != "True"])
    assert run(model="codes.joblib", sample="other.csv") == 2
    output = capsys.readouterr().err
    assert "numbers or booleans in code, where the model was fitted on strings" in output
    assert "pass --text code" in output
    assert run("--text", "code", model="codes.joblib", sample="other.csv") == 0
    assert run("--text", "absent", model="codes.joblib", sample="other.csv") == 2
    assert "has no column 'absent'" in capsys.readouterr().err


@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "xz"])
def test_names_both_versions_where_a_pickle_of_another_one_fails(
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    logistic: Pipeline,
    compress: Any,
) -> None:
    """Another release has other modules, so that the pickle names an unknown one."""
    here = sklearn.__version__.encode()
    saved = pickle.dumps(logistic).replace(here, b"0.9.1"[: len(here)].ljust(len(here), b"0"))
    broken = saved.replace(b"sklearn.linear_model._logistic", b"sklearn.linear_model._logistix")
    packed = {
        0: lambda data: data, "zlib": zlib.compress, "gzip": gzip.compress,
        "bz2": bz2.compress, "xz": lzma.compress,
    }[compress](broken)  # fmt: skip
    (tmp_path / "old.pkl").write_bytes(packed)
    assert run(model="old.pkl") == 2
    output = capsys.readouterr().err
    assert "saved by scikit-learn 0.9.1" in output
    assert f"scikit-learn {sklearn.__version__} cannot load" in output


def test_says_that_it_is_published_on_a_terminal_that_cannot_print_it(
    run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert run() == 0
    narrow.flush()
    assert b"penguins version 1" in narrow.buffer.getvalue()
    assert _published(tmp_path)


def test_shows_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse's own exit status for wrong use is 2."""
    with pytest.raises(SystemExit) as caught:
        main(["publish", "model.joblib"])
    assert caught.value.code == 2
    assert "--name" in capsys.readouterr().err


def test_names_no_column_where_no_string_was_guessed_away(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number that the model was fitted on as one is not to blame."""
    codes = pd.DataFrame({"code": ["a", "b"] * 10, "n": range(20)})
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["code"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(codes, codes["n"] % 2)
    joblib.dump(model, tmp_path / "codes.joblib")
    _csv(tmp_path, codes.assign(code="c"))
    assert run(model="codes.joblib", sample="other.csv") == 2
    output = capsys.readouterr().err
    assert "unknown categories" in output
    assert "--text" not in output


def test_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"exporter {version('notebooks')}\n"


def test_gives_a_program_what_it_needs(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the same, as a script in cron does: the second time nothing has changed."""
    output = []
    for _ in range(2):
        assert run("--target", "species", "--json", "--quiet") == 0
        output.append(json.loads(capsys.readouterr().out))
    first, second = output
    assert first["path"] == str(tmp_path / "models" / "penguins" / "1" / "model.onnx")
    assert (first["name"], first["version"], first["served"]) == ("penguins", 1, False)
    assert first["parity"]["label_agreement"] == 1
    assert [one["unchanged"] for one in output] == [False, True]
    assert second | {"unchanged": False} == first


def test_says_that_nothing_has_changed(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--quiet") == run("--quiet") == 0
    assert "penguins version 1 (classification) was already published: nothing has changed" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("number", ["0", "-1"])
def test_refuses_to_keep_no_version(
    run: Callable[..., int], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--keep", number) == 2
    assert "keep must be a whole number of at least 1" in capsys.readouterr().err
