"""Passing on what another wrote: only as its author says, and so that the third nation can tell whose words they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from simpul.domain.labels import Onward
from simpul.domain.products import Product
from simpul.domain.queries import HOME
from simpul.domain.releases import PASSED, Proof
from simpul.errors import ApprovalRefusal, PolicyRefusal
from simpul.protocol.documents import parse_document, sign
from simpul.protocol.grants import GRANT, ConsentAnswer, decode_grant, encode_grant
from simpul.protocol.keys import SigningKey
from simpul.protocol.manifest import decode_manifest
from simpul.services.consenting import Asking, ShownConsent, ask, list_consents
from simpul.services.consents import wanted_consent
from simpul.services.enrolling import Signer
from simpul.services.granting import Terms, deny, grant, revoke
from simpul.services.posting import post
from simpul.services.quarantining import admit_quarantined
from tests.federation.conftest import AtRest
from tests.federation.forging import Leaf, sends_forged, sheet, view
from tests.federation.nations import APPROVER, DRAFTER, HOUR, PHRASE, Nation, World, copied
from tests.federation.objects import agreement, indicator, label, stix
from tests.federation.test_overlay import adopted, rules

ASKED = indicator("asked", "203.0.113.20", description="canary-asked")
OTHER = indicator("other", "203.0.113.21", description="canary-other")
FREE = indicator("free", "203.0.113.22", description="canary-free")
CLOSED = indicator("closed", "203.0.113.23", description="canary-closed")
CLEAN = indicator("clean", "203.0.113.24", description="canary-clean")
OURS = stix("identity", "ours", name="harbour office", identity_class="organization")


@pytest.fixture(scope="module")
def agreed_at_rest(friends_at_rest: AtRest, tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    """Borealia holds four of Arunika's objects, and has an agreement with Cendara."""
    made = copied(friends_at_rest[0], tmp_path_factory.mktemp("agreed"), friends_at_rest[1])
    try:
        arunika, borealia, cendara = made.nations.values()
        borealia.proposes(agreement("Borealia", "Cendara", onward="free"))
        made.exchange(1)
        cendara.signs("borealia-cendara")
        made.exchange(2)
        arunika.imports(label("Borealia"), ASKED, OTHER, CLOSED, FREE)
        arunika.marks(label("Borealia", onward="none"), CLOSED)
        arunika.releases(arunika.drafts(ASKED, OTHER, CLOSED, FREE), borealia)
        made.exchange(2)
        borealia.imports(label("Cendara"), OURS)
        made.relay.terminate()
    finally:
        made.close()
    return made.folder, friends_at_rest[1]


@pytest.fixture(scope="module")
def consented_at_rest(agreed_at_rest: AtRest, tmp_path_factory: pytest.TempPathFactory) -> AtRest:
    """Arunika has consented, for one release, to the one object that Borealia asked for."""
    made = copied(agreed_at_rest[0], tmp_path_factory.mktemp("consented"), agreed_at_rest[1])
    try:
        arunika, borealia, cendara = made.nations.values()
        consented(made, arunika, borealia, cendara, ASKED)
        made.relay.terminate()
    finally:
        made.close()
    return made.folder, agreed_at_rest[1]


@pytest.fixture
def world(agreed_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(agreed_at_rest[0], tmp_path / "world", agreed_at_rest[1])
    yield made
    made.close()


def outcomes(nation: Nation, product: Product, to: Nation) -> dict[str, tuple[str, str]]:
    (shown,) = nation.previews(product, to)
    return {each.id: (each.outcome.word, each.clause) for each in shown.objects}


def asks(
    nation: Nation, product: Product, to: Nation, *objects: dict[str, Any], repeated: bool = False
) -> ShownConsent:
    wanted = Asking(
        product=product.id,
        objects=tuple(each["id"] for each in objects),
        to=to.party,
        purpose="cyber-defence",
        why="their harbour is next",
        repeated=repeated,
    )
    return ask(nation.node, nation.people[DRAFTER], wanted)


def grants(nation: Nation, request: str, terms: Terms | None = None) -> ShownConsent:
    """Two persons grant a request."""
    proposed = grant(nation.node, nation.people[DRAFTER], request, terms or Terms()).proposed
    assert proposed is not None
    return grant(nation.node, nation.people[APPROVER], request, Terms(confirm=proposed["proposal"]))


def state(nation: Nation) -> list[str]:
    return [each.state for each in list_consents(nation.node)]


def held(nation: Nation, made: dict[str, Any]) -> Any:
    """The one stored head of an object, or None."""
    with nation.node.store.read() as unit:
        found = unit.objects.find(HOME, made["id"])
    assert len(found) <= 1
    return found[0] if found else None


def kept_apart(nation: Nation) -> list[tuple[str, ...]]:
    with nation.node.store.read() as unit:
        return [tuple(clause for clause, _ in item.reasons) for item in unit.mail.quarantined()]


def consented(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, *objects: dict[str, Any], **how: Any
) -> Product:
    """Borealia drafts, asks for some of it, and Arunika's two persons grant that."""
    product = borealia.drafts(ASKED, OTHER, OURS)
    asked = asks(borealia, product, cendara, *objects, **how)
    world.exchange(2)
    grants(arunika, asked.request)
    world.exchange(2)
    return product


# As its author's rule says.


def test_consent_is_asked_granted_and_shown_to_the_third_nation(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, tmp_path: Path
) -> None:
    product = borealia.drafts(ASKED, OTHER, OURS)
    before = outcomes(borealia, product, cendara)
    assert before[ASKED["id"]] == before[OTHER["id"]] == ("needs-consent", "label.onward")
    asked = asks(borealia, product, cendara, ASKED)
    assert (asked.direction, asked.state, asked.leaves) == ("asked", "asked", 1)
    world.exchange(2)
    (to_answer,) = list_consents(arunika.node)
    assert (to_answer.direction, to_answer.leaves, to_answer.beneficiary) == ("to-answer", 1, cendara.party)
    assert grants(arunika, asked.request).state == "granted"
    world.exchange(2)
    assert state(borealia) == ["granted"]
    (shown,) = borealia.previews(product, cendara, out=tmp_path / "out")
    going = {each.id: each.sha256 for each in shown.objects if each.sha256}
    assert set(going) == {ASKED["id"], OURS["id"]}
    borealia.releases(product, cendara)
    world.exchange(2)
    came = held(cendara, ASKED)
    assert (came.key.originator, came.source) == (arunika.party, borealia.party)
    # its author's very words, and what the preview showed
    own = held(arunika, ASKED)
    assert came.key.sha256 == own.key.sha256 == going[ASKED["id"]]
    assert (tmp_path / "out" / cendara.party / came.key.sha256.hex()).exists()
    # nothing of the rest, nor that it exists
    everything = cendara.export()
    for other in (OTHER, CLOSED, FREE):
        assert other["id"].encode() not in everything
    # and it goes no further: a grant says none unless it says otherwise
    with cendara.node.store.read() as unit:
        (kept,) = unit.objects.labels_of(HOME, came.key)
    assert kept.onward is not None
    assert kept.onward.none
    assert {(each.onward, each.anyone, each.freely, each.asking) for each in shown.reach} == {
        ("none", False, (), ()),  # Arunika's, by its grant
        ("consent", True, (), (arunika.party,)),  # Borealia's own
    }


def test_a_rule_that_is_free_needs_no_consent_and_one_that_says_none_gets_none(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    arunika.proposes(agreement("Arunika", "Borealia", id="open", onward="free"))
    world.exchange(2)
    borealia.signs("open")
    world.exchange(2)
    later = stix(
        "indicator", "later", **{k: FREE[k] for k in ("name", "pattern", "pattern_type", "valid_from")}
    )
    arunika.imports(label("Borealia", onward="free"), later)
    arunika.releases(arunika.drafts(later), borealia)
    world.exchange(2)
    product = borealia.drafts(later, CLOSED, OURS)
    found = outcomes(borealia, product, cendara)
    assert found[later["id"]] == ("permit", "agreement")
    assert found[CLOSED["id"]] == ("deny", "label.releasable-to")
    borealia.releases(product, cendara)
    world.exchange(2)
    assert held(cendara, later).key.originator == arunika.party
    assert held(cendara, CLOSED) is None
    # Cendara kept the proof, so it can pass it on in turn: back to whoever wrote it, here
    cendara.proposes(agreement("Cendara", "Arunika", id="back"))
    world.exchange(2)
    arunika.signs("back")
    world.exchange(2)
    again = cendara.drafts(later)
    assert outcomes(cendara, again, arunika)[later["id"]] == ("permit", "agreement")
    cendara.releases(again, arunika)
    world.exchange(2)
    assert kept_apart(arunika) == []
    assert held(arunika, later).key.originator == arunika.party


def test_a_denial_changes_nothing_but_what_is_known(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    product = borealia.drafts(ASKED, OURS)
    asked = asks(borealia, product, cendara)
    world.exchange(2)
    deny(arunika.node, arunika.people[DRAFTER], asked.request, "sources")
    world.exchange(2)
    (known,) = list_consents(borealia.node)
    assert (known.state, known.asked["reason"]) == ("denied", "sources")
    assert outcomes(borealia, product, cendara)[ASKED["id"]] == ("needs-consent", "label.onward")
    with pytest.raises(Exception, match="denied"):
        grants(arunika, asked.request)


def test_a_grant_needs_two_persons_of_whom_the_second_names_what_it_looked_at(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    asked = asks(borealia, borealia.drafts(ASKED), cendara)
    world.exchange(2)
    first, second = arunika.people[DRAFTER], arunika.people[APPROVER]

    def confirms(person: Signer, proposal: str) -> ShownConsent:
        return grant(arunika.node, person, asked.request, Terms(confirm=proposal))

    looked_at = grant(arunika.node, first, asked.request, Terms(obligations=("tell nobody",))).proposed
    assert looked_at is not None
    with pytest.raises(ApprovalRefusal, match="approved"):
        confirms(first, looked_at["proposal"])
    # The first person swaps the terms after the second has looked at them.
    swapped = grant(arunika.node, first, asked.request, Terms(onward=Onward())).proposed
    assert swapped is not None
    for proposal in (looked_at["proposal"], "00000000", swapped["proposal"][:7]):
        with pytest.raises(ApprovalRefusal, match="not what is proposed"):
            confirms(second, proposal)
    world.exchange(2)
    assert state(borealia) == ["asked"]
    other = grant(arunika.node, second, asked.request, Terms(obligations=("tell nobody",))).proposed
    assert other is not None
    done = confirms(first, other["proposal"][:16])
    assert done.state == "granted"
    assert done.granted is not None
    assert done.granted["obligations"] == ["tell nobody"]
    assert done.asked["approved_by"] == [APPROVER, DRAFTER]


def test_a_grant_needs_as_many_persons_as_the_nations_own_rules_ask_for(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    asked = asks(borealia, borealia.drafts(ASKED), cendara)
    world.exchange(2)
    adopted(arunika, rules(to="Cendara", then="needs-approval"))
    proposed = grant(arunika.node, arunika.people[DRAFTER], asked.request, Terms()).proposed
    assert proposed is not None
    confirmed = Terms(confirm=proposed["proposal"])
    assert grant(arunika.node, arunika.people[APPROVER], asked.request, confirmed).state == "proposed"


def test_consent_opens_nothing_that_the_originators_own_label_closes(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    asked = asks(borealia, borealia.drafts(ASKED), cendara)
    world.exchange(2)
    excluded = f"not_releasable_to = [{json.dumps('Cendara')}]\n"
    arunika.marks(label("Borealia", more=excluded), ASKED)
    with pytest.raises(PolicyRefusal) as refused:
        grants(arunika, asked.request)
    assert refused.value.where == "label.not-releasable-to"
    assert state(arunika) == ["asked"]


def test_a_sanitised_rendition_is_granted_instead_of_what_was_asked(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    asked = asks(borealia, borealia.drafts(ASKED, OTHER), cendara)
    world.exchange(2)
    arunika.imports(label("Borealia"), CLEAN)
    sanitised = arunika.drafts(CLEAN)
    arunika.releases(sanitised, borealia)
    granted = grants(arunika, asked.request, Terms(rendition=sanitised.id)).granted
    assert granted is not None
    assert granted["rendition"]
    world.exchange(2)
    product = borealia.drafts(ASKED, CLEAN, OURS)
    found = outcomes(borealia, product, cendara)
    assert found[CLEAN["id"]] == ("permit", "agreement")
    assert found[ASKED["id"]] == ("needs-consent", "label.onward")
    borealia.releases(product, cendara)
    world.exchange(2)
    assert held(cendara, CLEAN).key.originator == arunika.party
    assert held(cendara, ASKED) is None


def test_a_single_grant_is_used_up_by_one_release_and_a_repeated_one_is_not(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    product = consented(world, arunika, borealia, cendara, ASKED)
    second = borealia.drafts(ASKED, OURS)
    assert outcomes(borealia, second, cendara)[ASKED["id"]][0] == "permit"
    borealia.releases(product, cendara)
    assert state(borealia) == ["used"]
    assert outcomes(borealia, second, cendara)[ASKED["id"]] == ("needs-consent", "label.onward")
    asked = asks(borealia, second, cendara, ASKED, repeated=True)
    world.exchange(2)
    grants(arunika, asked.request)
    world.exchange(2)
    for _ in range(2):
        again = borealia.drafts(ASKED, OURS)
        borealia.releases(again, cendara)
    assert state(borealia) == ["granted", "used"]
    world.exchange(2)
    assert kept_apart(cendara) == []


def test_an_approval_is_void_once_the_consent_is_revoked(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    product = consented(world, arunika, borealia, cendara, ASKED)
    borealia.approves(product, cendara)
    (known,) = list_consents(arunika.node)
    revoke(arunika.node, arunika.people[DRAFTER], known.request, "changed our mind")
    world.exchange(2)
    assert state(borealia) == ["revoked"]
    from simpul.services.releasing import release

    with pytest.raises(ApprovalRefusal, match="void"):
        release(borealia.node, borealia.people[APPROVER], product.id, [cendara.party])
    assert outcomes(borealia, product, cendara)[ASKED["id"]] == ("needs-consent", "label.onward")


def test_a_grant_ends_with_its_date(world: World, arunika: Nation, borealia: Nation, cendara: Nation) -> None:
    asked = asks(borealia, borealia.drafts(ASKED), cendara)
    world.exchange(2)
    grants(arunika, asked.request, Terms(not_after=arunika.now() + HOUR * 1_000_000))
    world.exchange(2)
    product = borealia.drafts(ASKED)
    assert outcomes(borealia, product, cendara)[ASKED["id"]][0] == "permit"
    world.pass_time(2 * HOUR)
    assert outcomes(borealia, product, cendara)[ASKED["id"]] == ("needs-consent", "label.onward")
    assert state(borealia) == ["expired"]


def test_anothers_words_are_never_cut(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    named = indicator("named", "203.0.113.25", created_by_ref=OURS["id"])
    person = stix("identity", "secret", name="canary-person", identity_class="individual")
    naming = indicator("naming", "203.0.113.26", created_by_ref=person["id"])
    arunika.imports(label("Borealia"), person, naming, named)
    arunika.releases(arunika.drafts(person, naming), borealia)
    world.exchange(2)
    product = borealia.drafts(naming, OURS)
    asked = asks(borealia, product, cendara)
    world.exchange(2)
    grants(arunika, asked.request)
    world.exchange(2)
    assert outcomes(borealia, product, cendara)[naming["id"]] == ("deny", "passing.cut")


def test_whoever_got_something_by_consent_asks_its_author_before_it_goes_further(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    asked = asks(borealia, borealia.drafts(ASKED, OURS), cendara)
    world.exchange(2)
    grants(arunika, asked.request, Terms(onward=Onward(consent=True)))
    world.exchange(2)
    borealia.releases(borealia.drafts(ASKED, OURS), cendara)
    world.exchange(2)
    again = cendara.drafts(ASKED)
    assert outcomes(cendara, again, borealia)[ASKED["id"]] == ("needs-consent", "label.onward")
    second = asks(cendara, again, borealia)
    world.exchange(2)
    assert grants(arunika, second.request).state == "granted"
    world.exchange(2)
    assert outcomes(cendara, again, borealia)[ASKED["id"]] == ("permit", "agreement")
    cendara.releases(again, borealia)
    world.exchange(2)
    assert kept_apart(borealia) == []
    with borealia.node.store.read() as unit:
        assert {each.sender for each in unit.mail.inbox()} == {arunika.party, cendara.party}


def calls(nation: Nation, *words: str, by: str = "", code: int = 0) -> Any:
    """One command at a nation's desk, in a process of its own; its document."""
    person = ["--as", by, "--passphrase-file", str(nation.file(PHRASE))] if by else []
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "simpul",
            "--home",
            nation.home,
            "--kek",
            nation.kek,
            *words,
            "--json",
            *person,
        ],
        capture_output=True,
        check=False,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def test_the_commands_ask_answer_and_take_back(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    product = borealia.drafts(ASKED, OURS)
    words = ("--to", "Cendara", "--purpose", "cyber-defence", "--why", "their harbour is next")
    asked = calls(borealia, "consent", "ask", product.id, *words, by=DRAFTER)
    assert asked["leaves"] == 1
    world.exchange(2)
    (listed,) = calls(arunika, "consent", "list")
    assert listed == {
        "request": asked["request"],
        "direction": "to-answer",
        "state": "asked",
        "from": borealia.party,
        "originator": arunika.party,
        "beneficiary": cendara.party,
        "leaves": 1,
        "purpose": "cyber-defence",
        "at": listed["at"],
    }
    start = asked["request"][:8]
    proposed = calls(arunika, "consent", "grant", start, "--obligation", "tell nobody", by=DRAFTER)
    assert (proposed["state"], proposed["granted"]) == ("proposed", None)
    confirm = ("--confirm", proposed["proposed"]["proposal"])
    twice = calls(arunika, "consent", "grant", start, *confirm, by=DRAFTER, code=1)
    assert twice["error"]["code"] == "approval-refused"
    granted = calls(arunika, "consent", "grant", start, *confirm, by=APPROVER)
    assert (granted["state"], granted["granted"]["onward"]) == ("granted", "none")
    world.exchange(2)
    assert calls(borealia, "consent", "show", start)["granted"]["obligations"] == ["tell nobody"]
    (shown,) = calls(borealia, "product", "preview", product.id, "--to", "Cendara")["recipients"]
    assert {each["onward"] for each in shown["reach"]} == {"none", "consent"}
    assert calls(arunika, "consent", "revoke", start, "--reason", "done", by=APPROVER)["state"] == "revoked"
    world.exchange(2)
    (shown,) = calls(borealia, "product", "preview", product.id, "--to", "Cendara")["recipients"]
    (needs,) = [each for each in shown["reasons"] if each["outcome"] == "needs-consent"]
    assert (
        f"simpul consent ask {product.id} --to {cendara.party} --purpose cyber-defence --why"
        in needs["change"]
    )
    denied = calls(arunika, "consent", "deny", start, "--reason", "late", by=APPROVER, code=1)
    assert "revoked" in denied["error"]["message"]


# What comes back from an originator.


def answers(world: World, arunika: Nation, borealia: Nation, request: str, **changes: Any) -> list[str]:
    """Arunika sends a grant that it made otherwise than its own rules let it; what Borealia says of it."""
    with arunika.node.store.write() as unit:
        consent = wanted_consent(unit, request)
        asked = consent.request
        with borealia.node.store.read() as theirs:
            row = theirs.directory.signed("agreement", id="arunika-borealia")[0]
        made = encode_grant(
            replace(
                decode_grant(_plain_grant(asked, consent.row.hash, row.hash, arunika)),
                **changes,
            )
        )
        document = sign(GRANT, arunika.node.realm, made, SigningKey(arunika.node.keyring.secret("signing")))
        answer = ConsentAnswer(request=consent.row.hash, outcome="grant")
        post(unit, arunika.node, borealia.party, answer, [document.encode()])
    arunika.sync()
    return list(borealia.sync().problems)


def _plain_grant(asked: Any, request: bytes, agreed_hash: bytes, arunika: Nation) -> bytes:
    from simpul.domain.grants import Grant

    return encode_grant(
        Grant(
            request=request,
            originator=asked.originator,
            grantee=asked.asker,
            beneficiary=asked.beneficiary,
            leaves=asked.leaves,
            rendition=b"",
            purpose=asked.purpose,
            obligations=(),
            onward=Onward(none=True),
            agreement=agreed_hash,
            not_after=arunika.now() + HOUR * 1_000_000,
            repeated=False,
            at=arunika.now(),
        )
    )


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ("leaves", "consent.leaves"),
        ("purpose", "consent.purpose"),
        ("beneficiary", "consent.parties"),
        ("not_after", "consent.expired"),
        ("repeated", "consent.used"),
        ("agreement", "consent.agreement"),
    ],
)
def test_consent_for_something_else_than_was_asked_is_refused_and_changes_nothing(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation, change: str, clause: str
) -> None:
    from simpul.domain.grants import Leaves

    asked = asks(borealia, borealia.drafts(ASKED), cendara)
    world.exchange(2)
    with borealia.node.store.read() as unit:
        (leaves,) = wanted_consent(unit, asked.request).request.leaves
    others = (Leaves(root=leaves.root, positions=(leaves.positions[0], leaves.positions[0] + 1)),)
    changed = {
        "leaves": others,
        "purpose": "espionage",
        "beneficiary": "a1" * 25,
        "not_after": 1,
        "repeated": True,
        "agreement": bytes(32),
    }[change]
    before = len(borealia.leaves("consent"))
    problems = answers(world, arunika, borealia, asked.request, **{change: changed})
    assert any(clause in each for each in problems)
    assert state(borealia) == ["asked"]
    assert len(borealia.leaves("consent")) == before
    assert borealia.leaves("refusal")[-1]["kind"] == "consent-answer"


def test_nobody_asks_for_leaves_that_were_never_released_to_it(
    world: World, arunika: Nation, borealia: Nation, cendara: Nation
) -> None:
    asked = asks(borealia, borealia.drafts(ASKED), cendara)
    with borealia.node.store.read() as unit:
        request = wanted_consent(unit, asked.request).request
    from simpul.domain.grants import Leaves
    from simpul.protocol.grants import REQUEST, ConsentRequest, encode_request

    forged = replace(request, id=bytes(16), leaves=(Leaves(root=bytes(32), positions=(0,)),))
    key = SigningKey(borealia.node.keyring.secret("signing"))
    document = sign(REQUEST, borealia.node.realm, encode_request(forged), key)
    with borealia.node.store.write() as unit:
        post(unit, borealia.node, arunika.party, ConsentRequest(id=bytes(16)), [document.encode()])
    borealia.sync()
    assert any("consent.leaves" in each for each in arunika.sync().problems)
    assert [each.request for each in list_consents(arunika.node)] == [asked.request]


# What a third nation makes of it.


def test_without_the_authors_card_it_is_kept_apart_and_admitted_once_the_card_is_here(
    strangers: World,
) -> None:
    arunika, borealia, cendara = strangers.nations.values()
    for one, other in ((arunika, borealia), (borealia, cendara)):
        one.knows(other)
        other.knows(one)
    borealia.knows(arunika)
    strangers.exchange(2)
    arunika.proposes(agreement("Arunika", "Borealia", onward="free"))
    borealia.proposes(agreement("Borealia", "Cendara", onward="free"))
    strangers.exchange(2)
    borealia.signs("arunika-borealia")
    cendara.signs("borealia-cendara")
    strangers.exchange(2)
    arunika.imports(label("Borealia", onward="free"), FREE)
    arunika.releases(arunika.drafts(FREE), borealia)
    strangers.exchange(2)
    borealia.releases(borealia.drafts(FREE), cendara)
    strangers.exchange(2)
    assert kept_apart(cendara) == [("admission.authorship",)]
    assert held(cendara, FREE) is None
    with cendara.node.store.read() as unit:
        (item,) = unit.mail.quarantined()
    reviewer = cendara.people[APPROVER]
    with pytest.raises(PolicyRefusal) as refused:
        admit_quarantined(cendara.node, reviewer, item.id.hex())
    assert refused.value.where == "admission.authorship"
    cendara.knows(arunika)
    assert admit_quarantined(cendara.node, reviewer, item.id.hex()) == 1
    came = held(cendara, FREE)
    assert (came.key.originator, came.source) == (arunika.party, borealia.party)
    with cendara.node.store.read() as unit:
        assert len(unit.mail.proofs(came.key)) == 1  # tied to its leaf although it was kept apart


class Hostile:
    """Borealia sends on, outside all rules, something of Arunika's; as honest as a test leaves it."""

    def __init__(self, borealia: Nation, cendara: Nation, made: dict[str, Any]) -> None:
        with borealia.node.store.read() as unit:
            (head,) = unit.objects.find(HOME, made["id"])
            self.body = unit.objects.raw(HOME, head.key)
            self.label = view_of(unit, head, borealia, cendara)
            (self.proof,) = unit.mail.proofs(head.key)
        self.borealia, self.cendara = borealia, cendara

    def sends(self) -> list[str]:
        leaf = Leaf(PASSED, self.label, self.body, self.proof)
        sends_forged(self.borealia, self.cendara, sheet(self.borealia, view(self.cendara)), leaf)
        self.borealia.sync()
        return list(self.cendara.sync().problems)


def view_of(unit: Any, head: Any, borealia: Nation, cendara: Nation) -> Any:
    whole = unit.objects.label(head.label)
    return replace(
        whole, releasable_to=frozenset({frozenset({cendara.party})}), not_releasable_to=frozenset()
    )


@pytest.fixture
def granted(consented_at_rest: AtRest, tmp_path: Path) -> Iterator[World]:
    made = copied(consented_at_rest[0], tmp_path / "granted", consented_at_rest[1])
    yield made
    made.close()


@pytest.fixture
def hostile(granted: World) -> Hostile:
    """A node that has a single consent for one object, and would use it for more."""
    _, borealia, cendara = granted.nations.values()
    return Hostile(borealia, cendara, ASKED)


def granted_by(nation: Nation) -> bytes:
    with nation.node.store.read() as unit:
        (consent,) = [wanted_consent(unit, each.request) for each in list_consents(nation.node)]
        return consent.document


def test_what_is_sent_as_its_rules_say_is_admitted(hostile: Hostile) -> None:
    hostile.proof = replace(hostile.proof, grant=granted_by(hostile.borealia))
    assert hostile.sends() == []
    assert held(hostile.cendara, ASKED) is not None


@pytest.mark.parametrize("edit", ["body", "salt", "path", "position", "label"])
def test_an_edited_word_or_proof_is_refused(hostile: Hostile, edit: str) -> None:
    proof = replace(hostile.proof, grant=granted_by(hostile.borealia))
    changed: dict[str, Callable[[], Proof]] = {
        "salt": lambda: replace(proof, salt=bytes(32)),
        "path": lambda: replace(proof, path=(bytes(32), *proof.path[1:])),
        "position": lambda: replace(proof, position=(proof.position + 1) % 5),
        "label": lambda: replace(proof, label=_another_label(proof)),
    }
    if edit == "body":
        hostile.body = hostile.body.replace(b"canary-asked", b"canary-edits")
        hostile.proof = proof
    else:
        hostile.proof = changed[edit]()
    problems = hostile.sends()
    assert any(each.startswith("unproven") for each in problems)
    assert held(hostile.cendara, ASKED) is None
    assert kept_apart(hostile.cendara) == []


def _another_label(proof: Proof) -> bytes:
    hashes = decode_manifest(parse_document(proof.manifest).payload).label_hashes
    return next(hash for hash in hashes if hash != proof.label)


def test_a_label_wider_than_the_authors_is_kept_apart(hostile: Hostile) -> None:
    hostile.proof = replace(hostile.proof, grant=granted_by(hostile.borealia))
    hostile.label = replace(hostile.label, onward=Onward(), obligations=frozenset())
    hostile.sends()
    assert kept_apart(hostile.cendara) == [("admission.wider-label",)]
    assert held(hostile.cendara, ASKED) is None


def test_what_needs_consent_and_comes_without_is_kept_apart(hostile: Hostile) -> None:
    hostile.sends()
    assert kept_apart(hostile.cendara) == [("label.onward",)]


def test_a_grant_for_other_leaves_is_no_consent(
    hostile: Hostile,
) -> None:
    other = Hostile(hostile.borealia, hostile.cendara, OTHER)
    other.proof = replace(other.proof, grant=granted_by(hostile.borealia))
    other.sends()
    assert kept_apart(hostile.cendara) == [("consent.leaves", "label.onward")]


def test_a_single_grant_that_comes_with_a_second_release_is_no_consent(
    hostile: Hostile,
) -> None:
    hostile.proof = replace(hostile.proof, grant=granted_by(hostile.borealia))
    hostile.sends()
    assert kept_apart(hostile.cendara) == []
    hostile.sends()
    assert kept_apart(hostile.cendara) == [("consent.used", "label.onward")]


def test_a_grant_that_its_originator_did_not_sign_is_refused(hostile: Hostile) -> None:
    document = parse_document(granted_by(hostile.borealia))
    ours = SigningKey(hostile.borealia.node.keyring.secret("signing"))
    (signature,) = document.signatures
    forged = replace(
        document, signatures=(replace(signature, pair=ours.sign(document.type, document.payload)),)
    )
    hostile.proof = replace(hostile.proof, grant=forged.encode())
    assert any(each.startswith("bad-signature") for each in hostile.sends())
    assert held(hostile.cendara, ASKED) is None


def test_words_of_ones_own_are_not_passed_on_as_anothers(hostile: Hostile) -> None:
    document = parse_document(hostile.proof.manifest)
    stated = replace(decode_manifest(document.payload), originator=hostile.borealia.party)
    from simpul.protocol.manifest import KIND, encode_manifest

    key = SigningKey(hostile.borealia.node.keyring.secret("signing"))
    forged = sign(KIND, hostile.borealia.node.realm, encode_manifest(stated), key)
    hostile.proof = replace(hostile.proof, manifest=forged.encode())
    assert any(each.startswith("misdirected") for each in hostile.sends())
