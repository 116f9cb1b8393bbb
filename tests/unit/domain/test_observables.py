"""Each kind has one normal form, refuses what is not of it with a reason, and is found through what covers it."""

from __future__ import annotations

import ipaddress

import pytest

from simpul.domain.observables import (
    KINDS,
    classify,
    covered_keys,
    covers,
    describe,
    identifier_keys,
    normalise,
    search_keys,
    why_not,
)
from simpul.errors import InputFault

SAME = [
    ("ipv4", "198.51.100.7", ["198.51.100.7/32", " 198.51.100.7 "]),
    ("ipv4-net", "198.51.100.0/24", ["198.51.100.77/24"]),
    ("ipv6", "2001:db8::1", ["2001:DB8:0:0:0:0:0:1", "2001:db8::1/128", "2001:0db8::0001"]),
    ("ipv6-net", "2001:db8::/32", ["2001:db8:1::/32"]),
    ("mac", "d2:fb:49:24:37:18", ["D2-FB-49-24-37-18"]),
    ("asn", "64500", ["AS64500", "as 64500".replace(" ", "")]),
    ("domain", "example.org", ["EXAMPLE.org.", "Example.ORG"]),
    ("domain", "xn--bcher-kva.example", ["Bücher.example", "bücher.EXAMPLE.", "XN--BCHER-KVA.example"]),
    (
        "url",
        "https://www.example.org/a~b?Q=1",
        ["hxxps://WWW[.]example[.]org:443/a%7eb?Q=1#top", "HTTPS://www.example.org/a~b?Q=1"],
    ),
    ("url", "http://example.org/", ["http://example.org", "http://example.org:80/"]),
    ("url", "http://[2001:db8::1]:8080/", ["http://[2001:DB8::0:1]:8080"]),
    ("email", "ann@example.org", ["Ann@Example.ORG", "ann[@]example[.]org", "mailto:ann@example.org"]),
    ("md5", "d41d8cd98f00b204e9800998ecf8427e", ["D41D8CD98F00B204E9800998ECF8427E"]),
    ("sha1", "a" * 40, ["A" * 40]),
    ("sha256", "b" * 64, [" " + "B" * 64]),
    ("sha512", "c" * 128, ["C" * 128]),
    ("sha3-256", "d" * 64, []),
    ("sha3-512", "e" * 128, []),
    ("ssdeep", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", []),
    ("tlsh", "F" * 70, ["T1" + "f" * 70]),
    ("file-name", "evil.exe", ["C:\\Windows\\EVIL.exe", "/opt/Evil.exe"]),
    ("passport", "XA:X1234567", ["xa:x-123 4567"]),
    ("imo", "9074729", ["IMO 9074729", "imo9074729"]),
    ("mmsi", "525000001", ["MMSI 525 000 001"]),
    ("phone", "+628123456789", ["+62 812-3456-789", "0062 8123456789", "tel:+628123456789"]),
    ("iban", "GB82WEST12345698765432", ["gb82 west 1234 5698 7654 32"]),
]


@pytest.mark.parametrize(("kind", "key", "spellings"), SAME)
def test_spellings_of_one_value_have_one_key(kind: str, key: str, spellings: list[str]) -> None:
    for text in (key, *spellings):
        assert normalise(kind, text) == key
        assert why_not(kind, text) is None


def test_every_kind_is_tried_above_and_has_words() -> None:
    assert {kind for kind, _, _ in SAME} == KINDS
    assert all(describe(kind) for kind in KINDS)


REFUSED = [
    ("ipv4", "198.51.100.256"),
    ("ipv4", "198.51.100.07"),
    ("ipv4", "198.51.100"),
    ("ipv4", "١٩٨.51.100.7"),
    ("ipv4-net", "198.51.100.0/33"),
    ("ipv4-net", "198.51.100.0"),
    ("ipv6", "fe80::1%eth0"),
    ("ipv6", "2001:db8::g"),
    ("ipv6-net", "2001:db8::/129"),
    ("mac", "d2:fb:49:24:37"),
    ("asn", "4294967296"),
    ("domain", "example"),
    ("domain", "exa mple.org"),
    ("domain", "198.51.100.7"),
    ("domain", "a" * 64 + ".org"),
    ("domain", ".".join(["abcdefgh"] * 40)),
    ("domain", "-\u0300.example"),
    ("url", "example.org/a"),
    ("url", "http:///a"),
    ("url", "http://example.org:99999/"),
    ("url", "http://exa mple.org/"),
    ("email", "ann"),
    ("email", "@example.org"),
    ("email", "a b@example.org"),
    ("md5", "d41d8cd98f00b204e9800998ecf8427"),
    ("sha256", "g" * 64),
    ("ssdeep", "x"),
    ("tlsh", "T1FF"),
    ("file-name", "/opt/"),
    ("passport", "ABCDEFGH"),
    ("passport", "X1"),
    ("imo", "9074728"),
    ("imo", "907472"),
    ("mmsi", "52500000"),
    ("phone", "0812 3456 789"),
    ("phone", "+1"),
    ("phone", "+999123456789"),
    ("iban", "GB82WEST12345698765431"),
    ("iban", "GB82"),
]


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_what_is_not_of_a_kind_is_refused_with_a_reason(kind: str, text: str) -> None:
    assert normalise(kind, text) is None
    assert why_not(kind, text)


def test_an_unknown_kind_is_the_callers_mistake() -> None:
    with pytest.raises(InputFault, match="not a kind"):
        normalise("car", "x")


TYPED = [
    ("198[.]51[.]100[.]7", ("ipv4", "198.51.100.7")),
    ("198.51.100.0/24", ("ipv4-net", "198.51.100.0/24")),
    ("2001:db8::1", ("ipv6", "2001:db8::1")),
    ("hxxp://example[.]org/a", ("url", "http://example.org/a")),
    ("example.org", ("domain", "example.org")),
    ("ann(at)example(dot)org", ("email", "ann@example.org")),
    ("d41d8cd98f00b204e9800998ecf8427e", ("md5", "d41d8cd98f00b204e9800998ecf8427e")),
    ("IMO 9074729", ("imo", "9074729")),
    ("525000001", ("mmsi", "525000001")),
    ("+62 812 3456 789", ("phone", "+628123456789")),
    ("GB82 WEST 1234 5698 7654 32", ("iban", "GB82WEST12345698765432")),
    ("passport:XA:X1234567", ("passport", "XA:X1234567")),
    ("X1234567", ("passport", "X1234567")),
    ("C:\\Temp\\evil.exe", ("file-name", "evil.exe")),
    ("asn:64500", ("asn", "64500")),
    ("domain:example.org", ("domain", "example.org")),
]


@pytest.mark.parametrize(("text", "first"), TYPED)
def test_a_bare_value_is_understood_as_a_person_means_it(text: str, first: tuple[str, str]) -> None:
    assert classify(text)[0] == first


def test_words_are_no_value_and_a_doubtful_value_means_several() -> None:
    assert classify("hello there") == []
    assert {kind for kind, _ in classify("setup.zip")} == {"domain", "file-name"}


def test_an_address_is_found_through_every_network_that_contains_it() -> None:
    address = ipaddress.IPv4Address("203.0.113.7")
    found = search_keys("ipv4", str(address))
    assert found[0] == ("ipv4", "203.0.113.7")
    networks = [key for kind, key in found if kind == "ipv4-net"]
    assert networks == [str(ipaddress.ip_network((address, n), strict=False)) for n in range(31, 7, -1)]
    six = search_keys("ipv6", "2001:db8::7")
    assert ("ipv6-net", "2001:db8::/32") in six
    assert len(six) == 1 + 128 - 16


def test_a_mapped_address_is_found_as_the_ipv4_address_it_is() -> None:
    key = normalise("ipv6", "::ffff:203.0.113.7")
    assert key is not None
    found = search_keys("ipv6", key)
    assert ("ipv4", "203.0.113.7") in found
    assert ("ipv4-net", "203.0.113.0/24") in found


def test_a_name_is_found_through_its_parents_but_not_through_the_top() -> None:
    assert search_keys("domain", "a.b.example.org") == [
        ("domain", "a.b.example.org"),
        ("domain", "b.example.org"),
        ("domain", "example.org"),
    ]


def test_urls_and_mailboxes_are_found_through_their_host() -> None:
    assert ("domain", "example.org") in search_keys("url", "https://u:p@a.example.org:8443/x")
    assert ("ipv4-net", "203.0.113.0/24") in search_keys("url", "http://203.0.113.7:81/")
    assert ("ipv6", "2001:db8::1") in search_keys("url", "http://[2001:db8::1]:81/")
    assert ("domain", "example.org") in search_keys("email", "ann@mail.example.org")


def test_networks_are_covered_by_wider_ones() -> None:
    assert covers("ipv4-net", "198.51.100.0/25", "ipv4-net", "198.51.100.0/24")
    assert not covers("ipv4-net", "198.51.100.0/24", "ipv4-net", "198.51.100.0/25")
    assert covers("ipv6-net", "2001:db8:1::/48", "ipv6-net", "2001:db8::/32")


def test_small_networks_list_their_addresses_and_large_ones_do_not() -> None:
    listed = covered_keys("ipv4-net", "198.51.100.0/30")
    assert listed is not None
    assert ("ipv4", "198.51.100.3") in listed
    assert len(listed) == 5
    assert covered_keys("ipv4-net", "198.51.0.0/16") is None
    assert covered_keys("ipv6-net", "2001:db8::/64") is None
    assert covered_keys("url", "https://example.org/") == [("url", "https://example.org/")]


def test_equal_passport_numbers_of_two_countries_stay_apart() -> None:
    stored = identifier_keys("passport", "X1234567", "XA")
    assert set(search_keys("passport", "XA:X1234567")) & set(stored)
    assert not set(search_keys("passport", "XB:X1234567")) & set(stored)
    assert set(search_keys("passport", "X1234567")) & set(stored)
    unstated = identifier_keys("passport", "X1234567", None)
    assert set(search_keys("passport", "XB:X1234567")) & set(unstated)
