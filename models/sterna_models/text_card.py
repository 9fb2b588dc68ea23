"""The card of a text model: what it was trained on, how well it predicts, how to make it again.

A JSON file beside the model's folder, checked whenever it is read: version, fields, their types,
and that losses are finite. A loss is the mean cross entropy of the next token in nats; e to its
power is the perplexity. It is measured on the validation text in windows that do not overlap
(`data.windows`): on all of them, and on a few, spread evenly, for models that are slow.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["TEXT_CARD_VERSION", "TextCard"]

TEXT_CARD_VERSION = 1

_LOSSES = ("unigram", "float", "quantised", "float_sampled", "quantised_sampled", "golden_sampled")


@dataclass(frozen=True)
class TextCard:
    """Everything that is known about one trained text model.

    Parameters
    ----------
    name, summary : :class:`str`
        Name in the zoo and one line about it.
    data : dict
        ``name``, ``source``, ``licence``, ``split``, ``train_tokens``, ``validation_tokens``.
    network : dict
        The `DecoderShape`, and ``statistic`` of the ternary weights.
    training : dict
        The recipe's numbers, ``seed``, ``tokens``, ``seconds``, ``versions`` and processor
        ``kernels`` of the machine that trained it.
    loss : dict
        ``unigram`` (every character by its share in the training text, whatever stands before it),
        ``float`` (the trained ternary weights, activations in float), ``quantised`` (torch with all
        quantisers) on all ``windows``; ``float_sampled``, ``quantised_sampled`` and
        ``golden_sampled`` (Sterna's integer model; None until measured) on ``sampled_windows``
        spread evenly.
    sample : dict
        ``prompt``, ``greedy`` (continuation by the likeliest character), and ``drawn`` with its
        ``temperature`` and ``seed``, of the quantised torch model.
    size : dict
        ``ternary_weights``, ``head_and_embedding``, ``gains``, ``bytes`` of all files, and
        ``sha256`` of each file by name.
    retrain : :class:`str`
        The command that makes it again.
    licence : :class:`str`
        Licence of the trained network.
    version : :class:`int`
        Version of this layout.
    """

    name: str
    summary: str
    data: dict[str, Any]
    network: dict[str, Any]
    training: dict[str, Any]
    loss: dict[str, Any]
    sample: dict[str, Any]
    size: dict[str, Any]
    retrain: str
    licence: str = "Apache-2.0"
    version: int = TEXT_CARD_VERSION

    _REQUIRED = {
        "data": "name source licence split train_tokens validation_tokens",
        "network": "layers hidden feed_forward heads kv_heads head_size vocabulary context "
        "activation rope_base tied statistic",
        "training": "seed tokens seconds versions kernels",
        "loss": f"{' '.join(_LOSSES)} windows sampled_windows",
        "sample": "prompt greedy drawn temperature seed",
        "size": "ternary_weights head_and_embedding gains bytes sha256",
    }

    def __post_init__(self) -> None:
        if self.version != TEXT_CARD_VERSION:
            raise ValueError(
                f"Version of a text card must be {TEXT_CARD_VERSION}, not {self.version!r}"
            )
        for section, names in self._REQUIRED.items():
            missing = [name for name in names.split() if name not in getattr(self, section)]
            if missing:
                raise ValueError(
                    f"Section {section} of a text card must hold {', '.join(missing)}, "
                    f"not only {', '.join(sorted(getattr(self, section))) or 'nothing'}"
                )
        for name in _LOSSES:
            value = self.loss[name]
            if value is None and name == "golden_sampled":
                continue
            if not isinstance(value, float) or not math.isfinite(value) or value < 0:
                raise ValueError(f"Loss {name} must be a number of nats, not {value!r}")

    def to_json(self) -> str:
        """The card as JSON text, keys in the order of the fields, ending in a newline."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TextCard:
        """The card that ``to_json`` wrote.

        Raises
        ------
        ValueError
            If the text is not JSON, or its version, fields or values are not those of a text card.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Text card must be JSON, not {text[:20]!r}...: {error}") from None
        if not isinstance(content, dict):
            raise ValueError(f"Text card must be a JSON object, not {type(content).__name__}")
        known = {entry.name: str(entry.type) for entry in fields(cls)}
        if set(content) != set(known):
            raise ValueError(
                f"Fields of a text card must be {', '.join(known)}, not {', '.join(content)}"
            )
        for name, kind in known.items():
            expected = dict if kind.startswith("dict") else {"str": str, "int": int}[kind]
            if not isinstance(content[name], expected):
                raise ValueError(
                    f"Field {name} of a text card must be {expected.__name__}, "
                    f"not {type(content[name]).__name__}"
                )
        return cls(**content)
