"""The decision once more, naive and slow, written from the design's text alone (§4, §6) and spec/policy.md.

It shares the types with the engine and nothing else: no table, no helper, no order of evaluation. It collects every
objection that a careful reader would raise, by clause, and leaves the engine to agree.
"""

from __future__ import annotations

from simpul.domain.agreements import Agreement
from simpul.domain.labels import Label
from simpul.domain.policy import Outcome

ORDER = [
    "agreement.in-force",
    "agreement.parties",
    "agreement.purpose",
    "label.unmapped-marking",
    "label.unmarked",
    "label.expired",
    "label.purpose",
    "label.releasable-to",
    "agreement.tlp-ceiling",
    "agreement.classification",
    "agreement.equivalence",
    "agreement.topic",
    "agreement.compartment",
    "label.onward",
    "agreement.onward",
    "agreement.retention",
    "agreement.approvals",
    "label.not-releasable-to",
    "overlay.releasable-to",
]
"""The order that spec/policy.md fixes."""


def objections(  # noqa: C901, PLR0912, PLR0915 (one long list of reasons to say no, on purpose)
    label: Label,
    *,
    sender: str,
    recipient: str,
    originator: str,
    purpose: str,
    agreement: Agreement | None,
    at: int,
    circles: dict[str, frozenset[str]],
) -> dict[str, Outcome]:
    """Every clause that does not simply permit, with what it says."""
    no: dict[str, Outcome] = {}

    def deny(clause: str) -> None:
        no[clause] = Outcome.DENY

    if agreement is None:
        for clause in ORDER:
            if clause.startswith("agreement."):
                deny(clause)
    else:
        if at < agreement.not_before:
            deny("agreement.in-force")
        if at >= agreement.not_after:
            deny("agreement.in-force")
        if sender == recipient:
            deny("agreement.parties")
        if sender not in agreement.parties or recipient not in agreement.parties:
            deny("agreement.parties")
        if purpose not in agreement.purposes:
            deny("agreement.purpose")
        if label.tlp is not None and int(label.tlp) > int(agreement.tlp_ceiling):
            deny("agreement.tlp-ceiling")
        for level in label.classification:
            if level not in agreement.levels:
                deny("agreement.classification")
            found = False
            for row in agreement.equivalences:
                begun = row.since is None or at >= row.since
                ended = row.until is not None and at >= row.until
                if row.given == level and begun and not ended:
                    found = True
            if not found:
                deny("agreement.equivalence")
        for topic in label.topics:
            if topic not in agreement.topics:
                deny("agreement.topic")
        for compartment in label.compartments:
            if compartment not in agreement.compartments:
                deny("agreement.compartment")
        if agreement.approvals > 1:
            no["agreement.approvals"] = Outcome.NEEDS_APPROVAL

    if len(label.unmapped) > 0:
        deny("label.unmapped-marking")
    if label.tlp is None and len(label.classification) == 0:
        deny("label.unmarked")
    if label.expires is not None and at >= label.expires:
        deny("label.expired")
    if label.purposes is None or purpose not in label.purposes:
        deny("label.purpose")

    def within(names: frozenset[str]) -> bool:
        return any(name == recipient or recipient in circles.get(name, frozenset()) for name in names)

    if len(label.releasable_to) == 0 or any(not within(names) for names in label.releasable_to):
        deny("label.releasable-to")
        deny("overlay.releasable-to")
    for name in label.not_releasable_to:
        is_circle = len(name) != 50
        if name == recipient or (is_circle and (name not in circles or recipient in circles[name])):
            deny("label.not-releasable-to")

    if originator not in (sender, recipient):
        rule = label.onward
        if (
            rule is None
            or rule.none
            or any(recipient not in circles.get(c, frozenset()) for c in rule.within)
        ):
            deny("label.onward")
        elif rule.consent:
            no["label.onward"] = Outcome.NEEDS_CONSENT
    return no


def obligations(label: Label, agreement: Agreement) -> list[str]:
    """What travels with a permitted object."""
    found = list(label.obligations) + list(agreement.obligations)
    found += ["handling: " + text for text in list(label.handling) + list(label.handling_text)]
    days = [d for d in (label.retention_days, agreement.retention_days) if d is not None]
    if days:
        found.append(f"retention: {min(days)} days")
    rules = [r for r in (label.onward, agreement.onward) if r is not None]
    if label.onward is None or any(rule.none for rule in rules):
        found.append("onward: none")
    else:
        words = ["consent"] if any(rule.consent for rule in rules) else []
        words += ["within " + c for c in ("pact", "ring") if any(c in rule.within for rule in rules)]
        found.append("onward: " + (", ".join(words) if words else "free"))
    return sorted(set(found))
