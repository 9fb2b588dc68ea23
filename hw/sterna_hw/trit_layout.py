"""Where the trits of a weight stream lie in memory words, so that no hardware need rotate them.

A memory word of W trits and an engine's beat of B trits seldom fit. With g their greatest common
divisor, a word is a = W/g lanes and a beat is b = B/g lanes (b >= a: a beat holds at least a word).
So b words carry exactly a beats. Streaming the trits in plain order would need a rotation by any
lane, a dozen multiplexers a trit. Instead the b words of such a period are laid out thus:

- first b - a *shared* words: lane k of shared word e is lane a + e of the period's beat k;
- then a *own* words: own word k is lanes 0 to a - 1 of beat k, as they stand.

The hardware keeps the shared words; each own word then completes one beat, and only the b - a lanes
from shared words pass a multiplexer. Nothing is stored twice and nothing is padded but the end of a
matrix: a last period of m < a beats has its shared words and m own words, lanes without a beat hold
weight 0. A matrix thus takes at most b - a words more than its trits fill.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .trits import TRITS_PER_BYTE, pack_trits, unpack_trits

__all__ = ["TritLayout"]


@dataclass(frozen=True)
class TritLayout:
    """The order of trits for words of ``word_bytes`` bytes and beats of ``beat_trits`` trits.

    Raises
    ------
    ValueError
        If a word is empty, or a beat holds less than a word.
    """

    word_bytes: int
    beat_trits: int

    def __post_init__(self) -> None:
        if self.word_bytes < 1:
            raise ValueError(f"Word bytes must be 1 or more, not {self.word_bytes!r}")
        if self.beat_trits < self.word_trits:
            raise ValueError(
                f"Weights of a beat must be at least the {self.word_trits} of a memory word, "
                f"not {self.beat_trits!r}"
            )

    @property
    def word_trits(self) -> int:
        """W."""
        return self.word_bytes * TRITS_PER_BYTE

    @property
    def lane_trits(self) -> int:
        """g."""
        return math.gcd(self.word_trits, self.beat_trits)

    @cached_property
    def own_words(self) -> int:
        """a: own words of a period, its beats, and the lanes of a word."""
        return self.word_trits // self.lane_trits

    @property
    def beat_lanes(self) -> int:
        """b: words of a period, and the lanes of a beat."""
        return self.beat_trits // self.lane_trits

    @cached_property
    def shared_words(self) -> int:
        """b - a."""
        return self.beat_lanes - self.own_words

    def word_count(self, beats: int) -> int:
        """Words that carry so many beats of one matrix."""
        return beats + self.shared_words * -(-beats // self.own_words)

    def beat_count(self, words: int) -> int:
        """Beats in so many words of one matrix: the inverse of `word_count`.

        Raises
        ------
        ValueError
            If no number of beats takes so many words.
        """
        periods, rest = divmod(words, self.beat_lanes)
        beats = periods * self.own_words + max(rest - self.shared_words, 0)
        if self.word_count(beats) != words:
            raise ValueError(f"Words of a matrix must be whole beats, not {words}")
        return beats

    def image(self, beats: np.ndarray) -> bytes:
        """The memory image of beats of weights (shape ``(beats, beat_trits)``): whole words."""
        beats = np.asarray(beats, dtype=np.int8)
        count, own, lane = len(beats), self.own_words, self.lane_trits
        periods = -(-count // own)
        padded = np.zeros((periods * own, self.beat_trits), dtype=np.int8)
        padded[:count] = beats
        # [period, beat of the period, lane of the beat, trit]
        lanes = padded.reshape(periods, own, self.beat_lanes, lane)
        shared = lanes[:, :, own:].transpose(0, 2, 1, 3)
        words = np.concatenate([shared, lanes[:, :, :own]], axis=1)
        used = words.reshape(-1, self.word_trits)[: self.word_count(count)]
        return pack_trits(used)

    def beats(self, image: bytes) -> np.ndarray:
        """The beats (int8, shape ``(beats, beat_trits)``) of one matrix's image.

        Raises
        ------
        ValueError
            If the image is not whole words that end with a beat.
        """
        words, rest = divmod(len(image), self.word_bytes)
        if rest:
            raise ValueError(
                f"Image must be whole words of {self.word_bytes} bytes, not {len(image)} bytes"
            )
        count, own = self.beat_count(words), self.own_words
        periods = -(-count // own)
        trits = np.zeros((periods * self.beat_lanes, own, self.lane_trits), dtype=np.int8)
        flat = unpack_trits(image, words * self.word_trits)
        trits[:words] = flat.reshape(words, own, self.lane_trits)
        period = trits.reshape(periods, self.beat_lanes, own, self.lane_trits)
        shared = period[:, : self.shared_words].transpose(0, 2, 1, 3)
        lanes = np.concatenate([period[:, self.shared_words :], shared], axis=2)
        return lanes.reshape(-1, self.beat_trits)[:count]
