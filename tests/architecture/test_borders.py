"""The promises of the tree: who may import whom, where Dagster stands, what users' folders hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestration", "assets", "senders", "dashboards")
DAGSTER_FILES = {"assets.py", "checks.py", "resources.py", "partitions.py", "broken.py", "metadata.py"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_dagster_stands_only_where_it_may():
    offenders = [
        str(path.relative_to(ROOT))
        for path in modules("assets")
        if path.name not in DAGSTER_FILES
        and path.parent.name != "components"
        and any(name.split(".")[0] in {"dagster", "dagster_dbt"} for name in imports(path))
    ]
    assert not offenders


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("sqlglot", {"assets/audiences", "assets/warehouse"}),
        ("great_expectations", {"checks.py", "expectations.py"}),
        ("plotly", {"dashboards/figures", "dashboards/theme.py", "dashboards/render.py"}),
        ("aiosmtplib", {"senders/transports"}),
        ("jinja2", {"senders/rendering", "dashboards/render.py"}),
    ],
)
def test_library_has_one_home(library, homes):
    offenders = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package)
        if any(name.split(".")[0] == library for name in imports(path))
        and not any(home in path.relative_to(ROOT).as_posix() for home in homes)
    ]
    assert not offenders


@pytest.mark.parametrize("folder", ["campaigns", "sources", "templates", "transactional", "journeys"])
def test_no_python_in_folders_that_users_own(folder):
    assert not list((ROOT / "assets" / folder).rglob("*.py"))


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_functions_and_modules_stay_small():
    long_functions, long_modules = [], []
    for path in [path for package in PACKAGES for path in modules(package)]:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 600:
            long_modules.append(path.name)
        long_functions += [
            f"{path.name}:{node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 75
        ]
    assert not long_modules
    assert not long_functions


def test_what_installs_names_no_host():
    locks = ("requirements.lock", "requirements-dev.lock", "pyproject.toml", "Makefile", ".ci/run")
    assert not [name for name in locks if "://" in (ROOT / name).read_text(encoding="utf-8")]


def test_nothing_names_a_path_of_this_machine():
    """The folder that the checkout stands in, and the home of whoever wrote it, mean nothing elsewhere."""
    places = {f"{ROOT}/", f"{Path.home()}/"}
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert not [
        (path.name, place)
        for path in tracked
        for place in places
        if place in path.read_text(encoding="utf-8", errors="replace")
    ]
