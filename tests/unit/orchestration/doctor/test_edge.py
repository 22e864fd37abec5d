import socket

import pytest

from orchestration.doctor import edge
from orchestration.doctor.edge import check_collector, check_dns, check_mailbox, check_relay, check_tracking
from tests.fixtures.imap_standin import ImapStandIn

BEYOND = {"host": "mail.shop.example", "tls": "starttls", "real": "true", "environment": "production",
          "base_url": "https://click.shop.example"}  # fmt: skip


def test_a_relay_on_this_machine_is_greeted(make_case, smtp):
    found = check_relay(make_case(port=smtp("PIPELINING", "8BITMIME")), "shop")
    assert (found.state, found.found.endswith("no DKIM of ours · offers PIPELINING")) == ("ok", True)


@pytest.mark.parametrize(("offers", "state"), [(("STARTTLS",), "ok"), (("SIZE",), "fail")])
def test_starttls_that_is_required_must_be_offered(make_case, smtp, offers, state):
    assert check_relay(make_case(port=smtp(*offers), tls="starttls"), "shop").state == state


def test_nobody_listens(case):
    found = check_relay(case, "shop")
    assert (found.state, found.remedy.startswith("mailrail sink --port ")) == ("warn", True)


def test_a_relay_beyond_this_machine_is_only_knocked_at(make_case, monkeypatch):
    case = make_case(**BEYOND)
    monkeypatch.setattr(edge, "_knock", lambda *_: "answers")
    assert check_relay(case, "shop").state == "ok"

    def refuse(*_):
        raise OSError(113, "No route to host")

    monkeypatch.setattr(edge, "_knock", refuse)
    found = check_relay(case, "shop")
    assert (found.state, found.remedy) == ("fail", f"nc -vz mail.shop.example {case.settings.relays['main'].port}")


def test_every_relay_of_a_pool_is_looked_at(make_case, smtp, monkeypatch):
    monkeypatch.setattr(edge, "_knock", lambda *_: "answers")
    case = make_case(port=smtp("SIZE"), real="true", environment="production")
    far = case.settings.relays["main"].model_copy(update={"host": "mail.shop.example", "tls": "starttls"})
    case.settings.relays["far"] = far
    case.settings.senders["shop"].relays = ("main", "far")
    found = check_relay(case, "shop")
    assert (found.state, "main 127.0.0.1" in found.found, "; far mail.shop.example" in found.found) == (
        "ok",
        True,
        True,
    )
    case.settings.relays["main"].tls = "starttls"
    assert check_relay(case, "shop").state == "fail"
    monkeypatch.setattr(edge.socket, "getaddrinfo", lambda name, _: [name])
    assert "news.shop.example" in check_dns(case).found


def test_names_are_looked_up_only_where_mail_can_leave(case, make_case, monkeypatch):
    asked = []

    def look_up(name, _):
        asked.append(name)
        if name.startswith("bounce"):
            raise socket.gaierror(-2, "unknown")
        return [name]

    monkeypatch.setattr(edge.socket, "getaddrinfo", look_up)
    assert (check_dns(case).state, asked) == ("ok", [])
    found = check_dns(make_case(**BEYOND))
    assert asked == ["click.shop.example", "news.shop.example", "bounce.shop.example"]
    assert found.state == "warn"
    assert "no answer for bounce domain bounce.shop.example · SPF, DKIM and DMARC are not read" in found.found


def test_the_collector(make_case, smtp, make_send):
    case = make_case()
    assert "needed when mail is out" in check_collector(case).found
    make_send(5)
    assert (check_collector(case).state, check_collector(case).remedy) == ("warn", "mailrail collector")
    assert check_collector(make_case(collector_port=smtp())).found.endswith("listens")


def test_a_collector_without_room_is_told(make_case, smtp, make_send, tmp_path, monkeypatch):
    make_send(5)
    (tmp_path / "ledger" / "filler").write_bytes(bytes(2_000_000))
    monkeypatch.setenv("MAILRAIL_COLLECTOR__EVENT_QUOTA_MB", "1")
    found = check_collector(make_case(collector_port=smtp()))
    assert found.state == "warn"
    assert "opens and clicks are answered and not stored" in found.found
    assert not (tmp_path / "ledger" / "reserve").exists(), "the doctor looks only"


def test_a_production_needs_https_and_a_collector(make_case, make_send):
    assert "not https" in check_collector(make_case(**{**BEYOND, "base_url": "http://click.shop.example"})).found
    make_send(5)
    assert check_collector(make_case(**BEYOND)).state == "fail"


def test_links_should_point_to_the_domain_that_the_mail_comes_from(case, make_case):
    assert check_tracking(case).state == "ok"
    assert check_tracking(make_case(**BEYOND)).found == "click.shop.example belongs to the From domain"
    found = check_tracking(make_case(**{**BEYOND, "base_url": "https://click.tracker.example"}))
    assert (found.state, found.remedy) == ("warn", "set collector.base_url to https://click.news.shop.example")


IMAP = '[mailbox]\nimap_host = "127.0.0.1"\nimap_port = {port}\ntls = "none"\nusername = "bounces"\n'


def test_without_imap_the_maildir_is_named(case):
    found = check_mailbox(case)
    assert (found.state, found.found) == ("ok", f"Maildir {case.home / 'mailbox'}; no IMAP")


@pytest.mark.parametrize("fault", ["", "NO"])
def test_an_imap_login_is_tried(make_case, monkeypatch, fault):
    server = ImapStandIn()
    server.fill(b"one", b"two")
    server.faults["LOGIN"] = fault
    monkeypatch.setenv("MAILRAIL_MAILBOX__PASSWORD", "hush")
    found = check_mailbox(make_case(more=IMAP.format(port=server.port)))
    server.stop()
    place = f"127.0.0.1:{server.port}"
    if fault:
        assert (found.state, found.found.startswith(f"mailbox: {place}: ")) == ("fail", True)
        assert "mailrail mailbox" in found.remedy
    else:
        assert (found.state, found.found) == ("ok", f"{place} · INBOX · 2 mails")
    assert "hush" not in f"{found}"
