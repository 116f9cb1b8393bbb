"""What was imported or received: a STIX object, its verbatim bytes, and what was read from them once.

An `Object` is made by `formats` from bytes that were checked; nothing else makes one. The bytes in `raw` are
the bytes as they came and are never re-encoded: their SHA-256 names the *rendition* (design §2).

    Foreign  --formats.stix-->  Object  --services.marking-->  Marked  --Store-->  Stored

A *version* is `modified`, else `created`, else none (`NO_VERSION`), as microseconds since 1970 UTC; digits below
a microsecond are dropped from the key and stay in the bytes. Two unequal originals of one version are both kept
(they differ in the rendition) and reported as a conflict.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from simpul.domain.labels import Label

NO_VERSION: Final = -(1 << 62)
"""Version of an object that has neither `modified` nor `created` (most SCOs): sorts before every time."""

SourceFormat = Literal["stix-2.1", "stix-2.0"]


class Fault(Struct, frozen=True, kw_only=True):
    """One thing wrong with one input object. `index` counts from 0 in the bundle's `objects`."""

    index: int | None
    id: str | None
    path: str
    problem: str


class Loss(Struct, frozen=True, kw_only=True):
    """What a conversion could not keep: data, never silence (law 3)."""

    index: int | None
    id: str | None
    path: str
    lost: str


class Foreign(Struct, frozen=True, kw_only=True, gc=False):
    """One object of an input, unparsed: its bytes as they stand in the input, and its index in the bundle."""

    index: int
    raw: memoryview | bytes
    format: SourceFormat


class Value(Struct, frozen=True, kw_only=True, gc=False):
    """A normalised observable value and the property it was read from.

    `kind` is one of `domain.observables.KINDS`; `key` is the normal form (lower-case hex, punycode, digits …)
    under which equal things meet. `portion` is the index of the portion that owns the property.
    """

    kind: str
    key: str
    portion: int = 0


class Granular(Struct, frozen=True, kw_only=True, gc=False):
    """One portion of an object: the properties selected by one set of granular markings (STIX 2.1 §7.2.3).

    `markings` are those of every selector that reaches the property, so that a part of a marked property bears both
    marks. `lang` is the language a granular marking states, which restricts nothing; "" if none.
    """

    selectors: tuple[str, ...]
    markings: tuple[str, ...]
    lang: str = ""


class Object(Struct, frozen=True, kw_only=True, gc=False):
    """A checked STIX object.

    Attributes:
        id: the STIX id.
        type: the STIX type (a custom type keeps its own name).
        version: microseconds since 1970 UTC, or `NO_VERSION`.
        raw: the exact bytes.
        sha256: SHA-256 of `raw`, 32 bytes: the rendition.
        revoked: the object's own `revoked` property.
        markings: `object_marking_refs`, in order.
        granular: the portions beyond the object itself, in first-seen order; portion k is `granular[k-1]`.
        values: observable values for matching, each with its portion.
        texts: words for full-text search, one entry a portion; `texts[0]` is the object itself.
        seen: ids of the objects that a sighting or observed-data says were seen.
    """

    id: str
    type: str
    version: int
    raw: bytes
    sha256: bytes
    revoked: bool = False
    markings: tuple[str, ...] = ()
    granular: tuple[Granular, ...] = ()
    values: tuple[Value, ...] = ()
    texts: tuple[str, ...] = ("",)
    seen: tuple[str, ...] = ()


class ObjectKey(Struct, frozen=True, kw_only=True, order=True):
    """Names one rendition of one version of one object of one originator: the key of every store (design §2)."""

    originator: str
    id: str
    version: int
    sha256: bytes


class Marked(Struct, frozen=True, kw_only=True, gc=False):
    """An object with the effective label of each of its portions; `labels[0]` is the object itself."""

    originator: str
    object: Object
    labels: tuple[Label, ...]
