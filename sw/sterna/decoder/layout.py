"""Where everything of a decoder lies in external memory: sections, their sizes and addresses.

Memory is read in words of 16 bytes on each of P ports at once; an address is a byte address inside
every port's region, a multiple of 16, and word k of a section lies at ``address + 16*k`` of all
ports. Bytes 16p to 16p+15 of a word come from port p. Sections in order:

    header         one word; on every port magic, version, the image's 32-bit hash, and the port's
                   number (4 bytes each)
    stream         what every pass consumes, in order: per layer constants, gains and matrices
    head           rows of the head: row r on port r mod P, slot r div P, each padded to 16 bytes
    embedding      a row of int16 codes for each token, padded to whole words
    rotations      a row of (cosine, sine) pairs for each position, padded to whole words
    cache          keys and values; no contents in the image

A layer of the stream: constants (8 entries of mantissa uint16 and exponent int16), gains of the
attention norm, q v k, gains of the attention sub-norm, o, gains of the feed-forward norm, gate and
up, gains of the feed-forward sub-norm, down. After the last layer the final gains. Each of these
begins at a word.

The cache has for every layer a region of keys and one of values; token j lies on port j mod P, slot
j div P, in a record of a 16-byte header and the codes. The order of trits inside a matrix is the
engine's (`sterna_hw.trit_stream`, `trit_layout`); this file knows sizes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sterna_hw.trit_layout import TritLayout

from .shape import DecoderShape

__all__ = ["MAGIC", "STREAM_MATRICES", "VERSION", "DecoderLayout", "Section"]

MAGIC = 0x4E525453  # "STRN", little-endian
VERSION = 2
CONSTANT_BYTES = 32

STREAM_MATRICES = {
    "qkv": ("q", "v", "k"),
    "o": ("o",),
    "gate_up": ("gate", "up"),
    "down": ("down",),
}
"""Which matrices of a layer share one pass of the engine, and in which order."""


@dataclass(frozen=True)
class Section:
    """A section: byte address in every port's region, and size in words."""

    address: int
    words: int

    @property
    def end(self) -> int:
        return self.address + 16 * self.words


@dataclass(frozen=True)
class DecoderLayout:
    """The memory map of a shape for one engine.

    Parameters
    ----------
    shape : :class:`DecoderShape`
    ports : :class:`int`
        Memory ports of 128 bits, 1 to 4.
    block_inputs : :class:`int`
        Inputs of an engine's block (tables times group).
    queries : :class:`int`
        Outputs of an engine's block; even.

    Raises
    ------
    ValueError
        If ports or queries break their rule, or a beat of weights is smaller than a word.
    """

    shape: DecoderShape
    ports: int
    block_inputs: int
    queries: int

    def __post_init__(self) -> None:
        if not 1 <= self.ports <= 4:
            raise ValueError(f"Memory ports must be 1 to 4, not {self.ports!r}")
        if self.queries < 2 or self.queries % 2:
            raise ValueError(f"Queries must be even, not {self.queries!r}")
        _ = self._trits  # it validates itself

    @property
    def word_bytes(self) -> int:
        return 16 * self.ports

    @cached_property
    def _trits(self) -> TritLayout:
        return TritLayout(self.word_bytes, self.block_inputs * self.queries)

    def words_of(self, size: int) -> int:
        """Words that hold so many bytes."""
        return -(-size // self.word_bytes)

    def input_blocks(self, matrix: str) -> int:
        """Blocks of inputs of one of `STREAM_MATRICES`."""
        _, inputs = self.shape.matrix_sizes[STREAM_MATRICES[matrix][0]]
        return -(-inputs // self.block_inputs)

    def output_blocks(self, part: str) -> int:
        """Blocks of outputs of one of `STREAM_MATRICES`, or of one of q, v, k alone.

        q, v and k are padded to whole blocks each; gate and up share their blocks, row by row.
        """
        if part == "gate_up":
            return -(-2 * self.shape.feed_forward // self.queries)
        if part == "qkv":
            return sum(self.output_blocks(name) for name in STREAM_MATRICES["qkv"])
        return -(-self.shape.matrix_sizes[part][0] // self.queries)

    def matrix_words(self, matrix: str) -> int:
        """Words of one of `STREAM_MATRICES`."""
        return self._trits.word_count(self.input_blocks(matrix) * self.output_blocks(matrix))

    def gain_words(self, norm: str) -> int:
        """Words of the gains of a norm, ``final_norm`` among them."""
        return self.words_of(2 * ({**self.shape.norm_sizes, "final_norm": self.shape.hidden}[norm]))

    @cached_property
    def constant_words(self) -> int:
        return self.words_of(CONSTANT_BYTES)

    @cached_property
    def layer_items(self) -> tuple[tuple[str, int], ...]:
        """What a layer's part of the stream holds, in order: names and words."""
        return (
            ("constants", self.constant_words),
            ("attention_norm", self.gain_words("attention_norm")),
            ("qkv", self.matrix_words("qkv")),
            ("attention_sub_norm", self.gain_words("attention_sub_norm")),
            ("o", self.matrix_words("o")),
            ("feed_forward_norm", self.gain_words("feed_forward_norm")),
            ("gate_up", self.matrix_words("gate_up")),
            ("feed_forward_sub_norm", self.gain_words("feed_forward_sub_norm")),
            ("down", self.matrix_words("down")),
        )

    @cached_property
    def layer_words(self) -> int:
        return sum(words for _, words in self.layer_items)

    @cached_property
    def head_row_words(self) -> int:
        """16-byte words of a row of the head."""
        return -(-self.shape.hidden // 16)

    @cached_property
    def embedding_row_words(self) -> int:
        return self.words_of(2 * self.shape.hidden)

    @cached_property
    def rotation_row_words(self) -> int:
        return self.words_of(2 * self.shape.head_size)

    @cached_property
    def record_bytes(self) -> int:
        """A token's record in the cache: header and codes; a multiple of 16."""
        return 16 + self.shape.kv_size

    @cached_property
    def slots(self) -> int:
        """Records of a port in one region."""
        return -(-self.shape.context // self.ports)

    @cached_property
    def region_bytes(self) -> int:
        """A region of the cache: the keys or the values of one layer, on one port."""
        return self.slots * self.record_bytes

    @cached_property
    def sections(self) -> dict[str, Section]:
        """All sections by name, in order."""
        shape = self.shape
        head_rows = -(-shape.vocabulary // self.ports)
        sizes = {
            "header": 1,
            "stream": shape.layers * self.layer_words + self.gain_words("final_norm"),
            "head": head_rows * self.head_row_words,
            "embedding": shape.vocabulary * self.embedding_row_words,
            "rotations": shape.context * self.rotation_row_words,
            "cache": 2 * shape.layers * self.region_bytes // 16,
        }
        sections, address = {}, 0
        for name, words in sizes.items():
            sections[name] = Section(address, words)
            address = sections[name].end
        return sections

    @property
    def image_bytes(self) -> int:
        """Bytes of each port's image: all sections with contents."""
        return self.sections["cache"].address

    @property
    def memory_bytes(self) -> int:
        """Bytes that each port's region must have, cache included."""
        return self.sections["cache"].end

    def region_address(self, layer: int, kind: str) -> int:
        """Address of a layer's ``"key"`` or ``"value"`` region."""
        number = 2 * layer + ("key", "value").index(kind)
        return self.sections["cache"].address + number * self.region_bytes

    def token_bytes(self, position: int) -> int:
        """Bytes that a decode step at a position must move: stream, head, embedding and rotation
        rows, and the cache up to the position (read), one record a layer and kind (written)."""
        sections, layers = self.sections, self.shape.layers
        rows = self.embedding_row_words + self.rotation_row_words
        words = sections["stream"].words + sections["head"].words + rows
        slots = position // self.ports + 1
        read = 2 * layers * slots * self.record_bytes * self.ports
        return words * self.word_bytes + read + 2 * layers * self.record_bytes
