"""Charters as people write them: complete, or refused with every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpul.domain.circles import faults
from simpul.errors import InputFault, NotFound, SyntaxFault
from simpul.formats.charters import read_charter, write_charter

PARTIES = {"Arunika": "a" * 50, "Borealia": "b" * 50, "Cendara": "c" * 50}
NAMES = {party: name for name, party in PARTIES.items()}
EXAMPLE = Path("examples/charter.toml").read_bytes()


def party(name: str) -> str:
    if name not in PARTIES:
        raise NotFound(f"no known party is called '{name}'")
    return PARTIES[name]


def pinned(name: str) -> bytes:
    if name != "northern":
        raise NotFound(f"no circle '{name}' is in force here")
    return bytes(range(32))


def read(text: str | bytes) -> object:
    data = text if isinstance(text, bytes) else text.encode()
    return read_charter(data, party=party, pinned=pinned)


def test_the_example_is_fit_to_be_signed_and_reads_back_as_it_is_written() -> None:
    made = read_charter(
        EXAMPLE.replace(b"circles = []", b'circles = ["northern"]'), party=party, pinned=pinned
    )
    assert faults(made) == []
    assert [circle.name for circle in made.circles] == ["northern"]
    assert read(write_charter(made, name_of=NAMES.__getitem__)) == made


def test_the_template_that_is_printed_is_the_example() -> None:
    found = list(Path("src/simpul").rglob("charter.toml"))
    assert [path.read_bytes() for path in found] == [EXAMPLE]


def test_without_a_convener_none_is_named() -> None:
    made = read_charter(EXAMPLE.replace(b'convener = "Arunika"', b""), party=party, pinned=pinned)
    assert made.convener == ""


def test_every_fault_is_named_at_once() -> None:
    text = EXAMPLE.decode()
    text = text.replace('"Cendara"]', '"Dorantia"]').replace("threshold = 2", 'threshold = "two"')
    text = text.replace("circles = []", 'circles = ["southern"]').replace("within = []", "epoch = 3")
    with pytest.raises(InputFault) as fault:
        read(text)
    for word in ("Dorantia", "threshold", "southern", "epoch"):
        assert word in fault.value.message


@pytest.mark.parametrize("data", [b"\xff", b"id = ", b"[" * 5000])
def test_what_is_not_toml_is_a_syntax_fault(data: bytes) -> None:
    with pytest.raises(SyntaxFault):
        read(data)
