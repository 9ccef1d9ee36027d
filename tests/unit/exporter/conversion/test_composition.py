from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_transformer,
)
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC

from exporter.conversion.converter import convert
from exporter.conversion.inputs import InputLayout, choose_layout
from exporter.conversion.parity import compare, run
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from exporter.conversion.parity import Comparison

IRIS, SPECIES = load_iris(return_X_y=True)
CELLS, MALIGNANT = load_breast_cancer(return_X_y=True)
CELLS, MALIGNANT = CELLS[:200, :8], MALIGNANT[:200]
RNG = np.random.default_rng(0)
TEXTS = [
    "CAFÉ Naïve  the dog",
    "the dog sat\t\ton a cat's mat",
    "the cat is not the dog",
    "e-mail: x",
]
ODD_TEXTS = [
    *TEXTS,
    "",
    " \n ",
    "naïve café THE dog",
    "dog a cat",
    "日本語 テスト the\u00a0dog",
    "cafe naive_1 12 3",
    "ÿß the the DOG dog sat",
    " cat\n\ncat ",
    "unseen",
]


def between(x: Any, count: int = 300) -> Any:
    """Make rows between those of X."""
    first, second = RNG.integers(0, len(x), (2, count))
    return x[first] + (x[second] - x[first]) * RNG.random((count, 1))


def check(model: Any, x: Any, rows: Any, precision: str = "float64") -> Comparison:
    """Convert a fitted model and compare its answers to rows it has not seen."""
    original = FittedEstimator(model)
    table, asked = read_table(x, original), read_table(rows, original)
    found = choose_layout(table)
    layout = InputLayout(found.names, found.elements, precision)  # type: ignore[arg-type]
    conversion = convert(original, layout, table.take(range(3)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some encoders warn of categories they do not know
        expected = original.answer(asked.native)
    comparison = compare(expected, run(conversion, original, asked), 1e-9, original.task)
    wrong = comparison.worst(3)
    assert comparison.equal.all(), asked.take(wrong).rows()
    assert comparison.max_difference < (1e-7 if precision == "float64" else 1e-4)
    return comparison


def fit(model: Any, x: Any, y: Any) -> Any:
    """Fit without complaints about few iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)


def scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def log() -> LogisticRegression:
    return LogisticRegression(max_iter=300)


PIPES = [("svm", scaled(LinearSVC())), ("log", scaled(log()))]
TWO = [("log", log()), ("bayes", GaussianNB())]
AROUND_PIPELINES = [
    CalibratedClassifierCV(scaled(LinearSVC()), cv=3),
    CalibratedClassifierCV(scaled(log()), cv=3),
    CalibratedClassifierCV(scaled(log()), method="isotonic", cv=3),
    CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3),
    CalibratedClassifierCV(scaled(log()), method="temperature", cv=3),
    CalibratedClassifierCV(scaled(LinearSVC()), method="isotonic", ensemble=False, cv=3),
    OneVsRestClassifier(LinearSVC()),
    OneVsRestClassifier(SVC()),
    OneVsRestClassifier(scaled(LinearSVC())),
    OneVsRestClassifier(scaled(log())),
    OneVsOneClassifier(scaled(log())),
    OneVsOneClassifier(scaled(LinearSVC())),
    OneVsOneClassifier(SVC()),
    OneVsRestClassifier(QuadraticDiscriminantAnalysis(reg_param=0.1)),
    CalibratedClassifierCV(QuadraticDiscriminantAnalysis(reg_param=0.1), cv=3),
    make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis(reg_param=0.05)),
    BaggingClassifier(LinearSVC(), 4, random_state=0),
    BaggingClassifier(SVC(), 4, random_state=0),
    BaggingClassifier(scaled(LinearSVC()), 4, max_features=0.5, random_state=0),
    VotingClassifier(PIPES),
    VotingClassifier(TWO, voting="soft", weights=[2, 1]),
    VotingClassifier([*TWO, ("svm", SVC())], weights=[2, 1, 1]),
    StackingClassifier(PIPES, cv=3),
    StackingClassifier(TWO, passthrough=True, cv=3),
    RFE(log(), n_features_to_select=2),
    scaled(RFE(LinearSVC(), n_features_to_select=2)),
    scaled(SVC(kernel="poly", coef0=1.0)),
    scaled(SVC(kernel="sigmoid", break_ties=True)),
    SGDClassifier(loss="modified_huber", random_state=0),
    SGDClassifier(loss="log_loss", alpha=1e-5, random_state=1),
    make_pipeline("passthrough", StandardScaler(), None, log()),
]


@pytest.mark.parametrize("binary", [False, True], ids=["three classes", "two classes"])
@pytest.mark.parametrize("model", AROUND_PIPELINES, ids=lambda m: type(m).__name__)
def test_answers_between_the_rows_like_the_original(model: Any, binary: bool) -> None:
    """Wrappers combine what estimators and whole pipelines answer, as scikit-learn does."""
    x, y = (CELLS, MALIGNANT) if binary else (IRIS, SPECIES)
    check(fit(model, x, y), x, between(x))


@pytest.mark.parametrize(
    "model",
    [
        FixedThresholdClassifier(scaled(log()), threshold=0.85),
        FixedThresholdClassifier(scaled(log()), threshold=0.85, pos_label=0),
        FixedThresholdClassifier(scaled(LinearSVC()), threshold=0.7),
        FixedThresholdClassifier(
            scaled(log()), threshold=-1.5, response_method="decision_function", pos_label=0
        ),
        TunedThresholdClassifierCV(scaled(log()), cv=3),
        TunedThresholdClassifierCV(RandomForestClassifier(5, random_state=0), cv=3),
    ],
    ids=repr,
)
def test_keeps_the_threshold(model: Any) -> None:
    """A label follows from the threshold, not from the larger probability."""
    check(fit(model, CELLS, MALIGNANT), CELLS, between(CELLS))


def test_interpolates_an_isotonic_calibration() -> None:
    """Not the nearest threshold's value."""
    x = np.array([[0.0], [1.0], [2.0], [4.0]])
    model = IsotonicRegression(out_of_bounds="clip").fit(x, [0.0, 1.0, 1.5, 4.0])
    check(model, x, np.array([[-1.0], [0.25], [1.9], [3.0], [9.0]]))


@pytest.mark.parametrize("extrapolation", ["constant", "linear", "continue", "periodic"])
@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_splines_go_on_beyond_their_ends(extrapolation: Any, degree: int, knots: Any) -> None:
    """As scikit-learn has them, whose ends of low degrees differ from column to column."""
    splines = SplineTransformer(4, degree=degree, knots=knots, extrapolation=extrapolation)
    model = fit(make_pipeline(splines, log()), CELLS, MALIGNANT)
    outside = CELLS[:40] * 1.5 - CELLS.mean(axis=0) / 2
    check(model, CELLS, np.vstack([between(CELLS), outside, CELLS[:40]]))


@pytest.mark.parametrize(
    "transformer",
    [
        QuantileTransformer(n_quantiles=80, output_distribution="normal"),
        QuantileTransformer(n_quantiles=80),
        PowerTransformer(),
        PowerTransformer("box-cox"),
        make_pipeline(RobustScaler(), MinMaxScaler()),
        FunctionTransformer(np.log1p, inverse_func=np.expm1),
    ],
    ids=lambda t: type(t).__name__,
)
def test_turns_targets_back(transformer: Any) -> None:
    """To the last digits, also beyond the targets that were seen."""
    values = CELLS[:, 3] / 100
    model = TransformedTargetRegressor(scaled(Ridge()), transformer=transformer)
    check(fit(model, CELLS, values), CELLS, np.vstack([between(CELLS), CELLS[:20] * 1.2]))


def test_asks_a_frozen_estimator() -> None:
    """It answers as what it holds."""
    check(FrozenEstimator(log().fit(IRIS, SPECIES)), IRIS, between(IRIS))


LEVELS = RNG.integers(0, 5, (120, 2)).astype(float)
LEVEL_CLASS = (LEVELS.sum(axis=1) > 4).astype(int)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="first"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9, min_frequency=24),
        TargetEncoder(cv=3),
        KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"),
        KBinsDiscretizer(3, encode="onehot", strategy="kmeans"),
        KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_takes_a_number_between_categories_for_unknown(encoder: Any, precision: str) -> None:
    """1.5 is not the category 1, and what unknown ones become is the encoder's."""
    model = make_pipeline(encoder, log()).fit(LEVELS, LEVEL_CLASS)
    rows = np.array([[1.0, 2.0], [1.5, 2.0], [4.0, 3.999], [-7.0, 0.0], [2.0, 8.0]])
    check(model, LEVELS, rows, precision)


GAPS = pd.DataFrame(
    {
        "deck": RNG.choice(np.array(["a", "b", "c", None]), 120),
        "sex": RNG.choice(["f", "m"], 120),
        "rank": RNG.choice([1.0, 2.0, 3.0, np.nan], 120),
        "old": RNG.random(120) < 0.5,
        "size": RNG.choice([5, 6, 7], 120),
        "age": np.where(RNG.random(120) < 0.2, np.nan, RNG.normal(size=120)),
    }
)
GAPS_CLASS = np.where((GAPS["sex"] == "f") ^ (GAPS["rank"].fillna(1) > 1), "yes", "no")


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OneHotEncoder(drop="if_binary"),
        OneHotEncoder(max_categories=3),
        OrdinalEncoder(),
        OrdinalEncoder(encoded_missing_value=-5),
        OrdinalEncoder(max_categories=3, encoded_missing_value=-5),
        TargetEncoder(cv=3),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    ],
    ids=repr,
)
def test_encodes_missing_values_as_a_category(encoder: Any) -> None:
    """In columns of strings, of numbers, of booleans, and of several kinds at once."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    kinds = [["deck", "sex"], ["rank"], ["old"], ["size"]]
    if not isinstance(encoder, (OneHotEncoder, OrdinalEncoder, TargetEncoder)):
        kinds = kinds[:2]
    columns = ColumnTransformer(
        [("n", numbers, ["age"]), *((f"e{i}", encoder, kind) for i, kind in enumerate(kinds))]
    )
    last = make_pipeline(SimpleImputer(), log())
    model = make_pipeline(columns, last).fit(GAPS, GAPS_CLASS)
    mixed = {name: RNG.permutation(GAPS[name].to_numpy()) for name in GAPS}
    check(model, GAPS, pd.DataFrame(mixed).astype(GAPS.dtypes))


@pytest.mark.parametrize(
    "chosen",
    [slice(0, 2), [True, True, False, False], slice("a", "b"), ["b", "a"], lambda _: ["a"], [0]],
    ids=["places", "mask", "names", "list", "function", "one"],
)
def test_finds_columns_however_they_are_chosen(chosen: Any) -> None:
    """Also after a step that gives a DataFrame."""
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    columns = make_column_transformer((StandardScaler(), chosen), remainder="passthrough")
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), columns, log())
    check(model.fit(frame, SPECIES), frame, pd.DataFrame(between(IRIS), columns=list("abcd")))


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ngram_range": (1, 2)},
        {"stop_words": ["the", "is"], "ngram_range": (1, 2)},
        {"binary": True},
        {"lowercase": False},
        {"min_df": 2},
        {"analyzer": "char", "ngram_range": (1, 3)},
        {"analyzer": "char_wb", "ngram_range": (1, 5)},
        {"analyzer": "char_wb", "ngram_range": (4, 5)},
        {"token_pattern": r"(?u)\b\w+\b"},
        {"token_pattern": "[a-z]+"},
        {"token_pattern": r"\w{1,}"},
        {"token_pattern": r"\w\w+"},
        {"strip_accents": "unicode"},
        {"strip_accents": "ascii", "ngram_range": (1, 2), "stop_words": ["the"]},
        {"strip_accents": "unicode", "lowercase": False, "token_pattern": "[a-z]+"},
        {"strip_accents": "ascii", "analyzer": "char_wb", "ngram_range": (2, 3)},
        {"strip_accents": "unicode", "analyzer": "char"},
        {"tokenizer": str.split, "token_pattern": None},
        {"preprocessor": str.lower},
    ],
    ids=repr,
)
def test_counts_what_the_vectorizer_counts(kind: Any, options: dict[str, Any]) -> None:
    """In texts with accents, digits, white space of all kinds, and none at all."""
    model = make_pipeline(kind(**options), LogisticRegression(C=100)).fit(TEXTS, [0, 1, 0, 1])
    check(model, TEXTS, ODD_TEXTS)
    for text in ODD_TEXTS:
        check(model, TEXTS, [text])


@pytest.mark.parametrize("letters", [1, 2, 3])
def test_lowers_words_as_python_does(letters: int) -> None:
    """A dotted capital I ends a word, and a sigma has a form of its own at a word's end."""
    texts = ["İstanbul İzmir DİYAR xİİy aİ", "ΟΔΟΣ ΣΑΣ οδος", "istanbul diyar xi", "y", ""]
    pattern = rf"(?u)\b\w{{{letters},}}\b"
    for options in (
        {"token_pattern": pattern},
        {"token_pattern": rf"[a-z]{{{letters},}}"},
        {"token_pattern": "[a-zA-Zçşğ]+"},
        {"token_pattern": "[b-y]+"},
        {"token_pattern": r"\S+"},
        {"tokenizer": str.split, "token_pattern": None},
    ):
        model = make_pipeline(CountVectorizer(**options), LogisticRegression(C=100))
        model.fit([*texts, "wxyz wxyz"], [0, 1, 0, 1, 0, 1])
        check(model, texts, [*texts[::-1], "K K İ xİ", "ŞİŞLİ ABCİ"])


@pytest.mark.parametrize("analyzer", ["char", "char_wb"])
def test_lowers_characters_as_python_does(analyzer: str) -> None:
    """One capital becomes two characters, and one has two small forms."""
    texts = ["İstanbul i\u0307 İİ", "ΟΔΟΣ ΣΑΣ οδος σας", "istanbul 300 K ẞ", "y", ""]
    odd = ["İ", "xİ y", "ΣΣ", "Σ", "ΔΣ, Σ", "ΔΣΔ\nΔΣ", "K K", "aİİ\tİb"]
    vectorizer = CountVectorizer(analyzer=analyzer, ngram_range=(1, 3))
    model = make_pipeline(vectorizer, LogisticRegression(C=100)).fit(texts, [0, 1, 0, 1, 0])
    check(model, texts, [*texts, *odd])
    for text in odd:
        check(model, texts, [text])


@pytest.mark.parametrize("how", ["ascii", "unicode"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_strips_accents_as_python_does(how: Any, lowercase: bool) -> None:
    """Also of characters that become several, or none, and of marks on their own."""
    texts = ["cafe cafe\u0301 Café", "ﬁne ½ 12 tm", "istanbul strasse ᾳ", "각 3x ㎏", "ok"]
    odd = [
        "CAFÉ ﬁ™ ½½",
        "İSTANBUL ẞtraße K",
        "각각 \u0301 ﷺ",
        "",
        "\u0301",
        "日本 ok\u0301ok",
        "ǅ ᾼ",
    ]
    options = {"strip_accents": how, "lowercase": lowercase, "token_pattern": r"(?u)\b\w+\b"}
    model = make_pipeline(CountVectorizer(**options), LogisticRegression(C=100))
    check(model.fit(texts, [0, 1, 0, 1, 0]), texts, [*texts, *odd])
    for text in odd:
        check(model, texts, [text])


def test_weighs_counts_as_asked() -> None:
    """Logarithms, another norm, and no inverse document frequency."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, norm="l1", use_idf=False)
    model = make_pipeline(vectorizer, LogisticRegression(C=100)).fit(TEXTS, [0, 1, 0, 1])
    check(model, TEXTS, ODD_TEXTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strip_accents": str.title}, "use strip_accents='unicode'"),
        ({"tokenizer": list, "token_pattern": None}, "leave it out, use tokenizer=str.split"),
        ({"preprocessor": str.title}, "a preprocessor of its own.*use preprocessor=str.lower"),
        ({"token_pattern": r"(?<=x)\w+"}, "use the default, or one like"),
        ({"analyzer": str.split}, "use analyzer='word'"),
    ],
    ids=["accents", "tokenizer", "preprocessor", "pattern", "analyzer"],
)
def test_says_which_option_of_a_vectorizer_has_no_counterpart(
    options: dict[str, Any], message: str
) -> None:
    """And what to do about it."""
    texts = [f"x{text} xcat" for text in TEXTS]
    model = fit(make_pipeline(CountVectorizer(**options), log()), texts, [0, 1, 0, 1])
    with pytest.raises(ConversionError, match=message):
        check(model, texts, texts)
