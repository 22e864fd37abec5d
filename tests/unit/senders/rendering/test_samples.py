from senders.rendering.samples import SAMPLES, sample_rows
from senders.tracking.addresses import wire_address


def test_there_are_enough_and_each_is_one_of_a_kind():
    assert len(SAMPLES) >= 20
    assert len({sample.what for sample in SAMPLES}) == len(SAMPLES)


def test_they_have_what_breaks_mails():
    names = [str(row["first_name"] or "") for row in sample_rows()]
    assert "" in names
    assert any(not name.strip() for name in names if name)
    assert any(len(name) == 60 for name in names)
    assert any(len(name) == 60 and " " not in name for name in names)
    assert any("\u0600" <= letter <= "\u06ff" for name in names for letter in name)
    assert any("\U0001f300" <= letter <= "\U0001faff" for name in names for letter in name)
    assert any('"' in name for name in names)
    assert any("<" in name for name in names)
    assert any("{{" in name for name in names)
    assert any("\n" in name for name in names)


def test_rows_are_rows_of_an_audience():
    rows = sample_rows()
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert wire_address(str(row["address"])) == row["address"]
        assert len(bytes.fromhex(str(row["contact_id"]))) == 16
    assert rows[0] == SAMPLES[0].row(1)
    assert all(row.keys() == rows[0].keys() for row in rows)
