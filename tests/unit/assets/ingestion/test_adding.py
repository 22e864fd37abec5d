import pytest

from assets.ingestion.adding import define_source, find_doubts, propose
from assets.ingestion.choices import Choices, ConsentChoice, OptOutChoice
from senders.errors import ConfigError

GERMAN = """\
Kundennummer;Vorname;E-Mail-Adresse;Anmeldedatum;Newsletter;Notiz
1;Zoë;zoe@x.example;03.02.2024;ja;
2;Jörg;joerg@x.example;31.12.2023;nein;ruft an
3;Änne;aenne@x.example;01.01.2024 10:30;abgemeldet;
"""


@pytest.fixture
def offer(tmp_path):
    def read(text, encoding="utf-8", name="kunden.csv", **choices):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return propose(tmp_path / name, Choices(**choices))

    return read


def define(proposal):
    return define_source(proposal, "kunden", location="imports/kunden/kunden.csv")


def test_a_clean_file_leaves_no_doubt(offer):
    proposal = offer(GERMAN, "cp1252")
    definition = define(proposal)
    assert find_doubts(proposal) == []
    assert definition.columns == {
        "source_key": "Kundennummer",
        "email": "E-Mail-Adresse",
        "first_name": "Vorname",
        "created_at": "Anmeldedatum",
    }
    assert (definition.encoding, definition.delimiter) == ("cp1252", ";")
    assert definition.date_formats == ("%d.%m.%Y", "%d.%m.%Y %H:%M")
    rule = definition.consent
    assert (rule.column, rule.granted, rule.denied, rule.unsubscribed, rule.default) == (
        "Newsletter", ("ja",), ("nein",), ("abgemeldet",), "unknown",
    )  # fmt: skip
    assert [item.column for item in proposal.ignored] == ["Notiz"]
    assert proposal.rows == 3


def test_without_a_consent_column_nobody_consented(offer):
    rule = define(offer("email\na@x.example\n")).consent
    assert (rule.column, rule.default) == (None, "unknown")


def test_that_everybody_consented_needs_a_basis(offer):
    with pytest.raises(ConfigError, match="--consent-basis"):
        offer("email\na@x.example\n", all_consented=True)
    rule = define(offer("email\na@x.example\n", all_consented=True, basis="at the till")).consent
    assert (rule.default, rule.basis) == ("granted", "at the till")


def test_that_everybody_consented_does_not_outvote_a_column(offer):
    (doubt,) = find_doubts(offer(GERMAN, all_consented=True, basis="at the till"))
    assert doubt.is_blocking
    assert "Newsletter=ignore" in doubt.remedy
    told = offer(GERMAN, all_consented=True, basis="at the till", mapped={"Newsletter": "ignore"})
    assert find_doubts(told) == []


def test_many_words_that_nobody_explained_block(offer):
    text = GERMAN.replace(";nein;", ";vielleicht;")
    (doubt,) = find_doubts(offer(text))
    assert (doubt.column, doubt.is_blocking) == ("Newsletter", True)
    assert "'vielleicht'" in doubt.message
    settled = offer(text, consent=ConsentChoice("Newsletter", {"granted": ("ja",), "denied": ("vielleicht",)}))
    assert find_doubts(settled) == []
    rule = define(settled).consent
    assert (rule.granted, rule.denied, rule.unsubscribed) == (("ja",), ("vielleicht",), ("abgemeldet",))


def test_a_stray_word_is_unknown_and_blocks_nothing(offer):
    text = "email;Newsletter\n" + "".join(f"a{n}@x.example;ja\n" for n in range(30)) + "b@x.example;mal sehen\n"
    proposal = offer(text)
    assert find_doubts(proposal) == []
    assert proposal.words.unknown == {"mal sehen": 1}
    assert define(proposal).consent.granted == ("ja",)


def test_told_words_of_consent_are_all_there_are(offer):
    rule = define(offer(GERMAN, consent=ConsentChoice("Newsletter", {"granted": ("sicher",)}))).consent
    assert (rule.granted, rule.denied) == (("sicher",), ("nein",))


def test_two_columns_of_consent_block_until_one_is_told(offer):
    text = "email;Newsletter;Einwilligung\na@x.example;ja;nein\n"
    (doubt,) = find_doubts(offer(text))
    assert (doubt.column, doubt.is_blocking) == ("Einwilligung", True)
    told = offer(text, consent=ConsentChoice("Einwilligung"), mapped={"Newsletter": "ignore"})
    assert find_doubts(told) == []
    assert define(told).consent.column == "Einwilligung"


def test_who_said_stop_is_read_beside_who_said_yes(offer):
    rule = define(offer("email;Newsletter;Abgemeldet\na@x.example;ja;nein\nb@x.example;ja;ja\n")).consent
    assert (rule.column, rule.granted, rule.opt_out_column, rule.opt_out) == (
        "Newsletter", ("ja",), "Abgemeldet", ("ja",),
    )  # fmt: skip


def test_a_column_of_opt_outs_without_any_stops_nobody_now_and_all_who_say_so_later(offer):
    rule = define(offer("email;Abgemeldet\na@x.example;nein\n")).consent
    assert {"ja", "1", "true"} <= set(rule.opt_out)
    assert not {"nein", "*"} & set(rule.opt_out)


def test_words_of_opt_outs_that_nobody_explained_block(offer):
    text = "email;Abgemeldet\na@x.example;x\n"
    (doubt,) = find_doubts(offer(text))
    assert "--opt-out" in doubt.remedy
    assert define(offer(text, opt_out=OptOutChoice("Abgemeldet", ("x",)))).consent.opt_out == ("x",)


def test_doubtful_columns_are_left_out_unless_told(offer):
    text = "email,created\na@x.example,01/02/2024\n"
    (doubt,) = find_doubts(offer(text))
    assert (doubt.is_blocking, "--date-format" in doubt.remedy) == (False, True)
    assert "created_at" not in define(offer(text)).columns
    told = offer(text, date_formats=("%m/%d/%Y",))
    assert (define(told).columns["created_at"], define(told).date_format) == ("created", "%m/%d/%Y")
    (again,) = find_doubts(offer(text, mapped={"created": "created_at"}))
    assert again.is_blocking


def test_what_is_told_goes_before_what_is_found(offer):
    definition = define(offer(GERMAN, mapped={"Notiz": "city", "Vorname": "last_name"}))
    assert (definition.columns["city"], definition.columns["last_name"]) == ("Notiz", "Vorname")
    assert "first_name" not in definition.columns


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"mapped": {"Nix": "email"}}, "has no column 'Nix'; its columns are Kundennummer"),
        ({"mapped": {"Notiz": "mood"}}, "'mood' is no field of contacts"),
        ({"consent": ConsentChoice("Nix")}, "has no column 'Nix'"),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(offer, choices, message):
    with pytest.raises(ConfigError, match=message):
        offer(GERMAN, **choices)


def test_a_file_without_addresses_names_the_option_that_helps(offer):
    with pytest.raises(ConfigError, match='--map "THEIR COLUMN=email"'):
        define(offer("a;b\n1;2\n"))


def test_orders_take_the_decimal_sign_of_their_amounts(offer):
    text = "Bestellnummer;E-Mail;Betrag;Bestelldatum\n1;a@x.example;1.234,50;03.02.2024\n"
    definition = define(offer(text))
    assert (definition.kind, definition.decimal, definition.columns["amount"]) == ("orders", ",", "Betrag")
    with pytest.raises(ConfigError, match="consent belongs to contacts"):
        offer(text, basis="till")
