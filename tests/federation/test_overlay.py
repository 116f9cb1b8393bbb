"""A nation's own rules restrict every agreement, are adopted by two people, and void what was approved before."""

from __future__ import annotations

import pytest

from simpul.errors import ApprovalRefusal, InputFault
from simpul.services.overlaying import adopt_overlay, list_overlays, propose_overlay, show_overlay
from simpul.services.releasing import release
from tests.federation.nations import APPROVER, DRAFTER, Nation
from tests.federation.objects import indicator, label

SERVER = indicator("overlay", "203.0.113.71")


def rules(version: int = 1, *, to: str = "Borealia", then: str = "deny") -> str:
    return (
        f'party = "Arunika"\nversion = {version}\ntitle = "National rules"\n\n[[rule]]\nid = "cyber-stays"\n'
        f'then = "{then}"\n{"approvals = 2" if then == "needs-approval" else ""}\nnote = "Law 12, section 4"\n[rule.when]\ntopics = ["cyber"]\nrecipients = ["{to}"]\n'
    )


def adopted(nation: Nation, text: str) -> None:
    file = nation.file(text)
    propose_overlay(nation.node, nation.people[DRAFTER], file)
    adopt_overlay(nation.node, nation.people[APPROVER], file)


def outcome(nation: Nation, to: Nation) -> tuple[str, str]:
    product = nation.drafts(SERVER)
    ((found,),) = [each.objects for each in nation.previews(product, to)]
    return found.outcome.word, found.clause


def test_a_rule_denies_what_the_agreement_permits_and_to_nobody_else(
    arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    arunika.imports(label("Borealia", "Cendara"), SERVER)
    assert outcome(arunika, borealia) == ("permit", "agreement")
    adopted(arunika, rules())
    assert outcome(arunika, borealia) == ("deny", "overlay.cyber-stays")
    assert outcome(arunika, cendara) == ("permit", "agreement")
    adopted(arunika, rules(2, to="Cendara"))
    assert outcome(arunika, borealia) == ("permit", "agreement")
    assert outcome(arunika, cendara) == ("deny", "overlay.cyber-stays")
    assert [(each.version, each.state) for each in list_overlays(arunika.node)] == [
        (2, "adopted"),
        (1, "superseded"),
    ]


def test_one_person_alone_adopts_nothing(arunika: Nation, borealia: Nation) -> None:
    arunika.imports(label("Borealia"), SERVER)
    file = arunika.file(rules())
    for person in (DRAFTER, APPROVER):
        with pytest.raises(ApprovalRefusal):
            adopt_overlay(arunika.node, arunika.people[person], file)
    propose_overlay(arunika.node, arunika.people[DRAFTER], file)
    with pytest.raises(ApprovalRefusal):
        adopt_overlay(arunika.node, arunika.people[DRAFTER], file)
    with pytest.raises(ApprovalRefusal):
        adopt_overlay(arunika.node, arunika.people[APPROVER], arunika.file(rules(to="Cendara")))
    assert outcome(arunika, borealia) == ("permit", "agreement")
    assert [each.state for each in list_overlays(arunika.node)] == ["proposed"]
    adopt_overlay(arunika.node, arunika.people[APPROVER], file)
    assert show_overlay(arunika.node, None).by == (DRAFTER, APPROVER)
    assert [entry["step"] for entry in arunika.leaves("overlay")] == ["propose", "adopt"]


def test_what_was_approved_before_the_rules_does_not_go(arunika: Nation, borealia: Nation) -> None:
    arunika.imports(label("Borealia"), SERVER)
    product = arunika.drafts(SERVER)
    arunika.approves(product, borealia)
    adopted(arunika, rules(then="needs-approval"))
    with pytest.raises(ApprovalRefusal, match="void"):
        release(arunika.node, arunika.people[APPROVER], product.id, [borealia.party])


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (rules(2), "version"),
        (rules().replace("Arunika", "Borealia"), "party"),
        (rules(then="permit"), "rule[0].then"),
        (rules() + 'tlp_at_most = "green"\n', "rule[0].when.tlp_at_most"),
        (rules() + 'colour = "red"\n', "rule[0].when.colour"),
    ],
)
def test_rules_that_cannot_be_adopted_say_where(arunika: Nation, text: str, where: str) -> None:
    with pytest.raises(InputFault) as raised:
        propose_overlay(arunika.node, arunika.people[DRAFTER], arunika.file(text))
    assert where in f"{raised.value.where} {raised.value.message}"
    assert list_overlays(arunika.node) == []


def test_the_rules_never_leave_the_home(arunika: Nation, borealia: Nation, world: object) -> None:
    arunika.imports(label("Borealia"), SERVER)
    adopted(arunika, rules(to="Cendara"))
    arunika.releases(arunika.drafts(SERVER), borealia)
    arunika.sync()
    borealia.sync()
    assert SERVER["id"].encode() in borealia.export()
    assert b"cyber-stays" not in borealia.export()
    assert not [entry for entry in borealia.log() if "cyber-stays" in str(entry)]
