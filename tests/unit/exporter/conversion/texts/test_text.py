"""Vectorizers of texts: words, characters, lower case and accents."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from exporter.errors import ConversionError
from support.conversion.converted_models import check, fit, log

pytestmark = pytest.mark.long

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
def test_counts_terms_like_the_vectorizer(kind: Any, options: dict[str, Any]) -> None:
    """In texts with accents, digits and all kinds of white space, and in empty ones."""
    model = make_pipeline(kind(**options), LogisticRegression(C=100)).fit(TEXTS, [0, 1, 0, 1])
    check(model, TEXTS, ODD_TEXTS)
    for text in ODD_TEXTS:
        check(model, TEXTS, [text])


@pytest.mark.parametrize("letters", [1, 2, 3])
def test_lowers_words_like_python(letters: int) -> None:
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
def test_lowers_characters_like_python(analyzer: str) -> None:
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
def test_strips_accents_like_python(how: Any, lowercase: bool) -> None:
    """Also from characters that become several or none, and single combining marks."""
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


def test_weighs_counts_like_the_vectorizer() -> None:
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
def test_names_the_unsupported_option_of_a_vectorizer(
    options: dict[str, Any], message: str
) -> None:
    """The message says what to use instead."""
    texts = [f"x{text} xcat" for text in TEXTS]
    model = fit(make_pipeline(CountVectorizer(**options), log()), texts, [0, 1, 0, 1])
    with pytest.raises(ConversionError, match=message):
        check(model, texts, texts)


@pytest.mark.parametrize(
    "options",
    [
        {"vocabulary": ["the", "the dog", "dog"]},
        {"vocabulary": ["the", "the dog", "is not the"], "ngram_range": (2, 2)},
        {"vocabulary": ["t", "th", "the", "the "], "analyzer": "char", "ngram_range": (2, 3)},
        {"vocabulary": ["t", " th", " a ", "dog"], "analyzer": "char_wb", "ngram_range": (4, 5)},
    ],
)
def test_counts_no_terms_of_other_lengths(options: Any) -> None:
    vectorizer = TfidfVectorizer(**options).fit(TEXTS)
    check(vectorizer, TEXTS, ODD_TEXTS)


@pytest.mark.parametrize("analyzer", ["word", "char", "char_wb"])
def test_takes_a_null_character_for_a_character(analyzer: Any) -> None:
    options = {"token_pattern": r"\S+"} if analyzer == "word" else {"analyzer": analyzer}
    vectorizer = CountVectorizer(ngram_range=(1, 2), **options).fit(TEXTS)
    check(vectorizer, TEXTS, ["the\0dog", "\0", "the \0 dog", "\0\0 the"])
