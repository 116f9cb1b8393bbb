"""Settings: defaults, file, environment, and faults that say what would be right."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from simpul.config import Settings, describe, explain, load
from simpul.errors import InputFault, SyntaxFault


def _home(tmp_path: Path, text: str) -> Path:
    (tmp_path / "config.toml").write_text(text)
    return tmp_path


def test_without_file_and_environment_the_defaults_hold(tmp_path: Path) -> None:
    assert load(tmp_path / "absent", {}) == Settings()
    assert {row.source for row in explain(tmp_path, {})} == {"default"}


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    home = _home(tmp_path, 'log_quantum = 32\nhttp_listen = "[::1]:8440"\n')
    settings = load(home, {"SIMPUL_LOG_QUANTUM": "16", "SIMPUL_HOME": "elsewhere"})
    assert (settings.log_quantum, settings.http_listen) == (16, "[::1]:8440")


@pytest.mark.parametrize(
    "line",
    [
        "log_quantum = 0",
        "log_quantum = 5000",
        "log_quantum = 1.5",
        "log_quantum = true",
        "log_quantum = '64'",
        "log_quantum = [64]",
        "log_quantum = 2024-01-01",
        "http_listen = 8440",
        "http_listen = 'no port'",
        "http_listen = ':8440'",
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(tmp_path: Path, line: str) -> None:
    home = _home(tmp_path, line)
    name = line.split(" ", maxsplit=1)[0]
    with pytest.raises(InputFault) as caught:
        load(home, {})
    assert caught.value.where == name
    assert caught.value.input == str(home / "config.toml")
    (row,) = [row for row in explain(home, {}) if row.problem]
    assert row.name == name
    assert "the default is" in str(row.problem)


def test_each_fault_is_reported_not_only_the_first(tmp_path: Path) -> None:
    home = _home(tmp_path, "log_quantum = 0\nbusy_wait_seconds = 61\n[relay]\nx = 1\n")
    rows = explain(home, {"SIMPUL_CACHE": "1", "SIMPUL_POLL_INTERVAL_MS": ""})
    assert [row.name for row in rows if row.problem] == [
        "poll_interval_ms",
        "log_quantum",
        "busy_wait_seconds",
        "relay",
        "SIMPUL_CACHE",
    ]


@pytest.mark.parametrize("content", [b"log_quantum = ", b"\xff\xfe", b"#" * (1 << 20) + b"##"])
def test_a_file_that_is_no_toml_is_refused_whole(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(SyntaxFault) as caught:
        load(tmp_path, {})
    assert caught.value.input == str(tmp_path / "config.toml")


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SyntaxFault, match="cannot be read"):
        load(tmp_path, {})


def test_every_setting_has_a_range_and_a_meaning_and_a_default_that_is_in_range() -> None:
    for name, allowed, _, meaning in describe():
        assert allowed, name
        assert meaning.endswith("."), name
    for field in msgspec.structs.fields(Settings):
        msgspec.convert(field.default, field.type)
