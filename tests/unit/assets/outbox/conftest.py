"""A project with the transactional templates of our own, and a home whose outbox is empty."""

import shutil
from pathlib import Path

import pytest

from assets.warehouse.resources import Mailrail
from senders.clock import SteppedClock, parse_time
from senders.config import TRANSACTIONAL, SenderProfile
from senders.ledger.outbox import MailRequest
from senders.tracking.addresses import hash_address, normalize_address

ROOT = Path(__file__).resolve().parents[4]
NOW = "2026-11-25T09:00:00Z"
FIELDS = {
    "confirm_signup": {"confirm_url": "https://shop.example/s/1", "form": "Trail notes", "days": 7},
    "order_thanks": {
        "first_name": "Maya",
        "order_no": "N-1",
        "lines": [
            {"name": "Boots <2>", "quantity": 2, "price": "€ 1"},
            {"name": "Pack", "quantity": 1, "price": "€ 2"},
        ],
        "total": "€ 4",
    },
}


class Outgoing:
    """The project, its home, and requests to it."""

    def __init__(self, path: Path, allowed: tuple[str, ...] | None = None) -> None:
        self.project = path / "project"
        for name in ("transactional", "templates"):
            shutil.copytree(ROOT / "assets" / name, self.project / "assets" / name)
        profile = SenderProfile(
            name="service",
            from_name="Northfell",
            from_address="service@news.shop.example",
            reply_to="",
            bounce_domain="bounce.shop.example",
            message_id_domain="news.shop.example",
            relay="sink",
            stream=TRANSACTIONAL,
        )
        self.mailrail = Mailrail(
            self.project,
            path / "home",
            "http://127.0.0.1:8025",
            {"service": profile},
            allowed_recipients={"service": allowed},
            expire_hours={"service": 4},
        )
        self.clock = SteppedClock(path / "home" / "clock")
        self.clock.set(parse_time(NOW))

    def request(self, name: str, **changes: object) -> MailRequest:
        """Return a request whose id and address bear the name."""
        template = str(changes.pop("template", "confirm_signup"))
        email = str(changes.pop("email", f"{name}@contact.example"))
        key = self.mailrail.keyring().address_key
        values = {
            "request_id": name,
            "template": template,
            "email": email,
            "address_hash": hash_address(normalize_address(email), key) if "@" in email else bytes(16),
            "fields": FIELDS.get(template, {}),
            **changes,
        }
        return MailRequest(**values)

    def ask(self, *requests: MailRequest) -> None:
        """Make requests."""
        with self.mailrail.open_ledger() as ledger:
            for each in requests:
                assert ledger.request_mail(each)


@pytest.fixture
def outgoing(tmp_path: Path) -> Outgoing:
    return Outgoing(tmp_path)


@pytest.fixture
def make_outgoing(tmp_path: Path):
    return lambda **changes: Outgoing(tmp_path, **changes)
