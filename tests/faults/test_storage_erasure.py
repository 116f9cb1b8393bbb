"""What was destroyed is gone from every file of an unencrypted home; a prekey from the file of prekeys."""

from __future__ import annotations

from pathlib import Path

from simpul.domain.queries import EVERYTHING, HOME, Query
from simpul.storage.home import create_home, open_home
from simpul.storage.store import SqliteStore, open_store
from tests.contract.stored_things import AMBER, HERE, group, incoming, marked

CANARY = "zanzibarquartz"
PAYLOAD = b"jacarandapayload"
EXTRA = b"mangosteenextra"


def files_holding(folder: Path, text: bytes) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if text in path.read_bytes())


def fill(store: SqliteStore) -> None:
    with store.write() as unit:
        unit.objects.add([marked(n) for n in range(50)], source=HERE, at=1)
        unit.mail.receive(incoming(1, payload=PAYLOAD * 2000))
        suspects = [marked(n, AMBER, text=CANARY, salt=CANARY * 300) for n in range(100, 130)]
        unit.mail.quarantine(group(), suspects, EXTRA * 1000)


def test_a_refused_group_is_gone_from_pages_and_log(tmp_path: Path) -> None:
    store = open_store(tmp_path / "live.db", None, realm="live", create=True)
    fill(store)
    for text in (CANARY.encode(), PAYLOAD, EXTRA):
        assert files_holding(tmp_path, text) != []
    with store.write() as unit:
        unit.mail.settle(group().id, state="refused", by="sari")
    for text in (CANARY.encode(), PAYLOAD, EXTRA):
        assert files_holding(tmp_path, text) == []
    store.close()


def test_with_a_reader_in_the_way_it_is_gone_with_the_next_commit(tmp_path: Path) -> None:
    store = open_store(tmp_path / "live.db", None, realm="live", create=True, wait_seconds=0.2)
    fill(store)
    with store.read() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == 50
        with store.write() as writing:
            writing.mail.settle(group().id, state="refused", by="sari")
        assert files_holding(tmp_path, CANARY.encode()) != []
    with store.write() as writing:
        writing.directory.count("later", 1)
    assert files_holding(tmp_path, CANARY.encode()) == []
    store.close()


def test_a_process_killed_before_the_log_was_emptied_leaves_it_to_the_next(tmp_path: Path) -> None:
    store = open_store(tmp_path / "live.db", None, realm="live", create=True, wait_seconds=0.2)
    fill(store)
    with store.read() as unit:
        assert unit.objects.count(HOME, EVERYTHING) == 50
        with store.write() as writing:
            writing.mail.settle(group().id, state="refused", by="sari")
        later = open_store(tmp_path / "live.db", None, realm="live", wait_seconds=0.2)
    with later.write() as writing:
        writing.directory.count("later", 1)
    assert files_holding(tmp_path, CANARY.encode()) == []
    later.close()
    store.close()


def test_the_full_text_forgets_a_deleted_word(tmp_path: Path) -> None:
    """No command deletes an object yet; the index must be made so that one can."""
    store = open_store(tmp_path / "live.db", None, realm="live", create=True)
    with store.write() as unit:
        batch = [marked(n, text=CANARY if n == 7 else "other words here") for n in range(500)]
        unit.objects.add(batch, source=HERE, at=1)
        assert unit.objects.count(HOME, Query(words=(CANARY,))) == 1
    store._writer.run("DELETE FROM words WHERE words MATCH ?", (CANARY,))
    assert store._writer.truncate_log()
    assert files_holding(tmp_path, CANARY.encode()) == []
    store.close()


def test_a_destroyed_prekey_is_gone_from_the_file(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", party=HERE, name="Arunika", country="XA", unencrypted=True)
    seeds = home.keyring.prekeys(HERE, [5, 6, 7], iter([b"five" * 8, b"six!" * 8, b"sevn" * 8]).__next__)
    assert files_holding(home.path, seeds[5]) != []
    assert home.keyring.destroy_before(7) == 2
    assert files_holding(home.path, seeds[5]) == []
    assert files_holding(home.path, seeds[6]) == []
    assert home.keyring.prekey(HERE, 7) == seeds[7]
    home.close()
    again = open_home(home.path)
    assert again.keyring.prekey(HERE, 5) is None
    again.close()


def test_nothing_readable_is_in_an_encrypted_home(tmp_path: Path) -> None:
    from simpul.storage.keyring import create_kek

    create_kek(tmp_path / "kek")
    home = create_home(tmp_path / "home", party=HERE, name="Arunika", country="XA", kek=tmp_path / "kek")
    home.keyring.put_secret("signing", CANARY.encode())
    home.keyring.prekeys(HERE, [5], CANARY.encode)
    with home.open_store() as store:
        fill(store)
        with store.write() as unit:
            unit.objects.add([marked(900, text=CANARY)], source=HERE, at=1)
        for text in (CANARY.encode(), CANARY.encode().hex().encode(), PAYLOAD, EXTRA):
            assert files_holding(home.path, text) == []
    home.close()
