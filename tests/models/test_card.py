"""Cards survive a round trip and refuse what is not one of them."""

import json
from typing import Any

import pytest

from sterna_models.card import CARD_VERSION, Card, file_digest


def example(**changes: Any) -> Card:
    sections: dict[str, dict[str, Any]] = {
        section: dict.fromkeys(names.split(), 1) for section, names in Card._REQUIRED.items()
    }
    shares = {"float": 0.99, "quantized": 0.98, "golden": 0.98, "majority": 0.1}
    sections["accuracy"] = {**shares, "recalls": {"a": 1.0}}
    fields = {"name": "n", "summary": "s", "retrain": "train n", **sections}
    return Card(**{**fields, **changes})


def test_round_trip():
    card = example()
    assert Card.from_json(card.to_json()) == card
    assert card.to_json().endswith("}\n")
    assert json.loads(card.to_json())["version"] == CARD_VERSION


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Card must be JSON, not"),
        ("[1]", "Card must be a JSON object, not list"),
        ("{}", f"Version of a card must be {CARD_VERSION}, not None"),
        ('{"version": 99}', f"Version of a card must be {CARD_VERSION}, not 99"),
        (f'{{"version": {CARD_VERSION}}}', "Fields of a card must be name, summary,"),
    ],
    ids=["empty", "list", "no version", "other version", "no fields"],
)
def test_refuses_text(text, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Card.from_json(text)


def test_refuses_field_of_wrong_type():
    content = json.loads(example().to_json())
    content["size"] = "large"
    with pytest.raises(ValueError, match="^Field size of a card must be dict, not str$"):
        Card.from_json(json.dumps(content))


@pytest.mark.parametrize("section", sorted(Card._REQUIRED))
def test_refuses_incomplete_section(section):
    with pytest.raises(ValueError, match=f"^Section {section} of a card must hold "):
        example(**{section: {}})


@pytest.mark.parametrize("value", [None, 98.0, -0.1, "high"])
def test_refuses_accuracy(value):
    shares = {"float": 0.9, "quantized": 0.9, "golden": value, "majority": 0.1, "recalls": {}}
    with pytest.raises(ValueError, match="^Accuracy golden must be a share from 0 to 1, not "):
        example(accuracy=shares)


def test_file_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
    assert file_digest(tmp_path / "file") == digest
