"""Small graphs of STIX objects that refer to each other in every way that law 2 knows."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import strategies as st

MADE: Final = "2026-01-01T00:00:00.000Z"
TYPES: Final = (
    "identity",
    "malware",
    "indicator",
    "note",
    "relationship",
    "sighting",
    "ipv4-addr",
    "file",
    "marking-definition",
    "x-custom",
)
OUTSIDE: Final = "tool--00000000-0000-4000-8000-0000000000ff"
"""An id that is never among the objects."""


def id_of(number: int) -> str:
    return f"{TYPES[number % len(TYPES)]}--00000000-0000-4000-8000-{number:012x}"


IDS: Final = [id_of(number) for number in range(14)]
MARKINGS: Final = [each for each in IDS if each.startswith("marking-definition")]
anywhere = st.sampled_from([*IDS, OUTSIDE])
refs = st.lists(anywhere, min_size=1, max_size=3, unique=True)


def texts(word: str) -> st.SearchStrategy[str]:
    """Prose with a word of its own, and sometimes an id in it."""
    return st.one_of(
        st.just(f"{word} plain"),
        anywhere.map(lambda i: f'{word} see "{i}".\n'),
        anywhere.map(lambda i: f"{word} x{i}y"),
    )


@st.composite
def objects(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """One valid object whose every optional property may be there."""
    kind, own = TYPES[number % len(TYPES)], id_of(number)
    value: dict[str, Any] = {"type": kind, "spec_version": "2.1", "id": own}
    observable = kind in {"ipv4-addr", "file"}
    if not observable:
        value |= {"created": MADE}
        if kind != "marking-definition":
            value |= {"modified": MADE}
    value |= draw(_own(kind, number))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "object_marking_refs": st.lists(st.sampled_from(MARKINGS), min_size=1, max_size=2, unique=True)
    }
    if not observable:
        optional["created_by_ref"] = st.sampled_from([each for each in IDS if each.startswith("identity")])
        optional["external_references"] = st.lists(
            st.fixed_dictionaries(
                {"source_name": st.just(f"w{number}s"), "description": texts(f"w{number}e")},
                optional={"external_id": st.just(f"w{number}x")},
            ),
            min_size=1,
            max_size=3,
        )
    if kind != "marking-definition":
        optional["x_more"] = st.one_of(
            refs, texts(f"w{number}m"), st.dictionaries(anywhere, st.just(1), max_size=2)
        )
        optional["extensions"] = st.dictionaries(
            st.sampled_from(["extension-definition--00000000-0000-4000-8000-0000000000ee", "x-local-ext"]),
            st.fixed_dictionaries(
                {"extension_type": st.just("property-extension"), "about": texts(f"w{number}n")}
            ),
            min_size=1,
        )
    if kind not in {"ipv4-addr", "file", "marking-definition"}:
        optional["labels"] = st.lists(
            st.sampled_from(["l1", "l2", IDS[0]]), min_size=1, max_size=3, unique=True
        )
    value |= draw(st.fixed_dictionaries({}, optional=optional))
    return _with_granular(draw, value)


def _own(kind: str, number: int) -> st.SearchStrategy[dict[str, Any]]:
    word = f"w{number}"
    required: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "identity": {"name": st.just(word)},
        "malware": {"is_family": st.just(True)},
        "indicator": {
            "pattern": texts(word).map(lambda t: f"[file:name = '{t.replace(chr(10), '')}']"),
            "pattern_type": st.just("stix"),
            "valid_from": st.just(MADE),
        },
        "note": {"content": texts(word), "object_refs": refs},
        "relationship": {
            "relationship_type": st.just("related-to"),
            "source_ref": anywhere,
            "target_ref": anywhere,
        },
        "sighting": {"sighting_of_ref": anywhere},
        "ipv4-addr": {"value": st.just(f"192.0.2.{number}")},
        "file": {"name": texts(word)},
        "marking-definition": {
            "definition_type": st.just("statement"),
            "definition": st.fixed_dictionaries({"statement": texts(word)}),
        },
        "x-custom": {},
    }
    optional: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "malware": {"name": texts(word), "sample_refs": refs},
        "indicator": {"description": texts(word)},
        "sighting": {"where_sighted_refs": refs, "observed_data_refs": refs},
        "ipv4-addr": {"resolves_to_refs": refs},
        "file": {"parent_directory_ref": anywhere, "contains_refs": refs},
        "identity": {"description": texts(word)},
        "x-custom": {"name": texts(word), "peer_ref": anywhere},
    }
    return st.fixed_dictionaries(required[kind], optional=optional.get(kind, {}))


def _with_granular(draw: st.DrawFn, value: dict[str, Any]) -> dict[str, Any]:
    selectors = sorted(set(_selectors(value)))
    if not selectors or not draw(st.booleans()):
        return value
    entries = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "marking_ref": st.sampled_from(MARKINGS),
                    "selectors": st.lists(st.sampled_from(selectors), min_size=1, max_size=3, unique=True),
                }
            ),
            min_size=1,
            max_size=3,
        )
    )
    return value | {"granular_markings": entries}


def _selectors(value: dict[str, Any]) -> list[str]:
    found = []
    for key, inner in value.items():
        if key in {"type", "id", "object_marking_refs", "spec_version"}:
            continue
        found.append(key)
        if isinstance(inner, list):
            found += [f"{key}.[{index}]" for index in range(len(inner))]
            found += [
                f"{key}.[{i}].{k}" for i, each in enumerate(inner) if isinstance(each, dict) for k in each
            ]
        elif isinstance(inner, dict):
            found += [f"{key}.{name}" for name in inner]
    return found


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some of the numbered objects, in any order."""
    numbers = draw(st.lists(st.integers(0, len(IDS) - 1), min_size=1, max_size=8, unique=True))
    return [draw(objects(number)) for number in numbers]


def encoded(value: dict[str, Any], *, escaped: bool) -> bytes:
    """The object's bytes; `escaped` hides every letter of every id behind a JSON escape."""
    text = json.dumps(value, ensure_ascii=False)
    if not escaped:
        return text.encode()
    for each in [*IDS, OUTSIDE]:
        text = text.replace(each, "".join(f"\\u{ord(c):04x}" for c in each))
    return text.encode()
