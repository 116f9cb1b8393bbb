"""Others doing comparable work on the same bytes in the same run.

`stix2` (the OASIS library) merely parses and checks an object; it stores, indexes and labels nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import stix2
from stix2.exceptions import STIXError

from benchmarks.result import Rate


def stix2_parse(raws: Sequence[bytes]) -> Rate:
    """The rate at which `stix2.parse` reads the objects, one after the other, custom content allowed.

    An object that `stix2` refuses counts as done, in its favour.
    """
    texts = [bytes(raw).decode() for raw in raws]
    refused = 0
    start = time.perf_counter()
    for text in texts:
        try:
            stix2.parse(text, allow_custom=True)
        except (STIXError, ValueError):
            refused += 1
    seconds = time.perf_counter() - start
    return Rate(rate=len(texts) / seconds, seconds=seconds, what=f"stix2.parse, {refused} refused")


def objects_of(bundle: bytes) -> list[bytes]:
    """The bytes of each object of a bundle."""
    parts = msgspec.json.decode(bundle, type=_Bundle)
    return [bytes(raw) for raw in parts.objects]


class _Bundle(msgspec.Struct):
    objects: list[msgspec.Raw]
