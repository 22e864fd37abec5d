"""A webhook that writes down what it gets, and a sender with alerts to be killed.

``python alerting_world.py <home> <port> <webhook url>`` runs that sender once.
"""

import asyncio
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sending_world import settings, tuning

from senders.config import AlertsConfig, DeliveryConfig
from senders.delivery.sender import run_sender
from senders.http_config import WebConfig

SECRET = b"k" * 24


class Hook:
    """Answers each POST with the next of its statuses, the last one for ever; 0 hangs until the end."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses) or [204]
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self._end = threading.Event()

    def __enter__(self):
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = hook.statuses.pop(0) if len(hook.statuses) > 1 else hook.statuses[0]
                if not status:
                    hook._end.wait(30)
                    return
                self.send_response(status)
                if status == 302:
                    self.send_header("location", hook.url + "elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?a=b"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._server.shutdown()
        self._server.server_close()


def alerted(home: Path, port: int, *, url: str = "", mail_to: tuple[str, ...] = (), **changes) -> DeliveryConfig:
    own = WebConfig(own_hosts=("127.0.0.1",))
    return replace(settings(home, port, **changes), alerts=AlertsConfig(mail_to, url, SECRET), web=own)


if __name__ == "__main__":
    place, relay, hook = sys.argv[1:]
    config = alerted(Path(place), int(relay), url=hook, connections=1)
    asyncio.run(run_sender(config, once=True, tuning=tuning(alert_pauses=(0.3,))))
