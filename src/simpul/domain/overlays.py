"""National overlays: the rules of one's own nation, laid over every agreement. They only restrict and never travel.

    Overlay ── rules, in the file's order ── each: when (conditions) ── then: deny | needs-approval | needs-consent

There is no rule that permits. A rule applies where *all* its stated conditions hold; of the names in one condition
*any* is enough. Every rule is one clause, `overlay.<id>`, and is recorded also where it does not apply.

Law 5 shapes the conditions: a restriction joined to a label must never switch a rule off. So a label can be asked only
for what it *has* (a topic, a level, a TLP from amber up), never for what it lacks or stays below. What the question
says besides (recipient, originator, purpose, time) is no restriction, and can be asked either way. A circle that is not
known here counts for whatever makes the rule apply.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from simpul.domain.clauses import DEFAULT_APPROVALS, Outcome, Question, Reason
from simpul.domain.labels import (
    LAST_INSTANT,
    Classification,
    Label,
    MembersOf,
    Tlp,
    lists_party,
    may_exclude,
)
from simpul.domain.parties import is_fingerprint
from simpul.errors import InputFault

THEN: Final = {
    outcome.word: outcome for outcome in (Outcome.NEEDS_APPROVAL, Outcome.NEEDS_CONSENT, Outcome.DENY)
}
"""What a rule may say, by word. That it does not hold `permit` is the whole of "may only restrict"."""

MOST_RULES: Final = 500
MOST_APPROVALS: Final = 99
MOST_NAMES: Final = 1_000
"""Names in one condition."""

LONGEST_WORD: Final = 200
LONGEST_NOTE: Final = 10_000
"""Characters, as in every file of terms."""

HANDLING_CODES: Final = ("H0", "H1", "H2", "H3")

_RULE_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,59}")
_TAKEN: Final = frozenset({"releasable-to"})
"""Ids that would give a rule the name of a clause that there is already."""


class When(Struct, frozen=True, kw_only=True, cache_hash=True):
    """When a rule applies: all that is stated must hold. What is empty or None is not stated; nothing stated: always.

    Attributes:
        recipients, except_recipients: the recipient is, or is not, among these parties and circles.
        originators, except_originators: the same of the originator.
        purposes, except_purposes: the purpose is, or is not, among these.
        topics, compartments, handling, levels: the whole label has one of these.
        tlp_from: the label states a TLP, and none below this one.
        since, until: microseconds UTC; from the first on, and no longer from the second on.
    """

    recipients: frozenset[str] = frozenset()
    except_recipients: frozenset[str] = frozenset()
    originators: frozenset[str] = frozenset()
    except_originators: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    except_purposes: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    compartments: frozenset[str] = frozenset()
    handling: frozenset[str] = frozenset()
    levels: frozenset[Classification] = frozenset()
    tlp_from: Tlp | None = None
    since: int | None = None
    until: int | None = None


class OverlayRule(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One rule.

    Attributes:
        id: what it is called; its clause is `overlay.<id>`.
        then: what it says where it applies: one of `THEN`.
        approvals: approvals beyond the drafter that it asks for; above `DEFAULT_APPROVALS` with needs-approval, and
            that number with every other outcome.
        note: why there is such a rule, for people here.
    """

    id: str
    then: Outcome
    when: When = When()
    approvals: int = DEFAULT_APPROVALS
    note: str = ""

    @property
    def clause(self) -> str:
        """The name under which a decision records it."""
        return f"overlay.{self.id}"


class Overlay(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The rules of one party, versioned. `party` is its fingerprint; `version` counts from 1."""

    party: str
    version: int
    title: str
    rules: tuple[OverlayRule, ...]


class Walked(Struct, frozen=True, kw_only=True):
    """What the rules say of one question.

    Attributes:
        reasons: one a rule, in the overlay's order.
        approvals: the most that an applying rule asks for; `DEFAULT_APPROVALS` if none does.
        horizon: the earliest date still to come at which a rule begins or ends to apply (microseconds UTC), or None.
    """

    reasons: tuple[Reason, ...] = ()
    approvals: int = DEFAULT_APPROVALS
    horizon: int | None = None


NOTHING_TO_SAY: Final = Walked()
"""What there is to say without an overlay."""


def walk(overlay: Overlay, question: Question) -> Walked:
    """Walk every rule in order. `question.label` is the whole label.

    The outcome of each is no milder than `PERMIT` and no condition reads anything but the question, so that an overlay
    restricts, and the same question has the same answer until `horizon`.
    """
    reasons: list[Reason] = []
    approvals, horizon, at = DEFAULT_APPROVALS, None, question.at
    for rule, passes, stops in _prepared(overlay):
        when = rule.when
        if not (_label_has(when, question.label) and _asked_of(when, question)):
            reasons.append(passes)
            continue
        for date in (when.since, when.until):
            if date is not None and date > at and (horizon is None or date < horizon):
                horizon = date
        if _is_settled(rule, question) or not _in_time(when, at):
            reasons.append(passes)
            continue
        reasons.append(stops)
        approvals = max(approvals, rule.approvals)
    return Walked(reasons=tuple(reasons), approvals=approvals, horizon=horizon)


@lru_cache(maxsize=64)
def _prepared(overlay: Overlay) -> tuple[tuple[OverlayRule, Reason, Reason], ...]:
    """Each rule with what it records where it does not apply and where it does, made once an overlay."""
    return tuple((rule, _passing(rule), _stopping(rule)) for rule in overlay.rules)


def _passing(rule: OverlayRule) -> Reason:
    return Reason(clause=rule.clause, outcome=Outcome.PERMIT, why="this national rule does not apply")


_SAID: Final = {
    Outcome.NEEDS_APPROVAL: ("a national rule asks for {n} approvals", "let {n} others approve it"),
    Outcome.NEEDS_CONSENT: (
        "a national rule asks for the originator's consent",
        "ask the originator for consent",
    ),
    Outcome.DENY: (
        "a national rule forbids it",
        "mark or release it so that the rule does not apply, or amend the overlay",
    ),
}


def _stopping(rule: OverlayRule) -> Reason:
    why, change = (text.format(n=rule.approvals) for text in _SAID[rule.then])
    note = f": {rule.note}" if rule.note else ""
    return Reason(clause=rule.clause, outcome=rule.then, why=why + note, change=change)


def _in_time(when: When, at: int) -> bool:
    return (when.since is None or when.since <= at) and (when.until is None or at < when.until)


def _label_has(when: When, label: Label) -> bool:
    """Whether the label has what the rule asks for. It only ever grows true as restrictions are joined."""
    return (
        (not when.topics or not when.topics.isdisjoint(label.topics))
        and (not when.levels or not when.levels.isdisjoint(label.classification))
        and (when.tlp_from is None or (label.tlp is not None and label.tlp >= when.tlp_from))
        and (not when.compartments or not when.compartments.isdisjoint(label.compartments))
        and (not when.handling or not when.handling.isdisjoint(label.handling))
    )


def _asked_of(when: When, q: Question) -> bool:
    """Whether the rule is about this recipient, originator and purpose."""
    return (
        (not when.purposes or q.purpose in when.purposes)
        and q.purpose not in when.except_purposes
        and _about(when.recipients, when.except_recipients, q.recipient, q.members_of)
        and _about(when.originators, when.except_originators, q.originator, q.members_of)
    )


def _about(names: frozenset[str], others: frozenset[str], party: str, members_of: MembersOf) -> bool:
    """Whether the party is, or may be, among `names`, and not surely among `others`."""
    if names and not may_exclude(names, party, members_of):
        return False
    return not others or not lists_party(others, party, members_of)


def _is_settled(rule: OverlayRule, q: Question) -> bool:
    """Whether a rule that asks for consent has it, or there is nobody to ask."""
    return rule.then is Outcome.NEEDS_CONSENT and (q.consented or not q.passed_on)


# What makes rules unfit to be adopted.


def faults(overlay: Overlay) -> list[str]:
    """Everything that makes an overlay unfit to be adopted, each as `<path>: <what is wrong>`; none if it is fit."""
    return [*_head_faults(overlay), *_rules_faults(overlay.rules)]


def check(overlay: Overlay) -> None:
    """Refuse an overlay that nobody should adopt.

    Raises:
        InputFault: lists every fault.
    """
    found = faults(overlay)
    if found:
        raise InputFault(
            f"the overlay cannot be adopted as it is: {'; '.join(found)}",
            input="overlay",
            where=found[0].partition(":")[0],
            do="mend the rules; docs/reference/overlay.md explains them",
        )


def _head_faults(overlay: Overlay) -> Iterator[str]:
    if not is_fingerprint(overlay.party):
        yield f"party: '{overlay.party}' is not a fingerprint"
    if overlay.version < 1:
        yield "version: counts from 1"
    if not overlay.title.strip() or len(overlay.title) > LONGEST_NOTE:
        yield f"title: is empty, or longer than {LONGEST_NOTE:,} characters"
    if len(overlay.rules) > MOST_RULES:
        yield f"rule: {len(overlay.rules)} rules are more than {MOST_RULES}"


def _rules_faults(rules: Iterable[OverlayRule]) -> Iterator[str]:
    ids = Counter(rule.id for rule in rules)
    for index, rule in enumerate(rules):
        path = f"rule[{index}]"
        if not _RULE_ID.fullmatch(rule.id):
            yield f"{path}.id: '{rule.id}' is not made of at most 60 small letters, digits and hyphens"
        if rule.id in _TAKEN:
            yield f"{path}.id: '{rule.id}' is the name of another clause"
        if ids[rule.id] > 1:
            yield f"{path}.id: '{rule.id}' is written {ids[rule.id]} times"
        if len(rule.note) > LONGEST_NOTE:
            yield f"{path}.note: is longer than {LONGEST_NOTE:,} characters"
        yield from _then_faults(path, rule)
        yield from _when_faults(f"{path}.when", rule.when)


def _then_faults(path: str, rule: OverlayRule) -> Iterator[str]:
    if rule.then.word not in THEN:
        yield f"{path}.then: '{rule.then.word}' is not one of {', '.join(THEN)}: an overlay may only restrict"
    if rule.then is Outcome.NEEDS_APPROVAL and not DEFAULT_APPROVALS < rule.approvals <= MOST_APPROVALS:
        yield f"{path}.approvals: must be between {DEFAULT_APPROVALS + 1} and {MOST_APPROVALS}"
    if rule.then is not Outcome.NEEDS_APPROVAL and rule.approvals != DEFAULT_APPROVALS:
        yield f"{path}.approvals: goes with needs-approval alone"


def _when_faults(path: str, when: When) -> Iterator[str]:
    for one in ("recipients", "originators", "purposes"):
        both = getattr(when, one) & getattr(when, f"except_{one}")
        for name in sorted(both):
            yield f"{path}.{one}: '{name}' is excepted too, so that the rule could never apply to it"
    for code in sorted(when.handling.difference(HANDLING_CODES)):
        yield f"{path}.handling: '{code}' is not one of {', '.join(HANDLING_CODES)}"
    for key, names in _worded(when):
        if len(names) > MOST_NAMES:
            yield f"{path}.{key}: has more than {MOST_NAMES:,} names"
        if any(not name.strip() or len(name) > LONGEST_WORD for name in names):
            yield f"{path}.{key}: a name is empty, or longer than {LONGEST_WORD} characters"
    yield from _date_faults(path, when)


def _date_faults(path: str, when: When) -> Iterator[str]:
    for key, date in (("since", when.since), ("until", when.until)):
        if date is not None and not 0 <= date <= LAST_INSTANT:
            yield f"{path}.{key}: does not lie between the years 1970 and 2255"
    if when.since is not None and when.until is not None and when.until <= when.since:
        yield f"{path}.until: is not later than since"


def _worded(when: When) -> Iterator[tuple[str, list[str]]]:
    for name in When.__struct_fields__:
        value = getattr(when, name)
        if name == "levels":
            yield name, [word for level in value for word in (level.scheme, level.level)]
        elif isinstance(value, frozenset):
            yield name, list(value)


# The plain values that are signed and hashed.


def overlay_values(overlay: Overlay) -> dict[str, Any]:
    """An overlay as plain values with one canonical JSON form: sets sorted, what is not stated left out."""
    return {
        "party": overlay.party,
        "version": overlay.version,
        "title": overlay.title,
        "rules": [_rule_values(rule) for rule in overlay.rules],
    }


def _rule_values(rule: OverlayRule) -> dict[str, Any]:
    values: dict[str, Any] = {"id": rule.id, "then": rule.then.word}
    when = when_values(rule.when)
    if when:
        values["when"] = when
    if rule.approvals != DEFAULT_APPROVALS:
        values["approvals"] = rule.approvals
    if rule.note:
        values["note"] = rule.note
    return values


def when_values(when: When) -> dict[str, Any]:
    """The stated conditions as plain values, in the order of `When`."""
    values: dict[str, Any] = {}
    for name in When.__struct_fields__:
        value = getattr(when, name)
        if name == "levels" and value:
            values[name] = sorted([level.scheme, level.level] for level in value)
        elif isinstance(value, Tlp):
            values[name] = value.word
        elif value not in (None, frozenset()):
            values[name] = sorted(value) if isinstance(value, frozenset) else value
    return values
