import pytest

from senders.errors import GuardError
from senders.ledger.journal import SendJournal


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
    journal.close()


def test_a_long_journal_is_read_from_its_end(tmp_path):
    journal = SendJournal(tmp_path)
    with journal.path.open("ab") as file:
        file.writelines(b"%d %d\n" % (3, number) for number in range(5000))
    assert journal.highest() == (3, 4999)
    journal.close()


@pytest.mark.parametrize("stand", [(1, 0), (0, 1)])
def test_a_ledger_behind_its_journal_is_stopped(tmp_path, ledger, stand):
    journal = SendJournal(tmp_path / "ledger")
    journal.check(ledger._database.connection)
    journal.append(*stand)
    with pytest.raises(GuardError, match="older copy was put back"):
        journal.check(ledger._database.connection)
    journal.close()
