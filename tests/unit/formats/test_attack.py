"""MITRE ATT&CK as published is read without a fault, and as the reference library reads it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import stix2

from simpul.domain.objects import Object
from simpul.formats.bundle import open_bundle
from simpul.formats.stix import to_object

DATA = Path(__file__).parents[2] / "data" / "attack"
COUNTS = {"ics-attack-16.1": 1871, "ics-attack-18.1": 1826, "mobile-attack-17.1": 2148}


@pytest.fixture(params=COUNTS)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    path = tmp_path / f"{request.param}.json"
    path.write_bytes(gzip.decompress((DATA / f"{request.param}.json.gz").read_bytes()))
    return request.param, path


def test_a_release_is_read_whole(release: tuple[str, Path]) -> None:
    name, path = release
    with open_bundle(path) as reader:
        assert reader.count == COUNTS[name]
        assert len(reader.markings) == 1
        whole = path.read_bytes()
        for foreign in reader:
            made = to_object(foreign)
            assert isinstance(made, Object), made
            assert made.raw == bytes(foreign.raw)
            assert made.raw in whole
            if foreign.index % 40 == 0:
                parsed = stix2.parse(made.raw.decode(), allow_custom=True)
                assert parsed["id"] == made.id
                if "modified" in parsed and not isinstance(parsed, dict):
                    assert int(parsed["modified"].timestamp() * 1_000_000 + 0.5) == made.version


def test_two_releases_carry_one_marking_with_two_contents(tmp_path: Path) -> None:
    found = {}
    for name in ("ics-attack-16.1", "ics-attack-18.1"):
        path = tmp_path / name
        path.write_bytes(gzip.decompress((DATA / f"{name}.json.gz").read_bytes()))
        with open_bundle(path) as reader:
            found[name] = reader.markings
    first, second = found.values()
    assert first.keys() == second.keys()
    assert first != second
