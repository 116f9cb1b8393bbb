"""The decision once more, naive and slow, written from the design's text alone (§4, §6) and spec/policy.md.

It shares the types with the engine and nothing else: no table, no helper, no order of evaluation. It collects every
objection that a careful reader would raise, by clause, and leaves the engine to agree.
"""

from __future__ import annotations

from simpul.domain.agreements import Agreement
from simpul.domain.labels import Label
from simpul.domain.overlays import Overlay, OverlayRule
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
    "agreement.suspended",
    "agreement.reservation",
    "label.not-releasable-to",
    "overlay.releasable-to",
]
"""The order that spec/policy.md fixes; the rules of an overlay follow in their own order."""

Charters = dict[str, frozenset[str]]
"""By circle, who is in it as its charter says: parties, and other circles whose members are in it too."""


def order(overlay: Overlay | None) -> list[str]:
    """Every clause that is walked, in order."""
    return ORDER + ["overlay." + rule.id for rule in (overlay.rules if overlay else ())]


def is_member(party: str, circle: str, charters: Charters) -> bool:
    """Whether a party is in a circle, or in one that is in it, to any depth."""
    seen: list[str] = []
    todo = [circle]
    while todo:
        name = todo.pop()
        if name == party and name != circle:
            return True
        if name in charters and name not in seen:
            seen.append(name)
            todo.extend(charters[name])
    return False


def objections(  # noqa: C901, PLR0912, PLR0915 (one long list of reasons to say no, on purpose)
    label: Label,
    *,
    sender: str,
    recipient: str,
    originator: str,
    purpose: str,
    agreement: Agreement | None,
    at: int,
    circles: Charters,
    consented: bool = False,
    overlay: Overlay | None = None,
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
        for since, until in agreement.halts:
            if at >= since and not (until is not None and at >= until):
                deny("agreement.suspended")
        for kept in agreement.reservations:
            if kept.party in (sender, recipient):
                if purpose in kept.purposes:
                    deny("agreement.reservation")
                for topic in label.topics:
                    if topic in kept.topics:
                        deny("agreement.reservation")
                for level in label.classification:
                    if level in kept.levels:
                        deny("agreement.reservation")
                if kept.tlp_ceiling is not None and label.tlp is not None and label.tlp > kept.tlp_ceiling:
                    deny("agreement.reservation")

    if len(label.unmapped) > 0:
        deny("label.unmapped-marking")
    if label.tlp is None and len(label.classification) == 0:
        deny("label.unmarked")
    if label.expires is not None and at >= label.expires:
        deny("label.expired")
    if label.purposes is None or purpose not in label.purposes:
        deny("label.purpose")

    # The originator's rule for others: whom it lets in, and whether it must be asked. An exclusion is not sent, so
    # that the rule in the view asks wherever there is one.
    rule = label.onward
    third = originator not in (sender, recipient)
    admitted = rule is not None and not rule.none
    if rule is not None:
        for circle in rule.within:
            if not is_member(recipient, circle, circles):
                admitted = False
    if third and not admitted:
        deny("label.onward")
    asked = rule is not None and (rule.consent or len(label.not_releasable_to) > 0)
    if third and admitted and asked and not consented:
        no["label.onward"] = Outcome.NEEDS_CONSENT

    open_to = len(label.releasable_to) > 0
    for names in label.releasable_to:
        listed = recipient in names
        for name in names:
            if is_member(recipient, name, circles):
                listed = True
        of_sender_alone = len(names) == 1 and sender in names and originator != sender
        if not listed and not (of_sender_alone and (admitted or originator == recipient)):
            open_to = False
    if not open_to:
        deny("label.releasable-to")
        deny("overlay.releasable-to")
    for name in label.not_releasable_to:
        is_circle = len(name) != 50
        if name == recipient or (is_circle and (name not in circles or is_member(recipient, name, circles))):
            deny("label.not-releasable-to")

    asks_for_consent = third and not consented
    for national in overlay.rules if overlay else ():
        facts = (label, recipient, originator, purpose, at, circles)
        if _applies(national, *facts) and (national.then is not Outcome.NEEDS_CONSENT or asks_for_consent):
            no["overlay." + national.id] = national.then
    return no


def _applies(  # noqa: C901 (one condition after the other, on purpose)
    rule: OverlayRule,
    label: Label,
    recipient: str,
    originator: str,
    purpose: str,
    at: int,
    circles: Charters,
) -> bool:
    """Whether every stated condition of a national rule holds."""
    when = rule.when
    stated: list[bool] = []
    for party, names, excepted in (
        (recipient, when.recipients, when.except_recipients),
        (originator, when.originators, when.except_originators),
    ):
        if names:
            stated.append(
                any(
                    name == party
                    or is_member(party, name, circles)
                    or (len(name) != 50 and name not in circles)
                    for name in names
                )
            )
        if excepted:
            stated.append(not any(name == party or is_member(party, name, circles) for name in excepted))
    if when.purposes:
        stated.append(purpose in when.purposes)
    if when.except_purposes:
        stated.append(purpose not in when.except_purposes)
    if when.topics:
        stated.append(len([topic for topic in label.topics if topic in when.topics]) > 0)
    if when.compartments:
        stated.append(len([word for word in label.compartments if word in when.compartments]) > 0)
    if when.handling:
        stated.append(len([code for code in label.handling if code in when.handling]) > 0)
    if when.levels:
        stated.append(len([level for level in label.classification if level in when.levels]) > 0)
    if when.tlp_from is not None:
        stated.append(label.tlp is not None and int(label.tlp) >= int(when.tlp_from))
    if when.since is not None:
        stated.append(at >= when.since)
    if when.until is not None:
        stated.append(at < when.until)
    return False not in stated


def approvals(no: dict[str, Outcome], agreement: Agreement | None, overlay: Overlay | None) -> int:
    """How many must approve beyond the drafter."""
    most = 1
    if agreement is not None and agreement.approvals > most:
        most = agreement.approvals
    for rule in overlay.rules if overlay else ():
        if "overlay." + rule.id in no and rule.approvals > most:
            most = rule.approvals
    return most


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
        asked = any(rule.consent for rule in rules) or len(label.not_releasable_to) > 0
        words = ["consent"] if asked else []
        words += ["within " + c for c in ("pact", "ring") if any(c in rule.within for rule in rules)]
        found.append("onward: " + (", ".join(words) if words else "free"))
    return sorted(set(found))
