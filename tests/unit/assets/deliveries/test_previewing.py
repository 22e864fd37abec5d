import json

import pytest

from assets.deliveries.previewing import preview_campaign
from senders.errors import ConfigError, RenderError, TemplateError
from senders.ledger.store import Ledger
from tests.fixtures.audiences import World


def test_shows_real_recipients_masked(world: World) -> None:
    shown = preview_campaign(world.mailrail, "spring_sale", limit=2)
    assert [item.subject for item in shown.messages] == ["News for you"] * 2
    assert all("•••@mail.example" in item.masked for item in shown.messages)
    assert (shown.is_sample, shown.note) == (False, "")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"address": "nobody"}, "'nobody' is no address that can be written to: the address has no @"),
        ({"address": "who@mail.example"}, "who@mail.example is not among its recipients; see: mailrail plan"),
        ({"address": "p1@mail.example", "samples": True}, "--samples and --address exclude each other"),
        ({"limit": 0}, "at least one message, not 0"),
        ({"limit": -1}, "at least one message, not -1"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(world: World, asked, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        preview_campaign(world.mailrail, "spring_sale", **asked)


def test_one_recipient_by_address(world: World) -> None:
    [shown] = preview_campaign(world.mailrail, "spring_sale", address=" P5@mail.example ").messages
    assert "Hello Zoë in Bonn" in shown.text


def test_before_anything_is_published_sample_contacts_are_shown(tmp_path) -> None:
    world = World(tmp_path)
    shown = preview_campaign(world.mailrail, "spring_sale", limit=3)
    assert shown.note.startswith("Nothing is published yet.")
    assert shown.messages[0].who == "an ordinary contact"
    assert "Hello Maya in Hamburg" in shown.messages[0].text
    assert not (world.home / "ledger").exists()
    with pytest.raises(ConfigError, match="nothing is published yet"):
        preview_campaign(world.mailrail, "spring_sale", address="p1@mail.example")


def test_a_campaign_without_recipients_is_shown_for_sample_contacts(world: World) -> None:
    text = (
        (world.campaign / "defs.yaml").read_text().replace("include: [seg", "where: city = 'Rome'\n    include: [seg")
    )
    world.write_defs(text)
    shown = preview_campaign(world.mailrail, "spring_sale")
    assert shown.note == "spring_sale has no recipients now; see why: mailrail plan spring_sale"
    assert shown.messages


def test_a_segment_that_is_not_built_yet_is_said(world: World) -> None:
    world.write_defs((world.campaign / "defs.yaml").read_text().replace("seg_all_contacts", "seg_new"))
    assert "segment seg_new is not in the published copy" in preview_campaign(world.mailrail, "spring_sale").note


def test_sample_contacts_without_a_needed_field_are_no_recipients(world: World) -> None:
    shown = preview_campaign(world.mailrail, "spring_sale", limit=100, samples=True)
    who = [item.who for item in shown.messages]
    assert "nothing but an address" not in who  # the template needs a city
    assert len(who) >= 20
    assert shown.note == "They were asked for."


def test_json_says_whether_the_contacts_are_made_up(world: World) -> None:
    real = preview_campaign(world.mailrail, "spring_sale", limit=1).as_json()
    assert json.loads(json.dumps(real)) == real
    assert (real["campaign"], real["sample"], real["note"]) == ("spring_sale", False, "")
    assert list(real["messages"][0]) == ["masked", "subject", "links", "bytes", "text"]
    made_up = preview_campaign(world.mailrail, "spring_sale", limit=1, samples=True).as_json()
    assert made_up["sample"] is True
    assert made_up["messages"][0]["sample"] == "an ordinary contact"


def test_messages_can_be_written_to_a_folder(world: World, tmp_path) -> None:
    preview_campaign(world.mailrail, "spring_sale", address="p5@mail.example", write=tmp_path / "out")
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == ["001.eml", "001.html", "001.txt"]
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert b"Subject: News for you\r\n" in (tmp_path / "out" / "001.eml").read_bytes()


def test_a_broken_template_lists_its_problems(world: World) -> None:
    (world.campaign / "template.mjml").write_text("<mjml>")
    with pytest.raises(TemplateError, match="never closed"):
        preview_campaign(world.mailrail, "spring_sale")


def test_a_message_that_cannot_be_made_names_its_recipient_masked(world: World) -> None:
    path = world.campaign / "template.mjml"
    path.write_text(path.read_text().replace("{{ contact.city }}", "{{ contact.city + 1 }}"))
    with pytest.raises(RenderError, match=r"p•••@mail\.example: .*TypeError"):
        preview_campaign(world.mailrail, "spring_sale")


def test_nothing_becomes_a_send(world: World, ledger: Ledger) -> None:
    preview_campaign(world.mailrail, "spring_sale")
    assert ledger.sends() == []
