"""Functions of DataFrames are written as pandas computes them, or not at all."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as rt
import pandas as pd
import pytest
from onnx import TensorProto
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from exporter import publish
from exporter.conversion.graph.builder import Graph, Output
from exporter.conversion.graph.column import Column
from exporter.conversion.numbers import array_functions  # noqa: F401 - registers functions
from exporter.conversion.numbers.frames import trace_frame
from exporter.conversion.numbers.tracing import UntraceableError
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame(
    {
        "a": [-2.0, 0.0, 1.5, np.nan, np.inf, 2.0],
        "b": [0.5, 3.0, 0.0, 1e6, -1e-9, np.nan],
        "old": [True, False, True, True, False, False],
        "sex": ["f", "m", None, "f", "x", "m"],
    }
)
NUMBERS = ["a", "b"]


def _set(df: Any) -> Any:
    df = df.copy()
    df["c"] = df["a"] - df["b"]
    df["one"] = 1
    return df.drop(columns=["sex"])


WRITTEN = [
    lambda df: (df["a"] / df["b"]).to_frame("ratio"),
    lambda df: df.drop(columns="sex").assign(c=df["a"] / df["b"], d=lambda x: x["c"] * 2),
    lambda df: df[["b", "a"]],
    lambda df: np.log1p(df[NUMBERS]),
    lambda df: df[NUMBERS] ** 2 + 1,
    lambda df: 1 / df[NUMBERS] - df[NUMBERS],
    lambda df: np.sqrt(df[NUMBERS].abs()).rename(columns={"a": "z"}),
    lambda df: df[NUMBERS].clip(lower=0, upper=2),
    lambda df: df[NUMBERS].clip(upper=1),
    lambda df: np.clip(df[NUMBERS], 0, 2),
    lambda df: df[NUMBERS].fillna(0),
    lambda df: df[NUMBERS].fillna({"a": -1}),
    lambda df: df[NUMBERS].isna(),
    lambda df: df[NUMBERS] > 1,
    lambda df: df.loc[:, NUMBERS].to_numpy() * [2, 3],
    lambda df: df.iloc[:, [1, 0]].values[:, :1],  # noqa: PD011 - as people write it
    lambda df: df.iloc[:, :2] * 2,
    lambda df: np.hstack([np.sin(df[["b"]]), df[NUMBERS] > 1]),
    lambda df: np.where(df[NUMBERS] > 1, df[NUMBERS], 0),
    lambda df: np.column_stack([df.a, df["b"].fillna(3), df.old]),
    lambda df: df[["a"]].assign(s=df[NUMBERS].sum(axis=1), m=df[NUMBERS].mean(axis=1)),
    lambda df: df[["a"]].assign(w=np.where(df["a"] > 1, df["b"], 0), n=3.5),
    lambda df: df[["a"]].assign(f=(df["sex"] == "f").astype(int), g=df["sex"] != "m"),
    lambda df: df[["a"]].assign(f=df["sex"].isin(["f", "x"]), g=df["sex"].isna()),
    lambda df: df[["a"]].assign(
        k=df["a"].between(-2, 1.5) & df["old"], i=df["a"].isin([2, 0]), o=df["old"].astype(float)
    ),
    lambda df: df[["a"]].assign(
        w=df["a"].where(df["b"] > 0, -1), m=df["a"].mask(df["a"].isna(), 7), c=df["b"].clip(0, 1)
    ),
    lambda df: df[["a"]].assign(n=df[NUMBERS].any(axis=1), m=df[NUMBERS].all(axis=1)),
    lambda df: df.drop("sex", axis=1).copy(),
    _set,
]
LIMITS = pd.Series({"b": 3.0, "a": -1.0})
WRITTEN += [
    lambda df: df[NUMBERS].div(df["b"], axis=0),
    lambda df: df[NUMBERS].sub(df["a"], axis="index").mul(2),
    lambda df: df[NUMBERS].add(1).rsub(3).pow(2),
    lambda df: df[NUMBERS].gt(1) | df[NUMBERS].le(-2),
    lambda df: df[["a"]].assign(g=df["a"].ge(df["b"]), n=df["a"].ne(2), r=df["b"].rdiv(1)),
    lambda df: df[["a"]].assign(r=df["a"].round(), f=df["b"].fillna(df["a"])),
    lambda df: (df[NUMBERS] * 1.2345).round(2),
    lambda df: np.round(df[NUMBERS] * 1234.5, -2),
    lambda df: df[NUMBERS].clip(-9, 9) // 2,
    lambda df: df[NUMBERS].clip(-9, 9) % -1.5,
    *(
        lambda df, name=name: df[["a"]].assign(
            r=getattr(df[[*NUMBERS, "old"]], name)(axis=1), s=getattr(df[["a"]], name)(axis=1)
        )
        for name in ("max", "min", "prod", "count", "std", "var", "sum", "mean")
    ),
    lambda df: (
        df[["a"]].assign(
            n=(df[NUMBERS] > 0).any(axis=1), m=(df[NUMBERS] > 0).all(axis=1), g=df.isna()["a"]
        )
        if "sex" not in df
        else df[["a"]].assign(n=(df[NUMBERS] > 0).any(axis=1), m=(df[NUMBERS] > 0).all(axis=1))
    ),
    lambda df: df[["old", "b"]].astype({"old": int}).astype(float),
    lambda df: df[["a"]].assign(i=df["a"].fillna(0).clip(-5, 5).astype(int)),
    lambda df: np.column_stack(
        [df["a"], np.select([df["a"] > 1, df["b"] > 0], [df["b"], 5], default=-1)]
    ),
    lambda df: df[NUMBERS].clip(lower=LIMITS, axis=1),
    lambda df: df[NUMBERS].fillna(LIMITS) - LIMITS,
    lambda df: df[NUMBERS] * np.array([2, 3]),
    lambda df: df[NUMBERS].rename(columns=str.upper).add_prefix("x_")[["x_B"]],
    lambda df: df[NUMBERS].reindex(columns=["b", "new"]),
    lambda df: pd.concat([df[NUMBERS], df["a"] * 2, np.log1p(df[["b"]].abs())], axis=1),
    lambda df: df[["a"]].assign(g=pd.isna(df["b"]), n=pd.notna(df["sex"])),
    lambda df: df[NUMBERS].apply(np.abs),
    lambda df: df[NUMBERS].apply(lambda column: column - 1).pipe(lambda x: x[["b"]]),
    lambda df: df[NUMBERS][df[NUMBERS] > 0],
    lambda df: (
        df[NUMBERS].where(df[NUMBERS] > 0, -1).mask(df[NUMBERS] > 1, df[["b", "a"]].shape[1])
    ),
    lambda df: df[["b"]].assign(c=df["sex"].map({"f": 1, "m": 0}), d=df["b"].replace({3: 4})),
    lambda df: df[NUMBERS].to_numpy().max(axis=1, keepdims=True),
]


def _write(df: Any) -> Any:
    df = df[NUMBERS].copy()
    df.loc[df["a"] > 1, "a"] = 7
    df.loc[df["b"].isna(), "new"] = 1
    df["rest"] = df.pop("b")
    df.columns = ["x", "y", "z"]
    del df["y"]
    return df if "x" in df else None


WRITTEN.append(_write)
UNWRITTEN: list[tuple[Any, str]] = [
    (lambda df: df["a"], "it returns a column"),
    (lambda df: df - df.mean(), "rows are combined"),
    (lambda df: df[["a"]] - df["a"].mean(), "rows are combined"),
    (lambda df: df[NUMBERS] / df["a"], "axis=0"),
    (lambda df: df[df["a"] > 0], "chooses rows by a mask"),
    (lambda df: df.head(2), r"it uses \.head"),
    (lambda df: df.dropna(), r"it uses \.dropna"),
    (lambda df: df.groupby("sex"), r"it uses \.groupby"),
    (lambda df: pd.DataFrame({"c": df["a"]}), ""),
    (lambda df: pd.concat([df, df]), "pass axis=1"),
    (lambda df: df[["a"]].assign(n=len(df)), "the number of rows"),
    (lambda df: df[["a"]].assign(n=df.shape[0]), "the number of rows"),
    (lambda df: df[["a"]].assign(c=df["sex"].str.len()), r"it uses \.str"),
    (lambda df: df[["a"]].assign(c=df["sex"] == ""), "an empty one"),
    (lambda df: df[["a"]].assign(c=df["a"].astype(str)), "turns values into str"),
    (lambda df: df[["a"]].assign(c=df["a"].rank()), r"it uses \.rank"),
    (lambda df: df[["a"]].assign(c=df["a"].shift()), r"it uses \.shift"),
    (lambda df: df[["a"]].assign(c=[1, 2, 3, 4, 5, 6]), ""),
    (lambda df: df.apply(lambda row: row["a"], axis=1), "for each row"),
    (lambda df: df[["a"]].assign(c=df["a"].map(lambda x: x + 1)), "use a dict"),
    (lambda df: df[["absent"]], "there is no column absent"),
    (lambda df: df[NUMBERS] + df[["b", "a"]], "different columns"),
    (lambda df: df if df["sex"].isna() else df[["a"]], r"np\.where"),
    (lambda df: df[NUMBERS].sum(axis=1, min_count=1), "min_count"),
    (lambda df: df[NUMBERS].add(1, fill_value=0), "fill_value"),
    (lambda df: df[NUMBERS] - pd.Series({"a": 1}), "other names"),
    (lambda df: df.drop(index=[0]), ""),
    (lambda df: df[["a"]] // df[["a"]], "divide by a number"),
    (lambda _: 3, "returns a int"),
]


def _trace(function: Any) -> tuple[Graph, list[Column]]:
    columns = [
        Column("a", "real", 1),
        Column("b", "real", 1),
        Column("old", "bool", 1),
        Column("sex", "string", 1),
    ]
    graph = Graph(columns, "float64")
    return graph, trace_frame(graph, function, columns, list(FRAME.columns), {})


@pytest.mark.parametrize("function", WRITTEN)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_writes_what_pandas_computes(function: Any) -> None:
    """Of missing and infinite values, too."""
    graph, found = _trace(function)
    file = graph.build([Output("y", graph.matrix(found), TensorProto.DOUBLE)]).SerializeToString()
    session = rt.InferenceSession(file)
    texts = FRAME["sex"].fillna("").to_numpy(dtype=object)
    given = {n: FRAME[n].to_numpy().reshape(-1, 1) for n in ("a", "b", "old")}
    given["sex"] = texts.reshape(-1, 1)
    (answer,) = session.run(None, {i.name: given[i.name] for i in session.get_inputs()})
    expected = np.asarray(function(FRAME), dtype=float)
    np.testing.assert_allclose(answer, expected, rtol=1e-12, atol=1e-15, equal_nan=True)


@pytest.mark.parametrize(("function", "reason"), UNWRITTEN)
def test_says_what_it_cannot_write(function: Any, reason: str) -> None:
    """What looks at rows, aligns by columns, or leaves pandas is not traced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UntraceableError, match=reason):
            _trace(function)


def test_leaves_pandas_as_it_was() -> None:
    """Other frames are put together as always, also in a function that is traced."""
    before = pd.concat
    made = []
    _trace(lambda df: made.append(pd.concat([FRAME, FRAME])) or df[["a"]])
    assert len(made[0]) == 2 * len(FRAME)
    assert pd.concat is before


def test_passes_strings_on() -> None:
    _, found = _trace(lambda df: df.assign(c=df["a"] * 2)[["sex", "c"]])
    assert [column.element for column in found] == ["string", "real"]


def _made(rows: int) -> Any:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "width": rng.uniform(1, 9, rows),
            "height": rng.uniform(1, 9, rows),
            "count": rng.integers(0, 9, rows),
            "color": rng.choice(["red", "blue"], rows),
        }
    )
    return frame, (frame["width"] > frame["height"]) ^ (frame["color"] == "red")


def _add(df: Any) -> Any:
    return df.assign(ratio=df["width"] / df["height"], red=df["color"] == "red")


def test_publishes_functions_of_frames(tmp_path: Path) -> None:
    """At the head of a pipeline, before a ColumnTransformer by name, and inside one."""
    frame, target = _made(120)
    encode = make_column_transformer(
        (OneHotEncoder(), ["color"]),
        (FunctionTransformer(lambda df: np.log1p(df)), ["count"]),  # noqa: PLW0108 - of a frame
        ("passthrough", ["ratio", "red"]),
    )
    model = make_pipeline(FunctionTransformer(_add), encode, LogisticRegression())
    model.fit(frame, target)
    contract = publish(model, "m", frame, models_dir=tmp_path, progress=False).contract
    assert contract.feature_names == list(frame.columns)


def test_refuses_by_name_what_cannot_be_traced(tmp_path: Path) -> None:
    frame, target = _made(60)

    def center(df: Any) -> Any:
        return df[["width"]] - df[["width"]].mean()

    model = make_pipeline(FunctionTransformer(center), LogisticRegression()).fit(frame, target)
    with pytest.raises(
        ConversionError, match="calls center, which ONNX does not support, because rows are"
    ):
        publish(model, "m", frame, models_dir=tmp_path, progress=False)
