import os
import random
import time

import pytest

from senders.errors import GuardError
from senders.ledger.journal import KEPT_SECONDS, SendJournal, read_entries, read_highest
from senders.ledger.journal_lines import Order, format_line, read_entry, read_stand


def test_the_highest_line_counts_and_a_torn_one_does_not(tmp_path):
    journal = SendJournal(tmp_path)
    assert journal.highest() == (0, 0)
    journal.append(1, 5)
    journal.append(2, 4)
    with journal.path.open("ab") as file:
        file.write(b"99 99")
    assert journal.highest() == (2, 5)
    journal.close()
    journal = SendJournal(tmp_path)
    journal.append(3, 6, [(1, 2)])
    assert journal.highest() == (3, 6), "a torn line does not run into the next"
    assert [entry.sequence for entry in read_entries(tmp_path, 5)] == [6]
    journal.close()


def test_a_long_journal_is_read_from_its_end(tmp_path):
    journal = SendJournal(tmp_path)
    with journal.path.open("ab") as file:
        file.writelines(b"%d %d\n" % (3, number) for number in range(5000))
    assert journal.highest() == (3, 4999)
    journal.close()


@pytest.mark.parametrize("stand", [(1, 0), (0, 2)])
def test_a_ledger_behind_its_journal_is_stopped(tmp_path, ledger, stand):
    journal = SendJournal(tmp_path / "ledger")
    journal.check(ledger._database.connection)
    journal.append(*stand)
    with pytest.raises(GuardError, match=r"older copy was put back.*mailrail reconcile"):
        journal.check(ledger._database.connection)
    journal.close()


def test_offers_are_written_as_ranges():
    offers = [(3, 40), (4, 9), *((3, seq) for seq in range(12, 20)), (3, 20), (3, 60), (3, 41)]
    assert format_line(7, 1234, offers) == b"7 1234 3:12-20,40-41,60 4:9\n"
    assert format_line(7, 1234) == b"7 1234\n"


def test_any_offers_are_read_as_they_were_written():
    chance = random.Random(5)
    for _ in range(200):
        offers = {(chance.randrange(1, 4), chance.randrange(1, 40)) for _ in range(chance.randrange(30))}
        entry = read_entry(format_line(1, 2, offers).rstrip(b"\n"))
        assert sorted(entry.offered()) == sorted(offers)


def test_orders_are_read_as_they_were_written():
    order = Order(3, "cancelled", "spring sale é.1", "spring sale é", "ab")
    assert read_entry(format_line(0, 9, order=order).rstrip(b"\n")).order == order


@pytest.mark.parametrize("line", [b"", b"1", b"x 1", b"12 3412 35 1:5", b"1 2 3:4-x", b"1 2 [3]", b"1 2 :"])
def test_a_line_that_is_none_of_ours_says_nothing(line):
    assert read_entry(line) is None


def test_lines_that_ran_into_each_other_do_not_count():
    assert read_stand(b"12 3412 35 1:5") is None


def test_a_full_journal_is_set_aside_and_nothing_of_it_is_lost(tmp_path):
    journals = [SendJournal(tmp_path, rotate_bytes=400) for _ in range(2)]
    for number in range(1, 201):
        journals[number % 2].append(1, number, [(1, number)])
    assert len(list(tmp_path.glob("journal-*.log"))) > 3
    assert read_highest(tmp_path) == (1, 200)
    assert [seq for entry in read_entries(tmp_path, 0) for _, seq in entry.offered()] == list(range(1, 201))
    assert (tmp_path / "journal.log").stat().st_mode & 0o777 == 0o600
    for journal in journals:
        journal.close()


def test_a_line_that_came_late_to_a_file_set_aside_still_counts(tmp_path):
    late, journal = SendJournal(tmp_path), SendJournal(tmp_path, rotate_bytes=30)
    journal.append(1, 5, [(1, number) for number in range(1, 40, 2)])
    late._lines.append(format_line(1, 6, [(1, 2)]))
    assert read_highest(tmp_path) == (1, 6)
    late.close()
    journal.close()


def test_what_is_older_than_ninety_days_is_dropped(tmp_path):
    old, young = tmp_path / "journal-00000000000000000001.log", tmp_path / "journal-00000000000000000002.log"
    for path, age in ((old, KEPT_SECONDS + 60), (young, KEPT_SECONDS - 3600)):
        path.write_bytes(b"1 1\n")
        os.utime(path, (time.time() - age,) * 2)
    journal = SendJournal(tmp_path, rotate_bytes=5)
    journal.append(1, 2, [(1, 1)])
    journal.close()
    assert not old.exists()
    assert young.exists()


def test_a_write_cut_short_is_an_error_and_the_next_one_begins_a_line(tmp_path, monkeypatch):
    journal = SendJournal(tmp_path)
    monkeypatch.setattr(
        "senders.ledger.durable_lines.os.write", lambda file, data, write=os.write: write(file, data[:3])
    )
    with pytest.raises(OSError, match="space"):
        journal.append(1, 12, [(1, 1)])
    monkeypatch.undo()
    journal.append(1, 12, [(1, 1)])
    assert journal.path.read_bytes() == b"1 1#\n1 12 1:1\n"
    journal.close()
