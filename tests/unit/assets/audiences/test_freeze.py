import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.audiences.freeze import Identity, freeze_audience, write_audience
from assets.audiences.judging import Request, judge
from assets.audiences.manifest import address_hashes, load_manifest, verify_audience
from assets.warehouse.published import connect_published
from senders.errors import ConfigError, GuardError
from senders.ledger.rows import Approval, SendSpec, ShardSpec
from tests.fixtures.audiences import NOW, SEND_ID, World, define


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for number in range(25):
        world.add(f"p{number}@mail.example", first_name="Zoë" if number % 2 else None)
    world.add("no@mail.example", consent="denied")
    world.publish()
    return world


def freeze(world: World, **changes):
    with world.mailrail.open_ledger() as ledger:
        return freeze_audience(define(**changes), world.campaign, world.mailrail, ledger, send_id=SEND_ID)


def open_with(world: World, manifest, shards) -> None:
    with world.mailrail.open_ledger() as ledger:
        ledger.approve(Approval(SEND_ID, manifest.audience_hash, "c", manifest.rows, "me", NOW, "test"))
        ledger.open_send(
            SendSpec(
                SEND_ID,
                "spring_sale",
                "offers",
                NOW,
                "shop",
                SEND_ID,
                manifest.rows,
                manifest.audience_hash,
                "c",
                shards,
            )
        )


def test_writes_every_recipient_once_with_the_templates_fields(world: World) -> None:
    manifest = freeze(world)
    folder = world.mailrail.send_folder(SEND_ID)
    table = pq.read_table(folder / "shard-0000.parquet")
    assert table.column_names == ["seq", "contact_id", "address", "tracking", "variant", "city", "first_name"]
    assert table.column("seq").to_pylist() == list(range(1, 26))
    assert sorted(table.column("address").to_pylist()) == sorted(f"p{number}@mail.example" for number in range(25))
    assert manifest.rows == 25
    assert manifest.included == 26
    assert manifest.excluded == {"no_consent": 1}
    assert (manifest.send_no, manifest.published_version, manifest.git_commit) == (1, "v1", "abc")
    assert json.loads((folder / "manifest.json").read_text())["version"] == 1
    assert load_manifest(folder) == verify_audience(folder) == manifest


def test_leaves_nothing_beside_the_folder(world: World) -> None:
    freeze(world)
    freeze(world)
    assert [path.name for path in (world.home / "files" / "sends").iterdir()] == [SEND_ID]


def test_the_same_audience_has_the_same_hash_and_a_changed_value_another(world: World) -> None:
    first = freeze(world).audience_hash
    assert freeze(world).audience_hash == first
    world.contacts[3]["city"] = "Ulm"
    world.publish("v2")
    assert freeze(world).audience_hash != first


def test_shards_cover_the_rows_without_gap(world: World, tmp_path: Path) -> None:
    request = Request("spring_sale", define(), NOW, fields=("city",))
    folder = tmp_path / "out"
    folder.mkdir()
    with connect_published(world.mailrail.published) as connection:
        judge(connection, request)
        manifest = write_audience(connection, request, Identity(SEND_ID, 1), folder, shard_rows=10)
    assert [(shard.first_seq, shard.last_seq, shard.rows) for shard in manifest.shards] == [
        (1, 10, 10),
        (11, 20, 10),
        (21, 25, 5),
    ]
    hashes = [raw.hex() for shard in manifest.shards for raw in address_hashes(folder, shard)]
    assert hashes == sorted(world.contact_id(f"p{number}@mail.example") for number in range(25))
    verify_audience(folder)


def test_refuses_an_address_that_stands_twice(world: World) -> None:
    world.add("p1@mail.example", contact_id="0" * 32)
    world.publish("v2")
    with pytest.raises(GuardError, match=r"p•••@mail\.example 2 times"):
        freeze(world)
    assert not world.mailrail.send_folder(SEND_ID).exists()


@pytest.mark.parametrize("victim", ["shard-0000.parquet", "exclusions.parquet"])
def test_a_changed_file_is_found(world: World, victim: str) -> None:
    freeze(world)
    folder = world.mailrail.send_folder(SEND_ID)
    table = pq.read_table(folder / victim)
    pq.write_table(table.set_column(1, table.column_names[1], [["x"] * table.num_rows]), folder / victim)
    with pytest.raises(GuardError, match="is not what was frozen"):
        verify_audience(folder)


def test_a_missing_damaged_or_edited_file_is_found(world: World) -> None:
    freeze(world)
    folder = world.mailrail.send_folder(SEND_ID)
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"topic": "offers"', '"topic": "other"'))
    with pytest.raises(GuardError, match=r"manifest\.json"):
        verify_audience(folder)
    (folder / "manifest.json").write_text(text)
    (folder / "shard-0000.parquet").write_bytes(b"PAR1")
    with pytest.raises(GuardError, match="shard-0000"):
        verify_audience(folder)
    (folder / "shard-0000.parquet").unlink()
    with pytest.raises(GuardError, match="shard-0000"):
        verify_audience(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(ConfigError, match="no audience is frozen"):
        verify_audience(folder)


def test_a_send_that_has_begun_keeps_its_audience(world: World) -> None:
    manifest = freeze(world)
    folder = world.mailrail.send_folder(SEND_ID)
    shard = manifest.shards[0]
    hashes = list(address_hashes(folder, shard))
    open_with(world, manifest, [ShardSpec(0, shard.file, 1, 25, hashes)])
    with pytest.raises(GuardError, match="has begun"):
        freeze(world)
    assert verify_audience(folder) == manifest


def test_a_changed_audience_voids_the_approval(world: World) -> None:
    manifest = freeze(world)
    with world.mailrail.open_ledger() as ledger:
        ledger.approve(Approval(SEND_ID, manifest.audience_hash, "c", 25, "me", NOW, "test"))
        freeze(world)
        assert ledger.approval(SEND_ID, manifest.audience_hash, "c") is not None
        world.contacts[3]["city"] = "Ulm"
        world.publish("v2")
        freeze(world)
        assert ledger.approval(SEND_ID, manifest.audience_hash, "c") is None


def test_nobody_is_an_audience_of_no_shards(world: World) -> None:
    manifest = freeze(world, audience={"include": ["seg_all_contacts"], "where": "orders > 99"})
    assert (manifest.rows, manifest.included, manifest.shards) == (0, 0, ())
    verify_audience(world.mailrail.send_folder(SEND_ID))
