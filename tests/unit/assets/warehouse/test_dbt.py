import json
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import duckdb
import pytest

from assets.warehouse import dbt
from assets.warehouse.tables import create_raw_tables

SEGMENT = "model.mailrail.seg_broken"
NODES = {SEGMENT: {"name": "seg_broken", "original_file_path": "models/marts/segments/seg_broken.sql"}}


def results(status: str) -> str:
    row = {"unique_id": SEGMENT, "status": status, "execution_time": 0.1, "message": "LINE 3: no", "failures": None}
    return json.dumps({"results": [row]})


def test_a_failed_segment_stays_failed_when_the_project_is_parsed_again(tmp_path: Path, monkeypatch) -> None:
    project = dbt.DbtProject(tmp_path / "dbt_project", tmp_path / "dbt_project", tmp_path)
    project.manifest_path.write_text(json.dumps({"nodes": NODES}))

    def run(*_, **__) -> CompletedProcess[str]:
        (tmp_path / "run_results.json").write_text(results("error"))
        return CompletedProcess([], 1, "")

    monkeypatch.setattr(dbt, "_dbt", run)
    (built,) = dbt.build(project, tmp_path / "warehouse.duckdb", as_of=datetime(2026, 1, 1, tzinfo=UTC))
    assert not built.is_ok
    # What `mailrail check` does after an edit: compiling succeeds, and says so in the file of the same name.
    (tmp_path / "run_results.json").write_text(results("success"))
    (problem,) = dbt.failed_segments(project)
    assert (problem.id, problem.line, Path(problem.path).name) == ("SEG-BUILD", 3, "seg_broken.sql")


def test_a_build_that_left_no_results_is_refused(tmp_path: Path, monkeypatch) -> None:
    project = dbt.DbtProject(tmp_path, tmp_path, tmp_path)
    (tmp_path / "run_results.json").write_text(results("success"))
    monkeypatch.setattr(dbt, "_dbt", lambda *_, **__: CompletedProcess([], 2, "Runtime Error\n  no profile"))
    with pytest.raises(dbt.ConfigError, match="dbt build did not run: Runtime Error no profile"):
        list(dbt.build(project, tmp_path / "warehouse.duckdb", as_of=datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.dbt
def test_the_clock_reaches_the_models_and_costs_no_new_parse(tmp_path: Path) -> None:
    project = dbt.prepare(Path(__file__).parents[4] / "dbt_project", tmp_path)
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        create_raw_tables(connection)
    compiled = project.target / "run" / "mailrail" / "models" / "marts" / "segments" / "seg_not_opened_90d.sql"
    for day in (11, 12):
        list(dbt.build(project, warehouse, as_of=datetime(2026, 4, day, tzinfo=UTC)))
        assert f"2026-04-{day} 00:00:00" in compiled.read_text()
    log = (project.target / "dbt.log").read_text().rpartition("Running with dbt")[2]
    assert "Unable to do partial parsing" not in log
