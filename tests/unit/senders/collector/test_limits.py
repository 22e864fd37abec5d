import pytest

from senders.collector.limits import client_network, mail_quotas
from senders.forms import SignupLimits

KEY = bytes(32)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_a_client_counts_by_its_network(address, network):
    assert client_network(address) == network


def test_a_mail_counts_for_mailbox_domain_network_and_all():
    quotas = mail_quotas(SignupLimits(), "ada+x@example.org", "198.51.100.7", KEY)
    assert [(quota.most, quota.seconds, quota.is_exact) for quota in quotas] == [
        (1, 900.0, False),
        (3, 86_400.0, True),
        (300, 60.0, False),
        (60, 60.0, False),
        (20, 60.0, False),
    ]
    names = [quota.bucket for quota in quotas]
    assert len(set(names)) == 5
    assert not [name for name in names if "ada" in name or "example" in name or "198" in name]
    other = [quota.bucket for quota in mail_quotas(SignupLimits(), "ada@example.org", "198.51.100.99", KEY)]
    assert other == names
    assert len(mail_quotas(SignupLimits(), "ada@example.org", "127.0.0.1", KEY)) == 4
