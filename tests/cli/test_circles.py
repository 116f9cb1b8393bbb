"""A circle by commands: every step as one document, the template to a file, and what a label may name then."""

from __future__ import annotations

from typing import Any

from tests.federation.circles import charter
from tests.federation.objects import bundle, indicator, label

KEYS = ["circle", "epoch", "state", "hash", "members", "threshold", "signed", "behind"]
RING = "cli-ring"


def test_a_circle_lives_by_commands_and_labels_name_it(three: Any) -> None:
    b, c = three.b, three.c
    file = three.file("ring.toml", charter("Borealia", "Cendara", id=RING))
    proposed = b.does("circle", "propose", file)
    assert list(proposed) == KEYS
    assert (proposed["epoch"], proposed["state"], len(proposed["signed"])) == (1, "proposed", 1)
    b.sync()
    c.sync()
    assert c.does("circle", "sign", RING)["state"] == "in-force"
    for node in (c, b, c):
        node.sync()
    (listed,) = b.does("circle", "list")
    assert (listed["circle"], listed["state"], listed["behind"]) == (RING, "in-force", [])
    assert b.does("circle", "show", RING, "--terms")["threshold"] == 2
    made = indicator("ringed", "203.0.113.81")
    objects, marking = three.file("ringed.json", bundle(made)), three.file("ringed.toml", label(RING))
    assert b.does("import", objects, "--label", marking)["stored"] == 1
    wrong = b("import", objects, "--label", three.file("wrong.toml", label("no-such-ring")))
    assert (wrong.code, "no-such-ring" in wrong.error["message"]) == (1, True)
    again = b("circle", "sign", RING)
    assert (again.code, again.error["code"]) == (1, "refused")
    assert c.does("circle", "leave", RING)["state"] == "left"
    c.sync()
    b.sync()
    (now,) = b.does("circle", "history", RING)
    assert (now["epoch"], now["state"], len(now["members"])) == (2, "in-force", 1)


def test_the_template_is_printed_or_written_to_a_new_file(three: Any) -> None:
    text = three.b.does("circle", "template")["template"]
    out = three.folder / "charter.toml"
    assert three.b.does("circle", "template", "--out", out) == {"template": str(out)}
    assert out.read_text() == text
    again = three.b("circle", "template", "--out", out)
    assert (again.code, again.error["input"]) == (1, "--out")
