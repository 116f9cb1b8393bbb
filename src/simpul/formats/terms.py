"""Terms that people write in TOML: labels, agreements, and the portions of a product.

    read_label(data, party=…)      one label, completed: what it does not permit it forbids
    read_agreement(data, party=…)  the terms of an agreement, fit to be signed
    read_portions(data, party=…)   the narrative of a product, each portion with its label
    tlp_label(text)                the label that `--tlp` stands for
    write_label, write_agreement   the same terms as TOML again

Every fault of a file is reported at once, each with its path in plain words; a key that is not known is a fault, so
that a misspelt restriction is never silently none. docs/reference/ explains the keys, and examples/ has one complete
file of each.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from simpul.domain.agreements import KEEP, Agreement, Equivalence, Reservation, check
from simpul.domain.labels import (
    LABEL_EXTENT,
    NO_ONWARD,
    Classification,
    Label,
    Onward,
    Tlp,
    complete,
    extent,
    parse_tlp,
)
from simpul.domain.products import Portion
from simpul.errors import SyntaxFault
from simpul.formats.term_tables import Table

Name = Callable[[str], str]
"""From what a person wrote to a fingerprint (raises a `SimpulError`), or back from a fingerprint to a name."""

_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ONWARD_WORDS: Final = {"none": NO_ONWARD, "free": Onward(), "consent": Onward(consent=True)}


class Portions(Struct, frozen=True, kw_only=True):
    """What a portions file says. `sheet` is the label of the cover sheet, if the file states one."""

    sheet: Label | None
    portions: tuple[Portion, ...]


def tlp_label(text: str) -> Label:
    """The label that a TLP alone makes: marked, and released to nobody until an owner says to whom.

    Raises:
        InputFault: no TLP level.
    """
    return complete(Label(tlp=parse_tlp(text)))


def read_label(data: bytes, *, party: Name, input: str = "label") -> Label:
    """Read an owner's label.

    Args:
        data: TOML, as in examples/label.toml.
        party: resolves a party's name to its fingerprint.
        input: what to call the file in messages.

    Raises:
        SyntaxFault: not TOML.
        InputFault: lists every fault.
    """
    table = Table(toml_values(data, input), input=input)
    label = label_in(table, party)
    table.finish("label")
    return complete(label)


def read_restriction(data: bytes, *, party: Name, input: str = "label") -> Label:
    """Read what is to be added to a label: what it does not state restricts nothing. Raises as `read_label`."""
    table = Table(toml_values(data, input), input=input)
    label = label_in(table, party)
    table.finish("label")
    return label


def label_in(table: Table, party: Name) -> Label:
    """The label that a table states, not completed; its faults are noted there."""
    label = _label(table, party)
    _check_extent(table, label)
    return label


def _check_extent(table: Table, label: Label) -> None:
    if extent(label) > LABEL_EXTENT:
        table.fault("", f"says more than the {LABEL_EXTENT} bytes that a label can hold")


def read_agreement(data: bytes, *, party: Name, input: str = "agreement") -> Agreement:
    """Read the terms of an agreement, as in examples/agreement.toml.

    Raises:
        SyntaxFault: not TOML.
        InputFault: lists every fault, also what makes the terms unfit to be signed.
    """
    table = Table(toml_values(data, input), input=input)
    agreement = agreement_in(table, party)
    table.finish("agreement")
    check(agreement)
    return agreement


def agreement_in(table: Table, party: Name) -> Agreement:
    """The terms that a table states; its faults are noted there, and what is unfit to be signed is not looked for."""
    return Agreement(
        id=table.word("id", required=True),
        version=table.integer("version", low=1) or 1,
        title=table.text("title", required=True),
        parties=tuple(sorted(table.names("parties", party, required=True))),
        purposes=table.words("purposes", required=True),
        topics=table.words("topics"),
        compartments=table.words("compartments"),
        tlp_ceiling=table.tlp("tlp_ceiling", required=True) or Tlp.CLEAR,
        levels=levels_in(table, "levels"),
        equivalences=tuple(_equivalence(row) for row in table.tables("equivalence")),
        onward=_onward(table) or NO_ONWARD,
        retention_days=table.integer("retention_days", low=1),
        approvals=table.integer("approvals", low=1) or 1,
        obligations=table.texts("obligations"),
        not_before=table.instant("not_before", required=True) or 0,
        not_after=table.instant("not_after", required=True) or 0,
        suite=table.integer("suite", low=1) or 1,
        reservations=tuple(_reservation(row, party) for row in table.tables("reservation")),
        run_off=table.word("run_off") or KEEP,
        run_off_days=table.integer("run_off_days", low=0) or 0,
        notice_days=table.integer("notice_days", low=0) or 0,
        replaces=_hash(table, "replaces"),
    )


def read_portions(data: bytes, *, party: Name, input: str = "portions") -> Portions:
    """Read the narrative of a product, as in examples/portions.toml.

    Every portion states its own label: there is none to fall back on.

    Raises:
        SyntaxFault: not TOML.
        InputFault: lists every fault.
    """
    table = Table(toml_values(data, input), input=input)
    sheet = table.table("sheet")
    sheet_label = None if sheet is None else _part_label(sheet, party)
    rows = table.tables("portion")
    portions = tuple(
        Portion(number=number, text=row.text("text", required=True), label=_part_label(row, party))
        for number, row in enumerate(rows, 1)
    )
    if not rows:
        table.fault("portion", "no [[portion]] is written")
    table.finish("portions file")
    return Portions(sheet=sheet_label, portions=portions)


def write_label(label: Label, *, name_of: Name = str) -> str:
    """A label as TOML that `read_label` reads back to the same (completed) label."""
    return toml_lines(_label_values(label, name_of))


def write_agreement(agreement: Agreement, *, name_of: Name = str) -> str:
    """Terms as TOML that `read_agreement` reads back to the same terms."""
    rows = "".join("\n[[equivalence]]\n" + toml_lines(row_values(row)) for row in agreement.equivalences)
    kept_out = "".join(
        "\n[[reservation]]\n" + toml_lines(reservation_values(made, name_of))
        for made in agreement.reservations
    )
    return toml_lines(agreement_values(agreement, name_of)) + rows + kept_out


def agreement_values(agreement: Agreement, name_of: Name) -> dict[str, Any]:
    """The terms but for their rows, by the key under which a file states each; a value that is None is not stated."""
    return {
        "id": agreement.id,
        "version": agreement.version,
        "title": agreement.title,
        "parties": [name_of(party) for party in agreement.parties],
        "purposes": sorted(agreement.purposes),
        "topics": sorted(agreement.topics),
        "compartments": sorted(agreement.compartments),
        "tlp_ceiling": agreement.tlp_ceiling.word,
        "onward": _onward_value(agreement.onward),
        "retention_days": agreement.retention_days,
        "approvals": agreement.approvals,
        "obligations": sorted(agreement.obligations),
        "not_before": moment_value(agreement.not_before),
        "not_after": moment_value(agreement.not_after),
        "suite": agreement.suite,
        "run_off": agreement.run_off,
        "run_off_days": agreement.run_off_days or None,
        "notice_days": agreement.notice_days or None,
        "replaces": agreement.replaces.hex() or None,
        "levels": levels_by_scheme(agreement.levels),
    }


def toml_values(data: bytes, input: str) -> dict[str, Any]:
    """The values of a TOML file. Raises `SyntaxFault`."""
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise SyntaxFault("the file is not UTF-8 text", input=input, where=f"byte {error.start}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SyntaxFault(
            f"the file is not TOML: {error}",
            input=input,
            do="compare it with the examples folder",
        ) from error


def _label(table: Table, party: Name) -> Label:
    purposes = table.words("purposes") if table.states("purposes") else None
    return Label(
        tlp=table.tlp("tlp"),
        classification=levels_in(table, "classification"),
        handling=table.chosen("handling", ("H0", "H1", "H2", "H3")),
        handling_text=table.texts("handling_text"),
        releasable_to=_recipients(table, party),
        not_releasable_to=table.names("not_releasable_to", party),
        onward=_onward(table),
        purposes=purposes,
        topics=table.words("topics"),
        compartments=table.words("compartments"),
        expires=table.instant("expires"),
        retention_days=table.integer("retention_days", low=1),
        obligations=table.texts("obligations"),
    )


def _part_label(table: Table, party: Name) -> Label:
    inner = table.table("label", required=True)
    if inner is None:
        return complete(Label())
    return complete(label_in(inner, party))


def _recipients(table: Table, party: Name) -> frozenset[frozenset[str]]:
    """One list of parties, or several of which a recipient must be in every one."""
    if not table.states("releasable_to"):
        return frozenset()
    lists = table.take("releasable_to")
    if isinstance(lists, list) and lists and all(isinstance(each, list) for each in lists):
        paths = [f"releasable_to[{index}]" for index in range(len(lists))]
        return frozenset(table.resolved(path, each, party) for path, each in zip(paths, lists, strict=True))
    return frozenset({table.resolved("releasable_to", lists, party)})


def levels_in(table: Table, key: str) -> frozenset[Classification]:
    """`{ XA = "RAHASIA" }` or `{ XA = ["TERBATAS", "RAHASIA"] }`."""
    inner = table.table(key)
    if inner is None:
        return frozenset()
    return frozenset(
        Classification(scheme, level) for scheme in inner.left() for level in inner.one_or_more(scheme)
    )


def _onward(table: Table) -> Onward | None:
    """`"none"`, `"free"`, `"consent"`, or `{ consent = true, within = ["a circle"] }`."""
    inner = table.table("onward") if table.holds_table("onward") else None
    if inner is not None:
        return Onward(consent=inner.boolean("consent"), within=inner.words("within"))
    if not table.states("onward"):
        return None
    word = table.word("onward")
    if word not in _ONWARD_WORDS:
        table.fault("onward", f"'{word}' is not none, free or consent")
    return _ONWARD_WORDS.get(word, NO_ONWARD)


def _equivalence(row: Table) -> Equivalence:
    return Equivalence(
        given=_one_level(row, "given"),
        becomes=_one_level(row, "becomes"),
        handle_as=row.text("handle_as", required=True),
        since=row.instant("since"),
        until=row.instant("until"),
        footnote=row.text("footnote"),
    )


def _reservation(row: Table, party: Name) -> Reservation:
    name = row.word("party", required=True)
    return Reservation(
        party=next(iter(row.resolved("party", [name], party)), "") if name else "",
        clause=row.word("clause"),
        purposes=row.words("purposes"),
        topics=row.words("topics"),
        levels=levels_in(row, "levels"),
        tlp_ceiling=row.tlp("tlp_ceiling"),
        text=row.text("text"),
    )


def _hash(table: Table, key: str) -> bytes:
    text = table.word(key)
    if text and not _HASH.fullmatch(text):
        table.fault(key, "must be the hash of an agreement: 64 hexadecimal digits")
        return b""
    return bytes.fromhex(text)


def _one_level(row: Table, key: str) -> Classification:
    levels = sorted(levels_in(row, key))
    if len(levels) != 1:
        row.fault(key, 'must name one level, such as { XA = "RAHASIA" }')
        return Classification("", "")
    return levels[0]


def _label_values(label: Label, name_of: Name) -> dict[str, Any]:
    lists = [sorted(map(name_of, names)) for names in label.releasable_to]
    return {
        "tlp": None if label.tlp is None else label.tlp.word,
        "classification": levels_by_scheme(label.classification),
        "handling": sorted(label.handling),
        "handling_text": sorted(label.handling_text),
        "releasable_to": (lists[0] if len(lists) == 1 else sorted(lists)) if lists else None,
        "not_releasable_to": sorted(map(name_of, label.not_releasable_to)),
        "onward": None if label.onward is None else _onward_value(label.onward),
        "purposes": None if label.purposes is None else sorted(label.purposes),
        "topics": sorted(label.topics),
        "compartments": sorted(label.compartments),
        "expires": None if label.expires is None else moment_value(label.expires),
        "retention_days": label.retention_days,
        "obligations": sorted(label.obligations),
    }


def row_values(row: Equivalence) -> dict[str, Any]:
    """A row of the equivalence table by the keys of its file."""
    return {
        "given": {row.given.scheme: [row.given.level]},
        "becomes": {row.becomes.scheme: [row.becomes.level]},
        "handle_as": row.handle_as,
        "since": None if row.since is None else moment_value(row.since),
        "until": None if row.until is None else moment_value(row.until),
        "footnote": row.footnote or None,
    }


def reservation_values(made: Reservation, name_of: Name) -> dict[str, Any]:
    """A reservation by the keys of its file."""
    return {
        "party": name_of(made.party),
        "clause": made.clause or None,
        "purposes": sorted(made.purposes) or None,
        "topics": sorted(made.topics) or None,
        "levels": levels_by_scheme(made.levels),
        "tlp_ceiling": None if made.tlp_ceiling is None else made.tlp_ceiling.word,
        "text": made.text or None,
    }


def levels_by_scheme(levels: Iterable[Classification]) -> dict[str, list[str]]:
    """Levels as `levels_in` reads them."""
    found: dict[str, list[str]] = {}
    for level in sorted(levels):
        found.setdefault(level.scheme, []).append(level.level)
    return found


def _onward_value(rule: Onward) -> str | dict[str, Any]:
    if rule.none:
        return "none"
    if rule.within:
        return {"consent": rule.consent, "within": sorted(rule.within)}
    return "consent" if rule.consent else "free"


def moment_value(at: int) -> datetime:
    """Microseconds UTC as the moment that TOML writes."""
    return _EPOCH + timedelta(microseconds=at)


def toml_lines(values: Mapping[str, Any]) -> str:
    """One line a value that is neither None nor an empty table."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items() if value not in (None, {}))


def _value(value: Any) -> str:
    """One value as TOML. JSON's texts are TOML's basic strings but for DEL, which it leaves unescaped."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_value(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
