"""Accuracy of the network, from its card in the zoo; of any other network none is known here."""

from __future__ import annotations

from typing import Any

from sterna_models.card import Card

from .content import Note, Section, Table
from .facts import Facts

__all__ = ["accuracy_section"]

_KINDS = {
    "float": "float network without quantisers",
    "quantized": "Brevitas",
    "golden": "golden model, which the hardware equals",
    "majority": "always the most frequent class",
}
_LOSSES = {
    "unigram": "frequencies of characters alone",
    "float_sampled": "float network",
    "quantised_sampled": "Brevitas",
    "golden_sampled": "golden model, which the hardware equals",
}


def accuracy_section(facts: Facts) -> Section:
    """The card's figures."""
    card = facts.card
    if card is None:
        note = Note(
            f"{facts.model} is not one of the zoo's networks, so no accuracy is known here."
        )
        return Section("accuracy", "Accuracy", "", [note])
    return _classifier(card) if isinstance(card, Card) else _text(card)


def _classifier(card: Card) -> Section:
    count = card.data["test_count"]
    synthetic = "synthetic data" if card.data["synthetic"] else "real data"
    golden = card.accuracy["golden"]
    lead = (
        f"{golden:.2%} of {count:,} test samples ({card.data['name']}, {synthetic}), by the golden"
        " model, as recorded on the network's card."
    )
    rows = [
        (text, f"{card.accuracy[kind]:.2%}")
        for kind, text in _KINDS.items()
        if kind in card.accuracy
    ]
    blocks: list[Table | Note] = [
        Table(f"Share of {count:,} test samples put into their class", ("by", "accuracy"), rows)
    ]
    if recalls := card.accuracy.get("recalls"):
        cells = [f"{share:.1%}" for share in recalls.values()]
        heads = ("class", *map(str, recalls))
        blocks.append(Table("Recall of each class", heads, [("recall", *cells)]))
    agreement = card.agreement
    blocks.append(
        Note(
            f"Golden model against Brevitas: {agreement['words']:,} output words of"
            f" {agreement['samples']:,} samples, {agreement['golden_word_mismatches']:,} differ."
            f" Data: {card.data['source']}. Train it again: {card.retrain}."
        )
    )
    return Section("accuracy", "Accuracy", lead, blocks)


def _text(card: Any) -> Section:
    windows = card.loss["sampled_windows"]
    golden = card.loss["golden_sampled"]
    lead = (
        f"{golden:.4f} nats a token on {windows} windows of validation text, by the golden model,"
        " as recorded on the network's card."
    )
    rows = [
        (text, f"{card.loss[kind]:.4f}")
        for kind, text in _LOSSES.items()
        if card.loss.get(kind) is not None
    ]
    table = Table("Loss in nats a token (less is better)", ("by", "loss"), rows)
    note = Note(f"Data: {card.data['source']}. Train it again: {card.retrain}.")
    return Section("accuracy", "Accuracy", lead, [table, note])
