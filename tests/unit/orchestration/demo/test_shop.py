import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from orchestration.demo.orders import read_goods, read_orders
from orchestration.demo.shop import FEATURED_SKU, ShopSummary, write_shop
from senders.tracking.addresses import AddressError, normalize_address

UNTIL = datetime(2026, 4, 14, 8, 0, tzinfo=UTC)
NAIVE = UNTIL.replace(tzinfo=None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ShopSummary:
    return write_shop(tmp_path_factory.mktemp("shop"), contacts=3000, orders=4000, until=UNTIL)


def contacts(shop: ShopSummary) -> list[dict[str, str]]:
    with (shop.folder / "imports/crm/contacts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def signups(shop: ShopSummary) -> list[dict]:
    lines = (shop.folder / "imports/web/signups.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def normal(address: str | None) -> str | None:
    try:
        return normalize_address(address or "")
    except AddressError:
        return None


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shop(tmp_path / name, contacts=400, orders=500, until=UNTIL)
    write_shop(tmp_path / "other", seed=8, contacts=400, orders=500, until=UNTIL)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert sorted(file.name for file in files) == ["contacts.csv", "orders.parquet", "products.csv", "signups.jsonl"]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
        assert (tmp_path / "one" / file).read_bytes() != (tmp_path / "other" / file).read_bytes()


def test_two_sources_overlap_and_hold_everybody(shop: ShopSummary) -> None:
    crm = {address for row in contacts(shop) if (address := normal(row["E-Mail"]))}
    web = {address for row in signups(shop) if (address := normal(row["email"]))}
    assert len(crm | web) == shop.people == 3000
    assert len(crm & web) == shop.in_both
    assert len(crm & web) / len(web) == pytest.approx(0.3, abs=0.01)


def test_the_sources_are_messy(shop: ShopSummary) -> None:
    crm, web = contacts(shop), signups(shop)
    addresses = [row["E-Mail"] for row in crm] + [row["email"] or "" for row in web]
    assert sum(normal(address) is None for address in addresses) == shop.broken_addresses
    assert sum(address != address.strip() for address in addresses) > 50
    assert sum(address != address.lower() for address in addresses) > 100
    assert sum(not address.isascii() and normal(address) is not None for address in addresses) > 20
    repeats = Counter(normal(row["E-Mail"]) for row in crm)
    assert sum(count > 1 for address, count in repeats.items() if address) > 50
    consents = Counter(row["Newsletter"].strip().lower() for row in crm)
    assert consents["yes"] > consents["no"] > 20
    assert consents["unsubscribed"] > 20
    assert consents[""] > 100
    assert sum(count for word, count in consents.items() if word not in {"yes", "no", "unsubscribed", ""}) > 2
    assert {type(row["id"]) for row in web} == {str, int}
    assert {row["consent"] for row in web} > {"granted", "denied", "unsubscribed", None}
    assert any(row["Opt-in Date"] in {"31.02.2026", "0000-00-00", "n/a", "45123"} for row in crm)
    assert any("\n" in row["First Name"] for row in crm)
    assert any("<script>" in row["First Name"] for row in crm)
    assert any("Bcc:" in row["First Name"] for row in crm)


def test_nobody_could_be_mailed_for_real(shop: ShopSummary) -> None:
    addresses = [normal(row["E-Mail"]) for row in contacts(shop)] + [normal(row["email"]) for row in signups(shop)]
    assert {address.rpartition(".")[2] for address in addresses if address} == {"example", "test"}


def test_orders_are_skewed_and_feature_a_product_of_late(shop: ShopSummary) -> None:
    orders = pl.read_parquet(shop.folder / "imports/shop/orders.parquet")
    assert orders["order_id"].n_unique() == shop.orders == 4000
    assert orders.height == shop.order_lines > 5000
    assert orders.select("order_id", "line_no").is_unique().all()
    assert orders["ordered_at"].max() < NAIVE
    per_person = orders.group_by("email").len().sort("len", descending=True)["len"]
    assert per_person[: len(per_person) // 10].sum() > 0.3 * orders.height
    late = orders.filter(pl.col("ordered_at") >= NAIVE - pl.duration(days=30), pl.col("product_id") == FEATURED_SKU)
    assert late["email"].drop_nulls().n_unique() == shop.featured_buyers_30d > 20
    assert 0 < orders["email"].null_count() < 20
    assert 0 < orders["product_id"].null_count() < 20


def test_the_catalogue_has_two_hundred_things_and_a_few_that_are_none(shop: ShopSummary) -> None:
    with (shop.folder / "imports/shop/products.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    goods = read_goods(shop.folder / "imports/shop/products.csv")
    assert len(rows) == shop.products + 3
    assert len(goods) == shop.products == 200
    assert FEATURED_SKU in {sku for sku, _ in goods}
    assert len({row["title"] for row in rows}) == 203


def test_orders_can_be_read_back(shop: ShopSummary, tmp_path: Path) -> None:
    lines = read_orders(shop.folder / "imports/shop/orders.parquet")
    assert len(lines) == shop.order_lines
    assert lines[0].order_id == "O1000000"
    assert read_orders(tmp_path / "none.parquet") == []
