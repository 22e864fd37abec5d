import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from assets.ingestion.definitions import load_definition
from orchestration.scaffold.projects import Company, write_project

GERMAN = (
    "Kundennummer;Vorname;Nachname;E-Mail-Adresse;Ort;Anmeldedatum;Newsletter;PLZ\r\n"
    "1;Jürgen;Müller;juergen@x.example;Köln;03.02.2024;ja;50667\r\n"
    "2;Änne;Weiß;aenne.x.example;Düren;31.12.2023;nein;52349\r\n"
    '3;Zoë;Groß;zoe@x.example;"Ulm;\r\nDonau";31.02.2024;ja;89073\r\n'
    "4;Åse;Dahl;;Oslo;04.02.2024;abgemeldet;0150\r\n"
    + "".join(f"{n};Eva;Öz;eva{n}@x.example;Bonn;05.02.2024;ja;53111\r\n" for n in [*range(5, 25), 24])
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaffold") / "Lädchen 1"
    write_project(folder, Company.of("Lädchen", None))
    return folder


@pytest.fixture
def project(template, tmp_path):
    folder = tmp_path / "Lädchen 1"
    (folder / "assets" / "sources").mkdir(parents=True)
    (folder / "mailrail.toml").write_bytes((template / "mailrail.toml").read_bytes())
    return folder


@pytest.fixture
def run(project):
    def mailrail(*arguments: str, expect: int = 0):
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env={**os.environ, "MAILRAIL_PROJECT": str(project)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == expect, done.stderr
        return done

    return mailrail


def put(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_a_german_export_becomes_a_source(run, project, tmp_path):
    file = put(tmp_path / "Kunden Export.csv", GERMAN, "cp1252")
    found = json.loads(run("source", "add", file, "--name", "kunden", "--yes", "--json").stdout)
    assert {name: found[name] for name in ("name", "format", "encoding", "delimiter", "kind", "rows")} == {
        "name": "kunden", "format": "csv", "encoding": "cp1252", "delimiter": ";", "kind": "contacts", "rows": 25,
    }  # fmt: skip
    assert {row["field"]: row["column"] for row in found["mapping"]} == {
        "source_key": "Kundennummer", "email": "E-Mail-Adresse", "first_name": "Vorname", "last_name": "Nachname",
        "city": "Ort", "created_at": "Anmeldedatum", "consent": "Newsletter",
    }  # fmt: skip
    assert all(row.keys() == {"column", "field", "type", "confidence", "samples"} for row in found["mapping"])
    assert all(0.8 <= row["confidence"] <= 1 and len(row["samples"]) <= 3 for row in found["mapping"])
    assert "juergen" not in json.dumps(found)
    assert found["ignored"] == [{"column": "PLZ", "reason": "a postcode has no field of ours"}]
    assert {state: found["consent"][state] for state in ("granted", "denied", "unsubscribed")} == {
        "granted": ["ja"], "denied": ["nein"], "unsubscribed": ["abgemeldet"],
    }  # fmt: skip
    would = found["would_reject"]
    assert (would["rejected"], would["duplicates"]) == (3, 1)
    assert would["rejects"] == {"invalid_address:no_at": 1, "empty_address": 1, "wrong_type:created_at": 1}
    definition = load_definition(Path(found["path"]))
    assert Path(found["path"]) == project / "assets" / "sources" / "kunden" / "defs.yaml"
    assert definition.files(project / ".mailrail") == [Path(found["file"])]
    assert Path(found["file"]).read_bytes() == GERMAN.encode("cp1252")


def test_what_a_person_reads_names_the_lines_and_masks_addresses(run, tmp_path):
    shown = run("source", "add", put(tmp_path / "kunden.csv", GERMAN, "cp1252"), "-y").stdout
    assert "25 rows of contacts, csv, semicolon between cells, cp1252 (reads “" in shown
    assert "3 of 25 rows would be rejected, 1 are duplicates" in shown
    assert "line 3: the address has no @ (a•••)" in shown
    assert "created_at is no date that exists (31.02.2024)" in shown
    assert "next: mailrail source load kunden" in shown
    assert "juergen" not in shown


def test_doubtful_consent_is_refused_with_the_option_that_settles_it(run, project, tmp_path):
    file = put(tmp_path / "a.csv", "email;Newsletter\na@x.example;vielleicht\nb@x.example;ja\n")
    refused = run("source", "add", file, "--yes", expect=3)
    assert "'vielleicht' in column 'Newsletter'" in refused.stderr
    assert '--consent "Newsletter:granted=…' in refused.stderr
    assert list((project / "assets" / "sources").iterdir()) == []
    assert not (project / ".mailrail" / "imports").exists()
    rule = json.loads(
        run("source", "add", file, "--yes", "--consent", "Newsletter:granted=ja;denied=vielleicht", "--json").stdout
    )["consent"]
    assert (rule["granted"], rule["denied"], rule["unknown"]) == (["ja"], ["vielleicht"], {})


def test_without_a_terminal_doubtful_columns_need_a_word(run, tmp_path):
    file = put(tmp_path / "a.csv", "email,created\na@x.example,1/2/2024\n")
    assert "--date-format %d/%m/%Y" in run("source", "add", file, expect=2).stderr
    assert "not read  column 'created'" in run("source", "add", file, "--yes").stdout
    told = run("source", "add", file, "--name", "b", "--date-format", "%m/%d/%Y", "--json")
    assert json.loads(told.stdout)["date_format"] == "%m/%d/%Y"


def test_a_taken_name_needs_replace(run, project, tmp_path):
    file = put(tmp_path / "a.csv", "email\na@x.example\n")
    run("source", "add", file)
    assert "--replace" in run("source", "add", file, expect=3).stderr
    run("source", "add", file, "--replace", "--all-consented", "--consent-basis", "fair in May")
    rule = load_definition(project / "assets" / "sources" / "a" / "defs.yaml").consent
    assert (rule.default, rule.basis) == ("granted", "fair in May")


def test_mapping_is_told_by_options(run, tmp_path):
    file = put(tmp_path / "a.csv", "x=y;mail;town\nA;a@x.example;Ulm\n")
    told = run("source", "add", file, "--map", "x=y=last_name", "--map", "town=ignore", "--json")
    rows = {row["field"]: row["column"] for row in json.loads(told.stdout)["mapping"]}
    assert rows == {"email": "mail", "last_name": "x=y"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "email"], "write THEIR=OUR"),
        (["--consent", "email:granted=ja;dennied=nein"], "'dennied=nein' is none of"),
        (["--delimiter", "::"], "not one character"),
        (["--name", "Kunden 1"], "for instance kunden_1"),
    ],
)
def test_options_that_cannot_be_read_are_usage_errors(run, tmp_path, options, message):
    file = put(tmp_path / "a.csv", "email\na@x.example\n")
    assert message in run("source", "add", file, *options, expect=2).stderr


def test_a_new_source_ranks_after_the_others(run, project, tmp_path):
    for name in ("a", "b"):
        run("source", "add", put(tmp_path / f"{name}.csv", "email\na@x.example\n"))
    ranks = [load_definition(project / "assets" / "sources" / name / "defs.yaml").rank for name in ("a", "b")]
    assert ranks == [1, 2]
    listed = json.loads(run("source", "list", "--json").stdout)["sources"]
    assert [(row["name"], row["kind"], row["problem"]) for row in listed] == [
        ("a", "contacts", ""),
        ("b", "contacts", ""),
    ]


def answer(command, environment, answers):
    """Run a command on a terminal; answer each question when it is asked."""
    parent, child = pty.openpty()
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environment, close_fds=True)
    os.close(child)
    shown = ""
    waiting = list(answers)
    while True:
        try:
            block = os.read(parent, 4096)
        except OSError:
            break
        if not block:
            break
        shown += block.decode(errors="replace")
        if waiting and waiting[0][0] in shown:
            _, reply = waiting.pop(0)
            os.write(parent, f"{reply}\n".encode())
    os.close(parent)
    return process.wait(), shown


def test_on_a_terminal_what_is_doubtful_is_asked(project, tmp_path):
    file = put(tmp_path / "a.csv", "email,Newsletter,created\na@x.example,mal so,1/2/2024\nb@x.example,ja,3/4/2024\n")
    code, shown = answer(
        [sys.executable, "-m", "orchestration.cli", "source", "add", file],
        {**os.environ, "MAILRAIL_PROJECT": str(project), "TERM": "dumb", "COLUMNS": "200"},
        [
            ("the day or the month", "month"),
            ("who wants your mail", "y"),
            ("'mal so' (1 rows)", "denied"),
            ("only people with ja in 'Newsletter' are mailed", "y"),
            ("write the source", "y"),
        ],
    )
    assert code == 0, shown
    definition = load_definition(project / "assets" / "sources" / "a" / "defs.yaml")
    assert (definition.date_format, definition.columns["created_at"]) == ("%m/%d/%Y", "created")
    assert (definition.consent.granted, definition.consent.denied) == (("ja",), ("mal so",))
