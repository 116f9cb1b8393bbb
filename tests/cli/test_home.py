"""A node's beginning by commands: home, cards, people, agreements; options before, after and by the environment."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Home, simpul
from tests.federation.objects import agreement

PARTY = re.compile("[0-9a-f]{50}")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A home under a key file, and the document of its `init`."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "passphrase").write_text("laras has a long passphrase\n")
    home = Home(folder, "Arunika")
    ended = simpul(
        "--json", "init", *home.options, "--name", "Arunika", "--country", "XA", "--root", folder / "a.root",
        "--relay", "http://127.0.0.1:9/", "http://127.0.0.1:10",
    )  # fmt: skip
    assert ended.code == 0, ended.out
    home.party = ended.document["party"]
    return home, ended.document


def test_init_makes_an_encrypted_home_and_keeps_the_root_outside(made: Any) -> None:
    home, document = made
    assert set(document) == {"party", "fingerprint"}
    assert document["party"] == document["fingerprint"]
    assert PARTY.fullmatch(document["party"])
    root = home.folder / "a.root"
    assert stat.S_IMODE(root.stat().st_mode) == 0o600
    secret = root.read_text().split()[-1]
    for path in home.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not data.startswith(b"SQLite format 3")
            assert secret.encode() not in data
            assert bytes.fromhex(secret) not in data


def test_init_harms_nothing_that_is_there(made: Any) -> None:
    home, _ = made
    words = ("init", "--name", "X", "--country", "XA", "--json")
    again = simpul(*home.options, *words, "--root", home.folder / "other.root")
    assert (again.code, again.error["code"]) == (1, "bad-input")
    over = simpul("--home", home.folder / "n", "--kek", home.kek, *words, "--root", home.folder / "a.root")
    assert over.code == 1
    inside = simpul("--home", home.folder / "n", "--kek", home.kek, *words, "--root", home.folder / "n" / "r")
    assert inside.code == 1
    assert simpul(*home.options, "status", "--json").code == 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--name", "X", "--country", "XA"),
        ("--name", "X", "--country", "XA", "--root", "r"),
        ("--name", "X", "--country", "XA", "--root", "r", "--kek", "k", "--unencrypted"),
    ],
)
def test_init_called_wrongly_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = simpul("--home", "h", "init", *words, "--json", cwd=tmp_path)
    assert ended.code == 2
    assert ended.error["code"] == "usage"
    assert list(tmp_path.iterdir()) == []


def test_a_home_under_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    (tmp_path / "right").write_text("a long passphrase\n")
    (tmp_path / "wrong").write_text("another passphrase\n")
    words = ("--name", "Dunmark", "--country", "XD", "--root", "d.root", "--json")
    made = simpul("--home", "d", "--home-passphrase-file", "right", "init", *words, cwd=tmp_path)
    assert made.code == 0
    opened = simpul("status", "--home", "d", "--json", "--home-passphrase-file", "right", cwd=tmp_path)
    assert opened.document["party"] == made.document["party"]
    locked = simpul("status", "--home", "d", "--json", "--home-passphrase-file", "wrong", cwd=tmp_path)
    assert (locked.code, locked.error["code"]) == (1, "home-locked")
    none = simpul("status", "--home", "d", "--json", cwd=tmp_path)
    assert (none.code, none.error["code"]) == (1, "home-locked")
    env = {"SIMPUL_HOME": "d", "SIMPUL_HOME_PASSPHRASE_FILE": "right"}
    assert simpul("status", "--json", env=env, cwd=tmp_path).document == opened.document


def test_an_unencrypted_home_needs_no_key(tmp_path: Path) -> None:
    words = ("--name", "Dunmark", "--country", "XD", "--root", "d.root", "--json")
    assert simpul("--home", "d", "init", *words, "--unencrypted", cwd=tmp_path).code == 0
    assert simpul("--home", "d", "status", "--json", cwd=tmp_path).document["name"] == "Dunmark"


def test_options_stand_before_and_after_the_command_or_in_the_environment(made: Any) -> None:
    home, _ = made
    where = ("--home", home.home, "--kek", home.kek)
    ways = [
        simpul(*where, "--json", "status"),
        simpul("status", *where, "--json"),
        simpul("--json", "status", *where),
        simpul("status", "--json", env={"SIMPUL_HOME": str(home.home), "SIMPUL_KEK_FILE": str(home.kek)}),
        simpul("--home", "elsewhere", "status", *where, "--json"),
    ]
    assert {each.code for each in ways} == {0}
    assert len({each.out for each in ways}) == 1


def test_a_home_that_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    ended = simpul("--home", tmp_path / "none", "status", "--json")
    assert (ended.code, ended.error["code"]) == (1, "not-found")
    assert str(tmp_path / "none") in json.dumps(ended.error)


def test_the_wrong_key_opens_nothing(made: Any, tmp_path: Path) -> None:
    home, _ = made
    words = ("--name", "Dunmark", "--country", "XD", "--root", tmp_path / "d.root", "--json")
    assert simpul("--home", tmp_path / "d", "--kek", tmp_path / "d.kek", "init", *words).code == 0
    ended = simpul("--home", home.home, "--kek", tmp_path / "d.kek", "status", "--json")
    assert (ended.code, ended.error["code"]) == (1, "home-locked")


# cards


def test_a_card_goes_by_file_and_its_fingerprint_by_mouth(made: Any, tmp_path: Path) -> None:
    home, _ = made
    shown = home.does("card", "show", "--out", tmp_path / "a.card")
    assert shown["party"] == shown["fingerprint"] == home.party
    assert shown["relays"] == ["http://127.0.0.1:9", "http://127.0.0.1:10"]
    other = Home(tmp_path, "Dunmark")
    words = ("--name", "Dunmark", "--country", "XD", "--root", tmp_path / "d.root", "--json")
    assert simpul(*other.options, "init", *words).code == 0
    wrong = other("card", "add", tmp_path / "a.card", "--fingerprint", "0" * 50)
    assert (wrong.code, wrong.error["where"]) == (1, "fingerprint")
    assert len(other.does("card", "list")) == 1
    spoken = f"{home.party[:25].upper()} {home.party[25:]}"
    assert other.does("card", "add", tmp_path / "a.card", "--fingerprint", spoken)["party"] == home.party
    assert [each["name"] for each in other.does("card", "list")] == ["Dunmark", "Arunika"]


def test_a_card_is_renewed_by_the_root_and_with_new_relays(made: Any, tmp_path: Path) -> None:
    home, _ = made
    root = home.folder / "a.root"
    renewed = home.does("card", "renew", "--root", root, "--relay", "http://127.0.0.1:11")
    assert (renewed["version"], renewed["relays"]) == (2, ["http://127.0.0.1:11"])
    kept = home.does("card", "renew", "--root", root)
    assert (kept["version"], kept["relays"]) == (3, ["http://127.0.0.1:11"])
    (tmp_path / "no.root").write_text("nothing\n")
    assert home("card", "renew", "--root", tmp_path / "no.root").error["input"] == "--root"


# people


def test_people_are_added_listed_and_change_their_passphrase(made: Any, tmp_path: Path) -> None:
    home, _ = made
    added = home.does("user", "add", "laras", "--passphrase-file", home.passphrase)
    assert home.does("user", "list") == [added]
    assert set(added) == {"user", "role", "key", "created"}
    assert re.fullmatch("[0-9a-f]{64}", added["key"])
    taken = home("user", "add", "laras", "--passphrase-file", home.passphrase)
    assert taken.code == 1
    (tmp_path / "new").write_text("another long passphrase\n")
    changing = ("user", "passphrase", "laras", "--new-passphrase-file", tmp_path / "new")
    changed = home.does(*changing, "--passphrase-file", home.passphrase)
    assert changed["key"] == added["key"]
    assert home(*changing, "--passphrase-file", home.passphrase).error["message"] == "the passphrase is wrong"
    (tmp_path / "short").write_text("short\n")
    short = home("user", "add", "bima", "--passphrase-file", tmp_path / "short")
    assert (short.code, short.error["input"]) == (1, "--passphrase-file")
    alone = home("user", "add", "bima")
    assert (alone.code, alone.error["do"]) == (1, "give --passphrase-file FILE")


# agreements


def test_an_agreement_is_proposed_shown_listed_and_signed(three: Any) -> None:
    file = three.file("more.toml", agreement("Borealia", "Cendara", id="more"))
    keys = ["agreement", "version", "hash", "state"]
    proposed = three.b.does("agreement", "propose", file)
    assert list(proposed) == keys
    assert (proposed["agreement"], proposed["version"], proposed["state"]) == ("more", 1, "proposed")
    assert re.fullmatch("[0-9a-f]{64}", proposed["hash"])
    assert three.b("agreement", "propose", file).code == 1
    three.b.sync()
    three.c.sync()
    signed = three.c.does("agreement", "sign", "more")
    assert signed == proposed | {"state": "in-force"}
    three.c.sync()
    three.b.sync()
    assert three.b.does("agreement", "show", proposed["hash"][:8]) == signed
    listed = three.b.does("agreement", "list")
    assert signed in listed
    assert all(list(each) == keys for each in listed)


def test_terms_that_do_not_read_are_refused_with_their_place(three: Any) -> None:
    for text, where in (
        (agreement("Borealia", "Nowhere", id="bad"), "Nowhere"),
        (agreement("Arunika", "Cendara", id="bad"), "parties"),
        ("id = [", "bad-terms.toml"),
    ):
        ended = three.b("agreement", "propose", three.file("bad-terms.toml", text))
        assert ended.code == 1
        assert where in json.dumps(ended.error)
    assert all(each["agreement"] != "bad" for each in three.b.does("agreement", "list"))
