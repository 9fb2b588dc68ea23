"""A data set on an integer grid, split once and for all.

Every input is an integer code of at most eight bits times one scale, so that the committed test
sets are small and so that the first quantiser of a network can take them over without any rounding.
The split into training and test samples is stratified (each class gives the same share) and drawn
from a seed that is part of the data set, so a test sample never moves into training between runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["DataSet", "stratified_split"]


@dataclass(frozen=True)
class DataSet:
    """Training and test samples.

    Parameters
    ----------
    name : :class:`str`
        Short name, used in cards.
    source : :class:`str`
        Where the samples come from, in one sentence; says SYNTHETIC when they were generated.
    licence : :class:`str`
        Licence of the samples as their distributor states it.
    synthetic : :class:`bool`
        Whether the samples were generated rather than measured.
    class_names : tuple of :class:`str`
        Name of each label, label 0 first.
    scale : :class:`float`
        Real value of one code step; a power of two.
    split : :class:`str`
        How training and test samples were separated, in words.
    split_seed : :class:`int`
        Seed of the split.
    train_codes, test_codes : uint8 or int8 arrays, shape ``(samples, *input_shape)``
        Integer codes; the real input is ``codes * scale``.
    train_labels, test_labels : int64 arrays, shape ``(samples,)``

    Raises
    ------
    ValueError
        If codes and labels do not fit together.
    """

    name: str
    source: str
    licence: str
    synthetic: bool
    class_names: tuple[str, ...]
    scale: float
    split: str
    split_seed: int
    train_codes: np.ndarray
    train_labels: np.ndarray
    test_codes: np.ndarray
    test_labels: np.ndarray

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            codes = getattr(self, f"{part}_codes")
            labels = getattr(self, f"{part}_labels")
            if codes.dtype not in (np.uint8, np.int8):
                raise ValueError(f"Codes of {part} must be uint8 or int8, not {codes.dtype}")
            if len(codes) != len(labels):
                raise ValueError(
                    f"Labels of {part} must be as many as its {len(codes)} samples, "
                    f"not {len(labels)}"
                )
            if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.class_names):
                raise ValueError(
                    f"Labels of {part} must be below {len(self.class_names)}, not {labels.max()}"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch axis."""
        return self.train_codes.shape[1:]

    @property
    def train_inputs(self) -> np.ndarray:
        """Real training inputs, float32, exact."""
        return self.train_codes.astype(np.float32) * np.float32(self.scale)

    @property
    def test_inputs(self) -> np.ndarray:
        """Real test inputs, float32, exact."""
        return self.test_codes.astype(np.float32) * np.float32(self.scale)

    def limited(self, train_count: int, test_count: int) -> DataSet:
        """The same data set with the first samples of each part only, for quick trials."""
        return DataSet(
            **{
                **self.__dict__,
                "train_codes": self.train_codes[:train_count],
                "train_labels": self.train_labels[:train_count],
                "test_codes": self.test_codes[:test_count],
                "test_labels": self.test_labels[:test_count],
            }
        )


def stratified_split(
    labels: np.ndarray, test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the test samples, each shuffled.

    Of every class ``round(test_fraction * size)`` samples, at least one, become test samples.

    Raises
    ------
    ValueError
        If ``test_fraction`` is not between 0 and 1.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"Test fraction must be between 0 and 1, not {test_fraction!r}")
    generator = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        test_count = max(1, round(test_fraction * len(members)))
        test.append(members[:test_count])
        train.append(members[test_count:])
    return (
        generator.permutation(np.concatenate(train)),
        generator.permutation(np.concatenate(test)),
    )
