"""What is read from a checked STIX object once: portions, words for full-text search, values for matching.

A property belongs to the portion of the longest selector that reaches it; what no selector reaches belongs to
portion 0, the object itself. The words of a portion never mix with those of another, because their labels differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from simpul.domain.objects import Granular, Value
from simpul.domain.observables import KINDS, identifier_keys, normalise, refang
from simpul.domain.selectors import Path, places
from simpul.domain.stix_observables import IDENTIFIER_KINDS, OBSERVABLES, OBSERVED_DATA, SIGHTING
from simpul.formats.patterns import Comparison
from simpul.formats.stix_faults import TIMESTAMP, why_not_id
from simpul.formats.stix_layouts import OBVIOUS, Layout

Portions = Mapping[Path, int]
"""Selected paths with their portion."""
NO_PORTIONS: Final[Portions] = MappingProxyType({})
Found = tuple[str, str, Path]
"""Kind, key and the path it was read from."""

_ENDPOINT: Final = ("ipv4", "ipv6", "domain", "ipv4-net", "ipv6-net", "mac")
_HASH_KINDS: Final = {
    "md5": "md5",
    "sha-1": "sha1",
    "sha1": "sha1",
    "sha-256": "sha256",
    "sha256": "sha256",
    "sha-512": "sha512",
    "sha512": "sha512",
    "sha3-256": "sha3-256",
    "sha3-512": "sha3-512",
    "ssdeep": "ssdeep",
    "tlsh": "tlsh",
}
_PATTERN_KINDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("ipv4-addr", "value"): ("ipv4", "ipv4-net"),
    ("ipv6-addr", "value"): ("ipv6", "ipv6-net"),
    ("mac-addr", "value"): ("mac",),
    ("domain-name", "value"): ("domain",),
    ("domain-name", "resolves_to_refs[*].value"): _ENDPOINT,
    ("url", "value"): ("url",),
    ("email-addr", "value"): ("email",),
    ("email-message", "from_ref.value"): ("email",),
    ("email-message", "sender_ref.value"): ("email",),
    ("email-message", "to_refs[*].value"): ("email",),
    ("email-message", "cc_refs[*].value"): ("email",),
    ("email-message", "body_multipart[*].body_raw_ref.name"): ("file-name",),
    ("network-traffic", "src_ref.value"): _ENDPOINT,
    ("network-traffic", "dst_ref.value"): _ENDPOINT,
    ("autonomous-system", "number"): ("asn",),
    ("file", "name"): ("file-name",),
    ("process", "image_ref.name"): ("file-name",),
    ("file", "hashes.MD5"): ("md5",),
    ("file", "hashes.SHA-1"): ("sha1",),
    ("file", "hashes.SHA-256"): ("sha256",),
}
_NESTED_SKIPPED: Final = frozenset({"kill_chain_name", "marking_ref", "selectors", "lang", "extension_type"})
_SEPARATORS: Final = re.compile(r"[,;\s]+")


def portions_of(value: Mapping[str, Any]) -> tuple[tuple[Granular, ...], Portions]:
    """The portions that granular markings make, in first-seen order, and which path belongs to which."""
    selected: dict[Path, tuple[str, dict[str, None], list[str]]] = {}
    for marking in value["granular_markings"]:
        for selector in marking["selectors"]:
            for path in places(selector, value):
                _, refs, langs = selected.setdefault(path, (selector, {}, []))
                if "marking_ref" in marking:
                    refs[marking["marking_ref"]] = None
                langs.append(marking.get("lang", ""))
    groups: dict[tuple[tuple[str, ...], str], dict[str, None]] = {}
    numbers: dict[tuple[tuple[str, ...], str], int] = {}
    portions: dict[Path, int] = {}
    for path, (selector, _, langs) in selected.items():
        reaching = (selected[path[:n]][1] for n in range(1, len(path) + 1) if path[:n] in selected)
        key = (tuple(sorted({ref for marks in reaching for ref in marks})), max(langs))
        groups.setdefault(key, {})[selector] = None
        portions[path] = numbers.setdefault(key, len(numbers) + 1)
    granular = tuple(
        Granular(selectors=tuple(selectors), markings=marks, lang=lang)
        for (marks, lang), selectors in groups.items()
    )
    return granular, portions


def portion_at(path: Path, portions: Portions) -> int:
    """The portion that owns a path: that of the longest selected path above it, else the object itself."""
    for length in range(len(path), 0, -1):
        if path[:length] in portions:
            return portions[path[:length]]
    return 0


def words_of(value: Mapping[str, Any], layout: Layout) -> str:
    """The words of an object without portions, one text a line."""
    texts: list[str] = []
    for name in layout.words:
        inner = value[name]
        if inner.__class__ is str:
            if name in _KNOWN_WORDS or _is_prose(name, inner):
                texts.append(inner)
        elif name == "external_references":
            for each in inner:
                texts += [text for text in each.values() if text.__class__ is str and text]
        elif inner.__class__ is list or inner.__class__ is dict:
            _nested_words(name, inner, texts)
    return "\n".join(texts)


def words_by_portion(
    value: Mapping[str, Any], layout: Layout, portions: Portions, count: int
) -> tuple[str, ...]:
    """The words of each of `count` portions, portion 0 first."""
    texts: list[list[str]] = [[] for _ in range(count)]
    for name in layout.words:
        if name == "granular_markings":
            continue
        for path, text in _leaves(value[name], (name,)):
            last = next((step for step in reversed(path) if isinstance(step, str)), name)
            if last not in _NESTED_SKIPPED and _is_prose(last, text):
                texts[portion_at(path, portions)].append(text)
    return tuple("\n".join(each) for each in texts)


def values_of(
    type: str, value: Mapping[str, Any], layout: Layout, tests: Iterable[Comparison] = ()
) -> list[Found]:
    """The observable values of an object: its own, those of its pattern (`tests`) and of telling property names."""
    reader = _READERS.get(type)
    found = [] if reader is None else reader(value)
    if tests:
        found += _of_tests(tests)
    if layout.obvious:
        found += _of_obvious(value, layout.obvious)
    return found


def as_values(found: Iterable[Found], portions: Portions = NO_PORTIONS) -> tuple[Value, ...]:
    """The values with their portions, each once."""
    unique = {(kind, key, portion_at(path, portions) if portions else 0): None for kind, key, path in found}
    return tuple([Value(kind=kind, key=key, portion=portion) for kind, key, portion in unique])


def _nested_words(name: str, inner: Any, texts: list[str]) -> None:
    if name in _NESTED_SKIPPED or name == "granular_markings":
        return
    if inner.__class__ is str:
        if _is_prose(name, inner):
            texts.append(inner)
    elif inner.__class__ is list:
        for element in inner:
            _nested_words(name, element, texts)
    elif inner.__class__ is dict:
        for key, element in inner.items():
            _nested_words(key, element, texts)


def _is_prose(name: str, text: str) -> bool:
    """Whether a text is for people: not an id, a time or a reference."""
    if not text or name.endswith(("_ref", "_refs", "_hex", "_bin")):
        return False
    if text[-1] == "Z" and text[0].isdigit() and TIMESTAMP.fullmatch(text):
        return False
    return not (text[-38:-36] == "--" and why_not_id(text) is None)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))


def _one(kinds: tuple[str, ...], text: str, path: Path) -> list[Found]:
    """The first of some kinds that a text is a value of."""
    for kind in kinds:
        key = normalise(kind, text)
        if key is not None:
            return [(kind, key, path)]
    return []


def _value_as(*kinds: str) -> Callable[[Mapping[str, Any]], list[Found]]:
    def read(value: Mapping[str, Any]) -> list[Found]:
        return _one(kinds, value["value"], ("value",))

    return read


def _of_hashes(value: Mapping[str, Any]) -> list[Found]:
    found: list[Found] = []
    for name, digest in value.get("hashes", {}).items():
        kind = _HASH_KINDS.get(name.lower())
        if kind is not None:
            found += _one((kind,), digest, ("hashes", name))
    return found


def _of_file(value: Mapping[str, Any]) -> list[Found]:
    found = _of_hashes(value)
    if "name" in value:
        found += _one(("file-name",), value["name"], ("name",))
    return found


def _of_system(value: Mapping[str, Any]) -> list[Found]:
    return _one(("asn",), str(value["number"]), ("number",))


def _of_artifact(value: Mapping[str, Any]) -> list[Found]:
    found = _of_hashes(value)
    return found + _one(("url",), value["url"], ("url",)) if "url" in value else found


def _of_identity(value: Mapping[str, Any]) -> list[Found]:
    text = value.get("contact_information", "")
    found = _one(("email", "phone"), text, ("contact_information",)) if text else []
    for part in _SEPARATORS.split(text) if text and not found else ():
        if "@" in part:
            found += _one(("email",), part.strip("<>()"), ("contact_information",))
    return found


def _of_identifier(value: Mapping[str, Any]) -> list[Found]:
    keys = identifier_keys(value["kind"], value["value"], value.get("country"))
    return [(kind, key, ("value",)) for kind, key in keys]


def _of_obvious(value: Mapping[str, Any], names: Iterable[str]) -> list[Found]:
    found: list[Found] = []
    country = value.get("country")
    for name in names:
        inner = value[name]
        for text in inner if isinstance(inner, list) else [inner]:
            if isinstance(text, str | int) and not isinstance(text, bool):
                keys = identifier_keys(
                    OBVIOUS[name], str(text), country if isinstance(country, str) else None
                )
                found += [(kind, key, (name,)) for kind, key in keys]
    return sorted(found)


def _of_tests(tests: Iterable[Comparison]) -> list[Found]:
    """Values that single comparisons of a pattern look for (`=`, `IN`, `ISSUBSET`), if not negated."""
    found: list[Found] = []
    stated = _identifier_kinds(tests)
    for test in tests:
        if test.negated or test.operator not in ("=", "IN", "ISSUBSET"):
            continue
        if test.type == "x-simpul-identifier" and test.path == "value":
            kinds, country = stated.get(test.group, (IDENTIFIER_KINDS, None))
            for text in test.values:
                found += _identified(kinds, text, country)
        else:
            kinds = _kinds_at(test.type, test.path)
            for text in test.values:
                found += _one(kinds, refang(text), ("pattern",))
    return found


def _kinds_at(type: str, path: str) -> tuple[str, ...]:
    kinds = _PATTERN_KINDS.get((type, path))
    if kinds is not None:
        return kinds
    before, _, algorithm = path.rpartition("hashes.")
    kind = _HASH_KINDS.get(algorithm.strip("\"'").lower())
    return (kind,) if kind is not None and not before.strip("abcdefghijklmnopqrstuvwxyz_.[]*") else ()


def _identifier_kinds(tests: Iterable[Comparison]) -> dict[int, tuple[tuple[str, ...], str | None]]:
    """What each `[…]` states about the kind and country of the identifiers in it."""
    stated: dict[int, tuple[tuple[str, ...], str | None]] = {}
    for test in tests:
        if test.type != "x-simpul-identifier" or test.negated or test.operator not in ("=", "IN"):
            continue
        kinds, country = stated.get(test.group, (IDENTIFIER_KINDS, None))
        if test.path == "kind":
            stated[test.group] = (tuple(k for k in test.values if k in KINDS), country)
        elif test.path == "country" and test.values:
            stated[test.group] = (kinds, test.values[0])
    return stated


def _identified(kinds: tuple[str, ...], text: str, country: str | None) -> list[Found]:
    found: list[Found] = []
    for kind in kinds:
        found += [(k, key, ("pattern",)) for k, key in identifier_keys(kind, text, country)]
    return found


def _of_embedded(value: Mapping[str, Any]) -> list[Found]:
    """The values of what stands inside an observed-data object (`objects`, deprecated in STIX 2.1 §4.14)."""
    found: list[Found] = []
    for name, inner in value.get("objects", {}).items():
        if isinstance(inner, dict):
            found += [(kind, key, ("objects", name, *path)) for kind, key, path in _of_unchecked(inner)]
    return found


def _of_unchecked(inner: Mapping[str, Any]) -> list[Found]:
    """The values of an observable without an id, which no table checked: what has another form says nothing."""
    type = inner.get("type")
    if not isinstance(type, str) or type not in OBSERVABLES or type not in _READERS:
        return []
    fitting: dict[str, Any] = {
        name: each for name, each in inner.items() if isinstance(each, _FORMS.get(name, object))
    }
    if "hashes" in fitting:
        fitting["hashes"] = {name: text for name, text in fitting["hashes"].items() if isinstance(text, str)}
    missing = OBSERVABLES[type].required - fitting.keys() - {"id"}
    if missing or (type == "x-simpul-identifier" and fitting["kind"] not in IDENTIFIER_KINDS):
        return []
    return _READERS[type](fitting)


def seen_in(type: str, value: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of what an object says was seen: a sighting's own reference, the observables of observed-data."""
    if type == SIGHTING:
        return (value["sighting_of_ref"],)
    return tuple(value.get("object_refs", ())) if type == OBSERVED_DATA else ()


_FORMS: Final[Mapping[str, type]] = {
    "value": str,
    "number": int,
    "name": str,
    "url": str,
    "kind": str,
    "country": str,
    "hashes": dict,
}
"""The properties that `_READERS` read of observables."""
_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[Found]]]] = MappingProxyType(
    {
        "ipv4-addr": _value_as("ipv4", "ipv4-net"),
        "ipv6-addr": _value_as("ipv6", "ipv6-net"),
        "mac-addr": _value_as("mac"),
        "domain-name": _value_as("domain"),
        "url": _value_as("url"),
        "email-addr": _value_as("email"),
        "autonomous-system": _of_system,
        "file": _of_file,
        "artifact": _of_artifact,
        "x509-certificate": _of_hashes,
        "identity": _of_identity,
        OBSERVED_DATA: _of_embedded,
        "x-simpul-identifier": _of_identifier,
    }
)
_KNOWN_WORDS: Final = frozenset(
    {"name", "description", "pattern", "value", "content", "abstract", "relationship_type"}
)
"""Names under which a text is prose whatever it looks like, so that the common ones are not looked at twice."""
