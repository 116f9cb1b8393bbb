"""STIX ids and cursors as they are stored: `type--uuid` is a type and 16 bytes; a cursor is a sealed arrival number."""

from __future__ import annotations

import re
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simpul.errors import InputFault

_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BLOCK: Final = 16


def split_id(id: str) -> tuple[str, bytes]:
    """The type and the 16 bytes of a STIX id.

    Raises:
        InputFault: not `type--` and a lower-case UUID.
    """
    type, uuid = id[:-38], id[-36:]
    if type and id[-38:-36] == "--" and _UUID.fullmatch(uuid) is not None:
        return type, bytes.fromhex(uuid.replace("-", ""))
    raise InputFault(f"'{id}' is not the id of a STIX object", input=id, do="write type--uuid in lower case")


def join_id(type: str, uuid: bytes) -> str:
    """The STIX id of a type and 16 bytes."""
    text = uuid.hex()
    return f"{type}--{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def seal_cursor(key: bytes, arrival: int) -> str:
    """An arrival number as an opaque cursor: who pages must not learn how much there is that he does not see."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  (one block, never two alike)
    return (cipher.update(arrival.to_bytes(_BLOCK, "big")) + cipher.finalize()).hex()


def open_cursor(key: bytes, cursor: str) -> int:
    """The arrival number of a cursor.

    Raises:
        InputFault: not a cursor of this store.
    """
    try:
        sealed = bytes.fromhex(cursor)
    except ValueError:
        sealed = b""
    if len(sealed) == _BLOCK:
        cipher = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305
        arrival = int.from_bytes(cipher.update(sealed) + cipher.finalize(), "big")
        if arrival < 1 << 62:
            return arrival
    raise InputFault(
        "this is not a cursor that was given out here", input="after", do="begin at the first page"
    )
