"""The tutorial and the README's tour are played as they stand, on a free port in place of the one that they print."""

from __future__ import annotations

import os
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

from tests.cli.transcripts import environment, play, read

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-exchange.md"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_the_first_exchange_goes_as_the_tutorial_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    steps = read("".join(blocks).replace("127.0.0.1:8470", f"127.0.0.1:{_free_port()}"))
    variables = environment(tmp_path)
    try:
        for step in steps:
            play(step, tmp_path, variables)
    finally:
        found = re.search(r'"pid": *(\d+)', (tmp_path / "relay.ready").read_text())
        with suppress(ProcessLookupError):
            if found:
                os.kill(int(found[1]), signal.SIGTERM)


def test_the_five_minutes_of_the_readme_go_by_hand(tmp_path: Path) -> None:
    (block,) = re.findall(
        r"^```sh\n(simpul init .*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    variables = environment(tmp_path)
    for step in read("".join(f"$ {line}\n...\n" for line in block.splitlines())):
        play(step, tmp_path, variables)
