import dataclasses
import json
import pickle

import pytest

from assets.audiences.freeze import freeze_audience, write_audience
from assets.deliveries import preflight as module
from assets.deliveries import specimens
from assets.deliveries.measuring import html_bytes
from assets.deliveries.preflight import content_hash, load_preflight, load_template, run_preflight
from assets.deliveries.receipts import authorise, open_send
from assets.deliveries.specimens import load_specimen
from senders.config import DkimConfig
from senders.errors import ConfigError, GuardError
from tests.fixtures.audiences import PROFILE, SEND_ID, World, define


def freeze(world: World, ledger) -> None:
    freeze_audience(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)


def run(world: World, ledger, mailrail=None):
    return run_preflight(define(), world.campaign, mailrail or world.mailrail, ledger, send_id=SEND_ID)


def test_renders_every_message_and_keeps_none(world: World, ledger) -> None:
    freeze(world, ledger)
    found = run(world, ledger)
    assert (found.recipients, found.rendered, found.unrenderable) == (8, 8, 0)
    assert found.missing == {"city": 0, "first_name": 3}
    assert [(link["role"], link["url"]) for link in found.links] == [
        ("content", "https://shop.example/sale"),
        ("unsubscribe", ""),
    ]
    assert (
        0
        < found.html_bytes["min"]
        <= found.html_bytes["median"]
        <= found.html_bytes["max"]
        < found.message_bytes["min"]
    )
    folder = world.mailrail.send_folder(SEND_ID)
    assert sorted(path.name for path in folder.iterdir()) == [
        "exclusions.parquet", "manifest.json", "preflight.json", "shard-0000.parquet", "specimen.json",
        "template.json",
    ]  # fmt: skip
    assert "mail.example" not in (folder / "preflight.json").read_text()
    assert load_preflight(folder) == found
    assert load_template(folder).content_hash == found.template_hash
    assert json.loads(json.dumps(found.metadata()))["recipients"] == 8


def test_the_mail_is_kept_as_reports_show_it_and_names_nobody(world: World, ledger) -> None:
    freeze(world, ledger)
    found = run(world, ledger)
    folder = world.mailrail.send_folder(SEND_ID)
    specimen = load_specimen(folder)
    assert specimen is not None
    assert specimen.subject == "News for you"
    assert "Hello Alex in Springfield" in " ".join(specimen.html.split())
    assert [f'href="#link-{link["link_no"]}"' in specimen.html for link in found.links] == [True, True]
    assert not [word for word in ("mail.example", "Zoë", "Bonn<", world.mailrail.base_url) if word in specimen.html]
    assert found.warnings == []


def test_a_mail_without_specimen_leaves_no_old_one_and_says_so(world: World, ledger, monkeypatch) -> None:
    freeze(world, ledger)
    run(world, ledger)
    monkeypatch.setattr(specimens, "MAX_BYTES", 1000)
    found = run(world, ledger)
    assert load_specimen(world.mailrail.send_folder(SEND_ID)) is None
    assert [warning.split(":")[0] for warning in found.warnings] == ["no click map for this send"]
    assert found.metadata()["warnings"] == found.warnings


def test_numbers_of_the_audience_are_numbers_in_the_specimen(world: World, ledger) -> None:
    path = world.campaign / "template.mjml"
    path.write_text(path.read_text().replace('contact.first_name|default("you")', "100 // contact.orders"))
    for contact in world.contacts:
        contact["orders"] = 4
    world.publish("v2")
    freeze(world, ledger)
    assert run(world, ledger).warnings == []
    assert "Hello 33 in Springfield" in " ".join(load_specimen(world.mailrail.send_folder(SEND_ID)).html.split())


def test_a_row_that_cannot_be_rendered_is_counted_and_named(world: World, ledger) -> None:
    path = world.campaign / "template.mjml"
    path.write_text(path.read_text().replace('contact.first_name|default("you")', "100 // contact.orders"))
    world.contacts[0]["orders"] = 4
    world.publish("v2")
    freeze(world, ledger)
    found = run(world, ledger)
    assert (found.rendered, found.unrenderable) == (1, 7)
    assert len(found.first_unrenderable) == 7
    assert "ZeroDivisionError" in found.first_unrenderable[0][1]


def test_several_processes_find_the_same(world: World, ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_audience, "__kwdefaults__", {"shard_rows": 3})
    freeze(world, ledger)
    alone = run(world, ledger)
    monkeypatch.setattr(module, "_POOL_FROM_ROWS", 1)
    assert run(world, ledger) == alone


def test_the_content_hash_follows_whatever_people_read(world: World, ledger) -> None:
    freeze(world, ledger)
    first = run(world, ledger)
    template = load_template(world.mailrail.send_folder(SEND_ID))
    base = (template, PROFILE, world.mailrail.base_url, "offers")
    assert content_hash(*base) == first.content_hash
    others = [
        (template, dataclasses.replace(PROFILE, from_name="Other"), base[2], "offers"),
        (template, PROFILE, "https://other.example", "offers"),
        (template, PROFILE, base[2], "news"),
    ]
    assert len({content_hash(*other) for other in others} | {first.content_hash}) == 4
    assert content_hash(template, dataclasses.replace(PROFILE, relay="other"), base[2], "offers") == first.content_hash
    (world.campaign / "subject.txt.j2").write_text("Other news\n")
    assert run(world, ledger).content_hash != first.content_hash


def test_a_field_that_was_not_frozen_is_refused(world: World, ledger) -> None:
    freeze(world, ledger)
    path = world.campaign / "template.mjml"
    path.write_text(path.read_text().replace("contact.city", "contact.country"))
    with pytest.raises(GuardError, match="reads country, which the frozen audience does not hold"):
        run(world, ledger)


def test_a_send_that_has_begun_keeps_its_content(world: World, ledger) -> None:
    freeze(world, ledger)
    run(world, ledger)
    options = {"send_id": SEND_ID, "confirm": 8, "approved_by": "me", "is_scheduled": False}
    authorise(define(), world.campaign, world.mailrail, ledger, **options)
    open_send(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    with pytest.raises(GuardError, match="has begun"):
        run(world, ledger)


def test_without_an_audience_there_is_no_preflight(world: World, ledger) -> None:
    with pytest.raises(ConfigError, match="materialize its audience first"):
        run(world, ledger)
    with pytest.raises(ConfigError, match="had no preflight"):
        load_preflight(world.mailrail.send_folder(SEND_ID))


def test_no_private_key_goes_to_another_process(world: World, ledger) -> None:
    freeze(world, ledger)
    signed = dataclasses.replace(PROFILE, dkim=DkimConfig("shop.example", "s1", b"PRIVATE"))
    manifest = module.verify_audience(world.mailrail.send_folder(SEND_ID))
    run(world, ledger)
    template = load_template(world.mailrail.send_folder(SEND_ID))
    for job in module._jobs(manifest, template, signed, world.mailrail):
        raw = pickle.dumps(job)
        assert b"PRIVATE" not in raw
        assert world.keyring.address_key not in raw
        assert world.keyring.token_key(1) not in raw


def test_html_is_measured_as_it_travels() -> None:
    html = b"<html>\r\n\r\nx\r\n--no boundary</html>"
    head = b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    assert html_bytes(b"A: b\r\n\r\n--b" + head + html + b"\r\n--b--\r\n") == len(html)
