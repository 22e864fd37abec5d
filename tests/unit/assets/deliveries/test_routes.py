import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq

from assets.audiences.freeze import freeze_audience
from assets.audiences.manifest import Shard, load_manifest
from assets.deliveries import receipts
from assets.deliveries.preflight import run_preflight
from assets.deliveries.receipts import authorise, open_send
from assets.deliveries.routes import audience_routes, provider_names, refused_addresses
from senders.delivery.exchanges import LEAST_RECIPIENTS, Routes
from tests.fixtures.audiences import NOW, SEND_ID, World, define


def shard_of(folder, addresses):
    ids = [f"{number:032x}" for number in range(len(addresses))]
    pq.write_table(pa.table({"address": addresses, "contact_id": ids}), folder / "shard-0000.parquet")
    return Shard(0, "shard-0000.parquet", 1, len(addresses), "")


def test_providers_come_row_by_row(tmp_path):
    shard = shard_of(tmp_path, ["a@gmail.com", "b@Firm.example", '"odd@local"@yahoo.co.uk', "c@gmail.com"])
    routes = Routes({"gmail.com": "google", "firm.example": "mimecast", "yahoo.co.uk": "yahoo"})
    assert list(provider_names(tmp_path, shard, routes)) == ["google", "mimecast", "yahoo", "google"]


def test_domains_are_counted_over_the_whole_audience(tmp_path):
    manifest = dataclasses.make_dataclass("Files", ["shards"])(
        [shard_of(tmp_path, [f"p{number}@firm.example" for number in range(LEAST_RECIPIENTS)])] * 2
    )
    asked = []
    routes = audience_routes(
        tmp_path, manifest, home=tmp_path, resolve=lambda domain: asked.append(domain) or "mx.mimecast.com"
    )
    assert asked == ["firm.example"]
    assert routes.providers == {"firm.example": "mimecast"}


def test_recipients_behind_a_null_mx_become_permanent_bounces(tmp_path):
    shard = shard_of(tmp_path, ["a@no.example", "b@yes.example", "c@NO.example"])
    events = list(refused_addresses(tmp_path, [shard], Routes({}, frozenset({"no.example"})), NOW))
    assert [event.address_hash[-1] for event in events] == [0, 2]
    assert all(event.suppresses and event.code == "5.1.10" for event in events)


def test_opening_a_send_groups_its_messages_and_suppresses_who_cannot_get_mail(
    world: World, ledger, monkeypatch
) -> None:
    for number in range(LEAST_RECIPIENTS):
        world.add(f"q{number}@no.example", first_name="Zoë")
    world.add("g@gmail.com", first_name="Zoë")
    world.publish()
    freeze_audience(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    run_preflight(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    count = load_manifest(world.mailrail.send_folder(SEND_ID)).rows
    authorise(
        define(), world.campaign, world.mailrail, ledger,
        send_id=SEND_ID, confirm=count, approved_by="me", is_scheduled=False,
    )  # fmt: skip
    monkeypatch.setattr(receipts, "resolve_exchange", lambda domain: "")
    mailrail = dataclasses.replace(world.mailrail, resolve_mx=True)
    number = open_send(define(), world.campaign, mailrail, ledger, send_id=SEND_ID)
    assert ledger.provider_counts(number) == {"mail.example": 8, "no.example": LEAST_RECIPIENTS, "google": 1}
    assert {name: counts.total for name, counts in ledger.progress(number).items()} == ledger.provider_counts(number)
    assert {suppression.reason for suppression in ledger.suppressions()} == {"bounced"}
    assert len(list(ledger.suppressions())) == LEAST_RECIPIENTS
