"""Files that nobody should have given us, by the commands that read them: a clear error, and nothing half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.command import call
from tests.faults.nations import World, agreement_text, bundle, label_text, numbered_indicator

PASSPHRASE = "correct horse battery\n"


@pytest.fixture
def home(nations: World) -> Path:
    (nations.folder / "label.toml").write_text(label_text(["borealia"]))
    (nations.folder / "pass").write_text(PASSPHRASE)
    return nations.folder / "arunika"


def bring(home: Path, data: bytes) -> Callable[[], object]:
    file = home.parent / "input.json"
    file.write_bytes(data)
    return lambda: call(home, "import", file, "--tlp", "amber")


GOOD = json.dumps(numbered_indicator(1)).encode()
BROKEN = {
    "empty": b"",
    "blank": b" \n\t",
    "not-json": b"Dear colleagues,",
    "torn-in-an-object": bundle([numbered_indicator(1), numbered_indicator(2)])[:-200],
    "torn-at-the-end": bundle([numbered_indicator(1)])[:-1],
    "more-after-the-end": bundle([numbered_indicator(1)]) + b"{}",
    "duplicate-key": b'{"type":"bundle","type":"bundle","objects":[]}',
    "duplicate-key-in-an-object": b'{"type":"bundle","id":"bundle--1","objects":['
    + GOOD[:-1]
    + b',"name":"x"}]}',
    "nan": b'{"type":"bundle","objects":[{"type":"x-a","a":NaN}]}',
    "infinity": b'{"type":"bundle","objects":[{"type":"x-a","a":-Infinity}]}',
    "lone-surrogate": b'{"type":"bundle","objects":[{"type":"x-a","a":"\\ud800"}]}',
    "lone-surrogate-in-a-key": b'{"type":"bundle","objects":[{"type":"x-a","\\udfff":1}]}',
    "bad-utf-8": b'{"type":"bundle","objects":[{"type":"x-a","a":"\xff"}]}',
    "overlong-utf-8": b'{"type":"bundle","objects":[{"type":"x-a","a":"\xc0\x80"}]}',
    "raw-control-character": b'{"type":"bundle","objects":[{"type":"x-a","a":"\x01"}]}',
    "utf-16": '{"type":"bundle","objects":[]}'.encode("utf-16"),
    "byte-order-mark": b"\xef\xbb\xbf" + bundle([numbered_indicator(1)]),
    "over-deep": b'{"type":"bundle","objects":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    "over-deep-object": b'{"type":"bundle","objects":[{"type":"x-a","a":'
    + b'{"a":' * 5000
    + b"1"
    + b"}" * 5000
    + b"}]}",
    "objects-are-no-list": b'{"type":"bundle","objects":{"a":1}}',
    "objects-of-no-kind": b'{"type":"bundle","objects":[1,null,"x"]}',
    "a-number": b"17",
    "a-number-beyond-doubles": b'{"type":"bundle","objects":[{"type":"x-a","a":1e999}]}',
    "wrong-version": b'{"type":"bundle","id":"bundle--11111111-1111-4111-8111-111111111111","spec_version":"1.2","objects":[]}',
    "leading-zero": b'{"type":"bundle","objects":[{"type":"x-a","a":01}]}',
    "brackets-that-do-not-pair": b'{"a":1]',
    "brackets-that-do-not-pair-inside": b'{"type":"bundle","objects":[{"type":"x-a","a":{"b":1]}]}',
    "trailing-comma": b'{"type":"bundle","objects":[{"type":"x-a"},]}',
    "comment": b'{"type":"bundle",/* hello */"objects":[]}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_input_that_does_not_parse_stores_nothing(home: Path, name: str) -> None:
    file = home.parent / "input.json"
    file.write_bytes(BROKEN[name])
    ended = call(home, "import", file, "--tlp", "amber")
    assert ended.code == 1
    if "error" in ended.document:
        error = ended.error
        assert str(file) in (error["input"] or "")
        assert error["where"]
        assert error["do"]
    else:
        assert ended.document["faults"][0]["problem"]
        assert ended.document["stored"] == 0
    assert call(home, "status").document["stored"] == 0


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_an_input_that_is_no_file_is_a_clear_error(home: Path, make: Callable[[Path], None]) -> None:
    odd = home.parent / "odd"
    make(odd)
    error = call(home, "import", odd, "--tlp", "amber").error
    assert str(odd) in (error["input"] or "")


def test_devices_without_end_are_refused_before_they_are_read(home: Path) -> None:
    (home / "config.toml").write_text("import_stdin_limit_bytes = 2_000_000\n")
    error = call(home, "import", "/dev/zero", "--tlp", "amber").error
    assert (error["code"], error["input"]) == ("too-large", "/dev/zero")


def test_a_bundle_with_three_bad_objects_stores_the_others_and_names_the_three(home: Path) -> None:
    objects = [numbered_indicator(number) for number in range(10_000)]
    del objects[17]["pattern"]
    objects[5_000]["id"] = "indicator--NOT-A-UUID"
    objects[9_999]["created"] = "yesterday"
    file = home.parent / "many.json"
    file.write_bytes(bundle(objects))
    ended = call(home, "import", file, "--tlp", "amber")
    assert ended.code == 1
    counts = {key: ended.document[key] for key in ("read", "stored", "known", "refused")}
    assert counts == {"read": 10_000, "stored": 9_997, "known": 0, "refused": 3}
    assert {fault["index"] for fault in ended.document["faults"]} == {17, 5_000, 9_999}
    assert all(fault["problem"] and fault["path"] for fault in ended.document["faults"])
    assert call(home, "status").document["stored"] == 9_997


LABELS = {
    "not-toml": b"tlp = ",
    "nul": b"\0" * 100,
    "not-utf-8": b"tlp = '\xff'",
    "unknown-key": b"tlp = 'amber'\nreleasable_too = []",
    "unknown-tlp": b"tlp = 'mauve'",
    "unknown-party": b"tlp = 'amber'\nreleasable_to = ['Atlantis']",
    "wrong-type": b"tlp = 7",
    "date-beyond-reach": b"tlp = 'amber'\nexpires = 9999-12-31T00:00:00Z",
    "date-before-time": b"tlp = 'amber'\nexpires = 0001-01-01T00:00:00Z",
    "number-beyond-reach": b"tlp = 'amber'\nretention_days = 99999999999999999999",
    "far-too-many-words": b"tlp = 'amber'\ntopics = ["
    + b",".join(b"'t%d'" % n for n in range(20_000))
    + b"]",
    "too-large": b"# " + b"x" * (5 << 20),
    "over-deep": b"a = " + b"[" * 100_000,
    "duplicate-key": b"tlp = 'amber'\ntlp = 'clear'",
}


@pytest.mark.parametrize("name", LABELS)
def test_a_label_that_is_none_stores_nothing(home: Path, name: str) -> None:
    label, file = home.parent / "bad.toml", home.parent / "good.json"
    label.write_bytes(LABELS[name])
    file.write_bytes(bundle([numbered_indicator(1)]))
    error = call(home, "import", file, "--label", label).error
    assert str(label) in (error["input"] or "")
    assert call(home, "status").document["stored"] == 0


PORTIONS = {
    "none": b"",
    "not-toml": b"[[portion",
    "no-label": b"[[portion]]\ntext = 'x'",
    "no-text": b"[[portion]]\n[portion.label]\ntlp = 'amber'",
    "a-novel": b"[[portion]]\ntext = '" + b"x" * (3 << 20) + b"'\n[portion.label]\ntlp = 'amber'",
    "a-label-without-end": b"[[portion]]\ntext = 'x'\n[portion.label]\ntlp = 'amber'\ntopics = ["
    + b",".join(b"'t%d'" % n for n in range(20_000))
    + b"]",
    "too-large": b"#" * (5 << 20),
}


@pytest.mark.parametrize("name", PORTIONS)
def test_a_narrative_that_is_none_makes_no_product(home: Path, name: str) -> None:
    file = home.parent / "portions.toml"
    file.write_bytes(PORTIONS[name])
    words = [
        "--title",
        "x",
        "--purpose",
        "cyber-defence",
        "--precedence",
        "routine",
        "--grade",
        "B2",
        "--all",
    ]
    who = ["--as", "ana", "--passphrase-file", str(home.parent / "pass")]
    error = call(home, "product", "new", *words, "--portions", file, *who).error
    assert str(file) in (error["input"] or "")


AGREEMENTS = {
    "one-party": agreement_text("x", ["arunika"]),
    "a-stranger": agreement_text("x", ["arunika", "atlantis"]),
    "without-us": agreement_text("x", ["borealia", "cendara"]),
    "ends-before-it-begins": agreement_text("x", ["arunika", "borealia"], not_after="2010-01-01T00:00:00Z"),
    "never-ends": agreement_text("x", ["arunika", "borealia"], not_after="9999-01-01T00:00:00Z"),
    "no-approvals": agreement_text("x", ["arunika", "borealia"], approvals="0"),
    "suite-of-tomorrow": agreement_text("x", ["arunika", "borealia"], suite="9"),
    "known-version": agreement_text("arunika-borealia", ["arunika", "borealia"]),
    "anothers-name": agreement_text("arunika-borealia", ["arunika", "cendara"], version=2),
    "obligations-without-end": agreement_text(
        "x", ["arunika", "borealia"], obligations=json.dumps([f"duty {n}" for n in range(60_000)])
    ),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_terms_that_cannot_be_signed_are_not_proposed(home: Path, name: str) -> None:
    file = home.parent / "terms.toml"
    file.write_text(AGREEMENTS[name])
    who = ["--as", "ana", "--passphrase-file", str(home.parent / "pass")]
    before = call(home, "agreement", "list").document
    assert call(home, "agreement", "propose", file, *who).error["input"]
    assert call(home, "agreement", "list").document == before


CARDS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "torn": lambda card: card[:-1],
    "longer": lambda card: card + b"\0",
    "far-too-long": lambda card: card * 100,
    "another-name": lambda card: card.replace(b"Borealia", b"BoreaIia"),
    "another-relay": lambda card: card.replace(b"relay.test", b"evil_.test"),
    "other-magic": lambda card: b"XXXX" + card[4:],
    "other-suite": lambda card: card[:5] + b"\x09" + card[6:],
    "text": lambda _: b"hello",
    "all-signatures-gone": lambda card: card[: card.rindex(b"}") + 1] + b"\0",
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_does_not_hold_is_not_added(nations: World, home: Path, name: str) -> None:
    file = home.parent / "bad.card"
    file.write_bytes(CARDS[name]((home.parent / "Borealia.card").read_bytes()))
    before = call(home, "status").document["partners"]
    error = call(home, "card", "add", file, "--fingerprint", nations["borealia"].party).error
    assert error["input"]
    assert call(home, "status").document["partners"] == before


@pytest.mark.parametrize("content", [b"", b"\n\n", b"wrong horse\n", b"\xff\xfe\n", b"x" * 5000, b"\0\n"])
def test_a_passphrase_file_that_is_none_signs_nothing(home: Path, content: bytes) -> None:
    file, terms = home.parent / "bad-pass", home.parent / "terms.toml"
    file.write_bytes(content)
    terms.write_text(agreement_text("new", ["arunika", "borealia"]))
    error = call(home, "agreement", "propose", terms, "--as", "ana", "--passphrase-file", file).error
    assert error["code"] in ("bad-input", "unauthorised")
    assert not any(row["agreement"] == "new" for row in call(home, "agreement", "list").document)


@pytest.mark.parametrize(
    "content", [b"[", b"nonsense = 1", b"\xff", b"\0", b"poll_interval_ms = 'soon'", b"#" * (64 << 20)]
)
def test_settings_that_do_not_read_stop_a_command_with_a_clear_error(home: Path, content: bytes) -> None:
    (home / "config.toml").write_bytes(content)
    ended = call(home, "status")
    assert ended.error["input"]
    assert ended.error["do"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xff", b"0" * 1_000_000, b"[" * 100_000]
)
def test_a_home_file_that_is_torn_is_a_clear_error(home: Path, content: bytes) -> None:
    (home / "home.json").write_bytes(content)
    assert call(home, "status").error["input"]


SEARCHES = [
    '"', "'", "*", "(", "a AND", "NEAR(a, b)", "-x", "^x", "{a b}", "a:b", "\x00", "é" * 5000, "x " * 2000,
    '" OR 1=1; DROP TABLE head; --', "id:%", "id:x'--", "value:' OR '1'='1", "type:';", "from:\x1b[2J",
    "since:999999999999d", "since:-1d", "since:0000-00-00", "value:::/0", "value:0.0.0.0/0", "value:" + "9" * 9999,
]  # fmt: skip


@pytest.mark.parametrize("text", SEARCHES, ids=range(len(SEARCHES)))
def test_no_search_is_more_than_a_search(home: Path, text: str) -> None:
    bring(home, bundle([numbered_indicator(1)]))()
    ended = call(home, "search", "--", text)
    assert ended.code == 0 or ended.error["message"]
    assert call(home, "status").document["stored"] == 1


@pytest.mark.parametrize(
    "id", ["../../etc/passwd", "indicator--../../x", "/etc/passwd", "--", "", "\x00", "a--b"]
)
def test_an_id_is_never_a_path(home: Path, id: str) -> None:
    for words in (("show", "--", id), ("show", "--raw", "--", id)):
        error = call(home, *words).error
        assert error["code"] in ("bad-input", "not-found"), error


@pytest.mark.parametrize("out", ["missing/x.json", ".", "odd"])
def test_an_export_that_cannot_be_written_leaves_nothing(home: Path, out: str) -> None:
    (home.parent / "odd").mkdir()
    before = sorted(home.parent.iterdir())
    assert call(home, "export", "--out", home.parent / out).error["where"]
    assert sorted(home.parent.iterdir()) == before
