"""A project of one's own, from an empty folder to a segment with the right number of people in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.warehouse.published import connect_published

pytestmark = [pytest.mark.slow, pytest.mark.dbt]

HEADER = "Kundennummer;Vorname;Nachname;E-Mail-Adresse;Ort;Land;Anmeldedatum;Newsletter"
DEFECTS = (
    "1;Jürgen;Müller;juergen.beispiel.example;Köln;Deutschland;03.02.2024;ja",
    "2;Änne;Weiß;;Düren;Deutschland;04.02.2024;ja",
    "3;Sören;Groß;soeren@x.example;Kiel;Deutschland;31.02.2024;ja",
    "4;Bärbel;Schäfer;baerbel@x.example;Überlingen;Deutschland;05.02.2024;ja",
    "4;Bärbel;Schäfer;baerbel@x.example;Überlingen;Deutschland;05.02.2024;ja",
)
GOOD = 20


class User:
    """Somebody who sits in a folder and types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, expect: int = 0, given: str = "") -> "subprocess.CompletedProcess[str]":
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MAILRAIL_")}
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            cwd=self.folder,
            env=plain,
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == expect, done.stderr[-4000:]
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


def write_contacts(path: Path) -> None:
    rows = [
        f"{n};Eva;Öztürk;eva{n}@x.example;{'Zürich' if n % 2 else 'Ulm'};{'Schweiz' if n % 2 else 'Deutschland'};"
        f"{n:02d}.03.2024;{'nein' if n % 5 == 0 else 'abgemeldet' if n == 11 else 'ja'}"
        for n in range(5, 5 + GOOD)
    ]
    path.write_bytes(("\r\n".join([HEADER, *DEFECTS, *rows]) + "\r\n").encode("cp1252"))


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Somebody who has begun a project and built it empty."""
    root = tmp_path_factory.mktemp("somewhere")
    beginner = User(root)
    made = beginner.json("init", "Mein Lädchen", "--name", "Müller & Söhne", "--from-address", "hallo@mueller.example")
    folder = root / "Mein Lädchen"
    assert made["project"] == str(folder)
    assert {"mailrail.toml", "README.md", ".gitignore", "assets", "dbt_project"} == {p.name for p in folder.iterdir()}
    refused = beginner.run("init", "Mein Lädchen", expect=3)
    assert "no file is ever overwritten" in refused.stderr
    beginner.folder = folder
    assert beginner.json("check")["problems"] == []
    beginner.run("refresh")
    with connect_published(folder / ".mailrail" / "published") as connection:
        assert connection.execute("select count(*) from marts.dim_contacts").fetchone() == (0,)
    return beginner


def test_a_german_list_becomes_a_segment(user: User, tmp_path: Path) -> None:
    write_contacts(tmp_path / "Kunden Export.csv")
    added = user.json("source", "add", str(tmp_path / "Kunden Export.csv"), "--name", "kunden", "--yes")
    assert (added["encoding"], added["delimiter"], added["rows"]) == ("cp1252", ";", GOOD + len(DEFECTS))
    would = added["would_reject"]
    loaded = user.json("source", "load", "kunden")
    assert loaded["rejects"] == would["rejects"]
    assert (loaded["created"], loaded["duplicates"], loaded["rejected"]) == (GOOD + 1, 1, 3)
    assert (would["duplicates"], would["rejected"], loaded["quarantined"]) == (1, 3, False)
    user.run("refresh")
    with connect_published(user.folder / ".mailrail" / "published") as connection:
        assert people(connection, "Bärbel") == [
            ("Schäfer", "Überlingen", "granted", "column Newsletter of Kunden Export.csv")
        ]
        consents = dict(connection.execute("select consent, count(*) from marts.dim_contacts group by 1").fetchall())
        assert consents == {"granted": 16, "denied": 5}
        assert connection.execute("select count(*) from marts.dim_suppressions").fetchone() == (1,)

    made = user.json("segment", "new", "schweizer", "--where", "country = 'Schweiz' and created_at < as_of")
    assert made["contacts"] == GOOD // 2
    assert user.json("segment", "new", "zuericher", "--from", "schweizer")["contacts"] is None
    assert user.json("check")["problems"] == []
    user.run("refresh")
    sizes = {row["name"]: row["contacts"] for row in user.json("segment", "list")["segments"]}
    assert (sizes["seg_all_contacts"], sizes["seg_schweizer"], sizes["seg_zuericher"]) == (21, 10, 10)


def people(connection: duckdb.DuckDBPyConnection, first_name: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select last_name, city, consent, consent_basis from marts.dim_contacts where first_name = $name",
        {"name": first_name},
    ).fetchall()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select contact_id\nfrom {{ ref('dim_contacts') }}\nwhere contry = 1\n", "line 3, column 7: Binder Error"),
        ("select contact_id from {{ ref('dim_contact') }}", "Did you mean dim_contacts?"),
    ],
)
def test_bad_sql_is_refused_and_nothing_is_written(user: User, sql: str, message: str) -> None:
    folder = user.folder / "dbt_project" / "models" / "marts" / "segments"
    before = sorted(folder.iterdir())
    refused = user.run("segment", "new", "wrong", "--sql", "-", expect=2, given=sql)
    assert message in refused.stderr
    assert "Nothing was written" in refused.stderr
    assert sorted(folder.iterdir()) == before
    assert not list((user.folder / ".mailrail" / "dbt").glob("trial-*"))


def test_sql_of_ones_own_is_taken_as_it_is(user: User, tmp_path: Path) -> None:
    sql = "select contact_id\nfrom {{ ref('dim_contacts') }}\nwhere first_name is not null\n"
    (tmp_path / "named.sql").write_text(sql)
    made = user.json("segment", "new", "named", "--sql", str(tmp_path / "named.sql"), "--description", "Have a name.")
    assert Path(made["paths"][0]).read_text() == sql
    assert 'description: "Have a name."' in Path(made["paths"][1]).read_text()
    assert "already" in user.run("segment", "new", "named", expect=3).stderr
