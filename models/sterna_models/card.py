"""The card of a zoo network: what it was trained on, how well it does, how to make it again.

A card is a JSON file beside the network's own file. It is checked whenever it is read, against its
version and its field names and types, so a card that an older or newer release wrote is refused
by name rather than half understood. Accuracies are shares of the test samples from 0 to 1.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

__all__ = ["CARD_VERSION", "Card", "file_digest"]

CARD_VERSION = 1


@dataclass(frozen=True)
class Card:
    """Everything that is known about one trained network.

    Parameters
    ----------
    name, summary : :class:`str`
        Name in the zoo and one line about it.
    data : dict
        ``name``, ``source``, ``licence``, ``synthetic``, ``split``, ``split_seed``,
        ``train_count``, ``test_count``, ``input_shape``, ``input_scale``, ``class_names``; and
        ``committed_count``, how many of the test samples lie beside the card (all where it is not
        given).
    network : dict
        The recipe's description of layers and quantisers.
    training : dict
        The recipe's numbers, the ``seed``, ``seconds``, and the ``versions`` and processor
        ``kernels`` of the machine that trained it.
    accuracy : dict
        ``float`` (a network of the same shape without quantisers), ``quantized`` (Brevitas),
        ``golden`` (Sterna's integer model of the written file), ``majority`` (always the most
        frequent class) and ``recalls`` by class name, all over all test samples; ``committed`` is
        the golden accuracy over the committed ones.
    agreement : dict
        On the test samples: ``samples``, ``words`` (outputs compared), and how the outputs of the
        golden model and of the file as executed by qonnx differ from Brevitas':
        ``golden_word_mismatches``, ``golden_label_mismatches``, ``golden_largest_difference``, and
        the same for ``qonnx`` (None where qonnx was not installed).
    size : dict
        ``weights``, ``onnx_bytes``, ``onnx_sha256``, ``test_set_bytes``, ``test_set_sha256``.
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
    accuracy: dict[str, Any]
    agreement: dict[str, Any]
    size: dict[str, Any]
    retrain: str
    licence: str = "Apache-2.0"
    version: int = CARD_VERSION

    _REQUIRED = {
        "data": "name source licence synthetic split split_seed train_count test_count input_shape "
        "input_scale class_names",
        "network": "hidden_sizes weight_quantizer input_activation hidden_activation",
        "training": "seed seconds versions kernels",
        "accuracy": "float quantized golden majority recalls",
        "agreement": "samples words golden_word_mismatches golden_label_mismatches "
        "golden_largest_difference qonnx_word_mismatches qonnx_label_mismatches "
        "qonnx_largest_difference",
        "size": "weights onnx_bytes onnx_sha256 test_set_bytes test_set_sha256",
    }

    def __post_init__(self) -> None:
        if self.version != CARD_VERSION:
            raise ValueError(f"Version of a card must be {CARD_VERSION}, not {self.version!r}")
        for section, names in self._REQUIRED.items():
            missing = [name for name in names.split() if name not in getattr(self, section)]
            if missing:
                raise ValueError(
                    f"Section {section} of a card must hold {', '.join(missing)}, "
                    f"not only {', '.join(sorted(getattr(self, section))) or 'nothing'}"
                )
        for name in ("float", "quantized", "golden", "majority"):
            value = self.accuracy[name]
            if not isinstance(value, float) or not 0 <= value <= 1:
                raise ValueError(f"Accuracy {name} must be a share from 0 to 1, not {value!r}")

    @property
    def committed_accuracy(self) -> float:
        """Golden accuracy on the test samples beside the card."""
        return self.accuracy.get("committed", self.accuracy["golden"])

    @property
    def committed_count(self) -> int:
        """How many test samples lie beside the card."""
        return self.data.get("committed_count", self.data["test_count"])

    def to_json(self) -> str:
        """The card as JSON text, keys in the order of the fields, ending in a newline."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The card that ``to_json`` wrote.

        Raises
        ------
        ValueError
            If the text is not JSON, or its version, fields or values are not those of a card.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Card must be JSON, not {text[:20]!r}...: {error}") from None
        if not isinstance(content, dict):
            raise ValueError(f"Card must be a JSON object, not {type(content).__name__}")
        if content.get("version") != CARD_VERSION:
            raise ValueError(
                f"Version of a card must be {CARD_VERSION}, not {content.get('version')!r}"
            )
        known = {entry.name: str(entry.type) for entry in fields(cls)}
        if set(content) != set(known):
            raise ValueError(
                f"Fields of a card must be {', '.join(known)}, not {', '.join(content)}"
            )
        for name, kind in known.items():
            expected = dict if kind.startswith("dict") else {"str": str, "int": int}[kind]
            if not isinstance(content[name], expected):
                raise ValueError(
                    f"Field {name} of a card must be {expected.__name__}, "
                    f"not {type(content[name]).__name__}"
                )
        return cls(**content)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
