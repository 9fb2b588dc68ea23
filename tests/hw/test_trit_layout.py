"""The layout of trits: every trit at its stated place, nothing lost, no waste but at the end."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from sterna_hw.trit_layout import TritLayout
from sterna_hw.trits import unpack_trits

# Word bytes and weights of a beat: equal, double, the shapes for four ports, odd ones.
SHAPES = [(1, 5), (1, 10), (1, 6), (2, 15), (4, 21), (64, 384), (64, 420), (64, 480), (48, 256)]


@pytest.mark.parametrize(("word_bytes", "beat_trits"), SHAPES)
def test_every_trit_lies_where_the_rule_says(word_bytes: int, beat_trits: int) -> None:
    layout = TritLayout(word_bytes, beat_trits)
    word, lane = 5 * word_bytes, math.gcd(5 * word_bytes, beat_trits)
    own, shared = word // lane, (beat_trits - word) // lane
    for count in {1, own - 1, own, own + 1, 2 * own + 1} - {0}:
        beats = np.random.default_rng(count).integers(-1, 2, (count, beat_trits))
        image = layout.image(beats)
        assert len(image) == word_bytes * layout.word_count(count)
        trits = unpack_trits(image, len(image) * 5).reshape(-1, word)
        seen = np.zeros(trits.shape, dtype=bool)
        for beat in range(count):
            period, number = divmod(beat, own)
            first = period * (own + shared)
            for position in range(beat_trits):
                if position < word:
                    place = (first + shared + number, position)
                else:
                    extra, offset = divmod(position - word, lane)
                    place = (first + extra, number * lane + offset)
                assert trits[place] == beats[beat, position]
                seen[place] = True
        assert not trits[~seen].any()
        np.testing.assert_array_equal(layout.beats(image), beats)


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    word_bytes = generator.randrange(1, 20)
    layout = TritLayout(word_bytes, generator.randrange(5 * word_bytes, 12 * word_bytes))
    count = generator.randrange(1, 200)
    beats = np.random.default_rng(seed).integers(-1, 2, (count, layout.beat_trits))
    image = layout.image(beats)
    np.testing.assert_array_equal(layout.beats(image), beats)
    words = len(image) // word_bytes
    assert layout.beat_count(words) == count
    fewest = -(-count * layout.beat_trits // layout.word_trits)
    assert fewest <= words <= fewest + layout.shared_words


def test_errors() -> None:
    with pytest.raises(ValueError) as error:
        TritLayout(64, 319)
    assert str(error.value) == (
        "Weights of a beat must be at least the 320 of a memory word, not 319"
    )
    with pytest.raises(ValueError) as error:
        TritLayout(0, 3)
    assert str(error.value) == "Word bytes must be 1 or more, not 0"
    layout = TritLayout(2, 15)
    with pytest.raises(ValueError) as error:
        layout.beats(bytes(3))
    assert str(error.value) == "Image must be whole words of 2 bytes, not 3 bytes"
    with pytest.raises(ValueError) as error:
        layout.beat_count(1)
    assert str(error.value) == "Words of a matrix must be whole beats, not 1"
