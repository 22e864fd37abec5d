"""Alerts reach somebody by mail and by webhook, after refusals of their own and after kill -9."""

import asyncio
import base64
import email
import email.policy
import hmac
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from alerting_world import SECRET, Hook, alerted
from sending_sink import Sink, SinkThread, take_all
from sending_world import open_send, tuning

from senders.config import RelayConfig
from senders.delivery.sender import run_sender
from senders.http_config import WebConfig
from senders.ledger.alerts import stop_send, without_addresses
from senders.ledger.rows import SendState
from senders.ledger.store import Ledger

HELPERS = Path(__file__).parent / "helpers"
ADMIN = "ops@shop.example"


def refuses_us(phase, recipient):
    """Refuse every recipient but the one of alerts, because of us; the reply repeats the address, as many do."""
    if phase == "rcpt" and recipient != ADMIN:
        return f"550 5.7.26 <{recipient}> unauthenticated"
    return take_all(phase, recipient)


def run_once(config, **changes):
    asyncio.run(run_sender(config, once=True, tuning=tuning(alert_pauses=(0.1,), **changes)))


def run_for(config, seconds, until=lambda: False, **changes):
    async def run():
        stop = asyncio.Event()
        sender = asyncio.create_task(run_sender(config, stop=stop, tuning=tuning(**changes)))
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            await asyncio.sleep(0.02)
        stop.set()
        await sender

    asyncio.run(run())


def test_a_stopped_send_is_told_by_mail_and_by_webhook_once(home):
    send_no = open_send(home, 30)
    with SinkThread(Sink(refuses_us)) as sink, Hook() as hook:
        config = alerted(home, sink.port, url=hook.url, mail_to=(ADMIN,), connections=1)
        run_once(config)
        run_once(config)
    assert sink.taken == [ADMIN]
    mail = email.message_from_bytes(sink.bodies[0], policy=email.policy.default)
    assert mail["Subject"] == "news.1 was stopped"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "550 5.7.26" in mail.get_content()
    assert "mailrail resume news.1" in mail.get_content()
    ((headers, body),) = hook.posts
    told = json.loads(body)
    assert told["type"] == "send.stopped"
    assert (told["data"]["send_id"], told["data"]["state"]) == ("news.1", "paused")
    assert "mail.example" not in body.decode() + mail.get_content()
    stamp = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    digest = base64.b64encode(hmac.digest(SECRET, stamp + body, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    with Ledger.open(home) as ledger:
        (alert,) = ledger.alerts(send_no)
        assert (alert.mailed, alert.posted, alert.kind) == (True, True, "sender")


def test_what_a_webhook_does_not_take_is_tried_again_and_a_redirect_is_not_followed(home):
    send_no = open_send(home, 1)
    with Ledger.open(home) as ledger, SinkThread(Sink()) as sink, Hook(500, 302, 204) as hook:
        with ledger._database.write() as connection:
            assert stop_send(connection, send_no, "refused", "too many", 0)
        config = alerted(home, sink.port, url=hook.url, mail_to=(ADMIN,))
        run_for(config, 8.0, lambda: any(alert.posted for alert in ledger.alerts(send_no)), alert_pauses=(0.1, 0.2))
        (alert,) = ledger.alerts(send_no)
    assert (alert.posted, alert.mailed, alert.tries) == (True, True, 3)
    assert [headers["webhook-id"] for headers, _ in hook.posts] == [f"alert_{alert.id}"] * 3
    assert sink.taken == [ADMIN]


def test_an_alert_is_posted_to_no_address_inside_that_the_settings_do_not_name(home, caplog):
    send_no = open_send(home, 1)
    with Ledger.open(home) as ledger, SinkThread(Sink()) as sink, Hook(204) as hook:
        with ledger._database.write() as connection:
            assert stop_send(connection, send_no, "refused", "too many", 0)
        run_once(replace(alerted(home, sink.port, url=hook.url), web=WebConfig()))
        run_once(replace(alerted(home, sink.port, url="https://127.0.0.1:8443/x?token=hunter2"), web=WebConfig()))
        assert [alert.posted for alert in ledger.alerts(send_no)] == [False]
    assert hook.posts == []
    assert "only https" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_webhook_that_hangs_does_not_hold_up_other_sends(home):
    stopped, running = open_send(home, 1), open_send(home, 40, send_id="news.2")
    with Ledger.open(home) as ledger, SinkThread(Sink()) as sink, Hook(0) as hook:
        with ledger._database.write() as connection:
            stop_send(connection, stopped, "refused", "too many", 0)
        # Far less than the webhook is waited for.
        run_for(alerted(home, sink.port, url=hook.url), 8.0, lambda: len(sink.taken) == 40 and bool(hook.posts))
        assert len(sink.taken) == 40
        assert len(hook.posts) == 1
        assert ledger.counts(running)["accepted"] == 40


def test_an_alert_outlives_kill_minus_nine(home):
    send_no = open_send(home, 30)
    with SinkThread(Sink(refuses_us)) as sink, Hook(0, 204) as hook:
        command = [sys.executable, str(HELPERS / "alerting_world.py"), str(home), str(sink.port), hook.url]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HELPERS), *filter(None, sys.path)])}
        sender = subprocess.Popen(command, env=environment)
        limit = time.monotonic() + 20
        while not hook.posts and time.monotonic() < limit:
            time.sleep(0.01)
        sender.kill()
        assert sender.wait(10) == -9
        with Ledger.open(home) as ledger:
            assert ledger.send("news.1").state is SendState.PAUSED
            assert [alert.posted for alert in ledger.alerts(send_no)] == [False]
            time.sleep(0.3)
            subprocess.run(command, env=environment, check=True, timeout=30)
            assert [alert.posted for alert in ledger.alerts(send_no)] == [True]
    first, second = (headers["webhook-id"] for headers, _ in hook.posts)
    assert first == second


def test_an_alert_is_not_mailed_by_a_relay_that_mails_nobody(home):
    send_no = open_send(home, 1)
    with Ledger.open(home) as ledger, SinkThread(Sink()) as sink:
        with ledger._database.write() as connection:
            assert stop_send(connection, send_no, "refused", "too many", 0)
        config = alerted(home, sink.port, mail_to=(ADMIN,))
        nowhere = {"sink": RelayConfig("sink", "", 0, transport="null")}
        run_once(replace(config, relays=nowhere))
        assert [alert.mailed for alert in ledger.alerts(send_no)] == [False]
        time.sleep(0.2)
        run_once(replace(config, relays={**nowhere, "real": replace(config.relays["sink"], name="real")}))
        assert [alert.mailed for alert in ledger.alerts(send_no)] == [True]
    assert sink.taken == [ADMIN]


def test_addresses_are_taken_out():
    assert "@" not in without_addresses('550 <bob@mail.example>: "Ann O"@shop.example, x+y@sub.host.example; nobody')
    assert without_addresses("550 5.1.1 <bob@mail.example> unknown") == "550 5.1.1 <(address)> unknown"
