"""The shop's order file: its columns, and the till that rings up what recipients buy after a message.

Add here what changes the form of an order. Who buys, and when, belongs to ``habits``; the orders of the past
belong to ``shop``.
"""

import csv
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from orchestration.demo.fate import draw

ORDER_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "order_id": pl.String,
    "line_no": pl.Int64,
    "customer_no": pl.String,
    "email": pl.String,
    "product_id": pl.String,
    "quantity": pl.Int64,
    "amount": pl.Float64,
    "currency": pl.String,
    "ordered_at": pl.Datetime("us"),
}

_ANYTHING = ("NF-0001", 49.0)  # what is bought where the home has no catalogue


class OrderLine(NamedTuple):
    """One line of an order, as the shop exports it; `ORDER_SCHEMA` has the types."""

    order_id: str
    line_no: int
    customer_no: str | None
    email: str | None
    product_id: str | None
    quantity: int
    amount: float
    currency: str
    ordered_at: datetime


def write_orders(path: Path, lines: Iterable[OrderLine]) -> None:
    """Write order lines in the shop's format; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(list(lines), schema=ORDER_SCHEMA, orient="row")
    # The name must not match orders*.parquet while the file is incomplete.
    fresh = path.with_name(f".{path.name}.part")
    frame.write_parquet(fresh, compression="zstd")
    fresh.replace(path)


def read_orders(path: Path) -> list[OrderLine]:
    """Return the lines of a file that `write_orders` wrote; none where there is no file."""
    return [OrderLine(*row) for row in pl.read_parquet(path).iter_rows()] if path.exists() else []


def read_goods(path: Path) -> list[tuple[str, float]]:
    """Return SKU and price of all that can be sold."""
    if not path.exists():
        return [_ANYTHING]
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["sku"], row["price"]) for row in csv.DictReader(file)]
    return sorted((sku, float(price)) for sku, price in rows if sku and re.fullmatch(r"\d+\.\d+", price))


class Till:
    """The shop's new orders of one send: one file beside the shop's own, whole at every moment."""

    def __init__(self, home: Path, send_id: str, seed: int) -> None:
        self._path = home / "imports" / "shop" / f"orders-after-{send_id}.parquet"
        self._send_id = send_id
        self._seed = seed
        self._lines: list[OrderLine] = []
        self._goods: list[tuple[str, float]] = []

    def sell(self, now: datetime, buyers: Iterable[str]) -> None:
        """Add one order for each buyer and write the file anew."""
        if not self._goods:
            self._goods = read_goods(self._path.with_name("products.csv"))
        if not self._lines:
            self._lines = read_orders(self._path)
        known = {line.order_id for line in self._lines}
        for buyer in buyers:
            lines = self._order(buyer, now.replace(tzinfo=None))
            if lines[0].order_id not in known:
                self._lines += lines
        write_orders(self._path, self._lines)

    def _order(self, recipient: str, at: datetime) -> list[OrderLine]:
        def chance(what: str) -> float:
            return draw(recipient, self._send_id, self._seed, what)

        order_id = f"A{self._send_id.rpartition('.')[2]}-{int(chance('order') * 10**12):012}"
        lines = []
        for number in range(1, 2 + int(chance("lines") * 2)):
            sku, price = self._goods[int(chance(f"thing {number}") * len(self._goods))]
            lines.append(OrderLine(order_id, number, None, recipient, sku, 1, price, "EUR", at))
        return lines
