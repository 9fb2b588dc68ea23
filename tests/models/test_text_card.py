"""A text card reads back as it was written, and refuses what is not one."""

import json
from dataclasses import replace

import pytest

from sterna_models import text_zoo
from sterna_models.text_card import TextCard

NAME = "shakespeare_ternary"


@pytest.fixture
def card() -> TextCard:
    return text_zoo.card(NAME)


def test_json_and_back(card):
    assert TextCard.from_json(card.to_json()) == card
    assert card.to_json().endswith("}\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("loss"), "Fields of a text card must be name, .* not name"),
        (lambda c: c.update(version=2), "Version of a text card must be 1, not 2"),
        (lambda c: c.update(data=[]), "Field data of a text card must be dict, not list"),
        (lambda c: c["loss"].pop("float"), "Section loss of a text card must hold float, not only"),
        (lambda c: c["loss"].update(float=None), "Loss float must be a number of nats, not None"),
        (lambda c: c["loss"].update(quantised="1"), "Loss quantised must be .* not '1'"),
        (lambda c: c["loss"].update(unigram=-1.0), "Loss unigram must be .* not -1.0"),
        (lambda c: c["loss"].update(golden_sampled=float("nan")), "Loss golden_sampled must be"),
    ],
)
def test_refuses_other_content(card, change, message):
    content = json.loads(card.to_json())
    change(content)
    with pytest.raises(ValueError, match=message):
        TextCard.from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[]", "{", '"card"'])
def test_refuses_other_text(text):
    with pytest.raises(ValueError, match="Text card must be"):
        TextCard.from_json(text)


def test_integer_models_loss_may_be_missing(card):
    without = replace(card, loss={**card.loss, "golden_sampled": None})
    assert TextCard.from_json(without.to_json()) == without
