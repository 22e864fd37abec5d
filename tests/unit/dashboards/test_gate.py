import asyncio

import pytest

from dashboards.gate import Gate

HOSTS = ("127.0.0.1", "localhost", "[::1]", "Reports.Example")


async def inner(scope, receive, send):
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inner", b"1")]})
    await send({"type": "http.response.body", "body": b"page"})


def ask(scope):
    """Send one request through a gate, and return the messages that come back."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(Gate(inner, hosts=HOSTS, script_hashes=["'sha256-abc'"])(scope, receive, send))
    return sent


def request(method="GET", **headers):
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return ask({"type": "http", "method": method, "path": "/", "headers": given})


@pytest.mark.parametrize("host", ["127.0.0.1:3010", "LOCALHOST", "localhost:1", "[::1]:3010", "reports.example:443"])
def test_our_own_names_pass(host):
    assert request(host=host)[0]["status"] == 200


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.:80", "reports.example.org"])
def test_another_name_for_this_machine_is_refused(host):
    start, body = request(host=host)
    assert start["status"] == 421
    assert b"dashboards.base_url" in body["body"]


def test_a_request_without_a_host_is_refused():
    assert request()[0]["status"] == 421


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://localhost.evil.example:3010"])
def test_only_our_own_pages_may_post(origin):
    assert request("POST", host="localhost:3010", origin=origin)[0]["status"] == 403


def test_our_own_page_posts():
    assert request("POST", host="localhost:3010", origin="http://localhost:3010")[0]["status"] == 200
    assert request("POST", host="reports.example", origin="https://reports.example")[0]["status"] == 200


def test_reading_needs_no_origin():
    assert request("GET", host="localhost", origin="https://evil.example")[0]["status"] == 200


def test_every_answer_carries_the_policy():
    start = request(host="localhost")[0]
    headers = dict(start["headers"])
    assert headers[b"x-inner"] == b"1"
    policy = headers[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-abc';")
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert headers[b"cross-origin-resource-policy"] == b"same-origin"


def test_a_websocket_is_closed():
    assert ask({"type": "websocket", "path": "/", "headers": [(b"host", b"localhost")]}) == [
        {"type": "websocket.close", "code": 1008}
    ]


def test_the_start_of_the_app_passes():
    assert ask({"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]
