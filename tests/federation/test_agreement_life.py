"""What becomes of an agreement after the first word: countered, declined, suspended, resumed, denounced, amended.

Each step is signed by both, is the same in the history of both, and narrows at once; what widens needs all.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.acts import Act, AgreementAct
from simpul.domain.agreements import Agreement, Reservation
from simpul.errors import ApprovalRefusal, InputFault, PolicyRefusal, Refusal
from simpul.protocol.agreement_acts import ACT_KIND, encode_act
from simpul.protocol.agreements import KIND, encode_agreement
from simpul.protocol.documents import Document, countersign, parse_document, sign
from simpul.protocol.keys import SigningKey
from simpul.protocol.payloads import AgreementStep
from simpul.services.agreeing import counter, in_force, must_be_gone, show
from simpul.services.posting import post
from simpul.services.reading import list_quarantined
from simpul.services.recounting import difference, history
from simpul.services.releasing import release
from simpul.services.standing import Lineage, lineage
from simpul.services.stepping import signing_key
from simpul.services.suspending import UNHEARD_MOST, do, resume
from tests.federation.forging import object_leaf, sends_forged, sheet, view
from tests.federation.nations import APPROVER, DAY, HOUR, Nation, World
from tests.federation.objects import agreement, indicator, label

ID = "arunika-borealia"
NEW = "borealia-cendara"
MICRO = 1_000_000
MADE = indicator("made", "203.0.113.60")
NOTICE = "notice_days = 30\nrun_off = 'return-or-destroy'\nrun_off_days = 10\n"


def suspends(nation: Nation, id: str = ID) -> None:
    do(nation.node, id, Act.SUSPEND, "an inquiry is under way", "")


def state(nation: Nation, id: str = ID, version: int = 1) -> str:
    return nation.agreements()[id, version]


def told(nation: Nation, id: str = ID) -> list[tuple[int, str, str, int, bytes, str]]:
    return [(e.at, e.step, e.by, e.version, e.hash, e.state_after) for e in history(nation.node, id)]


def steps(nation: Nation, id: str = ID) -> list[tuple[str, str, str]]:
    return [(e.step, e.name, e.state_after) for e in history(nation.node, id)]


def found(nation: Nation, id: str = ID) -> Lineage:
    with nation.node.store.read() as unit:
        agreed = lineage(unit, id)
    assert agreed is not None
    return agreed


def agrees(world: World, one: Nation, other: Nation, **terms: Any) -> None:
    """The two agree on a next version of what is between them."""
    one.proposes(agreement(one.name, other.name, **terms))
    world.exchange(1)
    other.signs(f"{one.name}-{other.name}".lower())
    world.exchange(2)


# Proposals and their answers.


def test_a_counter_proposal_replaces_what_it_answers_and_says_clause_by_clause_what_changed(
    world: World, borealia: Nation, cendara: Nation
) -> None:
    borealia.proposes(agreement("Borealia", "Cendara", ceiling="red"))
    world.exchange(1)
    answer = agreement("Borealia", "Cendara", topics=("cyber",), ceiling="green", more=NOTICE)
    countered = counter(cendara.node, NEW, cendara.file(answer), "")
    assert (countered.version, countered.state) == (2, "proposed")
    world.exchange(2)
    for nation in (borealia, cendara):
        assert (state(nation, NEW), state(nation, NEW, 2)) == ("withdrawn", "proposed")
        changed = {
            each.clause: (each.before, each.after) for each in difference(nation.node, NEW, None, None)
        }
        assert changed == {
            "topics": (["cyber", "radiological"], ["cyber"]),
            "tlp_ceiling": ("red", "green"),
            "run_off": ("keep", "return-or-destroy"),
            "run_off_days": (None, 10),
            "notice_days": (None, 30),
        }
    borealia.signs(NEW)
    world.exchange(2)
    for nation in (borealia, cendara):
        assert (state(nation, NEW), state(nation, NEW, 2)) == ("withdrawn", "in-force")
    assert steps(borealia, NEW) == [
        ("propose", "Borealia", "proposed"),
        ("counter", "Cendara", "proposed"),
        ("sign", "Borealia", "in-force"),
    ]
    assert told(borealia, NEW) == told(cendara, NEW)


def test_a_declined_proposal_is_withdrawn_and_cannot_be_signed(
    world: World, borealia: Nation, cendara: Nation
) -> None:
    borealia.proposes(agreement("Borealia", "Cendara"))
    world.exchange(1)
    with pytest.raises(Refusal, match="has signed version 1"):
        do(borealia.node, NEW, Act.DECLINE, "we think again", "")
    do(cendara.node, NEW, Act.DECLINE, "not this year", "")
    world.exchange(2)
    assert state(borealia, NEW) == state(cendara, NEW) == "withdrawn"
    with pytest.raises(Refusal, match="is withdrawn: it cannot be signed") as refused:
        cendara.signs(NEW)
    assert refused.value.where == "agreement.state"
    assert told(borealia, NEW) == told(cendara, NEW)
    assert any("not this year" in line for line in show(borealia.node, NEW).words)


def test_what_all_signed_is_not_countered_but_amended(world: World, arunika: Nation) -> None:
    with pytest.raises(Refusal, match="is in-force: it cannot be countered"):
        counter(arunika.node, ID, arunika.file(agreement("Arunika", "Borealia")), "")


def test_the_old_version_stays_in_force_until_all_signed_the_new_one(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.proposes(agreement("Arunika", "Borealia", version=2, topics=("radiological",)))
    world.exchange(1)
    for nation in (arunika, borealia):
        assert (state(nation), state(nation, version=2)) == ("in-force", "proposed")
    borealia.signs(ID)
    world.exchange(2)
    for nation in (arunika, borealia):
        assert (state(nation), state(nation, version=2)) == ("superseded", "in-force")
    with pytest.raises(InputFault, match="exists already"):
        arunika.proposes(agreement("Arunika", "Borealia", version=1))


def test_what_a_party_reserved_neither_goes_to_it_nor_comes_from_it(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    reserved = "[[reservation]]\nparty = 'Borealia'\nclause = 'topics'\ntopics = ['radiological']\n"
    agrees(world, arunika, borealia, version=2, more=reserved)
    for sender, to in ((arunika, borealia), (borealia, arunika)):
        sealed = indicator(f"sealed {sender.name}", "203.0.113.61")
        sender.imports(label(to.name, topics=("radiological",)), sealed)
        (shown,) = sender.previews(sender.drafts(sealed), to)
        assert {each.clause for each in shown.objects} == {"agreement.reservation"}
        plain = indicator(f"plain {sender.name}", "203.0.113.62")
        sender.imports(label(to.name), plain)
        (shown,) = sender.previews(sender.drafts(plain), to)
        assert all(each.sha256 for each in shown.objects)


# Suspension.


def test_a_suspension_stops_both_sides_until_both_sign_that_it_is_over(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    suspends(arunika)
    assert (state(arunika), state(borealia)) == ("suspended", "in-force")
    world.exchange(2)
    assert state(borealia) == "suspended"
    borealia.imports(label("Arunika"), MADE)
    product = borealia.drafts(MADE)
    with pytest.raises(PolicyRefusal) as refused:
        borealia.approves(product, arunika)
    assert refused.value.where == "agreement.suspended"
    resume(borealia.node, ID, "the inquiry is over", "")
    with pytest.raises(Refusal, match="signed already that the suspension"):
        resume(borealia.node, ID, "", "")
    world.exchange(2)
    assert (state(arunika), state(borealia)) == ("suspended", "suspended")
    resume(arunika.node, ID, "", "")
    assert state(arunika) == "in-force"
    world.exchange(2)
    assert state(borealia) == "in-force"
    assert len(borealia.approves(product, arunika)) == 1
    assert steps(arunika)[2:] == [
        ("suspend", "Arunika", "suspended"),
        ("acknowledge", "Borealia", "suspended"),
        ("resume", "Borealia", "suspended"),
        ("resume", "Arunika", "in-force"),
    ]
    assert told(arunika) == told(borealia)
    for nation in (arunika, borealia):
        assert all(set(act.signed_by) == {arunika.party, borealia.party} for act in found(nation).acts)


def test_what_was_decided_after_the_suspension_began_is_kept_apart(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    suspends(borealia)
    world.pass_time(HOUR)
    arunika.imports(label("Borealia"), MADE)
    arunika.releases(arunika.drafts(MADE), borealia)
    arunika.sync()
    report = borealia.sync()
    assert (report.admitted, report.quarantined) == (0, 1)
    groups = list_quarantined(borealia.node, state="waiting")
    assert {clause for group in groups for clause, _ in group.item.reasons} == {"agreement.suspended"}


def test_what_was_decided_before_the_suspension_is_admitted(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.imports(label("Borealia"), MADE)
    arunika.releases(arunika.drafts(MADE), borealia)
    arunika.sync()
    world.pass_time(HOUR)
    suspends(borealia)
    assert borealia.sync().admitted == 1


@pytest.mark.parametrize("act", [Act.SUSPEND, Act.DENOUNCE])
def test_an_approval_does_not_outlive_what_was_done_to_its_agreement(
    world: World, arunika: Nation, borealia: Nation, act: Act
) -> None:
    arunika.imports(label("Borealia"), MADE)
    product = arunika.drafts(MADE)
    arunika.approves(product, borealia)
    do(arunika.node, ID, act, "for a reason", "")
    with pytest.raises((ApprovalRefusal, PolicyRefusal)):
        release(arunika.node, arunika.people[APPROVER], product.id, [borealia.party])
    world.exchange(2)
    assert borealia.status()["received"] == 0


def test_a_suspension_is_about_every_version_that_its_maker_signed(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    arunika.proposes(agreement("Arunika", "Borealia", version=2))
    suspends(arunika)
    world.exchange(2)
    borealia.signs(ID)
    world.exchange(2)
    assert state(arunika, version=2) == state(borealia, version=2) == "suspended"
    agrees(world, arunika, borealia, version=3)
    assert state(arunika, version=3) == state(borealia, version=3) == "in-force"


def test_only_who_suspended_and_all_others_together_resume(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    with pytest.raises(Refusal, match="is not suspended"):
        resume(arunika.node, ID, "", "")
    suspends(arunika)
    world.exchange(2)
    suspends(borealia)
    resume(arunika.node, ID, "", "")
    world.exchange(2)
    resume(borealia.node, ID, "", "")
    world.exchange(2)
    assert state(arunika) == state(borealia) == "suspended"
    resume(arunika.node, ID, "", "")
    world.exchange(2)
    assert state(arunika) == state(borealia) == "in-force"


def test_a_third_party_learns_of_every_act(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    arunika.proposes(agreement("Arunika", "Borealia", "Cendara", id="three"))
    world.exchange(1)
    borealia.signs("three")
    cendara.signs("three")
    world.exchange(2)
    suspends(cendara, "three")
    world.exchange(2)
    resume(arunika.node, "three", "", "")
    world.exchange(2)
    resume(borealia.node, "three", "", "")
    world.exchange(2)
    assert {state(n, "three") for n in world.nations.values()} == {"suspended"}
    resume(cendara.node, "three", "", "")
    world.exchange(2)
    assert {state(n, "three") for n in world.nations.values()} == {"in-force"}
    everyone = {n.party for n in world.nations.values()}
    assert all(
        set(act.signed_by) == everyone for n in world.nations.values() for act in found(n, "three").acts
    )


def test_no_more_is_done_than_the_partner_has_heard_of(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    for _ in range(UNHEARD_MOST):
        suspends(arunika)
    with pytest.raises(Refusal, match="has not signed yet"):
        suspends(arunika)
    borealia.wire.on_fetch = lambda envelopes: envelopes[::-1]
    world.exchange(3)
    assert len(found(borealia).acts) == UNHEARD_MOST
    assert told(arunika) == told(borealia)
    suspends(arunika)


# Denunciation.


def test_a_denounced_agreement_is_in_force_until_its_notice_ends(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    agrees(world, arunika, borealia, version=2, more=NOTICE)
    do(borealia.node, ID, Act.DENOUNCE, "a new treaty is ready", "")
    world.exchange(2)
    assert state(arunika, version=2) == state(borealia, version=2) == "notice-running"
    arunika.imports(label("Borealia"), MADE)
    (shown,) = arunika.previews(arunika.drafts(), borealia)
    assert all(each.sha256 for each in shown.objects)
    with pytest.raises(Refusal, match="it cannot be denounced"):
        do(borealia.node, ID, Act.DENOUNCE, "again", "")
    world.pass_time(31 * DAY)
    assert state(arunika, version=2) == state(borealia, version=2) == "denounced"
    (shown,) = arunika.previews(arunika.drafts(), borealia)
    assert {each.clause for each in shown.objects} == {"agreement.in-force"}
    assert told(arunika) == told(borealia)
    assert steps(arunika)[-2:] == [
        ("denounce", "Borealia", "notice-running"),
        ("acknowledge", "Arunika", "notice-running"),
    ]


def test_what_is_sent_under_a_denounced_agreement_is_kept_apart(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    with arunika.node.store.read() as unit:
        under = in_force(unit, arunika.node, borealia.party, "cyber-defence", arunika.now())
    assert under is not None
    do(borealia.node, ID, Act.DENOUNCE, "it is over", "")
    # Arunika has not heard of it: else its own node would hold this back.
    sends_forged(
        arunika, borealia, sheet(arunika, view(borealia)), object_leaf(view(borealia), MADE), under=under
    )
    arunika.sync()
    report = borealia.sync()
    assert (report.admitted, report.quarantined) == (0, 1)


def test_what_went_under_an_agreement_is_gone_some_days_after_its_end(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    def gone() -> int | None:
        with arunika.node.store.read() as unit:
            return must_be_gone(unit, first)

    first = found(arunika).newest.row.hash
    assert gone() is None
    agrees(world, arunika, borealia, version=2, more=NOTICE)
    assert gone() == terms(arunika, 2).not_after + 10 * DAY * MICRO
    do(arunika.node, ID, Act.DENOUNCE, "it is over", "")
    (act,) = found(arunika).acts
    assert gone() == act.act.made + 40 * DAY * MICRO


def test_an_act_says_why_and_not_at_length(world: World, arunika: Nation) -> None:
    for reason in ("", "  ", "x" * 1001):
        with pytest.raises(InputFault) as refused:
            do(arunika.node, ID, Act.SUSPEND, reason, "")
        assert refused.value.where == "reason"
    assert state(arunika) == "in-force"


# What a partner may not do. Each is refused by its clause, logged, and changes nothing.


def key(nation: Nation) -> SigningKey:
    return signing_key(nation.node)


def says(sender: Nation, to: Nation, step: str, *documents: Document, id: str = ID) -> str:
    """What the recipient says is wrong with a step that the sender makes up."""
    with sender.node.store.write() as unit:
        notice = AgreementStep(step=step, id=id, version=1)
        post(unit, sender.node, to.party, notice, [each.encode() for each in documents])
    sender.sync()
    before = (to.agreements(), len(found(to).acts))
    problems = to.sync().problems
    assert (to.agreements(), len(found(to).acts)) == before
    if not problems:
        return ""
    (problem,) = problems
    (*_, refused) = to.leaves("refusal")
    assert f"({refused['clause']})" in problem
    return str(refused["clause"])


def terms(nation: Nation, version: int = 1) -> Agreement:
    each = found(nation).of_version(version)
    assert each is not None
    return each.terms


def drawn_up(agreed: Agreement, *keys: SigningKey) -> Document:
    return sign(KIND, "live", encode_agreement(agreed), *keys)


def test_one_side_cannot_amend(world: World, arunika: Nation, borealia: Nation) -> None:
    agrees(world, arunika, borealia, version=2)
    wider = replace(terms(borealia, 2), topics=frozenset({"cyber", "radiological", "nuclear"}))
    assert says(borealia, arunika, "propose", drawn_up(wider, key(borealia))) == "agreement.version"
    amended = replace(wider, version=3)
    assert says(borealia, arunika, "sign", drawn_up(amended, key(borealia))) == "agreement.signatures"
    row = found(borealia).newest.row
    torn = replace(parse_document(row.document), payload=encode_agreement(wider))
    assert says(borealia, arunika, "sign", torn) == "agreement.signatures"


def test_an_agreement_signed_by_the_wrong_key_is_refused(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    stranger = SigningKey(b"stranger".ljust(64, b"\0"))
    new = replace(terms(borealia), version=2)
    for wrong in (stranger, key(cendara)):
        assert says(borealia, arunika, "propose", drawn_up(new, wrong)) == "agreement.signatures"
        assert says(borealia, arunika, "propose", drawn_up(new, key(borealia), wrong)) == (
            "agreement.signatures"
        )


def test_an_older_version_does_not_come_again(world: World, arunika: Nation, borealia: Nation) -> None:
    old = parse_document(found(borealia).newest.row.document)
    agrees(world, arunika, borealia, version=3)
    for step in ("propose", "sign"):
        assert says(borealia, arunika, step, old) == "agreement.version"
    between = replace(terms(borealia), version=2)
    assert says(borealia, arunika, "propose", drawn_up(between, key(borealia))) == "agreement.version"


def test_terms_that_contradict_themselves_are_refused_by_the_clause(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    kept_out = Reservation(party=borealia.party, topics=frozenset({"finance"}))
    changes: dict[str, dict[str, Any]] = {
        "purposes": {"purposes": frozenset()},
        "run_off_days": {"run_off": "return-or-destroy"},
        "run_off": {"run_off": "burn"},
        "notice_days": {"notice_days": 9000},
        "suite": {"suite": 7},
        "reservation[0].topics": {"reservations": (kept_out,)},
    }
    for clause, change in changes.items():
        agreed = replace(terms(borealia), version=2, **change)
        assert says(borealia, arunika, "propose", drawn_up(agreed, key(borealia))) == clause


def suspension(nation: Nation, **changed: Any) -> AgreementAct:
    agreed, chain = found(nation), found(nation).chain(nation.party)
    act = AgreementAct(
        act=Act.SUSPEND,
        party=nation.party,
        agreement=ID,
        version=agreed.newest.row.version,
        terms=agreed.newest.row.hash,
        made=nation.now(),
        since=nation.now(),
        reason="by hand",
        previous=chain[-1].hash if chain else b"",
    )
    return replace(act, **changed)


def acting(act: AgreementAct, *keys: SigningKey) -> Document:
    return sign(ACT_KIND, "live", encode_act(act), *keys)


def test_an_act_that_is_not_fit_is_refused_by_its_clause(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    tomorrow = borealia.now() + DAY * MICRO
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("agreement.signatures", {"party": arunika.party}),
        ("since", {"since": 1}),
        ("made", {"made": tomorrow, "since": tomorrow}),
        ("reason", {"reason": ""}),
        ("terms", {"terms": bytes(range(32))}),
        ("version", {"version": 7}),
        ("agreement.previous", {"previous": bytes(range(32))}),
        ("agreement.signatures", {"act": Act.DECLINE}),
        ("lifts", {"act": Act.RESUME}),
    )
    for clause, change in wrong:
        act = suspension(borealia, **change)
        assert says(borealia, arunika, "act", acting(act, key(borealia))) == clause


def test_a_denunciation_without_its_notice_is_refused(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    agrees(world, arunika, borealia, version=2, more=NOTICE)
    act = suspension(borealia, act=Act.DENOUNCE)
    assert says(borealia, arunika, "act", acting(act, key(borealia))) == "notice_days"


def test_an_act_signed_by_the_wrong_key_is_refused(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    act = suspension(borealia)
    assert says(borealia, arunika, "act", acting(act, key(cendara))) == "agreement.signatures"
    both = countersign(acting(act, key(borealia)), key(cendara))
    assert says(borealia, arunika, "act", both) == "agreement.signatures"


def test_an_act_comes_once_and_none_before_it_can_be_left_out(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    suspends(borealia)
    world.exchange(2)
    resume(borealia.node, ID, "", "")
    world.exchange(2)
    resume(arunika.node, ID, "", "")
    world.exchange(2)
    assert state(arunika) == "in-force"
    first = found(borealia).chain(borealia.party)[0]
    with borealia.node.store.read() as unit:
        row = unit.directory.signed_by_hash(ACT_KIND, first.hash)
    assert row is not None
    assert says(borealia, arunika, "act", parse_document(row.document)) == "agreement.previous"
    beside = suspension(borealia, previous=first.hash)
    assert says(borealia, arunika, "act", acting(beside, key(borealia))) == "agreement.previous"
    assert state(arunika) == "in-force"


def test_one_side_alone_cannot_resume(world: World, arunika: Nation, borealia: Nation) -> None:
    suspends(arunika)
    world.exchange(2)
    (halt,) = found(borealia).acts
    alone = suspension(borealia, act=Act.RESUME, lifts=(halt.hash,))
    with borealia.node.store.write() as unit:
        notice = AgreementStep(step="act", id=ID, version=1)
        post(unit, borealia.node, arunika.party, notice, [acting(alone, key(borealia)).encode()])
    world.exchange(2)
    assert state(arunika) == "suspended"


def test_what_waits_when_an_agreement_is_suspended_goes_when_it_is_resumed(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    waiting = indicator("waits", "203.0.113.91")
    arunika.imports(label("Borealia"), waiting)
    arunika.releases(arunika.drafts(waiting), borealia)
    do(arunika.node, "arunika-borealia", Act.SUSPEND, "an incident", "")
    world.exchange(2)
    assert waiting["id"].encode() not in borealia.export()
    resume(arunika.node, "arunika-borealia", "it is over", "")
    world.exchange(2)
    resume(borealia.node, "arunika-borealia", "agreed", "")
    world.exchange(2)
    world.pass_time(DAY)
    world.exchange(2)
    assert waiting["id"].encode() in borealia.export()


def test_a_resumption_does_not_reach_back_before_what_it_ends(
    world: World, arunika: Nation, borealia: Nation
) -> None:
    world.pass_time(DAY)
    before = arunika.now()
    world.pass_time(HOUR)
    do(arunika.node, "arunika-borealia", Act.SUSPEND, "an incident", "")
    world.exchange(2)
    with arunika.node.store.read() as unit:
        found = lineage(unit, "arunika-borealia")
    assert found is not None
    assert found.binding is not None
    made = AgreementAct(
        act=Act.RESUME,
        party=borealia.party,
        agreement="arunika-borealia",
        version=found.binding.row.version,
        terms=found.binding.row.hash,
        made=before,
        since=before,
        reason="",
        previous=b"",
        lifts=(found.acts[0].hash,),
    )
    document = sign(ACT_KIND, "live", encode_act(made), signing_key(borealia.node))
    with borealia.node.store.write() as unit:
        notice = AgreementStep(step="act", id="arunika-borealia", version=1, at=before)
        post(unit, borealia.node, arunika.party, notice, [found.binding.row.document, document.encode()])
    borealia.sync()
    assert any("before the suspension" in problem for problem in arunika.sync().problems)
    with arunika.node.store.read() as unit:
        after = lineage(unit, "arunika-borealia")
    assert after is not None
    assert len(after.acts) == 1
