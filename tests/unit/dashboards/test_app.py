import re
import warnings

import pytest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from dashboards.app import create_app
from dashboards.routes import Reading

with warnings.catch_warnings():  # its next version asks for another HTTP client
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HOME = {"origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def client():
    def find(address):
        return "7e" * 16 if address == "ann@example.com" else None

    app = create_app(Reading(connect=lambda: None, find_contact=find), hosts=("reports.example",))
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as started:
        yield started


def ask(client, **inputs):
    """Ask for a page as Dash's own script does."""
    values = {"pathname": "/", "search": "", "data": "light", **inputs}
    given = [
        {"id": part, "property": name, "value": values[name]}
        for part, name in (("place", "pathname"), ("place", "search"), ("mode", "data"))
    ]
    body = {
        "output": "shell.children",
        "outputs": {"id": "shell", "property": "children"},
        "inputs": given,
        "changedPropIds": ["place.pathname"],
    }
    return client.post("/_dash-update-component", json=body, headers=HOME)


def test_the_index_asks_nobody_else(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text)
    assert '<html lang="en">' in answer.text
    assert answer.text.index("theme.js") < answer.text.index("<body>")
    assert "script-src 'self' 'sha256-" in answer.headers["content-security-policy"]


def test_every_path_is_the_app(client):
    for path in ("/campaigns", "/campaigns/a.1", "/segments/a", "/contacts"):
        assert "_dash-config" in client.get(path).text, path


def test_it_is_well(client):
    assert client.get("/health").status_code == 200
    assert client.get("/_dash-layout").status_code == 200
    assert client.get("/_dash-dependencies").status_code == 200


def test_what_the_page_loads_is_there(client):
    loaded = re.findall(r"""(?:src|href)="(/[^"]+)""", client.get("/").text)
    assert len(loaded) > 5
    for path in loaded:
        assert client.get(path).status_code == 200, path


def test_a_page_is_returned(client):
    answer = ask(client, pathname="/campaigns")
    assert answer.status_code == 200
    assert "Nothing is published yet" in answer.text
    assert ask(client, data="dark").status_code == 200


def test_no_page_before_the_colours_are_known(client):
    assert ask(client, data=None).status_code == 204


def test_a_page_of_others_cannot_ask(client):
    answer = client.post("/_dash-update-component", json={}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/health", headers={"host": "reports.example"}).status_code == 200


def test_an_address_becomes_a_number(client):
    found = client.post("/contacts/find", data={"address": "ann@example.com"}, headers=HOME)
    assert (found.status_code, found.headers["location"]) == (303, f"/contacts/{'7e' * 16}")
    for body in ({"address": "bob@example.com"}, {}, {"address": "x" * 5000}):
        unknown = client.post("/contacts/find", data=body, headers=HOME)
        assert (unknown.status_code, unknown.headers["location"]) == (303, "/contacts?unknown=1")


def test_the_list_as_a_file(client):
    answer = client.get("/download/campaigns.csv?sort=revenue")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "campaigns.csv" in answer.headers["content-disposition"]


def test_no_page_of_the_web_framework(client):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert "swagger" not in client.get(path).text.lower()
        assert "_dash-config" in client.get(path).text


def test_no_websocket(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_dash-ws-callback"):
        pass
    inner = client.app._app
    assert not [route for route in inner.routes if isinstance(route, WebSocketRoute)]
