import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingestion.definitions import load_definition
from assets.ingestion.drafts import check_name, definition_text, suggest_name, try_rows, write_source
from assets.ingestion.mapping import SourceDefinition
from senders.errors import ConfigError, GuardError
from tests.fixtures.sources import CONTACTS, define

HEADING = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)


def test_a_written_definition_loads_as_it_was(tmp_path):
    path = tmp_path / "crm" / "defs.yaml"
    path.parent.mkdir()
    definition = define(
        CONTACTS,
        delimiter="\t",
        encoding="cp1252",
        decimal=",",
        date_format=["%d.%m.%Y", "%d.%m.%Y %H:%M"],
        description='Käufer: "alle" # bis 2024',
    )
    path.write_text(definition_text(definition, ["not read: PLZ\nOrt"]), encoding="utf-8")
    assert load_definition(path) == definition
    assert "  # not read: PLZ Ort\n" in path.read_text(encoding="utf-8")


@settings(max_examples=200, deadline=None)
@given(column=HEADING, word=HEADING)
def test_any_heading_and_any_word_survive_the_file(tmp_path_factory, column, word):
    path = tmp_path_factory.getbasetemp() / "odd" / "defs.yaml"
    path.parent.mkdir(exist_ok=True)
    consent = {"column": column, "granted": [word], "opt_out_column": column, "opt_out": [word]}
    definition = SourceDefinition.model_validate(
        {"name": "odd", "kind": "contacts", "location": "a.csv", "columns": {"email": column}, "consent": consent}
    )
    path.write_text(definition_text(definition), encoding="utf-8")
    assert load_definition(path) == definition


def test_a_trial_says_what_a_load_would_reject(tmp_path):
    path = tmp_path / "contacts.csv"
    path.write_text(
        "No,E-Mail,First,Created,News\n1,a@x.example,A,,yes\n2,anna.x.example,B,,no\n1,a@x.example,A,,\n3,,C,,\n"
    )
    trial = try_rows(define(CONTACTS, location=str(path)), path)
    assert (trial.rows, trial.rejected, trial.duplicates) == (4, 2, 1)
    assert trial.rejects == {"empty_address": 1, "invalid_address:no_at": 1}
    assert trial.examples[0] == {
        "line": 3, "reason": "invalid_address:no_at", "column": "E-Mail", "value": "a•••",
    }  # fmt: skip
    assert trial.is_too_much(define(CONTACTS, location=str(path)))


def test_writing_copies_the_file_as_it_came_and_never_over_another(tmp_path):
    path, project, home = tmp_path / "Käufer 1.csv", tmp_path / "p", tmp_path / "h"
    path.write_bytes(b"No,E-Mail\r\n1,\xe4@x.example\r\n")
    definition = define(CONTACTS, location="imports/crm/Käufer 1.csv")
    target, copy = write_source(definition, path, project, home, replace=False)
    assert copy.read_bytes() == path.read_bytes()
    assert load_definition(target) == definition
    with pytest.raises(GuardError, match="--replace"):
        write_source(definition, path, project, home, replace=False)
    path.write_bytes(b"new")
    write_source(definition, path, project, home, replace=True)
    assert copy.read_bytes() == b"new"
    assert sorted(file.name for file in copy.parent.iterdir()) == ["Käufer 1.csv"]


def test_a_file_that_lies_in_its_place_already_stays(tmp_path):
    place = tmp_path / "imports" / "crm" / "a.csv"
    place.parent.mkdir(parents=True)
    place.write_text("No,E-Mail\n")
    write_source(define(CONTACTS, location="imports/crm/a.csv"), place, tmp_path, tmp_path, replace=False)
    assert place.read_text() == "No,E-Mail\n"


@pytest.mark.parametrize(
    ("name", "instead"), [("Kunden 2024", "kunden_2024"), ("über", "uber"), ("2024", "source_2024"), ("../x", "x")]
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(name, instead):
    with pytest.raises(ConfigError, match=f"for instance {instead}"):
        check_name(name)
    assert suggest_name(name) == instead
    check_name(instead)
