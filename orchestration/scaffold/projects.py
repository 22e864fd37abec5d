"""What ``mailrail init`` writes: a project folder that works at once.

Settings, README and .gitignore lie as files in ``project``; templates and the dbt project are copied from the
code's own, without what is only the sample shop's, so that there is one truth of each. Add a file here when every
project needs it from the start. What a person adds later (sources, segments, campaigns) has starters of its own.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from string import Template

from orchestration.settings import CODE_ROOT
from senders.errors import ConfigError, GuardError
from senders.tracking.addresses import AddressError, wire_address

STARTER = Path(__file__).with_name("project")
FOLDERS = ("campaigns", "sources", "templates")
# What the sign-up form and the preference page send.
SERVICE_TEMPLATES = ("confirm_signup", "preference_link")

_SAMPLE_MODEL = "seg_bought_featured_product_30d"
_SAMPLE_LINE = "# the sample shop's"  # at the end of a line that no other project wants
_MADE_BY_DBT = frozenset({"target", "logs", "dbt_packages"})


@dataclass(frozen=True, slots=True)
class Company:
    """Whose project it is: the name that readers see, and the address that mail comes from."""

    name: str
    from_address: str

    @property
    def domain(self) -> str:
        """The domain of the From address."""
        return self.from_address.rpartition("@")[2]

    @classmethod
    def of(cls, name: str, from_address: str | None) -> "Company":
        """Return a company; without an address it gets one under a domain that nobody owns (RFC 2606).

        Raises:
            ConfigError: the name is empty, or the address cannot be written to.
        """
        name = " ".join(name.split())
        if not name:
            raise ConfigError('the name is empty; say whose project it is: --name "Company"')
        if from_address is None:
            return cls(name, f"hello@news.{_as_label(name)}.example")
        try:
            return cls(name, wire_address(from_address))
        except AddressError as error:
            raise ConfigError(
                f"--from-address {from_address!r}: {error}; write it as hello@news.company.com."
            ) from None


def write_project(folder: Path, company: Company) -> list[Path]:
    """Write a project into a folder and return the paths made; whatever fails, nothing half made is left.

    Raises:
        GuardError: a file of the project is there already.
        ConfigError: the folder is a file, or the code was installed without what is copied.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; name a folder that is new or empty.")
    texts = project_files(company)
    if taken := [name for name in texts if (folder / name).exists()]:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise GuardError(
            f"{folder} holds {taken[0]}{more} already, and no file is ever overwritten; name a new folder, "
            "or move what is there."
        )
    made: list[Path] = []
    try:
        for name, content in texts.items():
            _write_new(folder / name, content, made)
    except BaseException:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise
    return [path for path in made if path.is_file()]


def project_files(company: Company) -> dict[str, bytes]:
    """Return every file of a new project: its path below the folder, and its content."""
    values = {
        "title": company.name,
        "name": json.dumps(company.name, ensure_ascii=False),  # a JSON text is a TOML text, too
        "from_address": json.dumps(company.from_address),
        "domain": json.dumps(company.domain),
        "bounce_domain": json.dumps(f"bounce.{company.domain}"),
    }
    files = {
        path.name: Template(path.read_text(encoding="utf-8")).substitute(values).encode()
        for path in sorted(STARTER.iterdir())
    }
    files |= {f"assets/{name}/.gitkeep": b"" for name in FOLDERS if name != "templates"}
    files |= _copied("assets/templates") | {"assets/templates/brand.yaml": _brand(company)}
    for name in SERVICE_TEMPLATES:
        files |= _copied(f"assets/transactional/{name}")
    return files | _copied("dbt_project")


def _copied(name: str) -> dict[str, bytes]:
    root = CODE_ROOT / name
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and not _is_left_out(path.relative_to(root))]
    if not paths:
        raise ConfigError(f"{root} is missing, and a project is made from it; install Mailrail from its repository.")
    return {path.relative_to(CODE_ROOT).as_posix(): _without_sample(path) for path in paths}


def _is_left_out(path: Path) -> bool:
    return path.parts[0] in _MADE_BY_DBT or path.name == ".user.yml" or path.stem == _SAMPLE_MODEL


def _without_sample(path: Path) -> bytes:
    content = path.read_bytes()
    if _SAMPLE_LINE.encode() not in content:
        return content
    lines = content.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.rstrip().endswith(_SAMPLE_LINE)).encode()


def _brand(company: Company) -> bytes:
    """Return our brand.yaml with the company's words; comments and colours stay."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    brand = yaml.load((CODE_ROOT / "assets" / "templates" / "brand.yaml").read_text(encoding="utf-8"))
    brand["name"] = company.name
    brand["tagline"] = ""
    brand["postal_address"] = f"{company.name}, your street and number, your postcode and town"
    brand["home_url"] = f"https://www.{company.domain.removeprefix('news.')}"
    brand["support_email"] = company.from_address
    brand.yaml_add_eol_comment("change me: the law wants the real one in every mail", "postal_address")
    brand.yaml_add_eol_comment("change me: where the name in the header leads", "home_url")
    text = StringIO()
    yaml.dump(brand, text)
    return text.getvalue().encode()


def _write_new(path: Path, content: bytes, made: list[Path]) -> None:
    missing = [parent for parent in path.parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
        made.append(parent)
    with path.open("xb") as handle:
        made.append(path)
        handle.write(content)


def _as_label(name: str) -> str:
    """Return a name as the label of a domain: `Müller & Söhne` is muller-sohne."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "company"
