"""Canonical JSON: the one byte form of every statement (spec/canonical.md).

A profile of RFC 8785: no floats, integers within 2^53 - 1 either way, ASCII keys; a field that has its default is left out.
What is signed is always the bytes as carried; canonical form only makes sure that there is one way to write a value,
so `decode` refuses whatever is not byte-identical to its own re-encoding. That excludes duplicate keys, white space,
other escapes, other key orders and explicitly written defaults in one check.

Bytes travel as lower-case hex. In a struct they are declared as `Hex`, `Bytes16` or `Bytes32`; to the type checker
and in use these are plain `bytes`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from simpul.errors import Malformed, NotUnderstood

T = TypeVar("T")

MAX_INT: Final = 2**53 - 1
MAX_DEPTH: Final = 32
MAX_BYTES: Final = 1 << 20
"""The longest statement `decode` reads unless its caller says less."""

if TYPE_CHECKING:
    Hex = bytes
    Bytes16 = bytes
    Bytes32 = bytes
else:

    class Hex(bytes):
        """Bytes that are hex on the wire."""

        __slots__ = ()
        size = None

    class Bytes16(Hex):
        """Exactly 16 bytes."""

        __slots__ = ()
        size = 16

    class Bytes32(Hex):
        """Exactly 32 bytes."""

        __slots__ = ()
        size = 32


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every struct that is sent: unknown fields are critical, defaults are left out, bytes become hex."""

    def __post_init__(self) -> None:
        """Mark plain bytes, alone or in a tuple, as hex."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            # Empty bytes stay as they are: a default is left out only when it is the very same object.
            if value and (type(value) is bytes or (type(value) is tuple and type(value[0]) is bytes)):
                force_setattr(self, name, _mark(value))


def encode(value: object) -> bytes:
    """The canonical bytes of a `Wire` struct, or of plain JSON values.

    Raises:
        ValueError: a float, an integer out of range, a key that is not ASCII, a lone surrogate, or nesting deeper
            than `MAX_DEPTH`. That is a fault of this program, never of a partner.
    """
    if not isinstance(value, Wire):
        _check(value, MAX_DEPTH)
    data = _encoder.encode(value)
    if not isinstance(value, Wire) or not data.isascii() or _SUSPECT.search(data):
        _check(_generic.decode(data), MAX_DEPTH)
    return data


def decode(data: bytes | memoryview, type: type[T], limit: int = MAX_BYTES) -> T:
    """The value whose canonical bytes are `data`.

    Raises:
        NotUnderstood: a field that the type does not have.
        Malformed: longer than `limit`, not JSON, not of the type, or not in canonical form.
    """
    if len(data) > limit:
        raise Malformed(f"a statement of {len(data)} bytes is over the limit of {limit}", where=type.__name__)
    data = bytes(data)
    value = read(data, type)
    try:
        same = encode(value) == data
    except ValueError as fault:
        raise Malformed(f"outside the canonical profile: {fault}", where=type.__name__) from None
    if not same:
        raise Malformed(
            "not in canonical form",
            where=type.__name__,
            do="the sender must encode by RFC 8785, without defaults, as spec/canonical.md says",
        )
    return value


def read(data: bytes, type: type[T]) -> T:
    """The value of bytes whose form needs no check, because this node encoded them itself or because `decode` checks it.

    Raises:
        NotUnderstood, Malformed: not of the type.
    """
    try:
        value: T = _decoder(type).decode(data)
    except msgspec.ValidationError as fault:
        if str(fault).startswith(_UNKNOWN_FIELD):
            raise NotUnderstood(
                f"{fault}", where=type.__name__, do="tell the sender, or update this node"
            ) from None
        raise Malformed(f"not as the schema says: {fault}", where=type.__name__) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Malformed(f"not JSON: {fault}", where=type.__name__) from None
    except RecursionError:
        raise Malformed("nested too deeply", where=type.__name__) from None
    return value


_UNKNOWN_FIELD: Final = "Object contains unknown field"
_SUSPECT: Final = re.compile(rb"(?:^|[:,\[])-?(?:9[0-9]{15}|[0-9]{17}|[0-9]+[.eE])")
"""Where a number in compact JSON may be a float or out of range; hits inside strings only cost a second look."""


def _hex(value: Hex) -> str:
    return value.hex()


def _unhex(wanted: Any, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError("expected hex digits; empty bytes are left out")
    data = bytes.fromhex(value)
    if wanted.size is not None and len(data) != wanted.size:
        raise ValueError(f"expected {2 * wanted.size} hex digits")
    return wanted(data)


def _mark(value: bytes | tuple[bytes, ...]) -> bytes | tuple[bytes, ...]:
    return Hex(value) if isinstance(value, bytes) else tuple(map(Hex, value))


def _check(value: Any, depth: int) -> None:
    if not isinstance(value, (dict, list, tuple)):
        _check_plain(value)
        return
    if depth == 0:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict) and not all(map(str.isascii, value)):
        raise ValueError("a key is not ASCII")
    for item in value.values() if isinstance(value, dict) else value:
        _check(item, depth - 1)


def _check_plain(value: Any) -> None:
    if isinstance(value, float) or (isinstance(value, int) and not -MAX_INT <= value <= MAX_INT):
        raise ValueError("a number is not an integer within 2^53 - 1")
    if value is not None and not isinstance(value, (int, str, Wire, Hex)):
        raise ValueError(f"{type(value).__name__} has no canonical form")


_encoder: Final = msgspec.json.Encoder(order="sorted", enc_hook=_hex)
_generic: Final = msgspec.json.Decoder()


_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    # One for each type of this package that is read; the types are few and fixed.
    if type not in _decoders:
        _decoders[type] = msgspec.json.Decoder(type, dec_hook=_unhex)
    return _decoders[type]
