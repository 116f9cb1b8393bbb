"""National overlays that people write in TOML (docs/reference/overlay.md, examples/overlay.toml).

    read_overlay(data, party=…)    the rules, fit to be adopted; every fault is reported at once
    write_overlay(overlay)         the same rules as TOML again
    overlay_in(table, party)       the same reading inside another file

A condition that a restriction could switch off ("TLP at most …", "without the topic …") has no key here. Who writes one is
told why, since leaving it out would make another rule (`domain.overlays`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from simpul.domain.clauses import DEFAULT_APPROVALS, Outcome
from simpul.domain.overlays import HANDLING_CODES, THEN, Overlay, OverlayRule, When, faults, when_values
from simpul.formats.term_tables import Table
from simpul.formats.terms import Name, levels_by_scheme, levels_in, moment_value, toml_lines, toml_values

_OPENING: Final = {
    "tlp_to": "tlp_from",
    "tlp_at_most": "tlp_from",
    "tlp_below": "tlp_from",
    "except_topics": "topics",
    "except_compartments": "compartments",
    "except_levels": "levels",
    "except_handling": "handling",
    "unmarked": "tlp_from",
}
"""Conditions that people expect and that must not be, with the key that asks for what a label has."""

_LISTS: Final = frozenset(
    field.name for field in msgspec.structs.fields(When) if field.default == frozenset()
)
"""Conditions that hold a list: an empty one would hold of nothing, or of everything, and is refused."""


def read_overlay(data: bytes, *, party: Name, input: str = "overlay") -> Overlay:
    """Read an overlay, as in examples/overlay.toml.

    Args:
        data: TOML.
        party: resolves the name of a party to its fingerprint, and the name of a circle to itself.
        input: what to call the file in messages.

    Raises:
        SyntaxFault: not TOML.
        InputFault: lists every fault, also what makes the rules unfit to be adopted.
    """
    table = Table(toml_values(data, input), input=input)
    overlay = overlay_in(table, party)
    for fault in faults(overlay):
        path, problem = fault.split(": ", 1)
        if not table.faulted(path):  # what was read as the emptiest value was reported already
            table.fault(path, problem)
    table.finish("overlay")
    return overlay


def overlay_in(table: Table, party: Name) -> Overlay:
    """The rules that a table states; its faults are noted there, and what `domain.overlays.faults` says is not asked."""
    who = sorted(table.resolved("party", [table.word("party", required=True)], party))
    rows = table.tables("rule")
    if not rows:
        table.fault("rule", "no [[rule]] is written")
    return Overlay(
        party=who[0] if who else "",
        version=table.integer("version", low=1) or 1,
        title=table.text("title", required=True),
        rules=tuple(_rule(row, party) for row in rows),
    )


def write_overlay(overlay: Overlay, *, name_of: Name = str) -> str:
    """An overlay as TOML that `read_overlay` reads back to the same rules."""
    head = {"party": name_of(overlay.party), "version": overlay.version, "title": overlay.title}
    return toml_lines(head) + "".join(_rule_lines(rule, name_of) for rule in overlay.rules)


def _rule(row: Table, party: Name) -> OverlayRule:
    word = row.word("then", required=True)
    if word and word not in THEN:
        row.fault("then", f"'{word}' is not one of {', '.join(THEN)}: an overlay may only restrict")
    inner = row.table("when")
    return OverlayRule(
        id=row.word("id", required=True),
        then=THEN.get(word, Outcome.DENY),
        when=When() if inner is None else _when(inner, party),
        approvals=row.integer("approvals", low=1) or DEFAULT_APPROVALS,
        note=row.text("note"),
    )


def _when(table: Table, party: Name) -> When:
    written = table.left()
    for key in set(written).intersection(_OPENING):
        table.take(key)
        table.fault(key, f"adding a restriction to a label could switch this off; write {_OPENING[key]}")
    when = When(
        recipients=table.names("recipients", party),
        except_recipients=table.names("except_recipients", party),
        originators=table.names("originators", party),
        except_originators=table.names("except_originators", party),
        purposes=table.words("purposes"),
        except_purposes=table.words("except_purposes"),
        topics=table.words("topics"),
        compartments=table.words("compartments"),
        handling=table.chosen("handling", HANDLING_CODES),
        levels=levels_in(table, "levels"),
        tlp_from=table.tlp("tlp_from"),
        since=table.instant("since"),
        until=table.instant("until"),
    )
    for key in _LISTS.intersection(written):
        if not getattr(when, key) and not table.faulted(table.path(key)):
            table.fault(key, "is empty: leave the line out if it does not matter")
    return when


def _rule_lines(rule: OverlayRule, name_of: Name) -> str:
    values: dict[str, Any] = {
        "id": rule.id,
        "then": rule.then.word,
        "approvals": rule.approvals if rule.approvals != DEFAULT_APPROVALS else None,
        "note": rule.note or None,
    }
    conditions = _conditions(rule.when, name_of)
    when = f"[rule.when]\n{toml_lines(conditions)}" if conditions else ""
    return "\n[[rule]]\n" + toml_lines(values) + when


def _conditions(when: When, name_of: Name) -> dict[str, Any]:
    values = when_values(when)
    for key in ("recipients", "except_recipients", "originators", "except_originators"):
        if key in values:
            values[key] = sorted(map(name_of, values[key]))
    for key in ("since", "until"):
        if key in values:
            values[key] = moment_value(values[key])
    if when.levels:
        values["levels"] = levels_by_scheme(when.levels)
    return values
