"""How requests and answers look on a serial line: the numbers that host and board share.

A request and its answer have the same form::

    0x53  kind  length (2 bytes)  payload (length bytes)  CRC (2 bytes)

all little-endian, with the CRC-16 of IBM 3740 (polynomial 0x1021, begun with 0xFFFF) over kind,
length and payload. One request is served at a time, and each gets one answer:

| kind | request's payload | answer's kind and payload |
|---|---|---|
| 1 frame | bytes of a frame, TLAST behind the last | 0x81, bytes of the result |
| 2 read | 4 bytes of address | 0x82, 4 bytes of data, 1 of response |
| 3 write | 4 bytes of data, 4 of address | 0x83, 1 byte of response |
| 4 reset | none | 0x84, none |
| other | | 0xEE, 1 byte: 2 |
| any with a wrong CRC | | 0xEE, 1 byte: 1 |

A length that the kind does not have, or that is beyond a frame's, is refused like an unknown kind.
Bytes between requests are skipped until one is 0x53.
"""

from __future__ import annotations

import binascii

__all__ = ["ANSWER", "ERRORS", "KINDS", "REFUSED", "SYNC", "pack"]

SYNC = 0x53
KINDS = {"frame": 1, "read": 2, "write": 3, "reset": 4}
ANSWER = 0x80
"""Added to the kind in an answer."""
REFUSED = 0xEE
ERRORS = {"checksum": 1, "request": 2}


def pack(kind: int, payload: bytes = b"") -> bytes:
    """The bytes of a request or an answer."""
    body = bytes([kind]) + len(payload).to_bytes(2, "little") + payload
    return bytes([SYNC]) + body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")
