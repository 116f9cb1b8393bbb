"""Two persons release: a second one approves exactly what goes, then it goes, in parts.

    fix      render for one recipient, salt, shuffle, pad: the manifest's root names every byte that would go
    approve  a user who is not the drafter signs {recipient, root, obligations, agreement hash}
    release  approvals still hold and nothing changed -> the manifest is signed, a job a part is left
    pack     the process that holds the lock turns each job into a queued message (`packing`)

Whatever changes between approval and release (a label, the agreement, the product) makes another policy hash, and the
approval is void: it was given for something else (design §6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from simpul.domain.admission import DECISION_AGE
from simpul.domain.labels import Label
from simpul.domain.objects import ObjectKey
from simpul.domain.policy import DEFAULT_APPROVALS, Outcome
from simpul.domain.products import Approval, Product
from simpul.domain.releases import (
    CARRYING,
    OBJECT,
    PASSED,
    Proof,
    Release,
    ReleaseLeaf,
    ReleaseState,
    Withheld,
)
from simpul.errors import ApprovalRefusal, PolicyRefusal
from simpul.ports import Unit
from simpul.protocol.canonical import Bytes32, Wire, encode
from simpul.protocol.documents import sign
from simpul.protocol.keys import PublicKey, SigningKey
from simpul.protocol.labels import WireLabel, from_wire, label_hash, to_wire
from simpul.protocol.log import content_commitment
from simpul.protocol.manifest import (
    HASH_LENGTH,
    KIND,
    SALT_LENGTH,
    Manifest,
    Tree,
    decode_manifest,
    encode_manifest,
    leaf_hash,
    pad,
    padded,
    shuffled,
)
from simpul.protocol.proofs import attached
from simpul.protocol.release import ranges
from simpul.protocol.versions import payload_type
from simpul.services.agreeing import InForce, in_force
from simpul.services.auditing import record
from simpul.services.enrolling import Signer, public_key
from simpul.services.healing import require_replayed
from simpul.services.node import Node
from simpul.services.packing import PackJob, pack_job, parts_name, parts_of
from simpul.services.passing import use_up
from simpul.services.querying import party_of
from simpul.services.rendering import RenderedText, Rendering

Progress = Callable[[int], None]

LEAF_BATCH = 1000

MARKING_DEFINITION = "marking-definition"


class ApprovalStatement(Wire, frozen=True, kw_only=True):
    """What an approver signs (design §6)."""

    recipient: str
    root: Bytes32
    obligations: tuple[str, ...]
    agreement: Bytes32


class _Fixed(Struct, frozen=True, kw_only=True):
    """A rendering turned into leaves, before it is stored."""

    release: Release
    leaves: list[ReleaseLeaf]
    hashes: bytes
    parts: list[tuple[int, int]]


# Approval.


def approve(
    node: Node,
    signer: Signer,
    product: str,
    recipients: Sequence[str],
    *,
    progress: Progress,
    previewed: Sequence[str] = (),
) -> list[Release]:
    """Approve a product for each recipient, as a person who did not draft it.

    The first approval fixes manifest and salts; a further person's approval signs the same manifest, as long as
    nothing has changed since. It is given for all recipients or, if one of them may not get it, for none.

    Args:
        node: whose product.
        signer: who approves.
        product, recipients: what, to whom.
        progress: is told how many objects were fixed so far.
        previewed: the `policy` of each preview that the signer looked at: what has changed since is not approved. None
            at all approves what stands now.

    Raises:
        NotFound: the product or a recipient.
        ApprovalRefusal: the signer drafted it, it was released already, or it is not what was previewed.
        PolicyRefusal: nothing of it may go to a recipient; names the clause that withholds it.
    """
    with node.store.read() as unit:
        found = unit.products.product(product)
        parties = [party_of(unit, text).fingerprint for text in recipients]
    if signer.name == found.drafter:
        raise ApprovalRefusal(
            f"'{signer.name}' drafted this product and cannot approve it",
            input="--as",
            do="a second person must approve it",
        )
    fixed = [
        _standing(node, found, party) or _fix(node, found, party, progress)
        for party in dict.fromkeys(parties)
    ]
    for each in fixed:
        if previewed and each.policy.hex() not in previewed:
            raise ApprovalRefusal(
                "what would go is not what was previewed: a label, the agreement or the product changed since",
                input=product,
                where=each.recipient,
                do="preview it again",
            )
    with node.store.write() as unit:
        return [_approve(unit, node, signer, each) for each in fixed]


def _approve(unit: Unit, node: Node, signer: Signer, release: Release) -> Release:
    statement = encode(_statement(release))
    approval = Approval(
        user=signer.name,
        key=signer.public.id,
        statement=statement,
        signatures=signer.sign(payload_type("approval", node.realm), statement),
        at=node.clock(),
    )
    unit.products.add_approval(release.id, approval)
    if len({a.user for a in unit.products.approvals(release.id)}) >= release.needed:
        at = release.approved_at or approval.at
        release = replace(release, state=ReleaseState.APPROVED, approved_at=at)
        unit.products.update_release(release)
    record(
        unit,
        node,
        "approval",
        {
            "by": signer.name,
            "key": approval.key.hex(),
            "statement": statement.hex(),
            "signatures": [s.hex() for s in approval.signatures],
            "product": release.product,
            "version": release.version,
            "to": release.recipient,
        },
    )
    return release


def _standing(node: Node, product: Product, recipient: str) -> Release | None:
    """The release that is fixed for this recipient already, if nothing has changed since."""
    with node.store.read() as unit:
        release = unit.products.release(product.id, product.version, recipient)
        if release is None:
            return None
        if release.state is ReleaseState.RELEASED:
            raise ApprovalRefusal(
                "this version was released to this party already",
                input=product.id,
                do="make a new version: `simpul product new --revise`",
            )
        return release if _unchanged(release, _rendering(unit, node, product, recipient)) else None


def _unchanged(release: Release, now: Rendering) -> bool:
    """Whether what would be decided now is what was fixed then.

    The inputs are the same, no date between has passed, and the recipient still holds the epochs of the circles. A
    decision older than `DECISION_AGE` would be set apart at the recipient, so it is made again here.
    """
    dates = [release.created + DECISION_AGE] + ([release.valid_until] if release.valid_until else [])
    if now.at >= min(dates) or release.policy != now.policy():
        return False
    return not now.waits_for_epochs(map(from_wire, decode_manifest(release.manifest).labels))


def _rendering(unit: Unit, node: Node, product: Product, recipient: str) -> Rendering:
    at = node.clock()
    return Rendering(unit, node, product, recipient, in_force(unit, node, recipient, product.purpose, at), at)


def _fix(node: Node, product: Product, recipient: str, progress: Progress) -> Release:
    """Render, salt and store, in batches; a release whose storing was interrupted never becomes `fixed`."""
    with node.store.read() as unit:
        fixed = _Fixing(_rendering(unit, node, product, recipient), node, progress).run()
    unfinished = replace(fixed.release, state=ReleaseState.FIXING)
    with node.store.write() as unit:
        unit.products.add_release(unfinished)
    for start in range(0, len(fixed.leaves), LEAF_BATCH):
        with node.store.write() as unit:
            unit.products.add_leaves(fixed.release.id, fixed.leaves[start : start + LEAF_BATCH])
    with node.store.write() as unit:
        earlier = unit.products.release(product.id, product.version, recipient)
        if earlier is not None:
            unit.products.update_release(replace(earlier, state=ReleaseState.VOID))
        unit.products.set_leaf_hashes(fixed.release.id, fixed.hashes)
        unit.directory.put(parts_name(fixed.release.id), encode(fixed.parts))
        unit.products.update_release(fixed.release)
    return fixed.release


class _Entry(Struct, frozen=True, kw_only=True):
    """What becomes a leaf, before it has a place. `keep` says whether its bytes are kept with the release."""

    body: bytes
    kind: int
    label: bytes
    keep: bool
    key: ObjectKey | None = None
    number: int = 0
    proof: Proof | None = None


class _Fixing:
    """Turns one rendering into shuffled, salted leaves."""

    def __init__(self, rendering: Rendering, node: Node, progress: Progress) -> None:
        self._rendering = rendering
        self._node = node
        self._progress = progress
        self._labels: dict[bytes, WireLabel] = {}
        self._withheld: Counter[str] = Counter()
        self._obligations: set[str] = set()
        self._worst = Outcome.PERMIT
        self._approvals = DEFAULT_APPROVALS
        self._redacted = 0

    def run(self) -> _Fixed:
        texts = self._rendering.texts()
        sheet = texts[0]
        if sheet.body is None or self._rendering.agreement is None:
            raise self._refusal(sheet.decision.clause)
        going = [t for t in texts if t.body is not None and t.label is not None]
        count = len(going) + self._rendering.carried
        if count == 1:
            raise self._refusal(self._main_clause(texts))
        position = self._positions(len(going), count)
        salts = self._node.entropy(SALT_LENGTH * count)
        lengths = [0] * count
        leaves: list[ReleaseLeaf] = []
        for index, entry in enumerate(self._unplaced(going)):
            at = position[index]
            salt = salts[SALT_LENGTH * at : SALT_LENGTH * (at + 1)]
            lengths[at] = len(entry.body)
            leaves.append(
                ReleaseLeaf(
                    position=at,
                    kind=entry.kind,
                    key=entry.key,
                    number=entry.number,
                    body=entry.body if entry.keep else None,
                    label=entry.label,
                    salt=salt,
                    hash=leaf_hash(salt, entry.kind, entry.label, entry.body),
                    proof=entry.proof,
                )
            )
        leaves.sort(key=lambda leaf: leaf.position)
        return self._fixed(leaves, lengths, self._rendering.agreement)

    def _positions(self, texts: int, count: int) -> list[int]:
        """Where each entry stands: shuffled, with marking definitions before all else.

        So they are there when what bears them comes.
        """
        first = {
            texts + index
            for index, each in enumerate(o for o in self._rendering.objects() if o.body is not None)
            if each.head.type == MARKING_DEFINITION
        }
        order = sorted(shuffled(count, self._node.entropy(32)), key=lambda index: index not in first)
        position = [0] * count
        for at, index in enumerate(order):
            position[index] = at
        return position

    def _unplaced(self, texts: Sequence[RenderedText]) -> Iterator[_Entry]:
        """Everything that goes: texts first, then objects in the store's order."""
        for text in texts:
            if text.body is not None and text.label is not None:
                self._note(text.decision.outcome, text.decision.obligations, text.decision.approvals)
                label = self._label(text.label)
                yield _Entry(body=text.body, kind=text.kind, label=label, keep=True, number=text.number)
        for index, each in enumerate(self._rendering.objects()):
            if index % 1000 == 0:
                self._progress(index)
            if each.body is None or each.label is None:
                self._withheld[each.clause] += 1
                continue
            self._note(each.outcome, each.obligations, each.approvals)
            self._redacted += bool(each.removed)
            yield _Entry(
                body=each.body,
                kind=PASSED if each.passage else OBJECT,
                label=self._label(each.label),
                keep=bool(each.removed),
                key=each.head.key,
                proof=each.passage.proof if each.passage else None,
            )

    def _note(self, outcome: Outcome, obligations: Sequence[str], approvals: int) -> None:
        self._worst = max(self._worst, outcome)
        self._approvals = max(self._approvals, approvals)
        self._obligations.update(obligations)

    def _label(self, label: Label) -> bytes:
        hash = label_hash(label)
        self._labels.setdefault(hash, to_wire(label))
        return hash

    def _fixed(self, leaves: list[ReleaseLeaf], lengths: list[int], agreement: InForce) -> _Fixed:
        product, recipient = self._rendering.product, self._rendering.recipient
        entries = b"".join(leaf.hash for leaf in leaves)
        padding = self._node.entropy(padded(len(leaves)) * HASH_LENGTH - len(entries))
        hashes = pad(entries, padding)
        root = Tree(hashes).root
        needed = {leaf.position: attached(leaf.proof) for leaf in leaves if leaf.proof}
        parts = ranges(lengths, entries=self._node.limits.part, attached=needed)
        manifest = Manifest(
            product=product.id,
            version=product.version,
            originator=product.originator,
            labels=tuple(self._labels[h] for h in sorted(self._labels)),
            obligations=tuple(sorted(self._obligations)),
            agreement=agreement.hash,
            purpose=product.purpose,
            precedence=product.precedence.value,
            size=sum(lengths),
            entries=len(leaves),
            leaves=padded(len(leaves)),
            parts=len(parts),
            root=root,
            created=self._rendering.at,
        )
        more = self._worst is Outcome.NEEDS_APPROVAL
        release = Release(
            id=self._node.entropy(16),
            product=product.id,
            version=product.version,
            recipient=recipient,
            root=root,
            leaves=manifest.leaves,
            entries=manifest.entries,
            parts=manifest.parts,
            manifest=encode_manifest(manifest),
            signed=b"",
            agreement=agreement.hash,
            policy=self._rendering.policy(),
            obligations=manifest.obligations,
            objects=sum(leaf.kind in CARRYING for leaf in leaves),
            redacted=self._redacted,
            withheld=tuple(Withheld(clause=c, count=n) for c, n in sorted(self._withheld.items())),
            needed=max(agreement.terms.approvals, self._approvals, 2 if more else 1),
            state=ReleaseState.FIXED,
            created=self._rendering.at,
            approved_at=None,
            released_at=None,
            valid_until=self._rendering.valid_until,
            passed=sum(leaf.kind == PASSED for leaf in leaves),
        )
        return _Fixed(release=release, leaves=leaves, hashes=hashes, parts=parts)

    def _main_clause(self, texts: Sequence[RenderedText]) -> str:
        """The clause that withholds most, where nothing but the cover sheet would go."""
        clauses = Counter(each.clause for each in self._rendering.objects())
        clauses.update(t.decision.clause for t in texts if t.body is None)
        return clauses.most_common(1)[0][0] if clauses else "product.empty"

    def _refusal(self, clause: str) -> PolicyRefusal:
        why, change = self._rendering.words(clause)
        return PolicyRefusal(
            f"nothing of this product may go to this party: {why}",
            input=self._rendering.recipient,
            where=clause,
            do=change or None,
        )


def _statement(release: Release) -> ApprovalStatement:
    return ApprovalStatement(
        recipient=release.recipient,
        root=release.root,
        obligations=release.obligations,
        agreement=release.agreement,
    )


# Release.


def release(node: Node, signer: Signer, product: str, recipients: Sequence[str]) -> list[Release]:
    """Release an approved product to each recipient: all of them, or none.

    Raises:
        NotFound: the product or a recipient.
        ApprovalRefusal: not approved, released already, or void because a label, the agreement or the product
            changed since.
        Refusal: this home is a copy from before, and has not heard yet what was recalled since.
    """
    with node.store.write() as unit:
        require_replayed(unit)
        found = unit.products.product(product)
        parties = [party_of(unit, text).fingerprint for text in recipients]
        checked = [_checked(unit, node, found, party) for party in dict.fromkeys(parties)]
        return [_release(unit, node, signer, each) for each in checked]


def _checked(unit: Unit, node: Node, product: Product, recipient: str) -> Release:
    release = unit.products.release(product.id, product.version, recipient)
    # (1) there is something approved that has not gone yet
    if release is None or release.state is ReleaseState.FIXED:
        raise ApprovalRefusal(
            "it is not approved for this party",
            input=product.id,
            where=recipient,
            do="have a second person run `simpul product approve`",
        )
    if release.state is ReleaseState.RELEASED:
        raise ApprovalRefusal("it was released to this party already", input=product.id, where=recipient)
    # (2) enough distinct people approved it, none of them the drafter, and each signature holds
    if len(_valid_approvals(unit, node, product, release)) < release.needed:
        raise ApprovalRefusal(
            f"it needs {release.needed} approvals beyond the drafter's",
            input=product.id,
            where=recipient,
            do="have another person approve it",
        )
    # (3) what was approved is what would go now
    if not _unchanged(release, _rendering(unit, node, product, recipient)):
        raise ApprovalRefusal(
            "its approval is void: a label, the agreement or the product changed, or a date passed, after it was given",
            input=product.id,
            where=recipient,
            do="preview it again, and have it approved again",
        )
    return release


def _valid_approvals(unit: Unit, node: Node, product: Product, release: Release) -> set[str]:
    statement = encode(_statement(release))
    valid = set()
    for approval in unit.products.approvals(release.id):
        if approval.user == product.drafter or approval.statement != statement:
            continue
        key: PublicKey = public_key(unit, approval.user)
        key.verify(payload_type("approval", node.realm), statement, approval.signatures)
        valid.add(approval.user)
    return valid


def _release(unit: Unit, node: Node, signer: Signer, approved: Release) -> Release:
    now = node.clock()
    document = sign(KIND, node.realm, approved.manifest, SigningKey(node.keyring.secret("signing")))
    released = replace(approved, state=ReleaseState.RELEASED, released_at=now, signed=document.encode())
    unit.products.update_release(released)
    use_up(unit, node, released)
    decision = encode(
        {
            "policy": approved.policy.hex(),
            "outcome": "permit",
            "objects": approved.objects,
            "withheld": {w.clause: w.count for w in approved.withheld},
            "obligations": list(approved.obligations),
        }
    )
    salt = node.entropy(32)
    commitment = content_commitment(salt, decision)
    record(
        unit,
        node,
        "release",
        {
            "by": signer.name,
            "product": approved.product,
            "version": approved.version,
            "to": approved.recipient,
            "root": approved.root.hex(),
            "agreement": approved.agreement.hex(),
            "decision": decision.hex(),
            "decision_salt": salt.hex(),
            "approvals": [a.key.hex() for a in unit.products.approvals(approved.id)],
        },
    )
    parts = parts_of(unit, approved.id)
    unit.jobs.enqueue(
        [
            pack_job(
                node,
                released,
                now,
                PackJob(release=approved.id, part=i, start=a, stop=b, decision=commitment),
            )
            for i, (a, b) in enumerate(parts)
        ]
    )
    return released
