"""A call goes to the address that was judged, ends in time and size, and follows no redirect unjudged."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from senders.errors import WebError, WebRefusedError
from senders.http_config import WebConfig
from senders.web import client
from senders.web.client import WebClient


class Server:
    """Answers each call by ``answers[path]``: a function of the handler."""

    def __init__(self, answers, tls: ssl.SSLContext | None = None):
        self.calls: list[tuple[str, str, str, dict[str, str], bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                fields = {name.lower(): value for name, value in self.headers.items()}
                server.calls.append((self.command, self.path, self.headers["host"], fields, body))
                answers[self.path.partition("?")[0]](self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def text(status: int, body: bytes = b"", **headers: str):
    def answer(handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def own(*servers: Server, **changes) -> WebClient:
    return WebClient(WebConfig(own_hosts=tuple(f"127.0.0.1:{server.port}" for server in servers)), **changes)


def test_a_post_arrives_as_it_was_given() -> None:
    with Server({"/hook": text(204)}) as server:
        url = f"http://127.0.0.1:{server.port}/hook?a=b#part"
        answer = asyncio.run(own(server).post(url, {"webhook-id": "1"}, b"body"))
    assert (answer.status, answer.is_good) == (204, True)
    ((method, path, host, headers, body),) = server.calls
    assert (method, path, host, body) == ("POST", "/hook?a=b", f"127.0.0.1:{server.port}", b"body")
    assert headers["webhook-id"] == "1"


def test_a_redirect_is_followed_only_as_often_as_asked_and_only_where_it_may_lead() -> None:
    with Server({"/secret": text(200, b"inside")}) as inside:
        target = f"http://127.0.0.1:{inside.port}/secret"
        answers = {
            "/out": text(302, location=target),
            "/up": text(307, location="http://169.254.169.254/latest/meta-data/"),
            "/file": text(301, location="file:///etc/passwd"),
            "/ok": text(302, location="/end"),
            "/round": text(302, location="/round"),
            "/end": text(200, b"end"),
        }
        with Server(answers) as server:
            base = f"http://127.0.0.1:{server.port}"
            for path in ("/out", "/up", "/file"):
                with pytest.raises(WebRefusedError):
                    asyncio.run(own(server).get(base + path, redirects=3))
            assert asyncio.run(own(server).get(base + "/ok", redirects=1)).body == b"end"
            assert asyncio.run(own(server).get(base + "/ok")).status == 302
            assert asyncio.run(own(server).post(base + "/ok", {}, b"")).status == 302
            server.calls.clear()
            assert asyncio.run(own(server).get(base + "/round", redirects=99)).status == 302
            assert len(server.calls) == 4
    assert inside.calls == []


def test_a_name_that_changes_its_answer_is_asked_once() -> None:
    """A second look-up would lead inside; the connection goes to the first answer, whatever the name says by then."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with Server({"/": text(200, b"inside")}) as server:
        patient = WebClient(WebConfig(ports=(server.port,)), timeout_seconds=0.5, resolve=rebinding)
        with pytest.raises(WebRefusedError):
            asyncio.run(patient.get(f"https://rebind.example:{server.port}/"))
        asked.clear()
        named = WebConfig(own_hosts=("rebind.example",))
        with pytest.raises(WebError):
            asyncio.run(
                WebClient(named, timeout_seconds=0.5, resolve=rebinding).get(f"http://rebind.example:{server.port}/")
            )
    assert asked == ["rebind.example"]
    assert server.calls == []


def test_every_redirect_is_resolved_and_judged_anew() -> None:
    with Server({"/": text(302, location="http://rebind.example/")}) as server:
        answers = iter([["127.0.0.1"], ["10.0.0.1"]])

        async def rebinding(host: str, port: int) -> list[str]:
            return next(answers)

        config = WebConfig(own_hosts=(f"rebind.example:{server.port}",))
        url = f"http://rebind.example:{server.port}/"
        with pytest.raises(WebRefusedError):
            asyncio.run(WebClient(config, resolve=rebinding).get(url, redirects=3))
    assert len(server.calls) == 1


def test_size_and_time_are_bounded() -> None:
    def drip(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            time.sleep(0.02)
            handler.wfile.write(b"x")
            handler.wfile.flush()

    def endless_head(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000)

    def chunks(handler) -> None:
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    answers = {
        "/long": text(200, b"x" * 2000),
        "/drip": drip,
        "/head": endless_head,
        "/chunks": chunks,
        "/odd": lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n"),
        "/none": lambda handler: handler.connection.close(),
    }
    with Server(answers) as server:
        for path in answers:
            began = time.monotonic()
            url = f"http://127.0.0.1:{server.port}{path}"
            with pytest.raises(WebError) as failure:
                asyncio.run(own(server, max_bytes=1000, timeout_seconds=0.5).get(url))
            assert time.monotonic() - began < 2
            assert path not in str(failure.value)
    with pytest.raises(WebError):
        asyncio.run(WebClient(WebConfig(own_hosts=("127.0.0.1",))).get("http://127.0.0.1:1/"))


def test_a_certificate_must_bear_the_name_though_the_address_was_chosen(tmp_path, monkeypatch) -> None:
    key, made = tmp_path / "key.pem", tmp_path / "cert.pem"
    make_certificate(key, made, "hooks.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made, key)
    names: list[str | None] = []
    serving.sni_callback = lambda line, name, context: names.append(name)
    monkeypatch.setattr(client, "_authorities", lambda: ssl.create_default_context(cafile=str(made)))

    async def local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with Server({"/x": text(200, b"ok")}, serving) as server:
        web = WebClient(WebConfig(own_hosts=("hooks.example", "other.example")), resolve=local)
        assert asyncio.run(web.get(f"https://hooks.example:{server.port}/x")).body == b"ok"
        assert server.calls[0][2] == f"hooks.example:{server.port}"
        with pytest.raises(WebError, match=r"other\.example"):
            asyncio.run(web.get(f"https://other.example:{server.port}/x"))
    assert names == ["hooks.example", "other.example"]
    assert len(server.calls) == 1


def make_certificate(key_file, certificate_file, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
