"""The first tables, as they were made on the day of the first release."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0001"
down_revision: Final = None

STATEMENTS: Final = (
    """
    CREATE TABLE body (
        arrival INTEGER NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (arrival)
    )
    """,
    """
    CREATE TABLE checkpoint (
        log INTEGER NOT NULL,
        size INTEGER NOT NULL,
        note BLOB NOT NULL,
        PRIMARY KEY (log, size)
    )
    """,
    """
    CREATE TABLE closed_log (
        number INTEGER NOT NULL,
        incarnation BLOB NOT NULL,
        first INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (incarnation)
    )
    """,
    """
    CREATE TABLE conversion (
        arrival INTEGER NOT NULL,
        original INTEGER NOT NULL,
        format TEXT NOT NULL,
        made_by TEXT NOT NULL,
        losses BLOB NOT NULL,
        PRIMARY KEY (arrival, original)
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX conversion_by_original ON conversion (original)",
    """
    CREATE TABLE counter (
        name TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE fresh (
        seq INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (seq)
    )
    """,
    """
    CREATE TABLE frontier (
        number INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (number)
    )
    """,
    """
    CREATE TABLE head (
        arrival INTEGER NOT NULL,
        originator INTEGER NOT NULL,
        type INTEGER NOT NULL,
        uuid BLOB NOT NULL,
        version INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        label INTEGER NOT NULL,
        source INTEGER NOT NULL,
        arrived INTEGER NOT NULL,
        revoked INTEGER NOT NULL,
        markings INTEGER NOT NULL,
        portions INTEGER NOT NULL,
        superseded INTEGER NOT NULL,
        PRIMARY KEY (arrival)
    )
    """,
    "CREATE INDEX head_by_label ON head (label, arrival)",
    "CREATE INDEX head_by_type ON head (type, arrival)",
    """
    CREATE TABLE identity (
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE introduction (
        party TEXT NOT NULL,
        at INTEGER NOT NULL,
        message BLOB NOT NULL,
        PRIMARY KEY (party)
    )
    """,
    """
    CREATE TABLE job (
        number INTEGER NOT NULL,
        id BLOB NOT NULL,
        kind TEXT NOT NULL,
        args BLOB NOT NULL,
        unique_name TEXT NOT NULL,
        run_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        lease_until INTEGER,
        error TEXT NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (id),
        UNIQUE (unique_name)
    )
    """,
    "CREATE INDEX job_by_time ON job (run_at)",
    """
    CREATE TABLE label (
        number INTEGER NOT NULL,
        hash BLOB NOT NULL, originator INTEGER NOT NULL,
        canonical BLOB NOT NULL,
        bearers INTEGER NOT NULL,
        portions INTEGER NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (hash, originator)
    )
    """,
    """
    CREATE TABLE leaf (
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        entry BLOB NOT NULL,
        salt BLOB NOT NULL,
        content_salt BLOB NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (position)
    )
    """,
    """
    CREATE TABLE lookup (
        hash INTEGER NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (hash, place)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE mailbox (
        tag BLOB NOT NULL,
        relay TEXT NOT NULL,
        party TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        lane TEXT NOT NULL,
        put_seed BLOB NOT NULL,
        registered INTEGER NOT NULL,
        PRIMARY KEY (tag)
    )
    """,
    """
    CREATE TABLE markings (
        number INTEGER NOT NULL,
        refs TEXT NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (refs)
    )
    """,
    """
    CREATE TABLE "match" (
        number INTEGER NOT NULL,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        at TEXT NOT NULL,
        source TEXT NOT NULL,
        indicator TEXT NOT NULL,
        observation TEXT NOT NULL,
        reason TEXT NOT NULL,
        found INTEGER NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (source, at, kind, value, indicator, observation)
    )
    """,
    'CREATE INDEX match_by_observation ON "match" (observation)',
    """
    CREATE TABLE object_type (
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (name)
    )
    """,
    """
    CREATE TABLE original (
        number INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (sha256)
    )
    """,
    """
    CREATE TABLE party (
        number INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (fingerprint)
    )
    """,
    """
    CREATE TABLE portion (
        arrival INTEGER NOT NULL,
        number INTEGER NOT NULL,
        label INTEGER NOT NULL,
        markings INTEGER NOT NULL,
        PRIMARY KEY (arrival, number)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE setting (
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE signed_document (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        hash BLOB NOT NULL,
        document BLOB NOT NULL,
        signed_by TEXT NOT NULL,
        proposed_by TEXT NOT NULL,
        at INTEGER NOT NULL,
        party TEXT NOT NULL,
        PRIMARY KEY (kind, id, version)
    )
    """,
    "CREATE INDEX signed_document_by_hash ON signed_document (hash)",
    "CREATE INDEX signed_document_by_party ON signed_document (kind, party)",
    """
    CREATE TABLE settled (
        number INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (number)
    )
    """,
    """
    CREATE TABLE user (
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        public BLOB NOT NULL,
        sealed BLOB NOT NULL,
        created INTEGER NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE card (
        party INTEGER NOT NULL,
        version INTEGER NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (party, version),
        FOREIGN KEY(party) REFERENCES party (number)
    )
    """,
    """
    CREATE TABLE inbox (
        number INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        product TEXT NOT NULL,
        version INTEGER NOT NULL,
        root BLOB NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (sender, product, version, root),
        FOREIGN KEY(sender) REFERENCES party (number)
    )
    """,
    "CREATE INDEX inbox_by_product ON inbox (product, version)",
    """
    CREATE TABLE incoming_beyond (
        sender INTEGER NOT NULL,
        stream BLOB NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (sender, stream, first),
        FOREIGN KEY(sender) REFERENCES party (number)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE incoming_stream (
        sender INTEGER NOT NULL,
        stream BLOB NOT NULL,
        up_to INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        PRIMARY KEY (sender, stream),
        FOREIGN KEY(sender) REFERENCES party (number)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE key_package (
        party INTEGER NOT NULL,
        ours INTEGER NOT NULL,
        version INTEGER NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (party, ours, version),
        FOREIGN KEY(party) REFERENCES party (number)
    )
    """,
    """
    CREATE TABLE outbox (
        number INTEGER NOT NULL,
        recipient INTEGER NOT NULL,
        id BLOB NOT NULL,
        kind TEXT NOT NULL,
        lane TEXT NOT NULL,
        urgent INTEGER NOT NULL,
        length INTEGER NOT NULL,
        encoding TEXT NOT NULL,
        created INTEGER NOT NULL,
        decided_at INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        leaf_salt BLOB NOT NULL,
        agreement BLOB NOT NULL,
        decision BLOB NOT NULL,
        release BLOB NOT NULL,
        part INTEGER NOT NULL,
        objects INTEGER NOT NULL,
        state TEXT NOT NULL,
        stream BLOB NOT NULL,
        stream_number INTEGER NOT NULL,
        name BLOB NOT NULL,
        attempt INTEGER NOT NULL,
        next_at INTEGER NOT NULL,
        PRIMARY KEY (number),
        FOREIGN KEY(recipient) REFERENCES party (number),
        UNIQUE (id)
    )
    """,
    "CREATE INDEX outbox_by_name ON outbox (name) WHERE stream_number > 0",
    """
    CREATE UNIQUE INDEX outbox_by_number ON outbox (recipient, stream, stream_number) WHERE stream_number > 0
    """,
    "CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('numbered', 'carried')",
    "CREATE INDEX outbox_waiting ON outbox (urgent, number) WHERE state = 'waiting'",
    """
    CREATE TABLE outgoing_stream (
        recipient INTEGER NOT NULL,
        stream BLOB NOT NULL,
        last INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        PRIMARY KEY (recipient, stream),
        FOREIGN KEY(recipient) REFERENCES party (number)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE owed_ack (
        sender INTEGER NOT NULL,
        PRIMARY KEY (sender),
        FOREIGN KEY(sender) REFERENCES party (number)
    )
    """,
    """
    CREATE TABLE partner (
        party INTEGER NOT NULL,
        rank INTEGER NOT NULL,
        name TEXT NOT NULL,
        country TEXT NOT NULL,
        card_version INTEGER NOT NULL,
        trusted INTEGER NOT NULL,
        PRIMARY KEY (party),
        FOREIGN KEY(party) REFERENCES party (number),
        UNIQUE (rank)
    )
    """,
    """
    CREATE TABLE partner_checkpoint (
        number INTEGER NOT NULL,
        party INTEGER NOT NULL,
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        note BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (party, origin, size, note),
        FOREIGN KEY(party) REFERENCES party (number)
    )
    """,
    """
    CREATE TABLE product (
        number INTEGER NOT NULL,
        originator INTEGER NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (originator, id, version),
        FOREIGN KEY(originator) REFERENCES party (number)
    )
    """,
    "CREATE INDEX product_by_id ON product (id, version)",
    """
    CREATE TABLE quarantined (
        number INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        id BLOB NOT NULL,
        state TEXT NOT NULL,
        document BLOB NOT NULL,
        extra BLOB NOT NULL,
        PRIMARY KEY (number),
        FOREIGN KEY(sender) REFERENCES party (number),
        UNIQUE (id)
    )
    """,
    """
    CREATE TABLE receipt (
        number INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        message BLOB NOT NULL,
        outcome TEXT NOT NULL,
        at INTEGER NOT NULL,
        counts BLOB NOT NULL,
        carrier BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (sender, message, outcome, at),
        FOREIGN KEY(sender) REFERENCES party (number)
    )
    """,
    """
    CREATE TABLE received (
        number INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        name BLOB NOT NULL,
        stream BLOB NOT NULL,
        stream_number INTEGER NOT NULL,
        kind TEXT NOT NULL,
        outcome TEXT NOT NULL,
        objects INTEGER NOT NULL,
        arrived INTEGER NOT NULL,
        card_version INTEGER NOT NULL,
        message BLOB NOT NULL,
        seal BLOB NOT NULL,
        signature BLOB NOT NULL,
        second_signature BLOB NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (sender, stream, stream_number),
        FOREIGN KEY(sender) REFERENCES party (number),
        UNIQUE (name)
    )
    """,
    "CREATE INDEX received_by_kind ON received (kind, number)",
    """
    CREATE TABLE release (
        number INTEGER NOT NULL,
        id BLOB NOT NULL,
        product TEXT NOT NULL,
        version INTEGER NOT NULL,
        recipient INTEGER NOT NULL,
        state TEXT NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (id),
        FOREIGN KEY(recipient) REFERENCES party (number)
    )
    """,
    "CREATE INDEX release_by_recipient ON release (recipient, product, version)",
    """
    CREATE TABLE approval (
        number INTEGER NOT NULL,
        release INTEGER NOT NULL,
        user TEXT NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (release, user),
        FOREIGN KEY(release) REFERENCES release (number)
    )
    """,
    """
    CREATE TABLE envelope (
        hash BLOB NOT NULL,
        outbox INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        tag BLOB NOT NULL,
        length INTEGER NOT NULL,
        PRIMARY KEY (hash),
        FOREIGN KEY(outbox) REFERENCES outbox (number)
    )
    """,
    """
    CREATE TABLE evidence (
        number INTEGER NOT NULL,
        party INTEGER NOT NULL,
        id BLOB NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        pieces BLOB NOT NULL,
        PRIMARY KEY (number),
        FOREIGN KEY(party) REFERENCES party (number),
        UNIQUE (id)
    )
    """,
    """
    CREATE TABLE inbox_leaf (
        inbox INTEGER NOT NULL, position INTEGER NOT NULL, part INTEGER NOT NULL, kind INTEGER NOT NULL,
        salt BLOB NOT NULL, label BLOB NOT NULL, hash BLOB NOT NULL,
        arrival INTEGER,
        PRIMARY KEY (inbox, position),
        FOREIGN KEY(inbox) REFERENCES inbox (number)
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX inbox_leaf_by_object ON inbox_leaf (arrival) WHERE arrival IS NOT NULL",
    """
    CREATE TABLE inbox_part (
        inbox INTEGER NOT NULL,
        part INTEGER NOT NULL,
        start INTEGER NOT NULL, path BLOB NOT NULL,
        PRIMARY KEY (inbox, part),
        FOREIGN KEY(inbox) REFERENCES inbox (number)
    )
    """,
    """
    CREATE TABLE outbox_content (
        outbox INTEGER NOT NULL,
        message BLOB NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (outbox),
        FOREIGN KEY(outbox) REFERENCES outbox (number)
    )
    """,
    """
    CREATE TABLE product_member (
        product INTEGER NOT NULL,
        arrival INTEGER NOT NULL,
        PRIMARY KEY (product, arrival),
        FOREIGN KEY(product) REFERENCES product (number)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE quarantined_object (
        quarantined INTEGER NOT NULL,
        position INTEGER NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        label BLOB NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (quarantined, position),
        FOREIGN KEY(quarantined) REFERENCES quarantined (number)
    )
    """,
    """
    CREATE TABLE release_leaf (
        release INTEGER NOT NULL,
        position INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        arrival INTEGER,
        portion INTEGER NOT NULL,
        label BLOB NOT NULL,
        salt BLOB NOT NULL,
        hash BLOB NOT NULL,
        body BLOB,
        PRIMARY KEY (release, position),
        FOREIGN KEY(release) REFERENCES release (number)
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX release_leaf_by_object ON release_leaf (arrival, release) WHERE arrival IS NOT NULL",
    """
    CREATE TABLE release_tree (
        release INTEGER NOT NULL,
        hashes BLOB NOT NULL,
        PRIMARY KEY (release),
        FOREIGN KEY(release) REFERENCES release (number)
    )
    """,
    """
    CREATE VIRTUAL TABLE words USING fts5(text, detail=none, columnsize=0, tokenize="unicode61 remove_diacritics 2")
    """,
    "INSERT INTO words(words, rank) VALUES ('secure-delete', 1)",
    "INSERT INTO words(words, rank) VALUES ('automerge', 8)",
    "INSERT INTO words(words, rank) VALUES ('crisismerge', 32)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
