"""The cache of a golden decoder as bytes in memory: a context that the hardware can go on from.

The records are those that the accelerator itself would have written: token j on port j mod P, in
slot j div P of its layer's region of keys or values, behind a header of 16 bytes, in which a key
has its own scale and that of its value. A host can use this to restore a context, a simulation to
begin at a late position without computing all positions before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .golden import GoldenDecoder
from .image_files import port_file
from .layout import DecoderLayout

__all__ = ["append_cache"]


def append_cache(decoder: GoldenDecoder, layout: DecoderLayout, folder: Path) -> None:
    """Writes the cache behind the image of every port in ``folder`` (see `write_image`).

    Raises
    ------
    ValueError
        If the decoder runs other layers than the layout has.
    """
    if decoder.layers != layout.shape.layers:
        raise ValueError(
            f"Decoder must run all {layout.shape.layers} layers of the layout, not {decoder.layers}"
        )
    files = [port_file(folder, port).open("r+b") for port in range(layout.ports)]
    try:
        for layer in range(decoder.layers):
            keys, values, key_scales, value_scales = decoder.cached(layer)
            for kind, codes in (("key", keys), ("value", values)):
                records = np.zeros((len(codes), layout.record_bytes), dtype=np.uint8)
                records[:, 16 : 16 + codes.shape[1]] = codes.view(np.uint8)
                if kind == "key":
                    scales = np.concatenate((key_scales, value_scales), axis=1)
                    records[:, :8] = scales.astype("<i4").astype("<u2").view(np.uint8)
                for port, file in enumerate(files):
                    file.seek(layout.region_address(layer, kind))
                    file.write(records[port :: layout.ports].tobytes())
    finally:
        for file in files:
            file.close()
