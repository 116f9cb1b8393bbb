"""Others doing comparable work on the same bytes in the same run.

`stix2` (the OASIS library) merely parses and checks; it stores, indexes and labels nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import stix2
from stix2.exceptions import STIXError

from benchmarks.result import Rate


def stix2_bundle(raws: Sequence[bytes]) -> Rate:
    """The rate at which `stix2.parse` reads a bundle of the objects, custom content allowed."""
    text = (
        b'{"type":"bundle","id":"bundle--5d0f6a3e-8b1c-4e77-9a52-6c1f0e2d4b91","objects":[%s]}'
        % b",".join(raws)
    )
    start = time.perf_counter()
    read = len(stix2.parse(text.decode(), allow_custom=True).objects)
    seconds = time.perf_counter() - start
    return Rate(rate=read / seconds, seconds=seconds, what="stix2.parse of a bundle")


def stix2_objects(raws: Sequence[bytes]) -> Rate:
    """The rate at which `stix2.parse` reads the objects one by one; one that it refuses counts as done."""
    texts = [bytes(raw).decode() for raw in raws]
    refused = 0
    start = time.perf_counter()
    for text in texts:
        try:
            stix2.parse(text, allow_custom=True)
        except (STIXError, ValueError):
            refused += 1
    seconds = time.perf_counter() - start
    return Rate(
        rate=len(texts) / seconds, seconds=seconds, what=f"stix2.parse object by object, {refused} refused"
    )


def objects_of(bundle: bytes) -> list[bytes]:
    """The bytes of each object of a bundle."""
    parts = msgspec.json.decode(bundle, type=_Bundle)
    return [bytes(raw) for raw in parts.objects]


class _Bundle(msgspec.Struct):
    objects: list[msgspec.Raw]
