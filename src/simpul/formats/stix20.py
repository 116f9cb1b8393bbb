"""STIX 2.0 to 2.1, with a list of what could not be kept. The caller keeps the original beside it (law 3).

What changes (STIX 2.1 appendix C): every object states its version; the `labels` that named a type of indicator,
malware, tool, report, threat actor or identity move to a property of their own; the container of observables inside
observed-data becomes objects with deterministic ids; a few observable properties were renamed or dropped.

An observable taken out of an observed-data object takes its markings along, so that conversion opens nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import rfc8785
from msgspec import Struct

from simpul.domain.objects import Fault, Foreign, Loss
from simpul.domain.stix_types import contributing_properties
from simpul.formats import strictjson
from simpul.formats.stix_ids import observable_id

TYPES_2_0: Final = frozenset(
    {
        "attack-pattern",
        "campaign",
        "course-of-action",
        "identity",
        "indicator",
        "intrusion-set",
        "malware",
        "marking-definition",
        "observed-data",
        "relationship",
        "report",
        "sighting",
        "threat-actor",
        "tool",
        "vulnerability",
    }
)
"""Every top-level type that STIX 2.0 has."""

CONVERSION: Final = "simpul stix20-to-21 1"
"""Name and version of this conversion. A change in what it makes of any input raises the version."""

_MOVED_LABELS: Final = {
    "identity": "roles",
    "indicator": "indicator_types",
    "malware": "malware_types",
    "report": "report_types",
    "threat-actor": "threat_actor_types",
    "tool": "tool_types",
}
_RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "directory": {"created": "ctime", "modified": "mtime", "accessed": "atime"},
    "file": {"created": "ctime", "modified": "mtime", "accessed": "atime"},
    "process": {"created": "created_time", "binary_ref": "image_ref"},
    "user-account": {"password_last_changed": "credential_last_changed"},
    "windows-registry-key": {"modified": "modified_time"},
}
_DROPPED: Final[Mapping[str, tuple[str, ...]]] = {
    "file": ("is_encrypted", "encryption_algorithm", "decryption_key"),
    "process": ("name", "arguments"),
    "archive-ext": ("version",),
    "raster-image-ext": ("image_compression_algorithm",),
    "socket-ext": ("protocol_family",),
}
_ALGORITHMS: Final = {"ssdeep": "SSDEEP"}
_OLD_TIMES: Final = re.compile(r"\b(START|STOP)(\s+)'")
_ENCODE: Final = msgspec.json.Encoder().encode


class Conversion(Struct, frozen=True, kw_only=True):
    """STIX 2.1 bytes made from one STIX 2.0 object, in dependency order (observables first), and the losses."""

    original: bytes
    raws: tuple[bytes, ...] = ()
    losses: tuple[Loss, ...] = ()
    faults: tuple[Fault, ...] = ()


def convert(foreign: Foreign) -> Conversion:
    """Convert one STIX 2.0 object. Deterministic: the same bytes give the same result. Never raises."""
    original = bytes(foreign.raw)
    value = strictjson.decode(original)
    if value is None:
        problems = strictjson.problems(original) or [
            strictjson.Problem(path="", text="is not an object", offset=0)
        ]
        faults = [Fault(index=foreign.index, id=None, path=p.path, problem=p.text) for p in problems]
        return Conversion(original=original, faults=tuple(faults))
    return _Converter(foreign.index, value).convert(original)


class _Converter:
    """One conversion: the value as it changes, and what was lost on the way."""

    def __init__(self, index: int, value: dict[str, Any]) -> None:
        self.index = index
        self.value = value
        stated = value.get("id")
        self.id = stated if isinstance(stated, str) else None
        self.lost: list[Loss] = []

    def convert(self, original: bytes) -> Conversion:
        name = self.value.get("type")
        made: list[dict[str, Any]] = []
        self._state_version()
        if isinstance(name, str) and name in _MOVED_LABELS:
            self._move_labels(_MOVED_LABELS[name])
        if name == "indicator":
            self._complete_indicator()
        elif name == "malware" and "is_family" not in self.value:
            self.value["is_family"] = False
            self.lose("is_family", "STIX 2.0 does not say whether it is a family; false was written")
        elif name == "observed-data" and isinstance(self.value.get("objects"), dict):
            made = _Container(self).observables()
        self._rename_hashes(self.value.get("external_references"))
        raws = tuple(_ENCODE(each) for each in (*made, self.value))
        return Conversion(original=original, raws=raws, losses=tuple(self.lost))

    def lose(self, path: str, lost: str) -> None:
        """Note what could not be kept."""
        self.lost.append(Loss(index=self.index, id=self.id, path=path, lost=lost))

    def _state_version(self) -> None:
        """`spec_version` stands after `type`, as people expect it."""
        rest = {name: inner for name, inner in self.value.items() if name not in ("type", "spec_version")}
        self.value = {"type": self.value.get("type"), "spec_version": "2.1"} | rest

    def _move_labels(self, target: str) -> None:
        labels = self.value.get("labels")
        if target in self.value or not isinstance(labels, list):
            return
        self.value = {target if n == "labels" else n: inner for n, inner in self.value.items()}
        for marking in _objects(self.value.get("granular_markings")):
            selectors = marking.get("selectors")
            if isinstance(selectors, list):
                marking["selectors"] = [
                    target + s[len("labels") :] if isinstance(s, str) and re.match(r"labels(\.|\Z)", s) else s
                    for s in selectors
                ]

    def _complete_indicator(self) -> None:
        self.value.setdefault("pattern_type", "stix")
        pattern = self.value.get("pattern")
        if isinstance(pattern, str):
            self.value["pattern"] = _OLD_TIMES.sub(r"\1\2t'", pattern)

    def _rename_hashes(self, references: Any) -> None:
        for reference in _objects(references):
            if isinstance(reference.get("hashes"), dict):
                reference["hashes"] = _hash_names(reference["hashes"])


class _Container:
    """The observables inside one observed-data object, on their way out of it."""

    def __init__(self, owner: _Converter) -> None:
        self.owner = owner
        self.objects: dict[str, Any] = owner.value.pop("objects")
        self.ids: dict[str, str] = {}
        self.busy: set[str] = set()
        self.marks: dict[str, list[str]] = {}
        self.granular: dict[str, list[dict[str, Any]]] = {}

    def observables(self) -> list[dict[str, Any]]:
        """The observables as STIX 2.1 objects, each once; the owner then refers to them."""
        self._take_markings()
        for key, inner in self.objects.items():
            if isinstance(inner, dict):
                self._rename(key, inner)
            else:
                self.owner.lose(f"objects.{key}", "it is not an object")
        self.objects = {key: inner for key, inner in self.objects.items() if isinstance(inner, dict)}
        made: dict[str, dict[str, Any]] = {}
        for key, inner in self.objects.items():
            own = self._id(key)
            made[own] = self._finished(key, inner)
        self.owner.value["object_refs"] = list(made)
        return list(made.values())

    def _take_markings(self) -> None:
        """Hand the owner's markings of parts of the container to the observable that each part becomes."""
        kept = []
        for marking in _objects(self.owner.value.pop("granular_markings", None)):
            selectors = [s for s in marking.get("selectors", []) if isinstance(s, str)]
            outside = [s for s in selectors if s.partition(".")[0] != "objects"]
            for selector in selectors:
                if selector not in outside:
                    self._take_selector(selector, marking.get("marking_ref"))
            if outside:
                kept.append(marking | {"selectors": outside})
        if kept:
            self.owner.value["granular_markings"] = kept

    def _take_selector(self, selector: str, ref: Any) -> None:
        if not isinstance(ref, str):
            self.owner.lose("granular_markings", f"the marking of '{selector}'")
            return
        _, _, rest = selector.partition(".")
        key, _, inner = rest.partition(".")
        renamed = self._renamed_selector(key, inner)
        if key in self.objects and renamed:
            self.granular.setdefault(key, []).append({"marking_ref": ref, "selectors": [renamed]})
        else:
            for each in [key] if key in self.objects else self.objects:
                self.marks.setdefault(each, []).append(ref)

    def _renamed_selector(self, key: str, selector: str) -> str:
        """The selector inside the observable; "" (mark all of it, which is stricter) where the property moves."""
        inner = self.objects.get(key)
        name = inner.get("type") if isinstance(inner, dict) else None
        first, dot, rest = selector.partition(".")
        if first in _DROPPED.get(str(name), ()) or first in ("hashes", "extensions"):
            return ""
        return _RENAMED.get(str(name), {}).get(first, first) + dot + rest

    def _rename(self, key: str, inner: dict[str, Any]) -> None:
        name = str(inner.get("type"))
        self._drop(inner, name, f"objects.{key}")
        extensions = inner.get("extensions")
        for title, extension in extensions.items() if isinstance(extensions, dict) else ():
            if isinstance(extension, dict):
                self._drop(extension, title, f"objects.{key}.extensions.{title}")
        for old, new in _RENAMED.get(name, {}).items():
            if old in inner and new not in inner:
                inner[new] = inner.pop(old)
        _rename_hashes_within(inner)

    def _drop(self, inner: dict[str, Any], table: str, path: str) -> None:
        for name in _DROPPED.get(table, ()):
            if name in inner:
                self.owner.lose(
                    f"{path}.{name}", f"STIX 2.1 has no place for {_ENCODE(inner.pop(name)).decode()}"
                )

    def _id(self, key: str) -> str:
        """The id of one observable, after those that its own id is made from."""
        if key in self.ids:
            return self.ids[key]
        inner = self.objects[key]
        name = str(inner.get("type"))
        if key in self.busy:
            return self.ids.setdefault(key, self._derived(name, key))
        self.busy.add(key)
        parts = {part: inner[part] for part in contributing_properties(name) if part in inner}
        try:
            made = observable_id(name, self._resolved(parts, key, lost=False))
        except rfc8785.CanonicalizationError:
            made = None
        self.busy.discard(key)
        return self.ids.setdefault(key, made or self._derived(name, key))

    def _derived(self, type: str, key: str) -> str:
        """A version-4 UUID that is the same whenever the same input is converted."""
        made = hashlib.sha256(f"{self.owner.id} {key}".encode()).hexdigest()
        return f"{type}--{made[:8]}-{made[8:12]}-4{made[13:16]}-8{made[17:20]}-{made[20:32]}"

    def _resolved(self, value: Any, key: str, path: str = "", *, lost: bool = True) -> Any:
        """The same value with every local reference replaced by an id; a reference to nothing is lost."""
        if isinstance(value, list):
            return [self._resolved(each, key, path, lost=lost) for each in value]
        if not isinstance(value, dict):
            return value
        made: dict[str, Any] = {}
        for name, inner in value.items():
            here = f"{path}.{name}" if path else name
            if name.endswith("_ref") and isinstance(inner, str):
                found = self._found([inner], key, here, lost=lost)
                made |= {name: found[0]} if found else {}
            elif name.endswith("_refs") and isinstance(inner, list):
                found = self._found(inner, key, here, lost=lost)
                made |= {name: found} if found else {}
            else:
                made[name] = self._resolved(inner, key, here, lost=lost)
        return made

    def _found(self, local: list[Any], key: str, path: str, *, lost: bool) -> list[str]:
        """The ids of the observables that local references name."""
        known = [each for each in local if isinstance(each, str) and each in self.objects]
        there = set(known)
        for missing in (each for each in local if not isinstance(each, str) or each not in there):
            if lost:
                self.owner.lose(f"objects.{key}.{path}", f"it refers to {missing!r}, which is not there")
        return [self._id(each) for each in known]

    def _finished(self, key: str, inner: dict[str, Any]) -> dict[str, Any]:
        resolved = self._resolved(inner, key)
        made: dict[str, Any] = {
            "type": inner.get("type"),
            "spec_version": "2.1",
            "id": self.ids[key],
        } | resolved
        marks = [*_texts(self.owner.value.get("object_marking_refs")), *self.marks.get(key, [])]
        if marks:
            made["object_marking_refs"] = list(dict.fromkeys(marks))
        if key in self.granular:
            made["granular_markings"] = self.granular[key]
        return made


def _hash_names(hashes: Mapping[str, Any]) -> dict[str, Any]:
    return {_ALGORITHMS.get(name, name): digest for name, digest in hashes.items()}


def _rename_hashes_within(value: Any) -> None:
    """Rename hash algorithms wherever an observable or its extensions have hashes."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict) and (name == "hashes" or name.endswith("_hashes")):
                value[name] = _hash_names(inner)
            else:
                _rename_hashes_within(inner)
    elif isinstance(value, list):
        for inner in value:
            _rename_hashes_within(inner)


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
