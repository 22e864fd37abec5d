"""A small campaign in a folder, a sender profile, and rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from senders.config import SenderProfile
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.template import CompiledTemplate, compile_template
from senders.tracking.keys import Keyring
from senders.tracking.tokens import SendTokens, send_tokens
from tests.fixtures.corpora import CORPORA

ROOT = Path(__file__).resolve().parents[4]

BRAND = """
name: Acme & Co
postal_address: 1 High Road, Leeds LS1 1AA
home_url: https://shop.example
accent: "#1f6b4f"
"""

FOOTER = """<mj-section><mj-column><mj-text>
<a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ brand.postal_address }}
</mj-text></mj-column></mj-section>"""


class Folder:
    """A campaign's folder that a test fills."""

    def __init__(self, root: Path) -> None:
        self.shared = root / "templates"
        self.campaign = root / "campaigns" / "spring"
        (self.shared / "partials").mkdir(parents=True)
        self.campaign.mkdir(parents=True)
        (self.shared / "brand.yaml").write_text(BRAND)
        (self.shared / "partials" / "footer.mjml").write_text(FOOTER)
        self.subject("Hello {{ contact.first_name|default('you') }}")

    def subject(self, text: str) -> "Folder":
        (self.campaign / "subject.txt.j2").write_text(text)
        return self

    def mjml(self, text: str) -> "Folder":
        (self.campaign / "template.mjml").write_text(text)
        return self

    def body(self, text: str, head: str = "") -> "Folder":
        """Write a whole document; ``text`` begins on its line 4."""
        return self.mjml(
            f'<mjml lang="en"><mj-head><mj-title>T</mj-title>{head}</mj-head>\n<mj-body>\n\n{text}\n'
            '<mj-include path="partials/footer.mjml" />\n</mj-body></mjml>\n'
        )

    def words(self, text: str) -> "Folder":
        """Write a document with one text block; ``text`` begins on its line 4."""
        return self.body(f"<mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section>")

    def compile(self) -> CompiledTemplate:
        return compile_template(self.campaign, self.shared)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> SendTokens:
    return send_tokens(Keyring.open(tmp_path_factory.mktemp("keys")), 7)


@pytest.fixture(scope="session")
def profile() -> SenderProfile:
    return SenderProfile(
        name="shop",
        from_name="Acme & Co",
        from_address="hello@news.acme.example",
        reply_to="service@acme.example",
        bounce_domain="bounce.acme.example",
        message_id_domain="news.acme.example",
        relay="sink",
        unsubscribe_mailto="leave@bounce.acme.example",
    )


@pytest.fixture(scope="session")
def make_renderer(profile: SenderProfile, tokens: SendTokens) -> Callable[[CompiledTemplate], Renderer]:
    def make(template: CompiledTemplate) -> Renderer:
        context = SendContext(
            profile=profile,
            tokens=tokens,
            send_id="spring.20261103T0900Z",
            campaign="spring",
            topic="news",
            base_url="https://mail.acme.example/",
            sent_at=datetime(2026, 11, 3, 9, 0, tzinfo=UTC),
        )
        return Renderer(template, context)

    return make


@pytest.fixture(scope="session")
def row() -> dict[str, Any]:
    return {
        "seq": 5,
        "contact_id": "ab" * 16,
        "address": "Ann.Lee@example.com",
        "tracking": True,
        "variant": "",
        "first_name": "Ann",
        "last_name": "Lee",
    }


@pytest.fixture(scope="session")
def blns() -> list[str]:
    import json

    return [text for text in json.loads((CORPORA / "blns" / "blns.json").read_text(encoding="utf-8")) if text]
