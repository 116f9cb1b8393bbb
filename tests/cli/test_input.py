"""What `import` and `mark` make of bad input: a clear error, and nothing half applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Home, simpul
from tests.federation.objects import bundle, indicator, label, note

GOOD = indicator("good", "203.0.113.60")
WHOLE = bundle(GOOD, note("good", "a note", GOOD))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("input"), "Arunika")
    words = ("--name", "Arunika", "--country", "XA", "--root", made.folder / "a.root", "--json")
    assert simpul(*made.options, "init", *words).code == 0
    return made


BROKEN = {
    "empty": b"",
    "truncated": WHOLE[:-40],
    "not JSON": b"STIX",
    "not a number": WHOLE.replace(b'"2.1"', b"NaN", 1),
    "a lone surrogate": WHOLE.replace(b"a note", b"a \\ud800 note"),
    "too deep": WHOLE.replace(b'"a note"', b"[" * 5000 + b"]" * 5000),
    "not UTF-8": WHOLE.replace(b"a note", b"a \xff note"),
    "two documents": WHOLE + WHOLE,
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_syntax_fault_stores_nothing(home: Home, tmp_path: Path, name: str) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(BROKEN[name])
    for words, stdin in (((file,), b""), (("-",), BROKEN[name])):
        ended = home("import", *words, "--tlp", "amber", stdin=stdin)
        assert ended.code == 1
        assert ended.error["code"] in ("syntax", "bad-input", "too-large")
        assert ended.error["message"]
    assert home("show", GOOD["id"]).code == 1


def test_a_name_that_stands_twice_refuses_its_object_alone(home: Home) -> None:
    twice = WHOLE.replace(b'"name"', b'"type": "indicator", "name"')
    ended = home("import", "-", "--tlp", "amber", stdin=twice)
    assert (ended.code, ended.document["stored"], ended.document["refused"]) == (1, 1, 1)
    (fault,) = ended.document["faults"]
    assert (fault["index"], fault["id"], fault["path"]) == (0, GOOD["id"], "type")
    assert "twice" in fault["problem"]


def test_standard_input_is_read_up_to_its_limit(home: Home) -> None:
    (home.home / "config.toml").write_text("import_stdin_limit_bytes = 1024\n")
    try:
        ended = home("import", "-", "--tlp", "amber", stdin=WHOLE + b" " * 1024)
        assert (ended.code, ended.error["code"]) == (1, "too-large")
        assert home("show", GOOD["id"]).code == 1
    finally:
        (home.home / "config.toml").unlink()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("import", "none.json", "--tlp", "amber"), 1),
        (("import", "-", "--tlp", "purple"), 1),
        (("import", "-", "--label", "none.toml"), 1),
        (("import", "-"), 2),
        (("import", "-", "--tlp", "amber", "--label", "x"), 2),
        (("mark", "--label", "x"), 2),
        (("mark", "indicator--1", "--query", "word", "--label", "x"), 2),
        (("mark", "indicator--1"), 2),
        (("show",), 2),
        (("export",), 2),
        (("search",), 2),
        (("sync",), 2),
        (("no-such-command",), 2),
        (("product", "new", "--title", "x"), 2),
    ],
)
def test_a_wrong_call_says_what_to_do(home: Home, words: tuple[str, ...], code: int) -> None:
    ended = home(*words)
    assert ended.code == code
    assert ended.error["message"]
    if code == 2:
        assert ended.error["code"] == "usage"
        assert "--help" in ended.error["do"]


def test_a_misspelt_restriction_is_refused_not_ignored(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "label.toml"
    file.write_text(label("Arunika") + "releaseable_to = []\ncolour = 'red'\n")
    ended = home("import", "-", "--label", file, stdin=WHOLE)
    assert ended.code == 1
    assert "releaseable_to" in json.dumps(ended.error)
    assert "colour" in json.dumps(ended.error)


def test_a_few_bad_objects_of_many_are_reported_and_the_rest_stays(tmp_path: Path) -> None:
    home = Home(tmp_path, "Arunika")
    words = ("--name", "Arunika", "--country", "XA", "--root", tmp_path / "a.root", "--unencrypted", "--json")
    assert simpul("--home", home.home, "init", *words).code == 0
    objects: list[dict[str, Any]] = [indicator(f"{n}", f"198.51.{n // 250}.{n % 250}") for n in range(2_000)]
    for n in (3, 777, 1_999):
        del objects[n]["pattern"]
    ended = simpul("--home", home.home, "import", "-", "--tlp", "amber", "--json", stdin=bundle(*objects))
    assert ended.code == 1
    assert (ended.document["stored"], ended.document["refused"]) == (1_997, 3)
    assert sorted({fault["index"] for fault in ended.document["faults"]}) == [3, 777, 1_999]
    assert all("pattern" in fault["path"] + fault["problem"] for fault in ended.document["faults"])


def test_stix_2_0_is_converted_and_its_losses_reported(home: Home) -> None:
    old = {
        "type": "bundle",
        "id": "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d",
        "spec_version": "2.0",
        "objects": [
            {
                "type": "indicator",
                "id": "indicator--26ffb872-1dd9-446e-b6f5-d58527e5b5d2",
                "created": "2016-04-06T20:03:48.000Z",
                "modified": "2016-04-06T20:03:48.000Z",
                "labels": ["malicious-activity"],
                "pattern": "[ipv4-addr:value = '203.0.113.61']",
                "valid_from": "2016-01-01T00:00:00Z",
            }
        ],
    }
    document = home.does("import", "-", "--tlp", "amber", stdin=json.dumps(old).encode())
    assert document["converted"] == 1
    assert document["stored"] >= 1
    for loss in document["losses"]:
        assert set(loss) == {"index", "id", "path", "lost"}


def test_two_contents_of_one_version_are_both_kept_and_reported(home: Home) -> None:
    one = indicator("twice", "203.0.113.62")
    other = {**one, "name": "another name"}
    document = home("import", "-", "--tlp", "amber", stdin=bundle(one, other))
    (fault,) = document.document["faults"]
    assert fault["id"] == one["id"]
    assert (document.document["stored"], document.document["refused"], document.code) == (2, 0, 0)
    several = home("show", one["id"], "--raw")
    assert (several.code, len(several.document["candidates"])) == (1, 2)
