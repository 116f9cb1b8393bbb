"""An agreement's life by commands: every step as one document, the template to a file, what differs and what happened."""

from __future__ import annotations

from typing import Any

from tests.federation.objects import agreement

KEYS = ["agreement", "version", "hash", "state"]


def goes(one: Any, other: Any) -> None:
    """What the one said reaches the other."""
    one.sync()
    other.sync()


def test_an_agreement_lives_by_commands_and_both_tell_the_same_of_it(three: Any) -> None:
    b, c = three.b, three.c
    for id in ("life", "no"):
        b.does("agreement", "propose", three.file(f"{id}.toml", agreement("Borealia", "Cendara", id=id)))
    goes(b, c)
    declined = c.does("agreement", "decline", "no", "--reason", "not this year")
    assert (list(declined), declined["state"]) == (KEYS, "withdrawn")
    other = three.file("other.toml", agreement("Borealia", "Cendara", id="life", ceiling="green"))
    countered = c.does("agreement", "counter", "life", other)
    assert (list(countered), countered["version"], countered["state"]) == (KEYS, 2, "proposed")
    goes(c, b)
    assert b.does("agreement", "diff", "life") == [
        {"clause": "tlp_ceiling", "before": "amber+strict", "after": "green"}
    ]
    b.does("agreement", "sign", "life")
    halted = b.does("agreement", "suspend", "life", "--reason", "an inquiry")
    assert halted == countered | {"state": "suspended"}
    assert b.does("agreement", "resume", "life") == halted
    goes(b, c)
    assert c.does("agreement", "resume", "life")["state"] == "in-force"
    assert c.does("agreement", "denounce", "life", "--reason", "enough")["state"] == "denounced"
    refused = c("agreement", "resume", "life")
    assert (refused.code, refused.error["where"]) == (1, "agreement.state")
    goes(c, b)
    goes(b, c)
    told = b.does("agreement", "history", "life")
    assert told == c.does("agreement", "history", "life")
    assert all(list(each) == ["at", "step", "by", "version", "hash", "state_after"] for each in told)
    steps = [each["step"] for each in told]
    assert steps[:5] == ["propose", "counter", "sign", "suspend", "resume"]
    assert sorted(steps[5:]) == ["acknowledge", "acknowledge", "denounce", "resume"]


def test_the_template_is_printed_or_written_to_a_new_file(three: Any) -> None:
    text = three.b.does("agreement", "template")["template"]
    out = three.folder / "bilateral.toml"
    assert three.b.does("agreement", "template", "bilateral", "--out", out) == {"template": str(out)}
    assert out.read_text() == text
    again = three.b("agreement", "template", "--out", out)
    assert (again.code, again.error["input"]) == (1, "--out")
