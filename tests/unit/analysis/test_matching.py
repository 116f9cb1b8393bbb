"""An observation meets an indicator for a reason that a person can read."""

from __future__ import annotations

from simpul.analysis.matching import Hit, keys_of, matches
from simpul.domain.objects import ObjectKey, Value

INDICATOR = "indicator--00000001-0000-4000-8000-000000000001"


def hit(kind: str, key: str, id: str = INDICATOR) -> Hit:
    return Hit(
        kind=kind,
        key=key,
        object=ObjectKey(originator="a" * 50, id=id, version=1, sha256=b"\0" * 32),
        type="indicator",
        portion=0,
        label=b"\1" * 32,
    )


def reasons(*values: Value, rows: list[Hit]) -> list[str]:
    return [match.reason for match in matches(values, rows)]


def test_an_address_lies_in_a_network() -> None:
    seen = Value(kind="ipv4", key="203.0.113.7")
    assert ("ipv4-net", "203.0.113.0/24") in keys_of([seen])
    (match,) = matches([seen], [hit("ipv4-net", "203.0.113.0/24"), hit("ipv4-net", "198.51.100.0/24")])
    assert match.reason == f"203.0.113.7 lies in 203.0.113.0/24, indicator {INDICATOR}"
    assert not match.exact


def test_equal_values_meet_and_come_first() -> None:
    seen = Value(kind="domain", key="a.example.org")
    found = matches([seen], [hit("domain", "example.org"), hit("domain", "a.example.org")])
    assert [match.exact for match in found] == [True, False]
    assert found[0].reason == f"domain a.example.org stands in indicator {INDICATOR}"
    assert found[1].reason == f"a.example.org lies under example.org, indicator {INDICATOR}"


def test_an_indicator_for_a_part_does_not_meet_the_whole() -> None:
    assert matches([Value(kind="domain", key="example.org")], [hit("domain", "a.example.org")]) == []
    assert matches([Value(kind="ipv4-net", key="203.0.113.0/24")], [hit("ipv4", "203.0.113.7")]) == []


def test_a_url_and_a_mailbox_are_at_a_host() -> None:
    url = Value(kind="url", key="https://a.example.org/x")
    mail = Value(kind="email", key="ann@example.org")
    assert reasons(url, mail, rows=[hit("domain", "example.org")]) == [
        f"ann@example.org is at example.org, indicator {INDICATOR}",
        f"https://a.example.org/x is at example.org, indicator {INDICATOR}",
    ]


def test_each_value_and_object_meet_once() -> None:
    seen = Value(kind="md5", key="a" * 32)
    other = "indicator--00000002-0000-4000-8000-000000000002"
    rows = [hit("md5", "a" * 32), hit("md5", "a" * 32), hit("md5", "a" * 32, other)]
    assert len(matches([seen, seen], rows)) == 2
    assert keys_of([seen, seen]) == [("md5", "a" * 32)]


def test_a_passport_of_another_country_does_not_meet() -> None:
    seen = [Value(kind="passport", key="XB:X1234567"), Value(kind="passport", key="X1234567")]
    assert matches(seen, [hit("passport", "XA:X1234567"), hit("passport", "X1234567")]) == []
    (match,) = matches(seen, [hit("passport", "*:X1234567")])
    assert "may be the passport" in match.reason
    (bare,) = matches([seen[1]], [hit("passport", "X1234567")])
    assert bare.exact
