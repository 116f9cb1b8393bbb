"""What the house rules ask of the code and of the documents, where no linter holds it.

The import rule itself is held by import-linter (pyproject.toml); here is what its contracts cannot say.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from simpul.cli.main import COMMANDS
from simpul.config import Settings

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "simpul"
FILES = sorted(SOURCE.rglob("*.py"))
TRACKED_KINDS = {".py", ".md", ".toml", ".txt", ".json", ".html", ".js", ".css", ".sql", ".mako", ""}


def _named(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _imports(file: Path) -> set[str]:
    """The top names of every module that a file imports, at any depth of the code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def _calls(file: Path) -> set[str]:
    """Dotted names of what a file calls."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def test_the_log_verifier_needs_only_the_standard_library_and_cryptography() -> None:
    tops = {name.partition(".")[0] for name in _imports(SOURCE / "logcheck.py")}
    assert tops - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize("file", sorted((SOURCE / "domain").glob("*.py")), ids=lambda file: file.name)
def test_the_domain_has_no_files_sockets_clock_or_randomness(file: Path) -> None:
    outside = {"os", "io", "pathlib", "shutil", "tempfile", "socket", "http", "urllib.request", "subprocess"}
    chance = {"random", "secrets", "time", "uuid.uuid4"}
    assert not (outside | chance) & _imports(file)
    clock = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid4", "uuid.uuid4", "open"}
    assert not clock & _calls(file)


@pytest.mark.parametrize("folder", ["protocol", "analysis", "formats"])
def test_pure_layers_are_told_the_time_and_the_random_bytes(folder: str) -> None:
    for file in sorted((SOURCE / folder).glob("*.py")):
        assert not {"random", "secrets", "time"} & _imports(file), _named(file)
        assert not {"os.urandom", "datetime.now", "datetime.utcnow"} & _calls(file), _named(file)


def test_no_source_file_holds_more_than_one_thing_can_fill() -> None:
    long = {_named(file): len(file.read_text().splitlines()) for file in FILES}
    assert {name: lines for name, lines in long.items() if lines > 600} == {}


def _bodies() -> Iterator[tuple[str, int]]:
    """Each function with the lines of its body, its docstring left out."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0
                yield f"{_named(file)}:{node.name}", lines


def test_functions_are_short() -> None:
    lengths = dict(_bodies())
    assert statistics.median(lengths.values()) <= 7
    assert {name: lines for name, lines in lengths.items() if lines > 80} == {}
    assert sum(lines > 50 for lines in lengths.values()) <= len(lengths) // 100


def test_no_file_is_named_for_nothing() -> None:
    drawers = re.compile(r"(utils?|helpers?|common|misc|manager)s?$")
    assert [_named(file) for file in FILES if drawers.search(file.stem)] == []


def test_the_package_is_at_most_two_levels_deep() -> None:
    data = {"migrations", "templates"}
    deep = [file for file in FILES if len(file.relative_to(SOURCE).parts) > 2]
    assert [_named(file) for file in deep if not data.intersection(file.parts)] == []


def test_the_source_has_no_unfinished_work_and_no_swallowed_exception() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    for file in FILES:
        text = file.read_text()
        assert not marks.search(text), _named(file)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler):
                silent = all(isinstance(one, ast.Pass) for one in node.body)
                assert not silent, f"{_named(file)}:{node.lineno}"


def test_the_tests_skip_nothing_and_patch_nothing() -> None:
    words = [
        "pytest." + "skip",
        "mark." + "skip",
        "x" + "fail(",
        "unittest." + "mock",
        "monkeypatch." + "setattr",
    ]
    for file in sorted((ROOT / "tests").rglob("*.py")):
        text = file.read_text()
        assert [word for word in words if word in text] == [], _named(file)


def _texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository that is ours; other people's data stands in folders named data."""
    apart = {".git", ".venv", "build", "data", "__pycache__"}
    for file in sorted(ROOT.rglob("*")):
        parts = file.relative_to(ROOT).parts
        hidden = any(
            part.startswith(".") and part not in {".ci", ".gitignore", ".editorconfig"} for part in parts
        )
        if file.is_file() and not hidden and not apart.intersection(parts) and file.suffix in TRACKED_KINDS:
            yield file, file.read_text(encoding="utf-8")


def test_no_file_names_the_address_of_a_package_index() -> None:
    address = re.compile(
        r"[a-z]+://[a-z0-9.-]*(" + "|".join(("py" + "pi", "pythonhosted", "npm" + "js", "crates")) + ")"
    )
    assert [_named(file) for file, text in _texts() if address.search(text)] == []


def test_the_pins_are_exact_and_hashed() -> None:
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text()
        assert "://" not in text
        for block in re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL):
            assert re.match(r"[a-z0-9.-]+==[0-9]", block), block
            assert "--hash=sha256:" in block, block


def test_every_dependency_is_pinned_installed_and_accounted_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    pins = (ROOT / "requirements" / "dev.txt").read_text()
    reasons = (ROOT / "docs" / "adr" / "0009-dependencies.md").read_text()
    for requirement in wanted:
        name = re.split(r"[<>=;]", requirement, maxsplit=1)[0].strip()
        assert re.search(rf"^{re.escape(name)}==", pins, re.MULTILINE), name
        assert f"| {name} |" in reasons, name
        assert version(name), name


def test_every_setting_is_read_somewhere() -> None:
    code = "\n".join(file.read_text() for file in FILES if file.name != "config.py")
    unread = [field.name for field in msgspec.structs.fields(Settings) if f".{field.name}" not in code]
    assert unread == []


def test_the_reference_pages_say_what_the_program_says() -> None:
    script = ROOT / "scripts" / "reference.py"
    ended = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()
    decisions = sorted(folder.glob("[0-9]*.md"))
    assert decisions
    assert [file.name for file in decisions if f"({file.name})" not in index] == []
    for file in decisions:
        text = file.read_text()
        headings = ["## Context", "## Options", "## Decision", "## Consequences"]
        assert [heading for heading in headings if heading not in text] == [], file.name


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    named = re.findall(r"`(tests/[\w/.-]+\.(?:py|txt))(?:::(\w+))?`", text)
    assert named
    for path, name in named:
        file = ROOT / path
        assert file.exists(), path
        assert not name or f"def {name}(" in file.read_text(), f"{path}::{name}"


def test_every_command_in_the_documents_exists() -> None:
    known = set(COMMANDS)
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        blocks = re.findall(r"^```(?:sh|console)?\n(.*?)^```", file.read_text(), re.MULTILINE | re.DOTALL)
        for line in "\n".join(blocks).splitlines():
            for found in re.findall(r"(?:^|\$ |\| |\.venv/bin/)simpul (?:--\w[\w-]* \S+ )*([a-z]+)", line):
                assert found in known, f"{_named(file)}: {line}"
