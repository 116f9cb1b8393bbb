"""Inputs are checked as a whole first; one bad object costs that object; memory does not grow with the input."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simpul.domain.objects import Foreign
from simpul.errors import InputFault, NotFound, SyntaxFault, TooLarge
from simpul.formats.bundle import BundleReader, open_bundle
from simpul.formats.stix import read
from tests.unit.formats.examples import GOOD, good, some_id

BUNDLE_ID = some_id("bundle")


def bundle(*objects: object, **more: Any) -> bytes:
    return msgspec.json.encode({"type": "bundle", "id": BUNDLE_ID, **more, "objects": list(objects)})


def opened(raw: bytes, **options: Any) -> BundleReader:
    return open_bundle(io.BytesIO(raw), **options)


def listed(reader: BundleReader) -> list[Foreign]:
    with reader:
        return [Foreign(index=f.index, raw=bytes(f.raw), format=f.format) for f in reader]


def test_a_bundle_yields_its_objects_in_order_as_they_are_written(tmp_path: Path) -> None:
    parts = [b' {"type": "tool" }', b'{"a":[1,{"b":"],}"}]}', b"{}", b'"odd"', b"7"]
    path = tmp_path / "x.json"
    path.write_bytes(b'\n{"objects" : [' + b" ,\n".join(parts) + b' ] , "type":"bundle"}\n')
    with open_bundle(path) as reader:
        assert reader.count == 5
        assert [bytes(each.raw) for each in reader] == [part.strip() for part in parts]
        assert [each.index for each in reader] == [0, 1, 2, 3, 4]


def test_one_object_and_an_array_are_inputs_too() -> None:
    one = msgspec.json.encode(GOOD["tool"])
    assert [f.raw for f in listed(opened(b" \n" + one + b"\n "))] == [one]
    assert [f.raw for f in listed(opened(b"[" + one + b" , " + one + b"]"))] == [one, one]
    assert listed(opened(b"[ ]")) == []
    assert listed(opened(b'{"type":"bundle"}')) == []


def test_the_version_of_each_object_is_told() -> None:
    old = good("tool", spec_version=None)
    observable = good("url", spec_version=None)
    younger = good("grouping", spec_version=None)
    new = [f.format for f in listed(opened(bundle(old, observable, younger, GOOD["tool"])))]
    assert new == ["stix-2.0", "stix-2.1", "stix-2.1", "stix-2.1"]
    reader = opened(bundle(old, GOOD["tool"], spec_version="2.0"))
    assert reader.format == "stix-2.0"
    assert reader.bundle_id == BUNDLE_ID
    assert [f.format for f in listed(reader)] == ["stix-2.0", "stix-2.1"]


def test_markings_are_known_before_the_objects_that_bear_them() -> None:
    first = GOOD["marking-definition"]
    second = good("marking-definition", definition={"statement": "Copyright 2027, Example"})
    reader = opened(bundle(GOOD["tool"], first, second, first))
    assert reader.markings == {first["id"]: (msgspec.json.encode(first), msgspec.json.encode(second))}


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", "line 1, byte 0"),
        (b" \n ", "line 1, byte 0"),
        (b"hello", "line 1, byte 0"),
        (b"\xef\xbb\xbf{}", "line 1, byte 0"),
        (b'{"type":"bundle",\n"objects":[{"a":1},\n{"b":NaN}]}', "line 3, byte 43"),
        (b'{"type":"bundle","objects":[{"a":1},\n{"b":"\xff"}]}', "line 2, byte 43"),
        (b'{"type":"bundle","objects":[{"a":1},\n{"b":"\x01"}]}', "line 2, byte 42"),
        (b'{"type":"bundle","objects":[{"a":1},\n{"b":1]}', "line 2, byte 43"),
        (b'{"type":"bundle","objects":[{"a":1}', "line 1, byte 35"),
        (b'{"type":"bundle","objects":[]} x', "line 1, byte 31"),
        (b'[{"a":tru}]', "line 1, byte 6"),
        (b'{"a":01}', "line 1, byte 5"),
    ],
)
def test_a_fault_of_syntax_anywhere_stops_everything_and_names_the_place(raw: bytes, where: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        opened(raw, name="case.json")
    assert caught.value.where == where
    assert caught.value.input == "case.json"
    assert caught.value.do


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"bundle","objects":[{}],"objects":[{},{}]}',
        b'{"type":"bundle","objects":[{}],"objects":[{}]}',
        b'{"objects":[{"x":"],\\"y\\":1"}],"type":"bundle","objects":[{}]}',
        b'{"type":"bundle","id":"a","id":"b","objects":[]}',
        b'{"type":"indicator","type":"bundle","objects":[]}',
        b'{"type":"bundle","objects":[1,2,3],"o\\u0062jects":[]}',
    ],
)
def test_a_name_twice_in_the_bundle_itself_is_refused(raw: bytes) -> None:
    with pytest.raises(SyntaxFault, match="stands twice in the bundle"):
        opened(raw)


def test_a_bundle_of_another_version_is_refused() -> None:
    with pytest.raises(InputFault, match=r"STIX version '3\.0'"):
        opened(bundle(spec_version="3.0"))
    with pytest.raises(InputFault, match="'objects' is not a list"):
        opened(b'{"type":"bundle","objects":{"a":1}}')


def test_nesting_that_no_reader_survives_is_refused_with_its_place() -> None:
    with pytest.raises(TooLarge) as caught:
        opened(b'{"type":"bundle","objects":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}")
    assert caught.value.where is not None
    assert caught.value.where.startswith("line 1, byte ")


def test_a_stream_is_taken_up_to_its_limit() -> None:
    raw = bundle(GOOD["tool"])
    assert len(listed(opened(raw, limit=len(raw)))) == 1
    with pytest.raises(TooLarge, match=f"longer than {len(raw) - 1} bytes"):
        opened(raw, limit=len(raw) - 1)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_bundle(tmp_path / "missing.json")
    with pytest.raises(InputFault, match="is a folder"):
        open_bundle(tmp_path)


def test_a_pipe_is_read_like_a_stream(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(bundle(GOOD["tool"]))
    try:
        assert len(listed(open_bundle(Path(f"/dev/fd/{reading}")))) == 1
    finally:
        os.close(reading)


def test_a_closed_reader_says_so() -> None:
    reader = opened(bundle(GOOD["tool"]))
    reader.close()
    with pytest.raises(InputFault, match="closed"):
        list(reader)


def test_three_bad_objects_among_ten_thousand_cost_three_objects() -> None:
    objects = [good("tool", id=some_id("tool", n), name=f"Tool {n}") for n in range(10_000)]
    objects[17] |= {"name": 5}
    objects[4_000] |= {"created": "now", "confidence": 7.5}
    raws = [msgspec.json.encode(each) for each in objects]
    raws[9_999] = raws[9_999][:-1] + b',"name":"again"}'
    raw = b'{"type":"bundle","id":"' + BUNDLE_ID.encode() + b'","objects":[' + b",\n".join(raws) + b"]}"
    with opened(raw) as reader:
        made = [read(foreign) for foreign in reader]
    assert sum(len(each.objects) for each in made) == 9_997
    faults = [(f.index, f.id, f.path) for each in made for f in each.faults]
    assert faults == [
        (17, some_id("tool", 17), "name"),
        (4_000, some_id("tool", 4_000), "created"),
        (4_000, some_id("tool", 4_000), "confidence"),
        (9_999, some_id("tool", 9_999), "name"),
    ]
