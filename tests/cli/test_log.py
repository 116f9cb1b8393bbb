"""The log by commands, and by its verifier alone on a copied folder."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from simpul import logcheck
from simpul.storage.home import open_home
from tests.cli.conftest import Synced, Three
from tests.cli.program import simpul

KEYS = ["size", "root", "leaves_checked", "ok"]


@pytest.fixture
def copied(three: Three, synced: Synced, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three.a.home / "log", tmp_path / "log"))


def test_the_own_log_verifies(three: Three, synced: Synced) -> None:
    for home in (three.a, three.b, three.c):
        found = home.does("log", "verify")
        assert list(found) == KEYS
        assert found["ok"] is True
        assert found["leaves_checked"] == found["size"] > 0
        assert re.fullmatch("[0-9a-f]{64}", found["root"])


def test_each_step_of_procedure_is_a_leaf(three: Three, synced: Synced) -> None:
    leaves = three.a.does("log", "show")
    assert set(leaves[0]) == {"index", "kind", "at", "leaf", "salt", "content_salt", "content"}
    kinds = {leaf["kind"] for leaf in leaves}
    assert kinds >= {
        "card",
        "user",
        "keys",
        "agreement",
        "import",
        "mark",
        "draft",
        "approval",
        "release",
        "sent",
    }
    assert [leaf["index"] for leaf in leaves] == sorted(leaf["index"] for leaf in leaves)
    assert three.a.does("log", "show", "--last", "2") == leaves[-2:]
    assert {leaf["kind"] for leaf in three.b.does("log", "show")} >= {"received", "admission"}


def test_a_copied_log_verifies_without_a_home(three: Three, copied: Path) -> None:
    shutil.rmtree(copied.parent / "home", ignore_errors=True)
    found = simpul("--home", copied.parent / "none", "log", "verify", copied, "--json")
    assert found.code == 0
    assert found.document == three.a.does("log", "verify")


def test_the_verifier_runs_by_itself_on_a_copied_folder(copied: Path, tmp_path: Path) -> None:
    alone = tmp_path / "logcheck.py"
    shutil.copy(logcheck.__file__, alone)
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _WITHOUT_US, str(alone), str(copied)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    spoiled = next(path for path in sorted((copied / "tile").rglob("*")) if path.is_file())
    data = spoiled.read_bytes()
    spoiled.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    ended = subprocess.run(
        [sys.executable, str(alone), str(copied)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1


_WITHOUT_US = """
import runpy, sys, sysconfig
sys.path.append(sysconfig.get_paths()["purelib"])
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "simpul":
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_any_tampering_is_seen_and_ends_with_1(copied: Path) -> None:
    files = [path for path in sorted(copied.rglob("*")) if path.is_file() and path.stat().st_size]
    # Of a tile that was published while it was growing, the newest checkpoint needs the longest state alone.
    files = [
        p
        for p in files
        if p.parent.suffix != ".p" or int(p.name) == max(int(q.name) for q in p.parent.iterdir())
    ]
    assert files
    for path in files:
        data = path.read_bytes()
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
        ended = simpul("log", "verify", copied, "--json")
        assert ended.code == 1, path
        assert list(ended.document) == KEYS
        assert ended.document["ok"] is False
        path.write_bytes(data)
    assert simpul("log", "verify", copied, "--json").code == 0


def test_a_leaf_changed_in_the_database_is_seen(three: Three, synced: Synced, tmp_path: Path) -> None:
    home = Path(shutil.copytree(three.a.home, tmp_path / "home"))
    opened = open_home(home, kek=three.a.kek)
    key = (opened.database_key or b"").hex()
    opened.close()
    database = dbapi2.connect(str(home / "live.db"))
    database.execute(f"PRAGMA key = \"x'{key}'\"")
    assert database.execute("UPDATE leaf SET content = x'7b7d' WHERE position = 5").rowcount == 1
    database.commit()
    database.close()
    ended = simpul("--home", home, "--kek", three.a.kek, "log", "verify", "--json")
    assert ended.code == 1
    assert ended.document["ok"] is False
    assert "leaf" in ended.err
    assert json.loads(ended.out)["size"] > 0
