"""What covers an observed value by name: where an observation is filed for an indicator that comes after it."""

from __future__ import annotations

import pytest

from simpul.domain.covering import names_above, search_keys

CASES = [
    ("domain", "a.b.example.org", ["b.example.org", "example.org"]),
    ("domain", "example.org", []),
    ("url", "https://u@a.example.org:8443/x", ["a.example.org", "example.org"]),
    ("url", "http://198.51.100.7/x", ["198.51.100.7"]),
    ("url", "http://[2001:db8::7]:80/x", ["2001:db8::7"]),
    ("email", "ann@mail.example.org", ["mail.example.org", "example.org"]),
    ("passport", "XA:X1234567", ["*:X1234567"]),
    ("passport", "X1234567", []),
    ("ipv4", "198.51.100.7", []),
    ("md5", "d41d8cd98f00b204e9800998ecf8427e", []),
]


@pytest.mark.parametrize(("kind", "key", "above"), CASES)
def test_an_observation_is_filed_under_what_covers_it_by_name(kind: str, key: str, above: list[str]) -> None:
    assert [name for _, name in names_above(kind, key)] == above


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, key, _ in CASES])
def test_that_is_all_that_a_search_looks_for_but_itself_and_networks(kind: str, key: str) -> None:
    searched = [pair for pair in search_keys(kind, key)[1:] if not pair[0].endswith("-net")]
    assert names_above(kind, key) == searched
