"""Keys: made once, kept private, never made anew where that would do harm."""

import shutil
import stat
import threading
from pathlib import Path

import pytest

from senders.errors import ConfigError, TokenError
from senders.tracking import keys
from senders.tracking.keys import Keyring


def test_first_use_makes_private_files_and_later_use_reads_them(tmp_path: Path) -> None:
    first = Keyring.open(tmp_path / "keys")
    again = Keyring.open(tmp_path / "keys")
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["address.key", "token-1.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert first.address_key == again.address_key
    assert first.token_key(1) == again.token_key(1) != first.address_key


def test_threads_at_once_end_with_the_same_keys(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(Keyring.open(tmp_path).address_key)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_rotation_keeps_old_keys(tmp_path: Path) -> None:
    ring = Keyring.open(tmp_path)
    old = ring.token_key(1)
    assert ring.rotate() == 2
    assert ring.current_id == 2
    assert ring.token_key(1) == old
    assert Keyring.open(tmp_path).key_ids == (2, 1)


def test_an_unknown_key_is_a_token_error(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="key 9"):
        Keyring.open(tmp_path).token_key(9)


def test_a_lost_address_key_is_not_replaced(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / "address.key").unlink()
    with pytest.raises(ConfigError, match="Restore it from a backup"):
        Keyring.open(tmp_path)
    assert not (tmp_path / "address.key").exists()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / "token-1.key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Keyring.open(tmp_path)


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / "token-1.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="5 bytes instead of 32"):
        Keyring.open(tmp_path)


def test_key_ids_fit_one_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_KEY_ID", 1)
    with pytest.raises(ConfigError, match="1 token keys"):
        Keyring.open(tmp_path).rotate()


def test_the_repr_shows_no_key(tmp_path: Path) -> None:
    ring = Keyring.open(tmp_path)
    assert ring.address_key.hex() not in repr(ring)
    assert repr(ring.address_key) not in repr(ring)


def test_a_lost_folder_is_not_made_anew(tmp_path: Path) -> None:
    Keyring.open(tmp_path / "keys")
    shutil.rmtree(tmp_path / "keys")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"has had one\. Restore .*no suppression would be recognised"):
            Keyring.open(tmp_path / "keys")
    (tmp_path / "keys.check").unlink()
    Keyring.open(tmp_path / "keys")


def test_the_key_of_another_home_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path / "keys")
    (tmp_path / "keys" / "address.key").write_bytes(bytes(range(32)))
    with pytest.raises(ConfigError, match="not the key that this home began with"):
        Keyring.open(tmp_path / "keys")


def test_a_home_from_before_the_check_gets_one(tmp_path: Path) -> None:
    first = Keyring.open(tmp_path / "keys")
    (tmp_path / "keys.check").unlink()
    assert Keyring.open(tmp_path / "keys").address_key == first.address_key
    assert (tmp_path / "keys.check").exists()
    assert first.address_key.hex() not in (tmp_path / "keys.check").read_text()
