import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from senders.collector import viewchild
from senders.collector.viewer import ViewJob

MANIFEST = {"shards": [{"file": "a", "first_seq": 1, "rows": 2}, {"file": "b", "first_seq": 3, "rows": 1}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    for name in ("a", "b"):
        (tmp_path / name).touch()
    return tmp_path


def job(folder: Path, reader: str = "missing_module:read") -> ViewJob:
    return ViewJob(reader, str(folder), 1, "https://x.example", 1, "s", "c", "t", "", 1, "00" * 32, "00" * 32)


def test_the_shard_is_found_by_its_range(folder: Path) -> None:
    assert [viewchild.find_shard(folder, seq) for seq in range(5)] == [
        None,
        folder / "a",
        folder / "a",
        folder / "b",
        None,
    ]


def test_a_shard_that_was_removed_is_none(folder: Path) -> None:
    (folder / "b").unlink()
    assert viewchild.find_shard(folder, 3) is None
    assert viewchild.find_shard(folder / "nowhere", 3) is None


def test_files_that_are_gone_need_no_reader(folder: Path) -> None:
    assert viewchild.render_view(job(folder)) == {"gone": "files"}


def test_a_fault_is_an_answer(folder: Path) -> None:
    (folder / "template.json").write_text("{}")
    answer = viewchild.answer_job(json.dumps(asdict(job(folder))))
    assert answer["error"].startswith("ModuleNotFoundError")
    assert "error" in viewchild.answer_job("no json")


def test_it_answers_line_by_line_until_the_input_ends(folder: Path, monkeypatch) -> None:
    answers = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asdict(job(folder))) + "\n{}\n"))
    monkeypatch.setattr(sys, "stdout", answers)
    viewchild.main()
    first, second = answers.getvalue().splitlines()
    assert json.loads(first) == {"gone": "files"}
    assert "error" in json.loads(second)
