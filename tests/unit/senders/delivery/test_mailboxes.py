import pytest

from senders.delivery.mailboxes import provider_of_domain, provider_of_host, registrable


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("gmail.com", "google"),
        ("outlook.com", "microsoft"),
        ("hotmail.co.uk", "microsoft"),
        ("outlook.com.br", "microsoft"),
        ("live.nl", "microsoft"),
        ("yahoo.fr", "yahoo"),
        ("yahoo.co.jp", "yahoo"),
        ("aol.com", "yahoo"),
        ("me.com", "apple"),
        ("gmx.net", "united internet"),
        ("web.de", "united internet"),
        ("outlook.example", ""),  # somebody's own domain that begins like one of theirs
        ("yahoo.shop.com", ""),
        ("live.org", ""),
        ("shop.example", ""),
    ],
)
def test_domains_of_providers(domain, provider):
    assert provider_of_domain(domain) == provider


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("aspmx.l.google.com.", "google"),
        ("firm-example.mail.protection.outlook.com", "microsoft"),
        ("MX-EU.Mail.AM0.YahooDNS.net", "yahoo"),
        ("mxa-001.pphosted.com", "proofpoint"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("mx1.mail.firm.example", "firm.example"),
        ("mx.firm.co.uk", "firm.co.uk"),
        ("notgoogle.com", "notgoogle.com"),
    ],
)
def test_hosts_of_providers(host, provider):
    assert provider_of_host(host) == provider


def test_registrable_part():
    assert registrable("a.b.firm.com.au") == "firm.com.au"
    assert registrable("firm.de") == "firm.de"
    assert registrable("mail.firm.de") == "firm.de"
    assert registrable("localhost") == "localhost"
