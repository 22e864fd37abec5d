import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from senders.collector.viewer import Viewer, ViewJob
from senders.errors import RenderError
from senders.event import Kind
from senders.rendering.template import compile_template

MJML = """<mjml><mj-head><mj-title>Tents</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello {{ contact.first_name }}, see our <a href="https://shop.example/tents">tents</a>.</mj-text>
<mj-text>{{ brand.name }}, {{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a>
<a href="{{ view_in_browser_url }}">View in browser</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""
BRAND = "name: Shop\npostal_address: 1 Road, Town\nhome_url: https://shop.example\n"
READER = """
def read(shard, seqs):
    import json
    print("a reader that talks")
    for row in json.loads(shard.read_text()):
        if row["seq"] in seqs:
            yield row
"""


@pytest.fixture
def sent(make_world, tmp_path: Path, monkeypatch):
    """A world whose send has its files, read by a function that only the child imports."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/view_rows.py").write_text(READER)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    world = make_world(row_reader="view_rows:read")
    campaign, shared = tmp_path / "campaign", tmp_path / "shared"
    campaign.mkdir()
    shared.mkdir()
    (campaign / "template.mjml").write_text(MJML)
    (campaign / "subject.txt.j2").write_text("Tents")
    (shared / "brand.yaml").write_text(BRAND)
    folder = tmp_path / "files/sends/spring.20261103T0900Z"
    folder.mkdir(parents=True)
    (folder / "template.json").write_text(compile_template(campaign, shared).to_json())
    (folder / "manifest.json").write_text(
        json.dumps({"shards": [{"shard": 0, "file": "shard-0000.parquet", "first_seq": 1, "rows": 3}]})
    )
    names = ["<script>alert(1)</script>", "Mira", None]
    rows = [
        {"seq": seq, "contact_id": f"{seq:032x}", "address": "a@example.com", "tracking": True, "first_name": name}
        for seq, name in enumerate(names, 1)
    ]
    rows[2]["address"] = None
    (folder / "shard-0000.parquet").write_text(json.dumps(rows))
    world.folder = folder
    return world


def test_a_message_is_shown_as_it_was_sent_and_cannot_act(sent) -> None:
    answer = sent.client.get(f"/v/{sent.tokens.view(2)}")
    assert answer.status_code == 200, answer.text
    assert "Hello Mira" in " ".join(answer.text.split())
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    (event,) = sent.events()
    assert (event.kind, event.seq) == (Kind.VIEWED, 2)
    assert "view_rows" not in sys.modules


def test_who_is_not_tracked_in_mail_is_not_tracked_here(sent) -> None:
    path = sent.folder / "shard-0000.parquet"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([{**row, "tracking": row["seq"] == 1} for row in rows]))
    page = sent.client.get(f"/v/{sent.tokens.view(2)}").text
    assert "https://shop.example/tents" in page
    assert "/c/" not in page
    assert sent.events() == []
    assert "/c/" in sent.client.get(f"/v/{sent.tokens.view(1)}").text
    assert [event.seq for event in sent.events()] == [1]


def test_with_tracking_off_the_page_has_no_links_of_ones_own(sent, monkeypatch) -> None:
    collector = sent.client.app.state.collector
    monkeypatch.setattr(collector, "config", replace(collector.config, tracking=False))
    assert "/c/" not in sent.client.get(f"/v/{sent.tokens.view(2)}").text
    assert sent.events() == []


def test_values_of_contacts_are_words(sent) -> None:
    assert "<script>alert" not in sent.client.get(f"/v/{sent.tokens.view(1)}").text


def test_the_look_is_without_a_pixel_and_head_renders_nothing(sent) -> None:
    assert "/o/" not in sent.client.get(f"/v/{sent.tokens.view(2)}").text
    assert sent.client.head(f"/v/{sent.tokens.view(2)}").status_code == 200


@pytest.mark.parametrize("missing", ["template.json", "manifest.json", "shard-0000.parquet"])
def test_what_is_gone_is_said_to_be_gone(sent, missing: str) -> None:
    (sent.folder / missing).unlink()
    answer = sent.client.get(f"/v/{sent.tokens.view(2)}")
    assert answer.status_code == 410
    assert "no longer available" in answer.text
    assert sent.events() == []


def test_a_redacted_row_and_an_unknown_one_are_gone(sent) -> None:
    assert sent.client.get(f"/v/{sent.tokens.view(3)}").status_code == 410
    assert sent.client.get(f"/v/{sent.tokens.view(4)}").status_code == 410


def test_a_broken_file_is_our_fault(sent) -> None:
    (sent.folder / "shard-0000.parquet").write_text("{")
    assert sent.client.get(f"/v/{sent.tokens.view(2)}").status_code == 500


def test_a_child_that_died_is_replaced(sent) -> None:
    path = f"/v/{sent.tokens.view(2)}"
    assert sent.client.get(path).status_code == 200
    child = sent.client.app.state.collector.viewer._child
    os.kill(child.pid, signal.SIGKILL)
    child.wait(5)
    assert sent.client.get(path).status_code == 200


def test_a_child_that_cannot_start_is_reported(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("senders.collector.viewer._START", "raise SystemExit(1)")
    job = ViewJob("x:y", str(tmp_path), 1, "", 1, "s", "c", "", "", 1, "", "")
    viewer = Viewer()
    with pytest.raises(RenderError, match="gave no answer"):
        asyncio.run(viewer.render(job))
    viewer.close()
