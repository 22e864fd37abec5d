"""Bodies that were made to break a reader: each is a problem with a 4xx, stores nothing, and costs little time."""

import json
import time

import pytest

from senders.event import Kind
from tests.unit.senders.collector.api.conftest import ORDER

TEXT = json.dumps(ORDER)


def with_properties(text):
    return f'{{"id": "1", "name": "seen", "email": "a@b.example", "properties": {text}}}'.encode()


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "two values": TEXT.encode() * 2,
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "Latin-1": TEXT.replace("tent-2", "z\u00e4lt").encode("latin-1"),
    "a raw NUL": with_properties('{"a": "\0"}'),
    "an escaped NUL": with_properties('{"a": "\\u0000"}'),
    "a NUL in a name": with_properties('{"a\\u0000": 1}'),
    "half of a surrogate pair": with_properties('{"a": "\\ud800"}'),
    "half of a surrogate pair in a name": with_properties('{"\\udc00": 1}'),
    "a name twice": with_properties('{"total": 1, "total": 2}'),
    "a name twice at the top": TEXT.replace('"id"', '"id": "0", "id"', 1).encode(),
    "many names twice": with_properties("{" + ", ".join(f'"{number % 20_000}": 1' for number in range(40_000)) + "}"),
    "lists without end": with_properties("[" * 100_000),
    "lists in lists": with_properties('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"),
    "objects in objects": with_properties('{"a":' * 5_000 + "1" + "}" * 5_000),
    "seventeen levels": with_properties('{"a":' * 17 + "1" + "}" * 17),
    "a number of a million digits": with_properties('{"a": ' + "9" * 900_000 + "}"),
    "a number beyond 64 bits": with_properties('{"a": 9223372036854775808}'),
    "a number beyond floats": with_properties('{"a": 1e999}'),
    "NaN": with_properties('{"a": NaN}'),
    "Infinity": with_properties('{"a": -Infinity}'),
    "a text": b'"events"',
    "null": b"null",
    "a number": b"1",
    "a list": b"[]",
}


@pytest.mark.parametrize("path", ["/events", "/contacts", "/mail", "/suppressions"])
def test_a_hostile_body_is_refused_in_words(shop, path):
    for name, body in BODIES.items():
        begun = time.process_time()
        refused = shop.post(path, body)
        assert time.process_time() - begun < 1, name
        assert refused.status_code in {400, 422}, (name, refused.text[:200])
        assert refused.json()["status"] == refused.status_code, name
        assert len(refused.content) < 20_000, name
    assert shop.world.events() == []
    assert sum(shop.world.ledger.mail_counts().values()) == 0


def test_a_body_beyond_a_megabyte_is_cut_off(shop):
    refused = shop.post("/events", b" " * (1024 * 1024 + 1))
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"


def test_only_json_in_utf8_is_read(shop):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""):
        assert shop.post("/events", ORDER, Content_Type=kind).status_code == 415


def test_a_packed_body_is_not_unpacked(shop):
    assert shop.post("/events", b"\x1f\x8b", Content_Encoding="gzip").status_code == 415


def test_what_looks_like_code_is_kept_as_it_is(shop):
    texts = (
        "<script>alert(1)</script>",
        "'; drop table inbound; --",
        "=cmd|' /C calc'!A0",
        "{{ 7 * 7 }} ${7*7} <%= 7 %>",
        "\u202eevil\u202c \u200b\ufeff",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 Zo\u0308e",
        "a" * 60_000,
    )
    for number, text in enumerate(texts):
        properties = {"text": text, text[:20]: [text[:20]]}
        event = {"id": str(number), "name": "seen", "email": "a@b.example", "properties": properties}
        assert shop.post("/events", event).status_code == 202
        assert shop.events(Kind.REPORTED)[-1].body["properties"] == properties
        assert shop.get("/events").json()["events"][-1]["body"]["properties"] == properties


def test_a_hostile_path_is_refused(shop):
    for address in ("%00@a.example", "a%0d%0ab@a.example", "%ff@a.example", "%25", "a@b", "x" * 400):
        for path, value in (("/contacts", {}), ("/suppressions", {"reason": "x"})):
            assert shop.call("PUT", f"{path}/{address}", value).status_code in {404, 422}, address
    assert shop.world.events() == []


def test_a_hostile_header_is_refused(shop):
    for value in ("Bearer \u00ff\u00fe", "Bearer " + "a" * 7000, "Bearer mr_\u00e9_\u00e9"):
        assert shop.world.client.get("/api/v1/events", headers={"Authorization": value.encode()}).status_code == 401
