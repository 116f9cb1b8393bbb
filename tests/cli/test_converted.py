"""What came as STIX 2.0 by commands: the converted object, and beside it the bytes as they came (law 3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Home, simpul

WHEN = "2016-04-06T20:03:00.000Z"
AUTHOR = "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"
# Spaces, order and escapes are the sender's own: what is kept must be these bytes.
TOOL = (
    '{ "id":"tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","type":"tool",'
    f'"created":"{WHEN}",  "modified":"{WHEN}","name":"VN\\u0043","labels":["remote-access"] }}'
)
OBSERVED = (
    '{"type":"observed-data","id":"observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf",'
    f'"created":"{WHEN}","modified":"{WHEN}","first_observed":"{WHEN}","last_observed":"{WHEN}","number_observed":1,'
    '"objects":{"0":{"type":"process","name":"gone.exe","pid":7,"arguments":["-x"]},'
    '"1":{"type":"ipv4-addr","value":"192.0.2.44"}}}'
)
OBSERVED_ID = "observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf"
TOOL_ID = "tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("converted")
    made = Home(folder, "Arunika")
    words = ("--name", "Arunika", "--country", "XA", "--root", folder / "root")
    assert simpul(*made.options, "init", *words, "--json").code == 0
    return made


@pytest.fixture(scope="module")
def imported(home: Home) -> Any:
    return home("import", "-", "--tlp", "amber", stdin=bundle(TOOL, OBSERVED))


def bundle(*raws: str) -> bytes:
    head = '{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","spec_version":"2.0","objects":['
    return (head + ",\n".join(raws) + "]}").encode()


def test_an_import_says_how_many_were_converted_and_what_was_lost(imported: Any) -> None:
    assert imported.code == 0
    assert imported.document["converted"] == 2
    assert {each["path"] for each in imported.document["losses"]} == {"objects.0.name", "objects.0.arguments"}


@pytest.mark.parametrize(("id", "raw"), [(TOOL_ID, TOOL), (OBSERVED_ID, OBSERVED)])
def test_the_original_is_the_bytes_as_they_came(home: Home, imported: Any, id: str, raw: str) -> None:
    assert simpul(*home.options, "show", id, "--original").out == raw.encode()
    stored = json.loads(simpul(*home.options, "show", id, "--raw").out)
    assert stored["spec_version"] == "2.1"


def test_an_observable_taken_out_of_its_container_has_the_containers_original(
    home: Home, imported: Any
) -> None:
    (found,) = home.does("search", "value:192.0.2.44")["objects"]
    assert found["type"] == "ipv4-addr"
    assert simpul(*home.options, "show", found["id"], "--original").out == OBSERVED.encode()


def test_show_says_from_what_an_object_was_converted_and_what_was_lost(home: Home, imported: Any) -> None:
    (shown,) = home.does("show", OBSERVED_ID)
    assert shown["converted"]["format"] == "stix-2.0"
    assert shown["converted"]["made_by"]
    assert [each["path"] for each in shown["converted"]["losses"]] == [
        "objects.0.name",
        "objects.0.arguments",
    ]
    lines = simpul(*home.options, "show", OBSERVED_ID).out.decode().splitlines()
    assert any("converted from STIX 2.0, 2 losses" in line for line in lines)
    assert any("gone.exe" in line for line in lines)
    assert any(
        "converted from STIX 2.0, 0 losses" in line
        for line in simpul(*home.options, "show", TOOL_ID).out.decode().splitlines()
    )


def test_importing_it_again_changes_nothing(home: Home, imported: Any) -> None:
    again = home.does("import", "-", "--tlp", "amber", stdin=bundle(TOOL, OBSERVED))
    assert (again["stored"], again["known"], again["converted"]) == (0, 4, 2)
    assert simpul(*home.options, "show", TOOL_ID, "--original").out == TOOL.encode()


def test_what_came_as_it_is_stored_has_no_original(home: Home, imported: Any, tmp_path: Path) -> None:
    own = {
        "type": "identity",
        "spec_version": "2.1",
        "id": AUTHOR,
        "created": WHEN,
        "modified": WHEN,
        "name": "Harbour office",
        "identity_class": "organization",
    }
    home.does("import", "-", "--tlp", "amber", stdin=json.dumps([own]).encode())
    ended = home("show", AUTHOR, "--original")
    assert (ended.code, ended.error["code"]) == (1, "not-found")
    (shown,) = home.does("show", AUTHOR)
    assert shown["converted"] is None
    assert home("show", AUTHOR, "--original", "--raw").code == 2


def test_several_renditions_are_candidates_for_both_kinds_of_bytes(home: Home, imported: Any) -> None:
    changed = bundle(TOOL.replace("VN", "another VN"))
    assert home("import", "-", "--tlp", "amber", stdin=changed).document["stored"] == 1
    for option in ("--raw", "--original"):
        ended = home("show", TOOL_ID, option)
        assert (ended.code, ended.error["code"]) == (1, "ambiguous")
        assert len(ended.document["candidates"]) == 2
        said = simpul(*home.options, "show", TOOL_ID, option)
        assert (said.code, said.out) == (1, b"")
        assert all(each in said.err for each in ended.document["candidates"])
