"""The sample shop: the files a real shop would export, from a seed, byte for byte the same each time.

Two overlapping contact sources, orders and products, with the faults that real exports have. Add a fault
here when a real file surprised us; the words are in ``words``, who reads the files is ingestion's affair.
"""

import csv
import io
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from orchestration.demo.orders import OrderLine, write_orders
from orchestration.demo.people import Person, make_people
from orchestration.demo.words import BROKEN_ADDRESSES, MATERIALS, THINGS

FEATURED_SKU = "NF-0042"
SHOP_URL = "https://www.northfell.example"
WEB_SHARE = 0.4  # of all people; with an overlap of 30 % the CRM knows 72 % of all
OVERLAP = 0.3

CRM_COLUMNS = (
    "Customer No",
    "E-Mail",
    "First Name",
    "Last Name",
    "City",
    "Country",
    "Newsletter",
    "Opt-in Date",
    "Tracking",
    "Created",
    "Changed",
)
# What each source writes for yes and for no; "unsubscribed" is somebody who once said yes.
_CRM_WORDS = {True: ("yes", "yes", "yes", "Yes", "YES", " yes"), False: ("no", "No", "unsubscribed", "Unsubscribed")}
_WEB_WORDS = {True: ("granted",), False: ("denied", "unsubscribed")}
_GARBAGE = ("maybe", "???", "see notes", "x", "31.02.2026", "yes/no")


@dataclass(frozen=True, slots=True)
class Product:
    """One thing the shop sells."""

    sku: str
    title: str
    category: str
    price: float

    @property
    def url(self) -> str:
        """Return the page of the product."""
        return f"{SHOP_URL}/p/{self.sku.lower()}"


@dataclass(frozen=True, slots=True)
class ShopSummary:
    """What was written: rows are lines of the files, people and orders are distinct."""

    folder: Path
    people: int
    crm_rows: int
    web_rows: int
    broken_addresses: int
    in_both: int
    orders: int
    order_lines: int
    products: int
    featured_buyers_30d: int


def write_shop(
    folder: Path,
    *,
    seed: int = 7,
    contacts: int = 22_000,
    orders: int = 61_000,
    products: int = 200,
    until: datetime,
) -> ShopSummary:
    """Write the shop's exports below ``folder``; the same arguments give the same bytes.

    Args:
        folder: gets ``imports/crm``, ``imports/web`` and ``imports/shop``.
        seed: another seed is another shop.
        contacts: distinct people with a valid address over both sources.
        orders: distinct orders, of one to several lines.
        products: distinct products.
        until: the time of the export; nothing in the files is later.
    """
    rng = random.Random(seed)
    until = until.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    people = make_people(rng, contacts, until)
    crm, web = _split_sources(people)
    goods = _make_products(rng, products)
    crm_rows = _crm_rows(rng, crm, until)
    web_rows = _web_rows(rng, web, until)
    lines = _order_lines(rng, people, goods, orders, until)
    imports = folder / "imports"
    _write(imports / "crm" / "contacts.csv", _csv([CRM_COLUMNS, *crm_rows]))
    _write(imports / "web" / "signups.jsonl", _jsonl(web_rows))
    _write(imports / "shop" / "products.csv", _csv(_product_rows(rng, goods)))
    write_orders(imports / "shop" / "orders.parquet", lines)
    return ShopSummary(
        folder=folder,
        people=len(people),
        crm_rows=len(crm_rows),
        web_rows=len(web_rows),
        broken_addresses=_broken_count(len(crm)) + _broken_count(len(web)),
        in_both=len(crm) + len(web) - len(people),
        orders=orders,
        order_lines=len(lines),
        products=len(goods),
        featured_buyers_30d=_featured_buyers(lines, until),
    )


def _split_sources(people: list[Person]) -> tuple[list[Person], list[Person]]:
    """Return the people the CRM knows and those who signed up on the web; the middle is in both."""
    web = round(len(people) * WEB_SHARE)
    start = len(people) - web
    return people[: start + round(web * OVERLAP)], people[start:]


def _broken_count(people: int) -> int:
    return max(len(BROKEN_ADDRESSES), people // 100) if people else 0


def _broken_address(rng: random.Random, number: int, person: Person) -> str:
    pattern = BROKEN_ADDRESSES[number % len(BROKEN_ADDRESSES)]
    return pattern.format(local=f"{person.local}{rng.randrange(1000)}", domain=person.domain)


def _crm_rows(rng: random.Random, people: list[Person], until: datetime) -> list[list[str]]:
    """Return the CRM's rows: everybody, some twice, some with an address that is none."""
    rows = [_crm_row(rng, f"C{100_000 + number}", person, until) for number, person in enumerate(people)]
    for number in range(len(people) // 25):  # the same person under another number and spelling
        twin = people[rng.randrange(len(people))]
        rows.append(_crm_row(rng, f"C{500_000 + number}", twin, until))
    for number in range(_broken_count(len(people))):
        person = people[rng.randrange(len(people))]
        row = _crm_row(rng, f"C{700_000 + number}", person, until)
        row[1] = _broken_address(rng, number, person)
        rows.append(row)
    rng.shuffle(rows)
    return rows


def _crm_row(rng: random.Random, customer_no: str, person: Person, until: datetime) -> list[str]:
    changed = _later(rng, person.created, until)
    return [
        customer_no,
        _spell(rng, person),
        person.first_name,
        person.last_name,
        person.city,
        person.country if rng.random() > 0.02 else person.country.lower(),
        _crm_consent(rng, person.consent),
        _crm_date(rng, person.created) if person.consent is not None else "",
        rng.choice(("yes", "yes", "1", "")) if person.tracking else rng.choice(("no", "0")),
        _crm_date(rng, person.created),
        changed.isoformat(sep=" "),
    ]


def _crm_consent(rng: random.Random, consent: bool | None) -> str:
    if rng.random() < 0.005:
        return rng.choice(_GARBAGE)
    if consent is None:
        return ""
    return rng.choice(_CRM_WORDS[consent])


def _crm_date(rng: random.Random, moment: datetime) -> str:
    """Write a date as three generations of the CRM did; one in 250 is no date."""
    kind = rng.random()
    if kind < 0.004:
        return rng.choice(("31.02.2026", "0000-00-00", "n/a", "45123"))
    if kind < 0.007:
        return f"{moment:%d.%m.%Y}"
    return moment.isoformat(sep=" ")


def _web_rows(rng: random.Random, people: list[Person], until: datetime) -> list[dict[str, object]]:
    """Return the web shop's rows: everybody, some twice, some with an address that is none."""
    rows = [_web_row(rng, number, person, until) for number, person in enumerate(people)]
    for number in range(len(people) // 30):
        rows.append(_web_row(rng, 50_000 + number, people[rng.randrange(len(people))], until))
    for number in range(_broken_count(len(people))):
        person = people[rng.randrange(len(people))]
        row = _web_row(rng, 70_000 + number, person, until)
        rows.append({**row, "email": _broken_address(rng, number, person) or None})
    rng.shuffle(rows)
    return rows


def _web_row(rng: random.Random, number: int, person: Person, until: datetime) -> dict[str, object]:
    signed = _later(rng, person.created, until)
    return {
        "id": f"w-{number:06}" if rng.random() > 0.01 else number,  # an old form wrote bare numbers
        "email": _spell(rng, person),
        "name": {"first": person.first_name, "last": person.last_name if rng.random() > 0.05 else None},
        "country": person.country,
        "locale": person.locale,
        "consent": _web_consent(rng, person.consent),
        "consent_at": _web_time(rng, signed) if person.consent is not None else None,
        "tracking": person.tracking,
        "created_at": _web_time(rng, signed),
        "updated_at": f"{_later(rng, signed, until).isoformat()}Z",
    }


def _web_consent(rng: random.Random, consent: bool | None) -> object:
    kind = rng.random()
    if kind < 0.005:
        return rng.choice(("perhaps", "", 7, True, "on?"))
    return None if consent is None else rng.choice(_WEB_WORDS[consent])


def _web_time(rng: random.Random, moment: datetime) -> str:
    if rng.random() < 0.003:
        return rng.choice(("2026-02-31T10:00:00Z", "yesterday", "1700000000"))
    return f"{moment.isoformat()}Z"


def _spell(rng: random.Random, person: Person) -> str:
    """Write an address as people do: capitals, spaces around."""
    kind = rng.random()
    if kind < 0.05:
        return f"{person.local.title()}@{person.domain.upper() if person.domain.isascii() else person.domain}"
    if kind < 0.08:
        return f" {person.email}  "
    if kind < 0.09:
        return f"\u00a0{person.email}\t"
    return person.email


def _later(rng: random.Random, moment: datetime, until: datetime) -> datetime:
    span = max(0, int((until - moment).total_seconds()) - 1)
    return moment + timedelta(seconds=int(span * rng.random()))


def _make_products(rng: random.Random, count: int) -> list[Product]:
    """Make products; titles repeat with a number once all combinations are used up."""
    pairs = [(material, thing) for material in MATERIALS for thing in THINGS]
    rng.shuffle(pairs)
    goods = []
    for number in range(count):
        material, (thing, category, low, high) = pairs[number % len(pairs)]
        edition = number // len(pairs) + 1
        title = f"{material} {thing}" + (f" {edition}" if edition > 1 else "")
        price = rng.randrange(low, high) + rng.choice((0.0, 0.5, 0.9, 0.95))
        goods.append(Product(f"NF-{number + 1:04}", title, category, price))
    return goods


def _product_rows(rng: random.Random, goods: list[Product]) -> list[list[str]]:
    """Return the catalogue with a few rows that no shop can sell from."""
    rows = [[item.sku, item.title, item.category, f"{item.price:.2f}", item.url] for item in goods]
    rows.append(["NF-9001", "Gift Card", "Other", "on request", f"{SHOP_URL}/gift"])
    rows.append(["", "Nameless Sample", "Other", "12.00", ""])
    rows.append(["NF-9003", 'Rope "Classic", 60 m\n(cut to length)', "Gear", "24,- EUR", f"{SHOP_URL}/p/nf-9003"])
    rng.shuffle(rows)
    return [["sku", "title", "category", "price", "url"], *rows]


def _order_lines(
    rng: random.Random, people: list[Person], goods: list[Product], orders: int, until: datetime
) -> list[OrderLine]:
    """Return order lines: few people and few things make most of them, and more of them of late."""
    buyers = rng.sample(range(len(people)), max(1, round(len(people) * 0.62)))
    buyer_weights = list(accumulate(rng.paretovariate(1.3) for _ in buyers))
    good_weights = list(accumulate(1 / (rank + 3) for rank in range(len(goods))))
    featured = next((item for item in goods if item.sku == FEATURED_SKU), goods[0])
    chosen = rng.choices(buyers, cum_weights=buyer_weights, k=orders)
    # What is always popular is another thing than what is featured.
    shelf = rng.sample(goods, len(goods))
    ages = sorted((900 * 86_400 * rng.random() ** 1.6 for _ in range(orders)), reverse=True)
    lines: list[OrderLine] = []
    for number, (buyer, age) in enumerate(zip(chosen, ages, strict=True)):
        basket = rng.choices(shelf, cum_weights=good_weights, k=rng.choices((1, 2, 3, 5), (60, 25, 11, 4))[0])
        if age < 30 * 86_400 and rng.random() < 0.35:
            basket[0] = featured
        ordered_at = until - timedelta(seconds=int(age) + 60)
        lines.extend(_lines_of(rng, number, (people[buyer].email, f"C{100_000 + buyer}"), basket, ordered_at))
    return lines


def _lines_of(
    rng: random.Random, number: int, buyer: tuple[str, str], basket: list[Product], ordered_at: datetime
) -> Iterable[OrderLine]:
    email, customer_no = buyer
    spoiled = number % 997 == 500  # an order whose export lost its thing or its buyer
    for line_no, item in enumerate(basket, start=1):
        quantity = rng.choices((1, 2, 3), (85, 12, 3))[0]
        yield OrderLine(
            f"O{1_000_000 + number}",
            line_no,
            customer_no,
            None if spoiled and number % 2 else email,
            None if spoiled and not number % 2 else item.sku,
            quantity,
            round(item.price * quantity, 2),
            "EUR",
            ordered_at,
        )


def _featured_buyers(lines: list[OrderLine], until: datetime) -> int:
    since = until - timedelta(days=30)
    return len({line.email for line in lines if line.product_id == FEATURED_SKU and line.ordered_at >= since} - {None})


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _jsonl(rows: Iterable[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.part")
    fresh.write_bytes(content)
    fresh.replace(path)
