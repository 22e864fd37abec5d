import json
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from assets.warehouse import dbt

SEGMENT = "model.mailrail.seg_broken"
NODES = {SEGMENT: {"name": "seg_broken", "original_file_path": "models/marts/segments/seg_broken.sql"}}


def results(status: str) -> str:
    row = {"unique_id": SEGMENT, "status": status, "execution_time": 0.1, "message": "LINE 3: no", "failures": None}
    return json.dumps({"results": [row]})


def test_a_failed_segment_stays_failed_when_the_project_is_parsed_again(tmp_path: Path, monkeypatch) -> None:
    project = dbt.DbtProject(tmp_path / "dbt_project", tmp_path / "dbt_project", tmp_path)
    project.manifest_path.write_text(json.dumps({"nodes": NODES}))

    def run(*_) -> CompletedProcess[str]:
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
    monkeypatch.setattr(dbt, "_dbt", lambda *_: CompletedProcess([], 2, "Runtime Error\n  no profile"))
    with pytest.raises(dbt.ConfigError, match="dbt build did not run: Runtime Error no profile"):
        list(dbt.build(project, tmp_path / "warehouse.duckdb", as_of=datetime(2026, 1, 1, tzinfo=UTC)))
