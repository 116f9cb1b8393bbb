"""The slow half of the check: everything wrong with one decoded STIX object, each with its path, in plain words.

This file is the authority. The quick check (`stix_quick`) may only say "nothing wrong" where this finds nothing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import rfc8785

from simpul.domain.observables import why_not
from simpul.domain.references import is_deterministic
from simpul.domain.selectors import Path, resolve, selector_of
from simpul.domain.stix_observables import EXTENSIONS
from simpul.domain.stix_shapes import Kind, Record, Shape
from simpul.domain.stix_types import FAMILIES, may_reference, table_of
from simpul.formats.patterns import PatternFault, parse_pattern
from simpul.formats.stix_ids import observable_id

Found = tuple[str, str]
"""Path in the notation of selectors, and the problem."""

TIMESTAMP: Final = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?Z",
    re.ASCII,
)
SELECTOR_LIMIT: Final = 1000
"""Characters of a selector, at most: finding what it selects takes time that grows with the square of its length."""
TYPE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,248}[a-z0-9]")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
_CHECKED_HASHES: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-512": "sha512",
    "SHA3-256": "sha3-256",
    "SHA3-512": "sha3-512",
    "SSDEEP": "ssdeep",
    "TLSH": "tlsh",
}
_CHECKED_VALUES: Final = {"ipv4-addr": "ipv4", "ipv6-addr": "ipv6", "mac-addr": "mac"}


def faults_of(value: Mapping[str, Any]) -> list[Found]:
    """Everything wrong with a decoded object, in the order of its properties; [] if it is a STIX 2.1 object."""
    name = value.get("type")
    if not isinstance(name, str):
        return [("type", "is missing" if name is None else "is not text")]
    if name == "bundle":
        return [("type", "a bundle stands where one object should")]
    if TYPE_NAME.fullmatch(name) is None:
        return [("type", f"'{_short(name)}' is not a type name: use 3 to 250 of a to z, 0 to 9 and hyphen")]
    found = [*record_faults(value, table_of(name), ())]
    found += id_faults(name, value.get("id"))
    found += extension_faults(name, value.get("extensions"))
    found += selector_faults(value)
    if not found:
        found += special_faults(name, value)
        found += deterministic_faults(name, value)
    return found


def record_faults(value: Any, table: Record, path: Path) -> Iterator[Found]:
    """What is wrong with the properties of one table, and between them. Unknown properties are not judged."""
    if not isinstance(value, Mapping):
        yield selector_of(path), "is not an object"
        return
    for name in sorted(table.required - value.keys()):
        yield selector_of((*path, name)), "is required and missing"
    for name, inner in value.items():
        shape = table.properties.get(name)
        if shape is not None:
            yield from shape_faults(inner, shape, (*path, name))
    yield from between_faults(value, table, path)


def between_faults(value: Mapping[str, Any], table: Record, path: Path) -> Iterator[Found]:
    """What is wrong between the properties of one table."""
    for group in table.either:
        if not any(name in value for name in group):
            yield selector_of(path), f"needs at least one of {_list(group)}"
    for one, other in table.not_both:
        if one in value and other in value:
            yield selector_of((*path, other)), f"may not stand beside '{one}'"
    for name, beside in table.needs:
        for missing in (n for n in beside if name in value and n not in value):
            yield selector_of((*path, missing)), f"is required beside '{name}' and missing"
    for earlier, later in table.ordered:
        first, second = str(value.get(earlier)), str(value.get(later))
        if is_timestamp(first) and is_timestamp(second) and moment(second) < moment(first):
            yield selector_of((*path, later)), f"is before '{earlier}'"


def shape_faults(value: Any, shape: Shape, path: Path) -> Iterator[Found]:
    """What is wrong with the value of one property."""
    if not shape.many:
        yield from _CHECKS[shape.kind](value, shape, path)
    elif not isinstance(value, list):
        yield selector_of(path), "is not a list"
    elif not value:
        yield selector_of(path), "is an empty list; leave the property out instead"
    else:
        for index, element in enumerate(value):
            yield from _CHECKS[shape.kind](element, shape, (*path, index))


def id_faults(type: str, id: Any) -> Iterator[Found]:
    """What is wrong with an object's own id."""
    if isinstance(id, str):
        why = why_not_id(id)
        if why:
            yield "id", why
        elif id[:-38] != type:
            yield "id", f"begins with '{_short(id[:-38])}' but the type is '{type}'"


def why_not_id(id: str) -> str | None:
    """Why a text is not a STIX id, or None if it is one: `type--uuid`, lower case, RFC 4122 (STIX 2.1 §2.9)."""
    name, dashes, uuid = id[:-38], id[-38:-36], id[-36:]
    if dashes != "--" or TYPE_NAME.fullmatch(name) is None:
        return f"'{_short(id)}' is not an id of the form type--uuid"
    if _UUID.fullmatch(uuid) is None:
        lower = _UUID.fullmatch(uuid.lower()) is not None
        return f"the UUID '{_short(uuid)}' " + (
            "is not in lower case" if lower else "is not an RFC 4122 UUID"
        )
    return None


def extension_faults(type: str, extensions: Any) -> Iterator[Found]:
    """What is wrong with `extensions`: each is an object, and the predefined ones follow their tables."""
    if not isinstance(extensions, Mapping):
        return
    known = EXTENSIONS.get(type, {})
    for name, inner in extensions.items():
        path = ("extensions", name)
        if not isinstance(inner, Mapping):
            yield selector_of(path), "is not an object"
        elif name in known:
            yield from record_faults(inner, known[name], path)


def selector_faults(value: Mapping[str, Any]) -> Iterator[Found]:
    """Selectors of granular markings that select nothing in this object (STIX 2.1 §7.2.3.1)."""
    markings = value.get("granular_markings")
    for index, marking in enumerate(markings if isinstance(markings, list) else ()):
        selectors = marking.get("selectors") if isinstance(marking, Mapping) else None
        for place, selector in enumerate(selectors if isinstance(selectors, list) else ()):
            path = ("granular_markings", index, "selectors", place)
            if isinstance(selector, str) and len(selector) > SELECTOR_LIMIT:
                yield selector_of(path), f"is longer than {SELECTOR_LIMIT} characters"
            elif isinstance(selector, str) and resolve(selector, value) is None:
                yield selector_of(path), f"'{_short(selector)}' selects nothing in this object"


def special_faults(type: str, value: Mapping[str, Any]) -> Iterator[Found]:
    """Rules of single types that the tables do not express. Expects an object without other faults."""
    check = _SPECIAL.get(type)
    if check is not None:
        yield from check(value)


def deterministic_faults(type: str, value: Mapping[str, Any]) -> Iterator[Found]:
    """A version-5 id of an observable that is not the one its own values give (STIX 2.1 §2.9)."""
    own = value["id"]
    if FAMILIES.get(type) != "sco" or not is_deterministic(own):
        return
    try:
        expected = observable_id(type, value)
    except rfc8785.CanonicalizationError as error:
        yield "id", f"its contributing values have no canonical form: {error}"
        return
    if expected is None:
        yield "id", "is of version 5, but nothing that an id is made from is present; use a version 4 UUID"
    elif expected != own:
        yield "id", f"is of version 5 but does not follow from the object's values; they give {expected}"


def is_timestamp(value: Any) -> bool:
    """Whether a value is a STIX timestamp: RFC 3339 in UTC, with `T` and `Z`, of a day that exists."""
    if not isinstance(value, str) or TIMESTAMP.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


def moment(text: str) -> tuple[str, str]:
    """A timestamp in a form that sorts by time whatever its precision."""
    seconds, _, fraction = text[:-1].partition(".")
    return seconds, fraction.rstrip("0")


def _address(value: Mapping[str, Any]) -> Iterator[Found]:
    kind = _CHECKED_VALUES[value["type"]]
    why = why_not(kind, value["value"])
    if why and (kind == "mac" or why_not(kind + "-net", value["value"])):
        yield "value", why


def _identifier(value: Mapping[str, Any]) -> Iterator[Found]:
    why = why_not(value["kind"], value["value"])
    if why:
        yield "value", why


def _indicator(value: Mapping[str, Any]) -> Iterator[Found]:
    if value["pattern_type"] != "stix":
        return
    try:
        parse_pattern(value["pattern"])
    except PatternFault as fault:
        yield "pattern", str(fault)


def _traffic(value: Mapping[str, Any]) -> Iterator[Found]:
    if value.get("is_active") is True and "end" in value:
        yield "end", "may not stand beside 'is_active' true"


def _mail(value: Mapping[str, Any]) -> Iterator[Found]:
    wrong = "body" if value["is_multipart"] else "body_multipart"
    if wrong in value:
        yield wrong, f"may not stand beside 'is_multipart' {str(value['is_multipart']).lower()}"


def _translation(value: Mapping[str, Any]) -> Iterator[Found]:
    for language, texts in value["contents"].items():
        if not isinstance(texts, Mapping) or not texts:
            yield selector_of(("contents", language)), "is not an object of translated properties"


_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[Found]]]] = {
    "email-message": _mail,
    "indicator": _indicator,
    "ipv4-addr": _address,
    "ipv6-addr": _address,
    "language-content": _translation,
    "mac-addr": _address,
    "network-traffic": _traffic,
    "x-simpul-identifier": _identifier,
}


def _text(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, str):
        yield selector_of(path), f"is {_what(value)}, not text"


def _number(value: Any, shape: Shape, path: Path) -> Iterator[Found]:
    whole = shape.kind is Kind.INTEGER
    if type(value) is not int and (whole or type(value) is not float):
        yield selector_of(path), f"is {_what(value)}, not {'a whole number' if whole else 'a number'}"
    elif shape.low is not None and value < shape.low:
        yield selector_of(path), f"is {value}, below {shape.low:g}"
    elif shape.high is not None and value > shape.high:
        yield selector_of(path), f"is {value}, above {shape.high:g}"


def _boolean(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if type(value) is not bool:
        yield selector_of(path), f"is {_what(value)}, not true or false"


def _timestamp(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if not is_timestamp(value):
        shown = f"'{_short(value)}'" if isinstance(value, str) else _what(value)
        yield selector_of(path), f"{shown} is not a time in UTC such as 2026-01-31T12:00:00.000Z"


def _reference(value: Any, shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, str):
        yield selector_of(path), f"is {_what(value)}, not an id"
        return
    why = why_not_id(value)
    if why:
        yield selector_of(path), why
    elif not may_reference(shape, value[:-38]):
        yield selector_of(path), f"may not point to an object of type '{_short(value[:-38])}'"


def _enum(value: Any, shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, str) or value not in shape.allowed:
        shown = f"'{_short(value)}'" if isinstance(value, str) else _what(value)
        yield selector_of(path), f"{shown} is not one of {_list(sorted(shape.allowed))}"


def _hashes(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, Mapping) or not value:
        yield selector_of(path), "is not an object of algorithm names and hash values"
        return
    for algorithm, digest in value.items():
        here = selector_of((*path, algorithm))
        if not isinstance(digest, str):
            yield here, f"is {_what(digest)}, not text"
        elif algorithm in _CHECKED_HASHES:
            why = why_not(_CHECKED_HASHES[algorithm], digest)
            if why:
                yield here, why


def _hex(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        yield selector_of(path), "is not an even number of hexadecimal digits"


def _binary(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, str) or not _is_base64(value):
        yield selector_of(path), "is not Base64"


def _is_base64(text: str) -> bool:
    try:
        binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:
        return False
    return True


def _dictionary(value: Any, _shape: Shape, path: Path) -> Iterator[Found]:
    if not isinstance(value, Mapping):
        yield selector_of(path), f"is {_what(value)}, not an object"
    elif not value:
        yield selector_of(path), "is an empty object; leave the property out instead"


def _record(value: Any, shape: Shape, path: Path) -> Iterator[Found]:
    if shape.record is not None:
        yield from record_faults(value, shape.record, path)


_CHECKS: Final[Mapping[Kind, Callable[[Any, Shape, Path], Iterator[Found]]]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _number,
    Kind.FLOAT: _number,
    Kind.BOOLEAN: _boolean,
    Kind.TIMESTAMP: _timestamp,
    Kind.REFERENCE: _reference,
    Kind.ENUM: _enum,
    Kind.HASHES: _hashes,
    Kind.HEX: _hex,
    Kind.BINARY: _binary,
    Kind.DICTIONARY: _dictionary,
    Kind.RECORD: _record,
}


def _what(value: Any) -> str:
    """What a JSON value is, in words."""
    for kind, words in (
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "an object"),
    ):
        if isinstance(value, kind):
            return words
    return "null"


def _list(words: tuple[str, ...] | list[str]) -> str:
    shown = [f"'{word}'" for word in words[:12]]
    return ", ".join(shown) + (" …" if len(words) > 12 else "")


def _short(text: str) -> str:
    """A text for a message: at most 60 characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "…"
