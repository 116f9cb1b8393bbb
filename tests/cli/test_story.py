"""One product's way by commands alone: every document to the letter, every refusal with its reason."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from simpul.app import open_node
from tests.cli.conftest import ABOUT, ACTOR, BAD, KEPT, NARROW, OPEN, Release, Synced, Three, exported
from tests.cli.program import Ended
from tests.federation.nations import APPROVER, DRAFTER, sign_without_duties
from tests.federation.objects import bundle, indicator, label

HEX = re.compile("[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


# import, mark


def test_import_counts_and_names_every_fault_and_ends_with_1(imported: tuple[Ended, Ended, Ended]) -> None:
    first, _, _ = imported
    document = first.document
    assert list(document) == ["read", "stored", "known", "refused", "converted", "faults", "losses"]
    counts = {name: document[name] for name in list(document)[:5]}
    assert counts == {"read": 8, "stored": 5, "known": 0, "refused": 3, "converted": 0}
    assert {fault["index"] for fault in document["faults"]} == {1, 4, 7}
    for fault in document["faults"]:
        assert set(fault) == {"index", "id", "path", "problem"}
    assert {fault["id"] for fault in document["faults"]} == {each["id"] for each in BAD}
    assert document["losses"] == []
    assert first.code == 1


def test_importing_again_finds_what_is_there(imported: tuple[Ended, Ended, Ended]) -> None:
    document = imported[1].document
    assert (document["read"], document["stored"], document["known"], document["refused"]) == (8, 0, 5, 3)


def test_import_reads_standard_input(imported: tuple[Ended, Ended, Ended]) -> None:
    piped = imported[2]
    assert piped.code == 0
    assert (piped.document["read"], piped.document["stored"], piped.document["known"]) == (2, 1, 1)


def test_mark_counts_objects_by_id_and_by_query(marked: tuple[Ended, Ended]) -> None:
    by_id, by_query = marked
    assert by_query.document == {"marked": 1}
    assert set(by_id.document) == {"marked"}
    assert by_id.code == by_query.code == 0


# product


def test_new_names_the_product_and_its_version(drafted: Ended) -> None:
    assert drafted.code == 0
    assert set(drafted.document) == {"product", "version"}
    assert drafted.document["version"] == 1


def test_preview_says_for_each_object_what_and_why(three: Three, previewed: Ended) -> None:
    assert set(previewed.document) == {"recipients"}
    borealia, cendara = previewed.document["recipients"]
    assert (borealia["party"], cendara["party"]) == (three.b.party, three.c.party)
    for each in (borealia, cendara):
        assert set(each) == {"party", "policy", "objects", "portions", "counts", "reasons", "reach"}
        assert all(set(r) == {"outcome", "clause", "count", "why", "change"} for r in each["reasons"])
        for shown in each["objects"]:
            assert set(shown) == {"id", "modified", "outcome", "clause", "sha256", "cut"}
            assert shown["sha256"] is None or HEX.fullmatch(shown["sha256"])
            assert shown["modified"] is None or TIME.fullmatch(shown["modified"])
            assert shown["outcome"] in ("permit", "redact", "needs-approval", "needs-consent", "deny")
    outcomes = {o["id"]: (o["outcome"], o["clause"]) for o in cendara["objects"]}
    assert outcomes[OPEN["id"]][0] == "permit"
    assert outcomes[NARROW["id"]] == outcomes[KEPT["id"]] == ("deny", "label.releasable-to")
    assert [p["outcome"] for p in borealia["portions"]] == ["permit", "permit", "permit"]
    assert [p["outcome"] for p in cendara["portions"]] == ["permit", "permit", "deny"]


def test_preview_writes_the_exact_bytes_that_the_recipients_later_export(
    three: Three, previewed: Ended, synced: Synced
) -> None:
    for home, shown in zip((three.b, three.c), previewed.document["recipients"], strict=True):
        folder = three.folder / "out" / home.party
        written = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert all(hashlib.sha256(body).hexdigest() == name for name, body in written.items())
        going = {o["sha256"] for o in shown["objects"] if o["sha256"]}
        texts = {p["sha256"] for p in shown["portions"] if p["sha256"]}
        assert going | texts == set(written)
        ids = {o["id"] for o in shown["objects"]}
        exported = [raw for raw in synced.exports[home.name] if json.loads(raw)["id"] in ids]
        assert sorted(exported) == sorted(written[h] for h in going)


def test_nothing_withheld_reaches_the_other_nations(three: Three, synced: Synced, product: str) -> None:
    everything = {
        name: b"".join(objects) + json.dumps(synced.inboxes[name]).encode()
        for name, objects in synced.exports.items()
    }
    assert b"canary-kept" in everything["Arunika"]
    assert b"canary-portion" in json.dumps(three.a.does("product", "show", product)).encode()
    for name in ("Borealia", "Cendara"):
        for word in (b"canary-kept", KEPT["id"].encode(), ACTOR["id"].encode()):
            assert word not in everything[name]
    assert b"canary-portion" in everything["Borealia"]
    assert b"canary-portion" not in everything["Cendara"]
    assert NARROW["id"].encode() not in everything["Cendara"]


def test_nothing_goes_before_it_is_approved(released: Release) -> None:
    assert released.early.code == 1
    assert released.early.error["do"]


def test_the_drafter_does_not_approve(released: Release) -> None:
    assert released.by_drafter.code == 1
    assert "drafted this product" in released.by_drafter.error["message"]


def test_a_mark_voids_the_approval(released: Release) -> None:
    assert released.approved.code == 0
    assert released.void.code == 1
    assert "void" in released.void.error["message"]


def test_a_product_is_released_once(three: Three, released: Release) -> None:
    assert released.again.code == released.released.code == 0
    rows = released.released.document["released"]
    assert [row["party"] for row in rows] == [three.b.party, three.c.party]
    assert all(row["state"] == "released" and HEX.fullmatch(row["manifest"]) for row in rows)
    assert released.twice.code == 1
    assert "released to this party already" in released.twice.error["message"]


# sync, inbox, receipts


def test_sync_counts_objects(synced: Synced) -> None:
    assert [list(each) for each in synced.counts] == [
        ["sent", "received", "admitted", "quarantined", "refused", "receipts"]
    ] * 4
    sent, borealia, cendara, back = synced.counts
    assert sent["sent"] == borealia["admitted"] + cendara["admitted"] > 0
    assert borealia["received"] == borealia["admitted"] == 3
    assert cendara["received"] == cendara["admitted"] == 2
    assert back["receipts"] >= 2


def test_the_inbox_has_the_product_for_the_desk(three: Three, synced: Synced, product: str) -> None:
    (item,) = synced.inboxes["Borealia"]
    assert (item["product"], item["from"], item["title"]) == (product, three.a.party, "LANTERN TIDE")
    assert (item["precedence"], item["grade"], item["parts"], item["parts_here"]) == ("flash", "B2", 1, 1)
    assert all(TIME.fullmatch(item[name]) for name in ("created", "arrived", "whole"))
    assert item["opened"] is None
    assert [p["text"] for p in item["portions"]] == ["For both partners.", "For Borealia, canary-portion."]
    opened = three.b.does("inbox", product)
    assert TIME.fullmatch(opened["opened"])


def test_every_receipt_verifies(three: Three, synced: Synced) -> None:
    found = three.a.does("receipts")
    assert set(found) == {"total", "verified", "receipts"}
    assert found["total"] == found["verified"] == len(found["receipts"]) >= 2
    for each in found["receipts"]:
        assert set(each) == {"from", "message", "outcome", "counts", "at", "verified"}
        assert HEX.fullmatch(each["message"])
        assert TIME.fullmatch(each["at"])
        assert each["outcome"] == "admitted"


# answers


def test_a_sighting_meets_the_partners_indicator_and_is_told(
    three: Three, answered: tuple[Any, Any, Any]
) -> None:
    seen, _, _ = answered
    assert set(seen) == {"sighting", "matches", "sent"}
    assert seen["matches"] == [{"value": "198.51.100.77", "at": three.b.party, "from": three.a.party}]
    assert seen["sent"] == [three.a.party]
    (id,) = seen["sighting"]
    (shown,) = three.a.does("show", id)
    assert shown["from"] == three.b.party
    assert three.b.does("status")["matches"] == seen["matches"]


def test_feedback_reaches_the_originator(answered: tuple[Any, Any, Any], product: str, three: Three) -> None:
    _, said, status = answered
    assert said["to"] == three.a.party
    (row,) = status["feedback"]
    assert (row["from"], row["product"], row["useful"], row["acted"]) == (three.b.party, product, "yes", True)
    assert row["note"] == "Held."


def test_status_says_what_went_and_what_waits(three: Three, synced: Synced) -> None:
    status = synced.status
    assert status["party"] == three.a.party
    assert (status["imported"], status["sent"], status["received"], status["unacknowledged"]) == (6, 5, 0, 0)
    assert status["withheld"] == [
        {"clause": "label.purpose", "count": 2},
        {"clause": "label.releasable-to", "count": 5},
    ]
    assert {row["state"] for row in status["releases"]} >= {"released"}
    assert status["clock_skew"] is None
    assert {p["party"] for p in status["partners"]} == {three.b.party, three.c.party}


# show, export, search


def test_show_raw_writes_the_stored_bytes(three: Three, synced: Synced) -> None:
    raw = three.b("show", OPEN["id"], "--raw", "--from", "Arunika")
    assert raw.code == 0
    assert json.loads(raw.out) == OPEN
    source = (three.folder / "bundle.json").read_bytes()
    assert raw.out in source
    assert raw.out in exported(three, three.b)


def test_show_lists_candidates_where_several_fit(three: Three, imported: Any, marked: Any) -> None:
    newer = {**ACTOR, "modified": "2026-02-01T00:00:00.000Z", "name": "GREY HERON II"}
    three.c.does("import", "-", "--tlp", "red", stdin=json.dumps([ACTOR]).encode())
    three.c.does("import", "-", "--tlp", "red", stdin=json.dumps([newer]).encode())
    several = three.c("show", ACTOR["id"], "--raw")
    assert several.code == 1
    assert several.error["code"] == "ambiguous"
    assert len(several.document["candidates"]) == 2
    one = three.c("show", ACTOR["id"], "--raw", "--modified", "2026-02-01T00:00:00.000Z")
    assert json.loads(one.out) == newer
    assert len(three.c.does("show", ACTOR["id"])) == 2
    assert len(exported(three, three.c, "--query", "type:threat-actor")) == 2
    assert exported(three, three.c, "--query", "type:threat-actor", "--latest") == [one.out]


def test_an_export_imports_elsewhere_and_comes_out_with_the_same_bytes(three: Three, synced: Synced) -> None:
    before = exported(three, three.b, "--query", "from:Arunika")
    three.c.does("import", three.folder / "Borealia.export", "--tlp", "red")
    own = exported(three, three.c, "--query", f"from:{three.c.party}")
    assert set(before) <= set(own)


def test_every_term_of_a_search_must_hold(three: Three, synced: Synced) -> None:
    def ids(*words: str) -> set[str]:
        return {each["id"] for each in three.b.does("search", *words)["objects"]}

    found = ids("type:indicator", "from:Arunika")
    assert found & {each["id"] for each in (OPEN, NARROW, ABOUT, KEPT)} == {OPEN["id"], NARROW["id"]}
    assert ids("value:203.0.113.7") == {OPEN["id"]}
    assert ids("value:198.51.100.0/25") == {NARROW["id"]}
    assert ids("type:indicator", "value:203.0.113.7", "from:aru") == {OPEN["id"]}
    assert ids(f"id:{ABOUT['id']}") == {ABOUT["id"]}
    assert ids("since:1h", "know") == {ABOUT["id"]}
    assert ids("from:Arunika", "type:malware") == set()
    assert ids("since:2090-01-01") == set()
    assert three.b("search", "colour:red").error["code"] == "bad-input"


def test_search_answers_in_pages(three: Three, synced: Synced) -> None:
    first = three.b.does("search", "from:Arunika", "--limit", "2")
    assert set(first) == {"objects", "total", "next"}
    assert len(first["objects"]) == 2
    rest = three.b.does("search", "from:Arunika", "--limit", "100", "--after", first["next"])
    found = [each["id"] for each in first["objects"] + rest["objects"]]
    assert len(found) == len(set(found)) == first["total"] >= 3
    assert rest["next"] is None


def test_what_is_not_there_is_said_to_be_not_there(three: Three, synced: Synced) -> None:
    for words in (
        ("show", KEPT["id"]),
        ("show", KEPT["id"], "--raw"),
        ("inbox", "product--none"),
        ("feedback", "product--none", "--as", DRAFTER, "--passphrase-file", str(three.b.passphrase)),
        ("agreement", "show", "none"),
    ):
        ended = three.b(*words)
        assert ended.code == 1
        assert ended.error["code"] == "not-found"


def test_a_person_acts_only_with_the_own_passphrase(three: Three, product: str) -> None:
    wrong = three.file("wrong", "not the passphrase\n")
    for who in (APPROVER, "nobody"):
        ended = three.a(
            "product", "approve", product, "--to", "Borealia", "--as", who, "--passphrase-file", wrong
        )
        assert ended.code == 1
        assert ended.error["message"] == "the passphrase is wrong"
    silent = three.a("product", "approve", product, "--to", "Borealia", "--as", APPROVER)
    assert silent.code == 1
    assert silent.error["do"] == "give --passphrase-file FILE"


# quarantine


def new_groups(three: Three, known: list[tuple[str, Any]]) -> list[Any]:
    """What waits for a reviewer and was not seen before."""
    seen = {group["id"] for _, group in known}
    return [group for group in three.b.does("quarantine", "list") if group["id"] not in seen]


def test_what_is_set_aside_waits_for_a_reviewer(three: Three, synced: Synced) -> None:
    groups: list[tuple[str, Any]] = []
    for key in ("first", "second"):
        made = indicator(f"shady {key}", "203.0.113.66")
        three.a.does("import", "-", "--label", three.file("b.toml", label("Borealia")), stdin=bundle(made))
        product = three.a.does(
            "product", "new", "--title", key, "--purpose", "cyber-defence", "--precedence", "routine",
            "--grade", "F6", "--object", made["id"], by=DRAFTER,
        )["product"]  # fmt: skip
        three.a.does("product", "approve", "--to", "Borealia", product, by=APPROVER)
        three.a.does("product", "release", product, "--to", "Borealia", by=APPROVER)
        with open_node(three.a.home, kek=three.a.kek) as node:
            with node.store.read() as unit:
                (released,) = [r for r in unit.products.releases() if r.product == product]
            sign_without_duties(node, released)
        three.a.sync()
        assert three.b.sync()["quarantined"] == 1
        assert three.b("show", made["id"]).code == 1
        groups += [(made["id"], group) for group in new_groups(three, groups) if group["objects"]]
    for _, group in groups:
        assert set(group) >= {"id", "from", "kind", "objects", "reasons", "arrived", "state", "decided_by"}
        assert (group["from"], group["objects"], group["state"]) == (three.a.party, 1, "waiting")
        assert {reason["clause"] for reason in group["reasons"]} == {"admission.obligations"}
        assert TIME.fullmatch(group["arrived"])
    (first, one), (second, other) = groups
    assert three.b.does("quarantine", "admit", one["id"], by=APPROVER)["admitted"] == 1
    assert three.b.does("quarantine", "refuse", other["id"][:10], by=APPROVER)["refused"] == 1
    assert three.b("show", first).code == 0
    assert three.b("show", second).code == 1
    assert all(each["objects"] == 0 for each in three.b.does("quarantine", "list"))
    decided = {
        each["id"]: (each["state"], each["decided_by"])
        for each in three.b.does("quarantine", "list", "--all")
    }
    assert decided[one["id"]] == ("admitted", APPROVER)
    assert decided[other["id"]] == ("refused", APPROVER)
    assert three.b("quarantine", "admit", other["id"], by=APPROVER).code == 1
    three.b.sync()
    three.a.sync()
    found = three.a.does("receipts")
    assert {"quarantined", "admitted", "refused"} <= {each["outcome"] for each in found["receipts"]}
    assert found["total"] == found["verified"]
