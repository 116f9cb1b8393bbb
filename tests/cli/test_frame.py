"""What every command shares, tried with commands made for it."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from msgspec import Struct

from simpul.cli.frame import Actor, Call, Command, Group, acting, framed
from simpul.cli.main import COMMANDS, as_error, simpul
from simpul.cli.output import Output, instant, plain, printable, table
from simpul.errors import Ambiguous, InputFault, PolicyRefusal


class Thing(Struct, frozen=True, kw_only=True):
    id: bytes
    path: Path
    parts: tuple[int, ...]


@click.group("top", cls=Group)
def top() -> None: ...


@top.command("place")
@framed
def place(call: Call) -> None:
    kek, passphrase = call.kek, call.home_passphrase_file
    call.output.document({"home": call.home, "kek": kek, "passphrase": passphrase, "json": call.json})


@top.command("act")
@acting(required=True)
@framed
def act(call: Call, actor: Actor) -> None:
    call.output.document({"user": actor.user, "passphrase": actor.passphrase()})


@top.command("look")
@acting(required=False)
@framed
def look(call: Call, actor: Actor | None) -> None:
    call.output.document({"user": actor and actor.user})


def _run(*words: str, env: dict[str, str] | None = None) -> Any:
    result = CliRunner().invoke(top, words, env=env, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "--home", "h", "--kek", "k", "place"),
        ("place", "--json", "--home", "h", "--kek", "k"),
        ("--home", "h", "place", "--kek", "k", "--json"),
        ("--home", "x", "--kek", "x", "place", "--home", "h", "--kek", "k", "--json"),
    ],
)
def test_shared_options_stand_before_and_after_the_command(words: tuple[str, ...]) -> None:
    assert _run(*words) == {"home": "h", "kek": "k", "passphrase": None, "json": True}


def test_the_environment_serves_where_no_option_was_given() -> None:
    env = {"SIMPUL_HOME": "eh", "SIMPUL_KEK_FILE": "ek", "SIMPUL_HOME_PASSPHRASE_FILE": "ep"}
    assert _run("place", "--json", "--kek", "k", env=env) == {
        "home": "eh",
        "kek": "k",
        "passphrase": "ep",
        "json": True,
    }


def test_the_acting_users_passphrase_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(b"correct horse\r\nsecond line\n")
    found = _run("act", "--as", "ana", "--passphrase-file", str(file), "--json")
    assert bytes.fromhex(found["passphrase"]) == b"correct horse"


@pytest.mark.parametrize("content", [b"", b"\nlater", b"x" * 5000])
def test_a_file_without_a_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    with pytest.raises(InputFault) as caught:
        CliRunner().invoke(top, ["act", "--as", "a", "--passphrase-file", str(file)], catch_exceptions=False)
    assert caught.value.where == str(file)


def test_without_a_terminal_nobody_is_asked() -> None:
    with pytest.raises(InputFault) as caught:
        CliRunner().invoke(top, ["act", "--as", "ana"], catch_exceptions=False)
    assert caught.value.do == "give --passphrase-file FILE"


def test_an_unreadable_passphrase_file_is_named(tmp_path: Path) -> None:
    call = Call(home=tmp_path, kek=None, home_passphrase_file=tmp_path / "none", output=Output(json=True))
    with pytest.raises(InputFault) as caught:
        call.home_passphrase(ask=False)
    assert caught.value.input == "--home-passphrase-file"
    without = Call(home=tmp_path, kek=None, home_passphrase_file=None, output=Output(json=True))
    assert without.home_passphrase(ask=False) is None
    with pytest.raises(InputFault):
        without.home_passphrase(ask=True)


def test_a_required_user_that_is_missing_is_a_usage_error() -> None:
    assert CliRunner().invoke(top, ["act"]).exit_code == 2
    assert CliRunner().invoke(top, ["look", "--passphrase-file", "f"]).exit_code == 2
    assert _run("look", "--json") == {"user": None}


def test_every_line_of_the_help_equals_the_commands_own() -> None:
    context = click.Context(simpul)
    for name, (_, line) in COMMANDS.items():
        command = simpul.get_command(context, name)
        assert command is not None
        assert (command.name, command.short_help) == (name, line)
        assert isinstance(command, Command | Group)


def test_bytes_structs_and_paths_become_json() -> None:
    thing = Thing(id=b"\x0a\xff", path=Path("a/b"), parts=(1, 2))
    assert plain({"one": thing, "many": [thing], "none": None}) == {
        "one": {"id": "0aff", "path": "a/b", "parts": [1, 2]},
        "many": [{"id": "0aff", "path": "a/b", "parts": [1, 2]}],
        "none": None,
    }


def test_a_partners_text_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\u202ec\x9b\tn\n") == "a\\x1b[2Jb\\u202ec\\x9b\tn\n"
    (_, _, row) = table(("title",), [("\x1b[31m[bold]red[/bold]",)])
    assert row.strip() == "\\x1b[31m[bold]red[/bold]"


def test_times_are_rfc_3339_in_utc() -> None:
    assert instant(0) == "1970-01-01T00:00:00.000Z"
    assert instant(1_700_000_000_123_456) == "2023-11-14T22:13:20.123Z"


def test_without_json_a_document_is_names_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).document({"ok": True, "n": None, "tags": ["a", "b"], "rows": [{"x": 1}, {"y": "z"}]})
    assert capsys.readouterr().out.splitlines()[:3] == ["ok    yes", "n     -", "tags  a, b"]


def test_a_document_can_stand_alone_at_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as caught:
        Output(json=True).finish({"ok": False}, ok=False)
    assert caught.value.exit_code == 1
    assert capsys.readouterr().out == '{"ok":false}\n'


def test_an_error_names_input_place_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    error = PolicyRefusal("the ceiling is amber", input="product 1", where="clause tlp", do="release a cut")
    Output(json=False).failure(error)
    assert capsys.readouterr().err == (
        "simpul: the ceiling is amber (product 1, clause tlp)\n  What to do: release a cut.\n"
    )
    Output(json=True).failure(Ambiguous("two fit", candidates=["a", "b"]))
    assert json.loads(capsys.readouterr().out)["candidates"] == ["a", "b"]


def test_a_defect_says_where_but_not_what() -> None:
    with pytest.raises(AttributeError) as caught:
        plain(object())
    error = as_error(ValueError("the secret content").with_traceback(caught.tb))
    assert "secret" not in json.dumps(error.document())
    assert error.code == "internal"
    assert str(error.where).startswith("output.py:")


def test_what_the_system_refuses_is_said_in_our_words() -> None:
    full = as_error(OSError(errno.ENOSPC, "No space left on device", "store.db"))
    assert (full.code, full.input) == ("storage-full", "store.db")
    denied = as_error(PermissionError(errno.EACCES, "Permission denied", "out.json"))
    assert (denied.code, denied.input) == ("bad-input", "out.json")


def test_help_comes_at_once_and_imports_no_command() -> None:
    code = (
        "import sys\nfrom simpul.cli.main import run\ntry:\n    run(['--help'])\n"
        "except SystemExit:\n    print([m for m in ('rich', 'msgspec', 'sqlalchemy', 'litestar') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "simpul", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.5
