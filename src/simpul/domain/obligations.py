"""Duties that travel, as values: what the obligations of a label mean, and what they forbid a recipient to do.

A label and an agreement carry duties as texts. Each text is read into one `Duty`; what is not understood is kept and
shown as it stands. Where a duty limits what may be done and its word is not known, the strictest meaning holds, so that
a misspelt restriction is never none.

    read(texts) / duties_of(label)   texts -> duties
    forbids(duties, action)          the first clause that refuses an action, or None

Duties are a set: those of two labels unite, and the strictest limits. So adding one never allows what was forbidden.
They bind the recipient: what an originator does with its own is its own affair.

Sources: FIRST, IEP 2.0 (permitted actions, affected party notifications, attribution, resale); Council of the European
Union, "Practical Advisor" 6243/18 (handling codes H0 to H3). docs/reference/obligations.md says who enforces what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from enum import Enum, IntEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.labels import Label
from simpul.domain.policy import Decision, Outcome, Reason, duties


class Kind(Enum):
    """What a duty is about. The value is its name in the table of docs/reference/obligations.md."""

    ATTRIBUTE = "attribute"
    ANONYMOUS = "no-attribute"
    ACTION = "action"
    NOTIFY = "affected-party"
    COURT = "court"
    HANDLING = "handling"
    RETENTION = "retention"
    RETURN = "return-or-destroy"
    ONWARD = "onward"
    RESALE = "resale"
    ENCRYPT = "encrypt"
    PROTECT = "protect"
    OTHER = "other"


class Limit(IntEnum):
    """How far a recipient may act on it, from open to closed; of several the most closed holds (IEP 2.0)."""

    ANY = 0
    INDIRECT = 1
    INTERNAL = 2
    ASK = 3
    NONE = 4


class Action(Enum):
    """What a recipient does with what it received: here by the program, or elsewhere and recorded by an officer."""

    EXPORT = "export"
    HAND_ON = "hand-on"
    INTERNAL = "internal"
    INDIRECT = "indirect"
    DIRECT = "direct"
    NOTIFY = "notify"
    COURT = "court"


ACTS: Final = (Action.INTERNAL, Action.INDIRECT, Action.DIRECT, Action.NOTIFY, Action.COURT)
"""What people do outside the program, and say so here."""


class Duty(Struct, frozen=True):
    """One duty.

    Attributes:
        text: as it was written.
        kind: what it is about.
        argument: what its kind needs to know, in its own spelling: the name of a `Limit`, "may" or "must-not", a
            handling code or text, a number of days, or words for people. Empty for an attribution to whoever
            originated it, and for a return at the end of the agreement.
    """

    text: str
    kind: Kind
    argument: str = ""


MUST_NOT: Final = "must-not"
MAY: Final = "may"

_LIMITS: Final = {
    "none": Limit.NONE,
    "ask the originator first": Limit.ASK,
    "contact-for-instruction": Limit.ASK,
    "internal only": Limit.INTERNAL,
    "internally-visible-actions": Limit.INTERNAL,
    "not visible to the adversary": Limit.INDIRECT,
    "externally-visible-indirect-actions": Limit.INDIRECT,
    "any": Limit.ANY,
    "externally-visible-direct-actions": Limit.ANY,
}
"""The words of a label file and those of IEP 2.0."""

CODES: Final = ("H0", "H1", "H2", "H3")
_DAYS: Final = re.compile(r"([1-9][0-9]{0,8}) days?", re.ASCII)

_Meaning = tuple[Kind, str]


def _fold(words: str) -> str:
    return " ".join(words.split()).casefold()


def _attribute(words: str) -> _Meaning:
    if _fold(words) == "nobody":
        return Kind.ANONYMOUS, ""
    return Kind.ATTRIBUTE, "" if _fold(words) == "the provider" else words


def _action(words: str) -> _Meaning:
    return Kind.ACTION, _LIMITS.get(_fold(words), Limit.NONE).name


def _permission(kind: Kind) -> Callable[[str], _Meaning]:
    return lambda words: (kind, MAY if _fold(words) == MAY else MUST_NOT)


def _handling(words: str) -> _Meaning:
    return Kind.HANDLING, words.upper() if words.upper() in CODES else words


def _retention(words: str) -> _Meaning:
    days = _DAYS.fullmatch(_fold(words))
    return (Kind.RETENTION, days[1]) if days else (Kind.OTHER, words)


def _return(words: str) -> _Meaning:
    days = _DAYS.fullmatch(_fold(words))
    if days:
        return Kind.RETURN, days[1]
    return (Kind.RETURN, "") if _fold(words) in ("", "end of agreement") else (Kind.OTHER, words)


def _words(kind: Kind) -> Callable[[str], _Meaning]:
    return lambda words: (kind, words)


_READERS: Final[dict[str, Callable[[str], _Meaning]]] = {
    "attribute": _attribute,
    "no-attribute": _words(Kind.ANONYMOUS),
    "action": _action,
    "notify": _permission(Kind.NOTIFY),
    "affected-party": _permission(Kind.NOTIFY),
    "court": _permission(Kind.COURT),
    "no use in court": _permission(Kind.COURT),
    "handling": _handling,
    "retention": _retention,
    "return-or-destroy": _return,
    "onward": _words(Kind.ONWARD),
    "resale": _words(Kind.RESALE),
    "encrypt": _words(Kind.ENCRYPT),
    "protect": _words(Kind.PROTECT),
}
"""What reads a duty, by the word before its first colon."""


def parse(text: str) -> Duty:
    """One duty of its text: `action: internal only`. Case and repeated spaces do not matter; nothing is dropped."""
    head, _, rest = text.partition(":")
    reader = _READERS.get(_fold(head))
    kind, argument = (Kind.OTHER, text) if reader is None else reader(rest.strip())
    return Duty(text, kind, argument)


def read(texts: Iterable[str]) -> tuple[Duty, ...]:
    """The duties of these texts, each once, sorted."""
    return tuple(parse(text) for text in sorted(set(texts)))


def duties_of(label: Label) -> tuple[Duty, ...]:
    """The duties that a label lays on its holder: obligations, handling, retention and the onward rule."""
    return read(duties(label, None))


def limit_of(held: Iterable[Duty]) -> Limit:
    """How far one may act under these duties: the most closed limit, or any action where none is stated."""
    return max((Limit[duty.argument] for duty in held if duty.kind is Kind.ACTION), default=Limit.ANY)


def attributions(held: Iterable[Duty]) -> tuple[str, ...]:
    """What must be named wherever it is shown, sorted; an empty text stands for whoever originated it."""
    return tuple(sorted({duty.argument for duty in held if duty.kind is Kind.ATTRIBUTE}))


def forbids(held: Collection[Duty], action: Action, *, permitted: bool = False) -> Reason | None:
    """The first clause that refuses an action under these duties, or None if it may be done.

    Its outcome is `NEEDS_CONSENT` where the originator's permission is enough, and `DENY` where it is not.

    Args:
        held: the duties of all that the action is about.
        action: what is to be done.
        permitted: the originator was asked and permits it.
    """
    for clause in _CLAUSES:
        reason = clause(held, action)
        if reason is not None and not (permitted and reason.outcome is Outcome.NEEDS_CONSENT):
            return reason
    return None


def before_handing_on(decision: Decision, label: Label, *, permitted: bool) -> Decision:
    """The decision on handing on another party's object, with what its duties add to it: they only restrict.

    Args:
        decision: of the policy, for the next recipient, who is not the originator.
        label: the label by which this node holds it.
        permitted: a grant of the originator covers it.
    """
    reason = forbids(duties_of(label), Action.HAND_ON, permitted=permitted)
    if reason is None:
        return decision
    stricter = reason.outcome > decision.outcome
    outcome = reason.outcome if stricter else decision.outcome
    return replace(
        decision,
        outcome=outcome,
        clause=reason.clause if stricter else decision.clause,
        reasons=(*decision.reasons, reason),
        obligations=() if outcome is Outcome.DENY else decision.obligations,
    )


_REACH: Final = {
    Action.EXPORT: Limit.INTERNAL,
    Action.HAND_ON: Limit.INTERNAL,
    Action.INTERNAL: Limit.INTERNAL,
    Action.INDIRECT: Limit.INDIRECT,
    Action.DIRECT: Limit.ANY,
    Action.NOTIFY: Limit.INTERNAL,
    Action.COURT: Limit.ANY,
}
"""The most closed limit under which each action may be done. Whom to tell has duties of its own beside it."""

_LIMIT_WORDS: Final = {
    Limit.INDIRECT: "its originator allows only what the adversary cannot see",
    Limit.INTERNAL: "its originator allows action inside one's own systems only",
    Limit.ASK: "its originator wants to be asked before anything is done",
    Limit.NONE: "its originator allows no action on it",
}
_ASK: Final = "ask its originator, and say with which word it permitted this"
_ANOTHER: Final = "ask its originator for another label"


def _action_clause(held: Collection[Duty], action: Action) -> Reason | None:
    limit = limit_of(held)
    if limit <= _REACH[action]:
        return None
    asks = limit is Limit.ASK
    return Reason(
        clause="obligation.action",
        outcome=Outcome.NEEDS_CONSENT if asks else Outcome.DENY,
        why=_LIMIT_WORDS[limit],
        change=_ASK if asks else _ANOTHER,
    )


def _affected_party_clause(held: Collection[Duty], action: Action) -> Reason | None:
    if action is not Action.NOTIFY or not _says(held, Kind.NOTIFY, MUST_NOT):
        return None
    return Reason(
        clause="obligation.affected-party",
        outcome=Outcome.DENY,
        why="its originator forbids telling those whom it is about",
        change=_ANOTHER,
    )


def _handling_clause(held: Collection[Duty], action: Action) -> Reason | None:
    if action is Action.COURT and _says(held, Kind.COURT, MUST_NOT):
        return _handling_reason(Outcome.DENY, "it must not be used in court", _ANOTHER)
    code, why = _CODED.get(action, ("", ""))
    return _handling_reason(Outcome.NEEDS_CONSENT, why, _ASK) if _says(held, Kind.HANDLING, code) else None


_CODED: Final = {
    Action.COURT: ("H1", "H1: it is not used in court without its originator's permission"),
    Action.HAND_ON: ("H2", "H2: it is not passed on without its originator's permission"),
}
"""The handling codes that forbid an action. H0 and H3 limit purposes and people, which no node sees."""


def _handling_reason(outcome: Outcome, why: str, change: str) -> Reason:
    return Reason(clause="obligation.handling", outcome=outcome, why=why, change=change)


def _attribution_clause(held: Collection[Duty], action: Action) -> Reason | None:
    if action not in _NAMING or not any(duty.kind is Kind.ANONYMOUS for duty in held):
        return None
    if action is Action.EXPORT and not attributions(held):
        return None
    return Reason(clause="obligation.attribution", outcome=Outcome.DENY, why=_NAMING[action], change=_ANOTHER)


_NAMING: Final = {
    Action.EXPORT: "one duty is to name its source, and another to name nobody",
    Action.HAND_ON: "its originator must not be named, and what is passed on names its author",
}


def _says(held: Iterable[Duty], kind: Kind, argument: str) -> bool:
    return any(duty.kind is kind and duty.argument == argument for duty in held)


_CLAUSES: Final = (_action_clause, _affected_party_clause, _handling_clause, _attribution_clause)
