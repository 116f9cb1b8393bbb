"""Every transcript beside this file is played as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.transcripts import environment, play, read

HERE = Path(__file__).parent


@pytest.mark.parametrize("file", sorted(HERE.glob("*.txt")), ids=lambda file: file.stem)
def test_the_program_answers_as_the_transcript_says(file: Path, tmp_path: Path) -> None:
    steps = read(file.read_text())
    assert steps
    variables = environment(tmp_path)
    for step in steps:
        play(step, tmp_path, variables)


def test_a_transcript_that_differs_is_refused(tmp_path: Path) -> None:
    for text in (
        "$ printf 'a\\nb\\nc\\n'\na\n...\nd",
        "$ echo a\nb",
        "$ echo a",
        "$ echo a; exit 3\na",
        "$ echo a >&2\na",
    ):
        with pytest.raises(AssertionError, match="line 1"):
            play(read(text)[0], tmp_path, environment(tmp_path))
