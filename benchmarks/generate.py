"""Any number of realistic STIX 2.1 objects, the same ones on every run, written as a stream.

Of twenty objects: ten indicators, two domain names, two files, one address, one observed-data, one sighting, one
note, one malware and one relationship; about 600 bytes each in the mean, SCOs shorter and indicators longer.
Object `i` depends on `i` and the seed alone, references point backwards, and no two objects are equal. Addresses
lie in the blocks set aside for benchmarks (RFC 2544, 198.18.0.0/15) and documentation (RFC 3849, 2001:db8::/32).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

SCO_NAMESPACE: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
AUTHOR: Final = "identity--5d0f6a3e-8b1c-4e77-9a52-6c1f0e2d4b90"
SEED: Final = 20_261_124
CYCLE: Final = (
    "ipv4-addr",
    "domain-name",
    "file",
    "indicator",
    "indicator",
    "malware",
    "indicator",
    "indicator",
    "observed-data",
    "indicator",
    "relationship",
    "domain-name",
    "file",
    "indicator",
    "indicator",
    "sighting",
    "indicator",
    "indicator",
    "note",
    "indicator",
)
_FIRST: Final = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_SYLLABLES: Final = (
    "ka re mi lo su ta ne vi do pra sen gul tor bel nim har dro fen wys qua",
    "ra li no be tu mar gen sti vol pha ker dan lis mo ze chi",
    "n s t r l ren tal mos dic x ving den ster um a o",
)
WORDS: Final = tuple(
    first + middle + last
    for middle in _SYLLABLES[1].split()
    for last in _SYLLABLES[2].split()
    for first in _SYLLABLES[0].split()
)
"""5,120 words; they are drawn by rank, so that few are frequent and most are rare, as in prose."""


def write(target: Path, count: int, *, seed: int = SEED, first: int = 0) -> None:
    """Write a bundle of objects `first` to `first + count - 1`. Memory does not grow with `count`."""
    with target.open("wb", buffering=1 << 20) as out:
        out.write(
            b'{"type":"bundle","id":"bundle--%s","objects":['
            % str(_uuid4(f"bundle {seed} {first} {count}")).encode()
        )
        for index, raw in enumerate(objects(count, seed=seed, first=first)):
            out.write(b",\n" if index else b"\n")
            out.write(raw)
        out.write(b"\n]}\n")


def objects(count: int, *, seed: int = SEED, first: int = 0) -> Iterator[bytes]:
    """The bytes of objects `first` to `first + count - 1`."""
    for index in range(first, first + count):
        yield one(index, seed=seed)


def one(index: int, *, seed: int = SEED) -> bytes:
    """The bytes of one object; the author's identity is number 0 of every run, in place of its address."""
    if index == 0:
        return _author().encode()
    return _MAKERS[CYCLE[index % 20]](index, seed, Random(seed * 1_000_003 + index)).encode()


def id_of(index: int, seed: int = SEED) -> str:
    """The id of an object by its number."""
    kind = CYCLE[index % 20]
    if index == 0:
        return AUTHOR
    if kind == "ipv4-addr":
        return _observable_id(kind, f'{{"value":"{address(index)}"}}')
    if kind == "domain-name":
        return _observable_id(kind, f'{{"value":"{_domain(index, seed)}"}}')
    if kind == "file":
        name, digest = _file(index, seed)
        return _observable_id(kind, f'{{"hashes":{{"SHA-256":"{digest}"}},"name":"{name}"}}')
    return f"{kind}--{_uuid4(f'{seed} {index}')}"


def _author() -> str:
    return (
        f'{{"type":"identity","spec_version":"2.1","id":"{AUTHOR}","created":"2026-01-05T06:00:00.000Z",'
        '"modified":"2026-01-05T06:00:00.000Z","name":"Benchmark desk","identity_class":"organization"}'
    )


def _head(index: int, seed: int) -> str:
    kind = CYCLE[index % 20]
    when = _time(index)
    return (
        f'{{"type":"{kind}","spec_version":"2.1","id":"{id_of(index, seed)}","created_by_ref":"{AUTHOR}",'
        f'"created":"{when}","modified":"{when}"'
    )


def _indicator(index: int, seed: int, draw: Random) -> str:
    target = index // 20 * 20
    patterns = (
        f"[ipv4-addr:value = '{address(target + 20 * draw.randrange(3))}']",
        f"[domain-name:value = '{_domain(target + draw.choice((1, 11)), seed)}']",
        f"[file:hashes.'SHA-256' = '{_file(target + draw.choice((2, 12)), seed)[1]}']",
        f"[url:value = 'https://{_domain(index, seed)}/{draw.choice(WORDS)}/{index}']",
        f"[email-addr:value = '{draw.choice(WORDS)}.{index}@{draw.choice(WORDS)}.example']",
        f"[ipv6-addr:value = '2001:db8:{index >> 16:x}::{index & 0xFFFF:x}']",
    )
    return (
        f'{_head(index, seed)},"name":"{_prose(draw, 4).capitalize()}","description":"{_prose(draw, 34).capitalize()}.",'
        f'"indicator_types":["{draw.choice(("malicious-activity", "anomalous-activity", "attribution"))}"],'
        f'"pattern":"{draw.choice(patterns)}","pattern_type":"stix","valid_from":"{_time(index)}",'
        f'"confidence":{draw.randrange(101)},"labels":["{draw.choice(WORDS[:60])}"]}}'
    )


def _malware(index: int, seed: int, draw: Random) -> str:
    family = draw.choice(("true", "false"))
    return (
        f'{_head(index, seed)},"name":"{draw.choice(WORDS)}{index}","description":"{_prose(draw, 40).capitalize()}.",'
        f'"malware_types":["{draw.choice(("trojan", "downloader", "worm"))}"],"is_family":{family}}}'
    )


def _note(index: int, seed: int, draw: Random) -> str:
    return (
        f'{_head(index, seed)},"abstract":"{_prose(draw, 6).capitalize()}","content":"{_prose(draw, 70).capitalize()}.",'
        f'"object_refs":["{id_of(index - 1, seed)}","{id_of(index - 5, seed)}"]}}'
    )


def _observed(index: int, seed: int, draw: Random) -> str:
    when = _time(index)
    block = index // 20 * 20
    refs = [id_of(block + place, seed) for place in (1, 2)] + ([id_of(block, seed)] if block else [])
    listed = ",".join(f'"{ref}"' for ref in refs)
    return (
        f'{_head(index, seed)},"first_observed":"{when}","last_observed":"{when}",'
        f'"number_observed":{1 + draw.randrange(500)},"object_refs":[{listed}]}}'
    )


def _sighting(index: int, seed: int, draw: Random) -> str:
    return (
        f'{_head(index, seed)},"sighting_of_ref":"{id_of(index - 1, seed)}","count":{1 + draw.randrange(90)},'
        f'"observed_data_refs":["{id_of(index - 7, seed)}"],"description":"{_prose(draw, 14).capitalize()}."}}'
    )


def _relationship(index: int, seed: int, draw: Random) -> str:
    return (
        f'{_head(index, seed)},"relationship_type":"indicates","source_ref":"{id_of(index - 1, seed)}",'
        f'"target_ref":"{id_of(index - 5, seed)}","description":"{_prose(draw, 16).capitalize()}."}}'
    )


def _ipv4(index: int, seed: int, _draw: Random) -> str:
    return (
        f'{{"type":"ipv4-addr","spec_version":"2.1","id":"{id_of(index, seed)}","value":"{address(index)}"}}'
    )


def _domain_name(index: int, seed: int, _draw: Random) -> str:
    value = _domain(index, seed)
    return f'{{"type":"domain-name","spec_version":"2.1","id":"{id_of(index, seed)}","value":"{value}"}}'


def _file_object(index: int, seed: int, draw: Random) -> str:
    name, digest = _file(index, seed)
    return (
        f'{{"type":"file","spec_version":"2.1","id":"{id_of(index, seed)}","hashes":{{"SHA-256":"{digest}"}},'
        f'"size":{1024 + draw.randrange(1 << 20)},"name":"{name}"}}'
    )


_MAKERS: Final[dict[str, Callable[[int, int, Random], str]]] = {
    "ipv4-addr": _ipv4,
    "domain-name": _domain_name,
    "file": _file_object,
    "indicator": _indicator,
    "malware": _malware,
    "note": _note,
    "observed-data": _observed,
    "relationship": _relationship,
    "sighting": _sighting,
}


def address(index: int) -> str:
    """The address of observable `index`, which is a multiple of 20."""
    place = index // 20
    return f"198.{18 + (place >> 16 & 1)}.{place >> 8 & 255}.{place & 255}"


def _domain(index: int, seed: int) -> str:
    mixed = index * 2_654_435_761 + seed
    return f"{WORDS[mixed % 5120]}{index}.{WORDS[mixed // 5120 % 5120]}.example.{('org', 'net', 'com')[index % 3]}"


def _file(index: int, seed: int) -> tuple[str, str]:
    suffix = ("dll", "exe", "pdf", "docm")[index % 4]
    return f"{WORDS[index * 40_503 % 5120]}-{index}.{suffix}", hashlib.sha256(
        f"{seed} {index}".encode()
    ).hexdigest()


def _prose(draw: Random, count: int) -> str:
    return " ".join(WORDS[int(5120 ** draw.random()) - 1] for _ in range(count))


def _time(index: int) -> str:
    return (_FIRST + timedelta(seconds=7 * index)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _uuid4(text: str) -> uuid.UUID:
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(digest))


def _observable_id(kind: str, basis: str) -> str:
    return f"{kind}--{uuid.uuid5(SCO_NAMESPACE, basis)}"
