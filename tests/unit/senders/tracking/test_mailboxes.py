import pytest

from senders.tracking.mailboxes import counted_mailbox, counting_key

KEY = bytes(32)


@pytest.mark.parametrize(
    ("spelling", "mailbox"),
    [
        ("ada@example.org", "ada@example.org"),
        ("ada+news@example.org", "ada@example.org"),
        ("ada+a+b@example.org", "ada@example.org"),
        ("+ada@example.org", "+ada@example.org"),
        ("a.d.a@example.org", "a.d.a@example.org"),
        ("a.d.a+x@gmail.com", "ada@gmail.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("a.da@pm.me", "ada@proton.me"),
        ("ädä+x@example.org", "ädä@example.org"),
    ],
)
def test_spellings_of_one_mailbox_count_as_one(spelling, mailbox):
    assert counted_mailbox(spelling) == mailbox


def test_a_counter_names_nobody_and_its_kind():
    name = counting_key("mailbox", "ada@example.org", KEY)
    assert name.startswith("mailbox:")
    assert "ada" not in name
    assert name != counting_key("mailbox", "ada@example.org", bytes(31) + b"x")
    assert name != counting_key("mailbox", "bob@example.org", KEY)
