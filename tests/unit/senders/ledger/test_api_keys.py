from senders.ledger.api_keys import digest_of, key_id_of


def test_a_key_is_kept_as_its_digest_with_its_scopes(ledger):
    key = ledger.make_api_key("web-shop", ["mail:send", "events:write", "mail:send"])
    (kept,) = ledger.api_keys()
    assert (kept.key_id, kept.name, kept.digest) == (key_id_of(key), "web-shop", digest_of(key))
    assert kept.scopes == {"mail:send", "events:write"}
    assert kept.revoked_at is None
    assert key.rpartition("_")[2] not in repr(kept)


def test_a_revoked_key_is_living_no_more_and_stays_known(ledger, clock):
    old, new = ledger.make_api_key("web-shop", ["mail:send"]), ledger.make_api_key("web-shop", ["mail:send"])
    assert ledger.revoke_api_key(key_id_of(old))
    assert not ledger.revoke_api_key(key_id_of(old))
    assert not ledger.revoke_api_key("unknown")
    assert [one.key_id for one in ledger.living_api_keys()] == [key_id_of(new)]
    assert {one.key_id: one.revoked_at for one in ledger.api_keys()} == {
        key_id_of(old): clock.now(),
        key_id_of(new): None,
    }


def test_what_is_no_key_has_no_id():
    assert [key_id_of(text) for text in ("", "mr", "mr_", "mr_a", "mr_a_", "xx_a_b", "mr_a_b")] == [
        "",
        "",
        "",
        "",
        "",
        "",
        "a",
    ]
