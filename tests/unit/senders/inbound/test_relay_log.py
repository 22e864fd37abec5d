import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from senders.inbound.relay_log import read_relay_logs
from senders.message import State

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NAMES = [f"{number:030x}" for number in range(1, 9)]
POSTFIX = f"""\
2026-03-02T10:00:00.100000+00:00 mx postfix/smtpd[11]: connect from localhost[127.0.0.1]
2026-03-02T10:00:00.200000+00:00 mx postfix/smtpd[11]: 4F1A22C0D1: client=localhost[127.0.0.1]
2026-03-02T10:00:00.300000+00:00 mx postfix/cleanup[12]: 4F1A22C0D1: message-id=<{NAMES[0]}@shop.example>
2026-03-02T10:00:00.400000+00:00 mx postfix/qmgr[9]: 4F1A22C0D1: from=<b+1@shop.example>, size=900, nrcpt=1 (queue active)
2026-03-02T10:00:00.500000+00:00 mx postfix/cleanup[12]: 4F1A22C0D2: message-id=<{NAMES[1]}@shop.example>
2026-03-02T10:00:00.600000+00:00 mx postfix/smtpd[11]: lost connection after DATA (1200 bytes) from localhost[127.0.0.1]
2026-03-02T10:00:01.000000+00:00 mx postfix-out/smtp/smtp[13]: 4F1A22C0D1: to=<a@b.example>, relay=b[127.0.0.2]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
2026-03-02T10:00:02.000000+00:00 mx postfix/cleanup[12]: 4F1A22C0D3: message-id=<{NAMES[2]}@shop.example>
2026-03-02T10:00:02.100000+00:00 mx postfix/cleanup[12]: 4F1A22C0D3: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 5.7.1 Spam; from=<b+1@shop.example>
2026-03-02T10:00:03.000000+00:00 mx postfix/cleanup[12]: 4F1A22C0D4: message-id=<{NAMES[3]}@shop.example>
2026-03-02T10:00:03.100000+00:00 mx postfix/cleanup[12]: 4F1A22C0D4: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 later; from=<b+1@shop.example>
2026-03-02T10:00:04.000000+00:00 mx postfix/cleanup[12]: 4F1A22C0D5: message-id=<{NAMES[4]}@shop.example>
2026-03-02T10:00:04.100000+00:00 mx postfix/smtp[13]: 4F1A22C0D5: to=<c@d.example>, dsn=5.1.1, status=bounced (no such user)
2026-03-02T11:00:00.000000+00:00 mx postfix/cleanup[12]: 4F1A22C0D2: message-id=<somebody@else.example>
2026-03-02T11:00:00.100000+00:00 mx postfix/qmgr[9]: 4F1A22C0D2: from=<x@else.example>, size=900, nrcpt=1 (queue active)
"""  # noqa: E501 - lines as Postfix writes them


@pytest.fixture
def read(tmp_path):
    def read_text(text, name="mail.log", wanted=NAMES):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return read_relay_logs([path], wanted, now=NOW)

    return read_text


@pytest.mark.parametrize("name", ["mail.log", "mail.log.2.gz"])
def test_postfix_says_what_it_had_taken(read, name):
    traces = read(POSTFIX, name).traces
    assert {key: trace.state for key, trace in traces.items()} == {
        NAMES[0]: State.ACCEPTED,
        NAMES[2]: State.REFUSED,
        NAMES[3]: State.QUEUED,
        NAMES[4]: State.ACCEPTED,
    }
    assert traces[NAMES[0]].words == "queue id 4F1A22C0D1, status=sent"
    assert traces[NAMES[4]].words == "queue id 4F1A22C0D5, status=bounced"


def test_a_message_id_alone_is_no_proof_as_the_line_may_have_broken_before_the_mark(read):
    assert NAMES[1] not in read(POSTFIX).traces, "its queue id was used again for somebody else's message"


def test_nothing_is_kept_of_other_messages(read):
    assert read(POSTFIX, wanted=["f" * 30]).traces == {}


def test_the_time_that_a_log_covers(read):
    log = read(POSTFIX)
    first, last = datetime(2026, 3, 2, 10, 0, 0, 100_000, UTC), datetime(2026, 3, 2, 11, 0, 0, 100_000, UTC)
    assert (log.first, log.last) == (first, last)
    assert log.covers(first, last)
    assert not log.covers(first - timedelta(seconds=1), last)
    assert not log.covers(first, last + timedelta(seconds=1))
    assert not read("nothing with a time\n", "other.log").covers(first, first)


def test_times_without_a_year_are_the_latest_that_have_passed(read):
    local = datetime(2025, 12, 31, 23, 59, 58).astimezone()
    log = read(
        "Dec 31 23:59:58 mx postfix/smtpd[1]: connect from x\n"
        f"Mar  2 01:02:03 mx postfix/cleanup[2]: 0A1B2C3D4E: message-id=<{NAMES[0]}@shop.example>\n"
        "Mar  2 01:02:04 mx postfix/qmgr[3]: 0A1B2C3D4E: from=<b@shop.example>, size=1, nrcpt=1 (queue active)\n"
    )
    assert log.first == local
    assert log.last == datetime(2026, 3, 2, 1, 2, 4).astimezone()
    assert log.traces[NAMES[0]].state is State.ACCEPTED


def test_kumomta_and_the_embedded_sink(read):
    def kumo(kind, name, at):
        headers = {"Message-ID": f"<{name}@shop.example>"}
        return json.dumps({"type": kind, "id": "ab12", "timestamp": at, "headers": headers})

    lines = [
        kumo("Reception", NAMES[0], 1_772_445_600),
        kumo("Rejection", NAMES[1], 1_772_445_601),
        json.dumps(
            {"at": "2026-03-02T10:00:09Z", "recipient": "a@b.example", "message_id": f"{NAMES[2]}@shop.example"}
        ),
        '{"cut short ' + NAMES[3] + "@",
    ]
    log = read("\n".join(lines[:3]) + "\n" + lines[3] + "\n" + lines[2] + "\n")
    assert {key: trace.state for key, trace in log.traces.items()} == {
        NAMES[0]: State.ACCEPTED,
        NAMES[2]: State.ACCEPTED,
    }
    assert log.traces[NAMES[0]].words == "Reception ab12"
    assert log.last == datetime(2026, 3, 2, 10, 0, 9, tzinfo=UTC)


def test_taken_once_is_taken(read):
    again = POSTFIX.replace(NAMES[2], NAMES[0])
    assert read(again).traces[NAMES[0]].state is State.ACCEPTED
