"""Pipelines on columns of several types, on categories and on texts."""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, SelectPercentile, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from acceptance.corpus.case import Case, cases

_NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
_TEXTS = ["island", "sex"]
_TITANIC_NUMBERS = ["age", "fare"]
_TITANIC_TEXTS = ["embarked", "sex"]


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def _encoded(encoder: Any, model: Any, **options: Any) -> Any:
    columns = ColumnTransformer(
        [("num", StandardScaler(), _NUMBERS), ("cat", encoder, _TEXTS)], **options
    )
    return make_pipeline(columns, model)


def _titanic(encoder: Any, model: Any, strategy: str = "median") -> Any:
    """The recipe of scikit-learn's own gallery."""
    numbers = make_pipeline(SimpleImputer(strategy=strategy), StandardScaler())
    columns = ColumnTransformer(
        [("num", numbers, _TITANIC_NUMBERS), ("cat", encoder, [*_TITANIC_TEXTS, "pclass"])]
    )
    return make_pipeline(columns, model)


def _texts_only(encoder: Any, model: Any) -> Any:
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), _TITANIC_NUMBERS),
        (encoder, _TITANIC_TEXTS),
    )
    return make_pipeline(columns, model)


def _ignoring(**options: Any) -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="ignore", **options)


def _ordinal(**options: Any) -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, **options)


_ONE_LETTER = {"token_pattern": r"(?u)\b\w+\b"}
_EACH_WORD = {"token_pattern": r"\w{1,}"}
_LATIN = {"token_pattern": "[a-z]+"}
_BOTH = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")

COLUMNS = [
    *cases(
        "penguins",
        _encoded(OneHotEncoder(), _log()),
        _encoded(_ignoring(), LinearSVC()),
        _encoded(_ignoring(), SVC()),
        _encoded(OneHotEncoder(drop="first"), _log()),
        _encoded(OneHotEncoder(drop="if_binary"), _log()),
        _encoded(OneHotEncoder(drop="first", handle_unknown="ignore"), _log()),
        _encoded(OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist"), _log()),
        _encoded(OneHotEncoder(max_categories=2, sparse_output=False), _log()),
        _encoded(OrdinalEncoder(), _log()),
        _encoded(_ordinal(), RandomForestClassifier(10, random_state=0)),
        _encoded(_ordinal(min_frequency=40), RandomForestClassifier(10, random_state=0)),
        _encoded(TargetEncoder(cv=3), _log()),
        _encoded(OneHotEncoder(), _log(), transformer_weights={"cat": 0.5}),
        make_pipeline(make_column_transformer((StandardScaler(), _NUMBERS)), _log()),
        make_pipeline(
            make_column_transformer((OneHotEncoder(), [4, 5]), (StandardScaler(), slice(0, 4))),
            _log(),
        ),
        make_pipeline(
            make_column_transformer(
                ("passthrough", [True, True, False, True, False, False]),
                (_ignoring(), slice("island", "sex")),
            ),
            make_pipeline(StandardScaler(), _log()),
        ),
        make_pipeline(
            make_column_transformer((StandardScaler(), _BOTH[0]), (OneHotEncoder(), _BOTH[1])),
            _log(),
        ),
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(sparse_output=False), _TEXTS),
                remainder="passthrough",
                verbose_feature_names_out=False,
            ).set_output(transform="pandas"),
            make_column_transformer((MinMaxScaler(), ["body_mass_g"]), remainder="passthrough"),
            StandardScaler(),
            _log(),
        ),
        make_pipeline(
            make_column_transformer((OrdinalEncoder(), _TEXTS), remainder="passthrough"),
            HistGradientBoostingClassifier(max_iter=10, categorical_features=[0, 1]),
        ),
    ),
    *cases(
        "penguins with gaps",
        _encoded(_ignoring(), make_pipeline(SimpleImputer(), _log())),
        _encoded(
            make_pipeline(SimpleImputer(strategy="most_frequent"), _ignoring()),
            make_pipeline(SimpleImputer(strategy="median"), _log()),
        ),
        _encoded(
            make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), _ignoring()),
            make_pipeline(SimpleImputer(add_indicator=True), LinearSVC()),
        ),
        _encoded(
            OrdinalEncoder(encoded_missing_value=-2),
            make_pipeline(SimpleImputer(), _log()),
        ),
        _encoded(OrdinalEncoder(), HistGradientBoostingClassifier(max_iter=10)),
        _encoded(TargetEncoder(cv=3), make_pipeline(SimpleImputer(), _log())),
    ),
    *cases(
        "titanic",
        _titanic(_ignoring(), _log()),
        _titanic(make_pipeline(_ignoring(), SelectPercentile(chi2, percentile=50)), _log()),
        _titanic(_ignoring(drop="if_binary"), LinearSVC(), "mean"),
        _titanic(_ignoring(max_categories=3), RandomForestClassifier(10, random_state=0)),
        _titanic(TargetEncoder(cv=3), _log()),
        _titanic(_ordinal(), RandomForestClassifier(10, random_state=0)),
        _titanic(_ordinal(encoded_missing_value=-7), DecisionTreeClassifier(random_state=0)),
        _titanic(_ignoring(), GradientBoostingClassifier(n_estimators=10, random_state=0)),
        _texts_only(
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), _log()
        ),
        _texts_only(
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value="?", add_indicator=False), _ignoring()
            ),
            SVC(),
        ),
    ),
    *cases(
        "titanic without gaps",
        _titanic(_ignoring(), _log()),
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(), ["sex", "embarked", "alone"]),
                (KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), ["fare"]),
                remainder="passthrough",
            ),
            StandardScaler(with_mean=False),
            _log(),
        ),
        make_pipeline(
            make_column_transformer(
                (_ignoring(), ["pclass", "sibsp"]), (OrdinalEncoder(), ["sex"]), ("drop", ["age"])
            ),
            _log(),
        ),
        make_pipeline(
            make_column_transformer(
                (TargetEncoder(cv=3), ["pclass", "alone", "sex"]),
                (StandardScaler(), ["fare"]),
            ),
            _log(),
        ),
    ),
    *cases(
        "body mass",
        _encoded(OneHotEncoder(), LinearRegression()),
        _encoded(TargetEncoder(cv=3), Ridge()),
        _encoded(_ordinal(), Ridge()),
    ),
    *cases(
        "levels",
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), _log()),
        make_pipeline(_ordinal(), _log()),
        make_pipeline(TargetEncoder(cv=3), _log()),
        make_pipeline(KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"), _log()),
    ),
]

TEXTS = [
    *cases(
        "texts",
        make_pipeline(TfidfVectorizer(), _log()),
        make_pipeline(CountVectorizer(), MultinomialNB()),
        make_pipeline(CountVectorizer(), TfidfTransformer(), SGDClassifier(random_state=0)),
        make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LinearSVC()),
        make_pipeline(TfidfVectorizer(stop_words="english", ngram_range=(1, 2)), _log()),
        make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2, max_df=0.9), ComplementNB()),
        make_pipeline(TfidfVectorizer(lowercase=False, norm="l1"), RidgeClassifier()),
        make_pipeline(CountVectorizer(binary=True, max_features=30), _log()),
        make_pipeline(CountVectorizer(analyzer="char", ngram_range=(1, 3)), MultinomialNB()),
        make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), _log()),
        make_pipeline(TfidfVectorizer(**_ONE_LETTER), _log()),
        make_pipeline(TfidfVectorizer(**_LATIN), _log()),
        make_pipeline(CountVectorizer(), SelectKBest(chi2, k=12), _log()),
        make_pipeline(
            make_union(TfidfVectorizer(), CountVectorizer(analyzer="char", ngram_range=(2, 2))),
            _log(),
        ),
        make_pipeline(TfidfVectorizer(), RandomForestClassifier(10, random_state=0)),
        make_pipeline(TfidfVectorizer(strip_accents="unicode"), _log()),
        make_pipeline(TfidfVectorizer(strip_accents="ascii", ngram_range=(1, 2)), LinearSVC()),
        make_pipeline(
            TfidfVectorizer(
                strip_accents="unicode",
                stop_words="english",
                **_EACH_WORD,
                ngram_range=(1, 3),
                sublinear_tf=True,
                min_df=2,
            ),
            _log(),
        ),
        make_pipeline(
            CountVectorizer(strip_accents="unicode", analyzer="char_wb", ngram_range=(1, 3)),
            MultinomialNB(),
        ),
        make_pipeline(CountVectorizer(strip_accents="ascii", lowercase=False), _log()),
        make_pipeline(CountVectorizer(tokenizer=str.split, token_pattern=None), _log()),
        make_pipeline(TfidfVectorizer(preprocessor=str.lower), _log()),
    ),
    *cases(
        "text frame",
        make_pipeline(
            make_column_transformer((TfidfVectorizer(), "review"), (StandardScaler(), ["stars"])),
            _log(),
        ),
        make_pipeline(
            make_column_transformer(
                (CountVectorizer(stop_words=["the"]), "review"), (_ignoring(), ["stars"])
            ),
            LinearSVC(),
        ),
    ),
    Case("texts", make_pipeline(HashingVectorizer(), _log()), refused="use TfidfVectorizer"),
    Case(
        "texts",
        make_pipeline(CountVectorizer(tokenizer=repr, token_pattern=None), _log()),
        refused="a tokenizer of its own.* leave it out, use tokenizer=str.split",
    ),
]
