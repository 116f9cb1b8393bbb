"""The second half of the demonstration, by the public commands alone: consent to pass something on, and a recall.

Borealia asks to pass one of Arunika's objects on to Cendara. Arunika lets a version without its source go instead,
and later takes that back from both, over two hops.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from simpul.cli.demonstration import APPROVER, DRAFTER, PURPOSE, data

if TYPE_CHECKING:
    from simpul.cli.demonstration import Demonstration, Nation

TITLE: Final = "Handover at Porto Sereno"
AGREEMENT: Final = "borealia-cendara"
WHY: Final = "The container sails on under watch; Porto Sereno must know where to meet it."
REASON: Final = "The meeting place has changed."


class Sharing:
    """One run of it. `checked` says in words what was looked at on the way, and whether it was so."""

    def __init__(self, run: Demonstration) -> None:
        self._run = run
        self._arunika, self._borealia, self._cendara = run.nations
        with data("onward.json") as file:
            said = json.loads(file.read_text())
        self._asked, self._rendition, self._canary = said["asked"], said["rendition"], said["canary"]
        self._sanitised = ""
        self.checked: dict[str, bool] = {}

    def tell(self) -> None:
        """The whole story: an agreement, a request, its answer, what is passed on, and the recall."""
        self._agree()
        draft, request = self._ask()
        self._sanitise()
        self._grant(request)
        self._pass_on(draft)
        self._recall()

    def _agree(self) -> None:
        run = self._run
        with data(f"agreements/{AGREEMENT}.toml") as file:
            run.acting(self._borealia, DRAFTER, "agreement", "propose", str(file))
        run.until("proposal at Cendara", lambda: self._standing(self._cendara))
        run.acting(self._cendara, DRAFTER, "agreement", "sign", AGREEMENT)
        run.say(f"Borealia and Cendara sign an agreement of their own, {AGREEMENT}")

    def _standing(self, nation: Nation) -> dict[str, Any] | None:
        found = self._run.run(nation, "agreement", "list")
        return next((each for each in found if each["agreement"] == AGREEMENT), None)

    def _ask(self) -> tuple[str, str]:
        """Draft it, see that it may not go, and ask; returns the draft and the request."""
        run, borealia = self._run, self._borealia
        draft = self._draft(self._asked)
        run.until("agreement in force at Borealia", self._in_force)
        outcome, clause = self._previewed(draft, self._asked)
        run.say(f"Borealia would pass one of Arunika's objects on to Cendara: {outcome} by {clause}")
        self.checked["the preview said that Arunika must be asked"] = (outcome, clause) == (
            "needs-consent",
            "label.onward",
        )
        asked = run.acting(
            borealia, DRAFTER, "consent", "ask", draft, "--object", self._asked, "--to", "Cendara",
            "--purpose", PURPOSE, "--why", WHY,
        )  # fmt: skip
        run.say("Borealia asks Arunika, naming exactly that leaf of its manifest")
        return draft, asked["request"]

    def _in_force(self) -> bool:
        standing = self._standing(self._borealia)
        return standing is not None and standing["state"] == "in-force"

    def _draft(self, identifier: str, *revise: str) -> str:
        """A product of Borealia's: its own words, and one object of Arunika's."""
        with data("portions-b.toml") as portions:
            made = self._run.acting(
                self._borealia, DRAFTER, "product", "new", "--title", TITLE, "--purpose", PURPOSE,
                "--precedence", "immediate", "--grade", "B2", "--object", identifier, "--portions", str(portions),
                *revise,
            )  # fmt: skip
        return str(made["product"])

    def _previewed(self, product: str, identifier: str) -> tuple[str, str]:
        """What Cendara would get of one object, and the clause that decided."""
        seen = self._run.run(self._borealia, "product", "preview", product, "--to", "Cendara")
        (cendara,) = seen["recipients"]
        (found,) = [each for each in cendara["objects"] if each["id"] == identifier]
        return found["outcome"], found["clause"]

    def _sanitise(self) -> None:
        """A version without a source, as an object of its own, released to Borealia under its own manifest."""
        run, arunika = self._run, self._arunika
        run.say("Arunika does not grant that: it writes a version without its source, one level lower")
        with data("labels") as labels, data("sanitised.json") as file:
            run.imports(arunika, file, labels / "sanitised.toml")
        self._sanitised = run.acting(
            arunika, DRAFTER, "product", "new", "--title", "Handover, for passing on", "--purpose", PURPOSE,
            "--precedence", "immediate", "--grade", "B2", "--object", self._rendition,
        )["product"]  # fmt: skip
        self._release(arunika, self._borealia, self._sanitised)

    def _release(self, sender: Nation, recipient: Nation, product: str) -> None:
        """A second officer approves, and it goes."""
        for step in ("approve", "release"):
            self._run.acting(sender, APPROVER, "product", step, product, "--to", recipient.name)

    def _grant(self, request: str) -> None:
        run, arunika = self._run, self._arunika
        run.until("request at Arunika", lambda: self._state(arunika, request))
        run.acting(arunika, DRAFTER, "consent", "grant", request, "--rendition", self._sanitised)
        proposal = run.run(arunika, "consent", "show", request)["proposed"]["proposal"]
        run.acting(arunika, APPROVER, "consent", "grant", request, "--confirm", proposal)
        run.until("grant at Borealia", lambda: self._state(self._borealia, request) == "granted")
        run.until("sanitised version at Borealia", lambda: run.arrived(self._borealia, self._sanitised))
        run.say("two officers of Arunika grant that version instead, for Cendara, for one release")

    def _state(self, nation: Nation, request: str) -> str:
        """How a request stands at a nation; empty while it is not there."""
        found = self._run.run(nation, "consent", "list")
        return next((str(each["state"]) for each in found if each["request"] == request), "")

    def _pass_on(self, draft: str) -> None:
        """Borealia's next version of its draft carries what was granted; Cendara sees whose words they are."""
        run, cendara = self._run, self._cendara
        product = self._draft(self._rendition, "--revise", draft)
        outcome, clause = self._previewed(product, self._rendition)
        run.say(f"Borealia's preview of the granted version for Cendara: {outcome} by {clause}")
        self._release(self._borealia, cendara, product)
        run.until("passed on object at Cendara", lambda: run.arrived(cendara, product))
        (shown,) = run.run(cendara, "show", self._rendition)
        known = (shown["from"], shown["source"]) == tuple(run.parties[n.name] for n in run.nations[:2])
        self.checked["Cendara verified Arunika as author of what Borealia passed on"] = known
        if known:
            run.say("Cendara has it from Borealia, and has verified that the words are Arunika's")
        self.checked["the word of the passed on version was found at both holders"] = all(self._found())

    def _found(self) -> list[int]:
        """In how many objects each of the two holders finds the word of the sanitised version."""
        holders = (self._borealia, self._cendara)
        return [int(self._run.run(holder, "search", self._canary)["total"]) for holder in holders]

    def _recall(self) -> None:
        run = self._run
        recall = run.acting(
            self._arunika, DRAFTER, "recall", "issue", self._sanitised, "--reason", REASON, "--code", "superseded"
        )["recall"]  # fmt: skip
        run.say("Arunika takes the version without its source back, wherever it is")
        (status,) = run.until("answer of every holder", lambda: self._answered(recall))
        for each in status["parties"]:
            run.say(
                f"{each['name']} answers: {each['destroyed']} destroyed, passed on to {len(_named(each))} by name"
            )
        self.checked["the word of the recalled version is found at no holder"] = not any(self._found())

    def _answered(self, recall: str) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = self._run.run(self._arunika, "recall", "status", recall)
        return found if all(p["state"] == "answered" for each in found for p in each["parties"]) else None

    # The facts.

    def canary(self) -> dict[str, Any]:
        """The word of what was recalled: its author keeps its own record, and no holder has it any more."""
        return {"canary": self._canary, "kept_from": [self._borealia.name, self._cendara.name]}

    def facts(self) -> dict[str, Any]:
        """`consents` and `recalls`, as Arunika's commands tell them."""
        run, arunika = self._run, self._arunika
        requests = [each["request"] for each in run.run(arunika, "consent", "list")]
        return {
            "consents": [_consent(run.run(arunika, "consent", "show", each)) for each in requests],
            "recalls": [self._recalled(each) for each in run.run(arunika, "recall", "status")],
        }

    def _recalled(self, status: dict[str, Any]) -> dict[str, Any]:
        named = status["objects"]
        if status["product"]:
            named = self._run.run(self._arunika, "product", "show", status["product"])["objects"]
        names = ("party", "state", "destroyed", "not_held", "passed_on")
        return {
            "recall": status["recall"],
            "objects": named,
            "parties": [{name: each[name] for name in names} for each in status["parties"]],
            "overdue": sum(each["state"] == "overdue" for each in status["parties"]),
        }

    def faults(self) -> list[str]:
        """What was not so, in words."""
        return [f"NOT SO: {words}" for words, so in self.checked.items() if not so]

    def holds(self, facts: dict[str, Any]) -> bool:
        """Whether consent and recall went as they should: by the facts, and by what was looked at on the way."""
        arunika, borealia, cendara = (each["party"] for each in facts["nations"])
        granted = [
            (each["from"], each["originator"], each["beneficiary"])
            for each in facts["consents"]
            if each["outcome"] == "granted" and each["rendition"]
        ]
        said = {each["party"]: each for recall in facts["recalls"] for each in recall["parties"]}
        gone = {
            p for p, a in said.items() if a["state"] == "answered" and a["destroyed"] and not a["not_held"]
        }
        named = _named(said.get(borealia))
        for words, so in (
            ("a sanitised version was granted in place of it", granted == [(borealia, arunika, cendara)]),
            ("both holders answered the recall and destroyed what they held", gone == {borealia, cendara}),
            ("Borealia named Cendara as whom it had passed it on to", named == [cendara]),
        ):
            self.checked[words] = so
        return all(self.checked.values())


def _consent(shown: dict[str, Any]) -> dict[str, Any]:
    granted = shown["granted"]
    return {
        "request": shown["request"],
        **{name: shown[name] for name in ("from", "originator", "beneficiary")},
        "outcome": shown["state"],
        "leaves": shown["leaves"],
        "rendition": granted["rendition"] if granted else None,
    }


def _named(party: dict[str, Any] | None) -> list[str]:
    """To whom a holder says by name that it had passed on what is recalled."""
    return list(((party or {}).get("passed_on") or {}).get("named", ()))
