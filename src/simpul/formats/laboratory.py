"""Laboratory files: YAML → `domain.laboratory.Laboratory`.

    read_laboratory(data)   every fault at once, each with its path: `cases[3].label.tlp: 'orange' is not a TLP level`

Agreements, overlays and labels have the keys of their TOML files and are read by the same readers. Parties bear short
names; a party without a fingerprint of its own gets one that follows from its name, so that a file means the same
everywhere. docs/reference/laboratory.md explains the keys, examples/laboratory.yaml has a case for every clause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from simpul.domain import agreements, overlays
from simpul.domain.agreements import Agreement
from simpul.domain.clauses import Outcome
from simpul.domain.labels import Classification, Label, complete, join, join_all
from simpul.domain.laboratory import Case, Expected, Laboratory
from simpul.domain.overlays import Overlay
from simpul.domain.parties import FINGERPRINT_HEX, is_fingerprint
from simpul.domain.schemes import FormerName, Level, Scheme, scheme_faults, unknown_levels
from simpul.domain.tlp_markings import TLP_MARKINGS
from simpul.errors import NotFound, SyntaxFault
from simpul.formats.markings import read_definition
from simpul.formats.overlays import overlay_in
from simpul.formats.plain_yaml import read_yaml
from simpul.formats.term_tables import TextTable
from simpul.formats.terms import agreement_in, label_in

_HEX: Final = frozenset("0123456789abcdef")
OUTCOMES: Final = tuple(outcome.word for outcome in Outcome)


def read_laboratory(data: bytes, *, input: str = "laboratory") -> Laboratory:
    """Read a laboratory file.

    Raises:
        TooLarge, SyntaxFault: not one plain YAML table.
        InputFault: lists every fault: of the file, and of terms and rules that nobody could sign or adopt.
    """
    value = read_yaml(data, input=input)
    if not isinstance(value, dict):
        raise SyntaxFault(
            "the file is not one table", input=input, do="compare it with examples/laboratory.yaml"
        )
    return _Reading(TextTable(value, input=input)).laboratory()


def fingerprint_of(name: str) -> str:
    """The fingerprint of a party that states none: it follows from the name."""
    return hashlib.sha256(b"simpul laboratory party 1\0" + name.encode()).hexdigest()[:FINGERPRINT_HEX]


class _Reading:
    """One file while it is read."""

    def __init__(self, table: TextTable) -> None:
        self._table = table
        self._parties: dict[str, str] = {}
        self._circles: dict[str, frozenset[str] | None] = {}

    def laboratory(self) -> Laboratory:
        self._parties = dict(self._read_parties())
        self._circles = self._read_circles()
        terms = [self._agreement(each) for each in _rows(self._table, "agreements", "id")]
        rules = [self._overlay(each) for each in _rows(self._table, "overlays", "party")]
        schemes = [_scheme(each) for each in _rows(self._table, "schemes", "id")]
        cases = [self._case(each) for each in self._table.tables("cases")]
        if not cases:
            self._table.fault("cases", "none is stated")
        if not self._table.faulty:
            self._judge(terms, rules, schemes, cases)
        self._table.finish("laboratory file")
        return Laboratory(
            parties=self._parties,
            circles=self._circles,
            agreements=tuple(terms),
            overlays={each.party: each for each in rules},
            cases=tuple(cases),
        )

    # Who is who.

    def _read_parties(self) -> Iterator[tuple[str, str]]:
        """`[Arunika, { name: Borealia, fingerprint: … }]`, or `{ Arunika: null, B: { name: Borealia } }` by short name."""
        if self._table.holds_table("parties"):
            inner = self._table.table_or_empty("parties")
            for short in inner.left():
                stated = inner.table_or_empty(short) if inner.holds_table(short) else None
                own = inner.word(short) if stated is None else self._stated(stated)
                if stated is None and set(own) - _HEX:
                    own = ""  # a longer name, for people
                yield short, self._own(f"parties.{short}", own) or fingerprint_of(short)
            return
        rows = self._table.rows_or_names("parties", "name")
        if not rows:
            self._table.fault("parties", "none is stated")
        seen = set[str]()
        for index, row in enumerate(rows):
            name = row.word("name", required=True)
            own = self._stated(row)
            if name in seen:
                row.fault("name", f"'{name}' stands twice")
            seen.add(name)
            yield name, self._own(f"parties[{index}].fingerprint", own) or fingerprint_of(name)

    @staticmethod
    def _stated(row: TextTable) -> str:
        """The fingerprint that a party's table states, if any; its name and country are for people."""
        row.word("name")
        row.word("country")
        return row.word("fingerprint")

    def _own(self, path: str, fingerprint: str) -> str:
        if fingerprint and not is_fingerprint(fingerprint):
            self._table.fault(path, f"'{fingerprint}' is not a fingerprint of {FINGERPRINT_HEX} digits")
        return fingerprint

    def _read_circles(self) -> dict[str, frozenset[str] | None]:
        """Circles by name; one that is named in another one lends it its members."""
        inner = self._table.table_or_empty("circles")
        named: dict[str, list[str] | None] = {}
        for name in inner.left():
            if name in self._parties:
                inner.fault(name, "is the name of a party")
            if inner.holds_table(name):
                named[name] = inner.table_or_empty(name).take_list("members", required=True)
            else:
                named[name] = inner.take_list(name) if inner.holds(name) else inner.take(name)
        return {name: self._members(name, named, ()) for name in named}

    def _members(
        self, circle: str, named: Mapping[str, list[str] | None], within: tuple[str, ...]
    ) -> frozenset[str] | None:
        listed = named[circle]
        if listed is None:
            return None
        if circle in within:
            self._table.fault(f"circles.{circle}", "contains itself")
            return frozenset()
        found: set[str] = set()
        for name in listed:
            if name in self._parties:
                found.add(self._parties[name])
            elif name in named:
                found |= self._members(name, named, (*within, circle)) or frozenset()
            else:
                self._table.fault(f"circles.{circle}", f"'{name}' is neither a party nor a circle")
        return frozenset(found)

    def _party(self, name: str) -> str:
        """The fingerprint of a party; a circle is called by its name."""
        if name in self._parties:
            return self._parties[name]
        if name in self._circles:
            return name
        raise NotFound(f"'{name}' is neither a party nor a circle of this file", input=name)

    def _one(self, table: TextTable, key: str, otherwise: str) -> str:
        """The party that a key names, or `otherwise`."""
        name = table.word(key)
        if name and name not in self._parties:
            table.fault(key, f"'{name}' is not a party of this file")
        return self._parties.get(name, otherwise)

    # What was agreed, and what one's own rules are.

    def _agreement(self, table: TextTable) -> Agreement:
        """The terms; `suspended` states when the agreement is suspended, which acts of the parties say elsewhere."""
        table.default("title", "of the laboratory")
        halts = tuple(
            (each.instant("since", required=True) or 0, each.instant("until"))
            for each in table.tables("suspended")
        )
        return replace(agreement_in(table, self._party), halts=halts)

    def _overlay(self, table: TextTable) -> Overlay:
        table.default("title", "of the laboratory")
        if not table.holds("party"):
            table.default("party", next(iter(self._parties), ""))
        return overlay_in(table, self._party)

    def _judge(
        self, terms: list[Agreement], rules: list[Overlay], schemes: list[Scheme], cases: list[Case]
    ) -> None:
        """What is wrong with values that were read: terms, rules, schemes, and levels that no scheme knows."""
        found = scheme_faults(schemes)
        for index, each in enumerate(terms):
            found += [f"agreements[{index}].{fault}" for fault in agreements.faults(each)]
            if any((each.id, each.version) == (other.id, other.version) for other in terms[:index]):
                found.append(
                    f"agreements[{index}].version: version {each.version} of '{each.id}' stands twice"
                )
        for index, rule in enumerate(rules):
            found += [f"overlays[{index}].{fault}" for fault in overlays.faults(rule)]
            if any(rule.party == other.party for other in rules[:index]):
                found.append(f"overlays[{index}].party: that party has an overlay already")
        if schemes:
            found += unknown_levels(_levels(terms, cases), schemes)
        ids = {each.id for each in terms}
        for index, case in enumerate(cases):
            if case.agreement is not None and case.agreement not in ids:
                found.append(f"cases[{index}].agreement: there is no agreement '{case.agreement}'")
        for fault in found:
            self._table.fault(*fault.split(": ", 1))

    # Questions.

    def _case(self, table: TextTable) -> Case:
        sender = self._one(table, "sender", next(iter(self._parties.values()), ""))
        recipient = self._one(table, "recipient", "")
        if not recipient:
            table.fault("recipient", "is missing")
        return Case(
            name=table.text("name", required=True),
            labels=self._labels(table),
            sender=sender,
            recipient=recipient,
            originator=self._one(table, "originator", sender),
            purpose=table.word("purpose", required=True),
            at=table.instant("at", required=True) or 0,
            consented=table.boolean("consented"),
            agreement=table.word("agreement") or None,
            expected=_expected(table),
        )

    def _labels(self, table: TextTable) -> tuple[Label, ...]:
        """The object's label completed, joined with its markings; each portion adds to it what it states itself."""
        listed = not table.holds_table("label")
        tables = table.tables("label") if listed else [table.table("label")]
        if not tables and not table.faulty:
            table.fault("label", "is missing")
        stated = [label_in(each, self._party) for each in tables if each is not None]
        whole = join(complete(stated[0] if stated else Label()), join_all(_markings(table)))
        return (whole, *(join(whole, each) for each in stated[1:]))


def _markings(table: TextTable) -> Iterator[Label]:
    """`markings`: ids, of which only the official TLP ones are known, or whole marking definitions."""
    value = table.take("markings")
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(each, str | dict) for each in value):
        table.fault("markings", "must be a list of ids and marking definitions")
        return
    for each in value:
        if isinstance(each, dict):
            yield read_definition(each)
        else:
            known = TLP_MARKINGS.get(each)
            yield Label(unmapped=frozenset({each})) if known is None else Label(tlp=known)


def _expected(table: TextTable) -> Expected:
    inner = table.table("expect", required=True)
    if inner is None:
        return Expected(outcome="")
    outcome = inner.word("outcome", required=True)
    if outcome and outcome not in OUTCOMES:
        inner.fault("outcome", f"'{outcome}' is not one of {', '.join(OUTCOMES)}")
    duties = tuple(sorted(inner.texts("obligations"))) if inner.states("obligations") else None
    return Expected(outcome=outcome, clause=inner.word("clause") or None, obligations=duties)


def _scheme(table: TextTable) -> Scheme:
    """Levels stand from open to closed: a name, or a table with the names that it bore before."""
    return Scheme(
        id=table.word("id", required=True),
        name=table.word("name"),
        levels=tuple(_level(each) for each in table.rows_or_names("levels", "name")),
        note=table.text("note"),
    )


def _level(table: TextTable) -> Level:
    protected = table.states("classified") and not table.boolean("classified")
    return Level(
        name=table.word("name", required=True),
        former=tuple(
            FormerName(
                name=each.word("name", required=True),
                since=each.instant("since"),
                until=each.instant("until"),
            )
            for each in table.rows_or_names("former", "name")
        ),
        classified=not protected,
        note=table.text("note"),
    )


def _levels(terms: list[Agreement], cases: list[Case]) -> Iterator[tuple[str, Classification]]:
    """Every level that terms and labels name, by its path."""
    for index, each in enumerate(terms):
        for level in sorted(each.levels):
            yield f"agreements[{index}].levels", level
        for at, row in enumerate(each.equivalences):
            yield f"agreements[{index}].equivalence[{at}].given", row.given
            yield f"agreements[{index}].equivalence[{at}].becomes", row.becomes
    for index, case in enumerate(cases):
        for level in sorted({level for label in case.labels for level in label.classification}):
            yield f"cases[{index}].label.classification", level


def _rows(table: TextTable, key: str, named: str) -> list[TextTable]:
    """A list of tables, or one table that holds each under its own name."""
    if not table.holds_table(key):
        return table.tables(key)
    inner = table.table_or_empty(key)
    found = []
    for name in inner.left():
        each = inner.table(name)
        if each is not None:
            each.default(named, name)
            found.append(each)
    return found
