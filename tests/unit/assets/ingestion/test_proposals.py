from pathlib import Path

import pytest

from assets.ingestion.encodings import Encoding
from assets.ingestion.layouts import Layout
from assets.ingestion.proposals import explain_ignored, likeness, propose_columns, propose_kind, tell_day_order

FIELDS = ("source_key", "email", "first_name", "last_name", "country", "city", "created_at")
ROWS = (
    ("1", "anna@x.example", "Anna", "Adler", "DE", "Berlin", "2024-01-31"),
    ("2", "ben@x.example", "Ben", "Baker", "FR", "Lyon", "2024-02-01"),
)


def layout(header, rows=ROWS, delimiter=","):
    return Layout(Path("file.csv"), "csv", Encoding("utf-8"), delimiter, tuple(header), tuple(map(tuple, rows)))


def fields(found):
    return {guess.field: guess.column for guess in found if guess.is_sure}


@pytest.mark.parametrize(
    "header",
    [
        ("Customer ID", "E-mail address", "First name", "Surname", "Country", "Town", "Date created"),
        ("customer_id", "email", "firstName", "lastName", "countryCode", "city", "created_at"),
        ("Kundennummer", "E-Mail-Adresse", "Vorname", "Nachname", "Land", "Ort", "Anmeldedatum"),
        ("Kd.-Nr.", "E-Mail", "Vorname", "Name", "Länderkürzel", "Wohnort", "Kunde seit"),
        ("N° client", "Adresse e-mail", "Prénom", "Nom", "Pays", "Ville", "Date d'inscription"),
        ("Código de cliente", "Correo electrónico", "Nombre", "Apellidos", "País", "Ciudad", "Fecha de alta"),
        ("Codice cliente", "Indirizzo email", "Nome", "Cognome", "Nazione", "Città", "Data di iscrizione"),
        ("Klantnummer", "E-mailadres", "Voornaam", "Achternaam", "Land", "Woonplaats", "Aanmelddatum"),
        ("ID do cliente", "Endereço de e-mail", "Nome", "Sobrenome", "País", "Cidade", "Data de cadastro"),
        ("Numer klienta", "Adres e-mail", "Imię", "Nazwisko", "Kraj", "Miejscowość", "Data rejestracji"),
    ],
)
def test_headings_are_understood_in_many_languages(header):
    assert fields(propose_columns(layout(header), "contacts")) == dict(zip(FIELDS, header, strict=True))


def test_addresses_are_found_without_a_heading():
    (guess,) = propose_columns(layout(["x"], [["anna@x.example"], ["ben@x.example"]]), "contacts")
    assert (guess.field, guess.is_sure, guess.samples) == ("email", True, ("a•••@x.example", "b•••@x.example"))


def test_a_heading_of_email_without_addresses_is_no_address():
    found = propose_columns(layout(["E-Mail"], [["ja"], ["nein"]]), "contacts")
    assert not [guess for guess in found if guess.is_sure]


def test_of_two_address_columns_the_better_named_and_filled_is_taken():
    file = layout(["E-Mail Rechnung", "E-Mail"], [["a@x.example", "b@x.example"], ["", "c@x.example"]])
    assert fields(propose_columns(file, "contacts")) == {"email": "E-Mail"}
    assert "another column" in explain_ignored(file, "contacts", "E-Mail Rechnung").reason


@pytest.mark.parametrize("heading", ["Geburtsdatum", "Date of birth", "Date de naissance", "Data urodzenia"])
def test_a_birthday_is_no_date_of_creation(heading):
    file = layout([heading], [["1990-01-31"], ["1985-05-01"]])
    assert propose_columns(file, "contacts") == []
    assert "birthday" in explain_ignored(file, "contacts", heading).reason


def test_full_names_are_not_split_by_guessing():
    file = layout(["Name", "email"], [["Anna Adler", "a@x.example"], ["Ben Baker", "b@x.example"]])
    assert fields(propose_columns(file, "contacts")) == {"email": "email"}
    assert "full name" in explain_ignored(file, "contacts", "Name").reason


def test_dates_that_can_be_read_both_ways_are_doubtful_until_told():
    file = layout(["created"], [["01/02/2024"], ["03/04/2024"]])
    (guess,) = propose_columns(file, "contacts")
    assert (guess.is_sure, "day or the month" in guess.note) == (False, True)
    (told,) = propose_columns(file, "contacts", is_day_first=False)
    assert told.is_sure


def test_the_order_of_days_is_told_by_another_column_or_by_how_lists_are_written():
    rows = [["01/02/2024", "31/01/2024"]]
    assert tell_day_order(layout(["a", "b"], rows)) is True
    assert tell_day_order(layout(["a"], [["01/02/2024"]])) is None
    assert tell_day_order(layout(["a"], [["01/02/2024"]], delimiter=";")) is True


def test_a_key_that_repeats_is_doubtful():
    (guess,) = propose_columns(layout(["ID"], [["1"]] * 9), "contacts")
    assert not guess.is_sure


def test_countries_are_asked_about_where_only_values_tell():
    (guess,) = propose_columns(layout(["x"], [["DE"], ["FR"], ["Österreich"]]), "contacts")
    assert (guess.field, guess.is_sure) == ("country", False)


@pytest.mark.parametrize(
    ("header", "rows", "kind"),
    [
        (("Order ID", "Email", "Total", "Order Date"), [["1", "a@x.example", "9.50", "2024-01-01"]], "orders"),
        (("Bestellnummer", "Artikelnummer", "Betrag", "Bestelldatum"), [["1", "A", "9,50", "01.02.2024"]], "orders"),
        (("Artikelnummer", "Bezeichnung", "Preis"), [["A1", "Schuh", "9,50"]], "products"),
        (("E-Mail", "Ort"), [["a@x.example", "Ulm"]], "contacts"),
    ],
)
def test_the_kind_is_told_by_the_columns(header, rows, kind):
    assert propose_kind(layout(header, rows)) == kind


def test_likeness_ranks_the_very_words_over_parts():
    assert likeness("E-Mail-Adresse", ["email adresse"]) == 1.0
    assert 0.8 < likeness("Kontakt Vorname", ["vorname"]) < 1.0
    assert 0.5 < likeness("Kundenvorname", ["vorname"]) < likeness("Kontakt Vorname", ["vorname"])
    assert likeness("Hausnummer", ["vorname"]) == 0.0
