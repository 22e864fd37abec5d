"""The command line starts fast: help imports nothing heavy."""

import subprocess
import sys


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from orchestration.cli.main import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'dagster', 'polars', 'pandas', 'rich', 'duckdb', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


def test_the_definitions_are_imported_without_dbt_itself():
    code = "import sys, orchestration.definitions; print(sorted(m for m in sys.modules if m.startswith('dbt.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
