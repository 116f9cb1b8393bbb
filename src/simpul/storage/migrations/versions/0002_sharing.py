"""What sharing with more than one partner needs: the proofs of what is passed on, and what is taken back."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

STATEMENTS: Final = (
    """
    CREATE TABLE attached (
        sha256 BLOB NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (sha256)
    )
    """,
    """
    CREATE TABLE inbox_proof (
        inbox INTEGER NOT NULL,
        position INTEGER NOT NULL,
        manifest BLOB NOT NULL,
        kind INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        salt BLOB NOT NULL,
        label BLOB NOT NULL,
        path BLOB NOT NULL,
        consent BLOB NOT NULL,
        PRIMARY KEY (inbox, position),
        FOREIGN KEY(inbox) REFERENCES inbox (number),
        FOREIGN KEY(manifest) REFERENCES attached (sha256)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE release_proof (
        release INTEGER NOT NULL,
        position INTEGER NOT NULL,
        manifest BLOB NOT NULL,
        kind INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        salt BLOB NOT NULL,
        label BLOB NOT NULL,
        path BLOB NOT NULL,
        consent BLOB NOT NULL,
        PRIMARY KEY (release, position),
        FOREIGN KEY(release) REFERENCES release (number),
        FOREIGN KEY(manifest) REFERENCES attached (sha256)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE arrival_given (
        number INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (number)
    )
    """,
    """
    CREATE TABLE doomed (
        arrival INTEGER NOT NULL,
        recall INTEGER NOT NULL,
        hold INTEGER NOT NULL,
        forgotten INTEGER NOT NULL,
        originator INTEGER NOT NULL,
        type INTEGER NOT NULL,
        uuid BLOB NOT NULL,
        version INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        PRIMARY KEY (arrival)
    )
    """,
    """
    CREATE TABLE doomed_entry (
        hash INTEGER NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (hash, place)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE legal_hold (
        number INTEGER NOT NULL,
        id BLOB NOT NULL,
        until INTEGER NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (id)
    )
    """,
    """
    CREATE TABLE recall (
        number INTEGER NOT NULL,
        hash BLOB NOT NULL,
        state TEXT NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (hash)
    )
    """,
    """
    CREATE TABLE held (
        number INTEGER NOT NULL,
        recall INTEGER NOT NULL,
        hold INTEGER NOT NULL,
        originator INTEGER NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (number),
        FOREIGN KEY(hold) REFERENCES legal_hold (number)
    )
    """,
    """
    CREATE TABLE recall_party (
        recall INTEGER NOT NULL,
        party INTEGER NOT NULL,
        role TEXT NOT NULL,
        told_at INTEGER NOT NULL,
        answer BLOB NOT NULL,
        answered_at INTEGER,
        PRIMARY KEY (recall, party, role),
        FOREIGN KEY(recall) REFERENCES recall (number),
        FOREIGN KEY(party) REFERENCES party (number)
    )
    """,
    """
    CREATE TABLE tombstone (
        number INTEGER NOT NULL,
        recall INTEGER NOT NULL,
        originator INTEGER NOT NULL,
        scope INTEGER NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER,
        sha256 BLOB NOT NULL,
        PRIMARY KEY (number),
        FOREIGN KEY(recall) REFERENCES recall (number)
    )
    """,
    'CREATE INDEX match_by_indicator ON "match" (indicator)',
    "CREATE INDEX held_by_hold ON held (hold)",
    "CREATE INDEX held_by_recall ON held (recall, hold)",
    "CREATE INDEX outbox_by_release ON outbox (release) WHERE release != x''",
    "CREATE INDEX recall_party_by_party ON recall_party (party, role)",
    "CREATE INDEX tombstone_by_name ON tombstone (name)",
    "CREATE INDEX tombstone_by_recall ON tombstone (recall, number)",
    "CREATE INDEX product_member_by_object ON product_member (arrival)",
    "CREATE INDEX quarantined_object_by_id ON quarantined_object (id)",
    "CREATE INDEX inbox_proof_by_manifest ON inbox_proof (manifest)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
