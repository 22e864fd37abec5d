"""Who receives the mail of a domain: the mailbox providers that are known by name.

Limits, bars and metrics group recipients by provider and not by domain (RELIABILITY P16). Add a domain or a host here
when a provider is large enough to have limits of its own. Looking hosts up in the DNS belongs to ``exchanges``.
"""

# Domains in which a provider gives out addresses.
_DOMAINS = {
    "google": "gmail.com googlemail.com",
    "microsoft": (
        "msn.com passport.com windowslive.com live.com live.at live.be live.ca live.cl live.cn live.de live.dk live.fi"
        " live.fr live.ie live.in live.it live.jp live.nl live.no live.pt live.se live.co.uk live.co.za live.com.ar"
        " live.com.au live.com.mx live.com.pt"
    ),
    "yahoo": (
        "aol.com aol.co.uk aol.de aol.fr aim.com ymail.com rocketmail.com myyahoo.com verizon.net netscape.net"
        " att.net sbcglobal.net bellsouth.net"
    ),
    "apple": "icloud.com me.com mac.com",
    "united internet": "web.de email.de mail.com 1und1.de",
    "t-online": "t-online.de magenta.de",
    "freenet": "freenet.de",
    "comcast": "comcast.net",
    "mail.ru": "mail.ru bk.ru inbox.ru list.ru internet.ru",
    "yandex": "ya.ru",
    "qq": "qq.com foxmail.com vip.qq.com",
    "netease": "163.com 126.com yeah.net",
    "naver": "naver.com",
    "orange": "orange.fr wanadoo.fr",
    "free": "free.fr",
    "laposte": "laposte.net",
    "sfr": "sfr.fr neuf.fr",
    "libero": "libero.it virgilio.it iol.it inwind.it",
    "bt": "btinternet.com btopenworld.com",
    "rediff": "rediffmail.com",
    "uol": "uol.com.br bol.com.br",
    "wp": "wp.pl o2.pl",
    "onet": "onet.pl op.pl",
    "seznam": "seznam.cz email.cz",
    "proton": "proton.me protonmail.com pm.me",
    "fastmail": "fastmail.com fastmail.fm",
    "zoho": "zoho.com zohomail.com zoho.eu zohomail.eu",
}

# Names that a provider uses under many countries: name.com, name.de, name.co.uk, name.com.br.
_EVERYWHERE = {
    "outlook": "microsoft",
    "hotmail": "microsoft",
    "yahoo": "yahoo",
    "gmx": "united internet",
    "yandex": "yandex",
}

# Ends of the host names that receive mail for domains of others.
_HOSTS = {
    "google": "google.com googlemail.com",
    "microsoft": "protection.outlook.com mx.microsoft",
    "yahoo": "yahoodns.net",
    "apple": "icloud.com",
    "united internet": "gmx.net web.de kundenserver.de ionos.com ionos.de",
    "t-online": "t-online.de",
    "comcast": "comcast.net",
    "mail.ru": "mail.ru",
    "yandex": "yandex.net yandex.ru",
    "qq": "qq.com",
    "netease": "netease.com",
    "naver": "naver.com",
    "orange": "orange.fr",
    "proton": "protonmail.ch",
    "fastmail": "messagingengine.com",
    "zoho": "zoho.com zoho.eu",
    "amazon": "amazonaws.com awsapps.com",
    "cloudflare": "mx.cloudflare.net",
    "ovh": "ovh.net",
    "mimecast": "mimecast.com mimecast.co.za",
    "proofpoint": "pphosted.com ppe-hosted.com",
    "barracuda": "barracudanetworks.com",
    "cisco": "iphmx.com",
    "trend micro": "trendmicro.com trendmicro.eu",
    "broadcom": "messagelabs.com",
}


def _by_name(table: dict[str, str]) -> dict[str, str]:
    return {name: provider for provider, names in table.items() for name in names.split()}


_BY_DOMAIN, _BY_HOST = _by_name(_DOMAINS), _by_name(_HOSTS)
KNOWN = frozenset(_DOMAINS) | frozenset(_HOSTS)

# Second levels under which a country registers names.
_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gov", "ne", "net", "nom", "or", "org"})
_COUNTRY = 2


def provider_of_domain(domain: str) -> str:
    """Return the provider that gives out addresses in a domain (lower case), '' where none is known."""
    if found := _BY_DOMAIN.get(domain):
        return found
    name, _, rest = domain.partition(".")
    return _EVERYWHERE.get(name, "") if _is_country(rest) else ""


def provider_of_host(host: str) -> str:
    """Return who runs a host that receives mail: a provider's name, else the host's registrable domain."""
    labels = host.lower().rstrip(".").split(".")
    for start in range(len(labels)):
        if found := _BY_HOST.get(".".join(labels[start:])):
            return found
    return registrable(".".join(labels))


def registrable(domain: str) -> str:
    """Return the part of a name that somebody registered: example.com of mx1.example.com.

    By rule of thumb, without the public suffix list: under a two-letter country the usual second levels count as
    part of the suffix. A wrong cut makes a group of limits too large or too small, nothing worse.
    """
    labels = domain.split(".")
    is_deep = len(labels) > _COUNTRY and len(labels[-1]) == _COUNTRY and labels[-2] in _SECOND_LEVELS
    return ".".join(labels[-3:] if is_deep else labels[-2:])


def _is_country(rest: str) -> bool:
    """Whether ``rest`` is com, net, a country, or com or co under one."""
    head, _, country = rest.rpartition(".")
    return rest in {"com", "net"} or (len(country) == _COUNTRY and head in {"", "co", "com"})
