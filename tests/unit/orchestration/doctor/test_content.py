import json
from pathlib import Path

import pytest

from assets.warehouse import dbt
from orchestration.doctor import content
from orchestration.doctor.content import check_dbt, check_definitions, check_templates

CAMPAIGN = """\
type: assets.components.Campaign
attributes:
  title: News
  topic: news
  sender: {sender}
  audience: {{include: [seg_all]}}
"""
TEMPLATE = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello. <a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ brand.postal_address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def project(case) -> Path:
    folder = case.settings.project
    (folder / "dbt_project").mkdir()
    (folder / "dbt_project" / "dbt_project.yml").write_text("name: shop")
    return folder


def campaign(project: Path, name: str = "news", sender: str = "shop") -> Path:
    folder = project / "assets" / "campaigns" / name
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(CAMPAIGN.format(sender=sender))
    (folder / "template.mjml").write_text(TEMPLATE)
    (folder / "subject.txt.j2").write_text("News")
    shared = project / "assets" / "templates"
    shared.mkdir(exist_ok=True)
    (shared / "brand.yaml").write_text(
        "name: Shop\npostal_address: Shop, Street 1, 12345 City\nhome_url: https://shop.example\n"
    )
    return folder


def parse(case, *, failed: bool = False) -> None:
    """Leave behind what a parse leaves."""
    source = case.settings.project / "dbt_project"
    target = case.home / "dbt" / "target"
    target.mkdir(parents=True, exist_ok=True)
    node = {"name": "seg_all", "resource_type": "model", "description": "", "original_file_path": "seg_all.sql"}
    (target / "manifest.json").write_text(json.dumps({"nodes": {"model.shop.seg_all": node}}))
    result = {"unique_id": "model.shop.seg_all", "status": "error" if failed else "success", "message": "no"}
    (target / "build_results.json").write_text(json.dumps({"results": [result]}))
    stamp = {"fingerprint": dbt._fingerprint(source), "folder": str(source), "broken": []}
    (case.home / "dbt" / "parsed.json").write_text(json.dumps(stamp))


def test_dbt_that_was_never_parsed_is_not_parsed_now(case, project):
    assert "changed since it was parsed" in check_dbt(case).found
    assert not (case.home / "dbt").exists()


def test_dbt_parsed_and_a_segment_that_was_not_built(case, project):
    parse(case)
    assert "1 segment, none failed" in check_dbt(case).found
    parse(case, failed=True)
    assert (check_dbt(case).state, "1 not built: seg_all" in check_dbt(case).found) == ("fail", True)


def test_a_damaged_manifest_and_a_missing_project(case, project):
    parse(case)
    (case.home / "dbt" / "target" / "manifest.json").write_text("{")
    assert (check_dbt(case).state, check_dbt(case).remedy.endswith("mailrail check")) == ("fail", True)
    (project / "dbt_project" / "dbt_project.yml").unlink()
    (project / "dbt_project").rmdir()
    assert check_dbt(case).remedy == "mailrail init DIR"


def test_definitions_are_counted_and_the_first_problem_is_placed(case, project):
    assert check_definitions(case).found == "0 campaigns · 0 sources · no problem"
    campaign(project)
    assert check_definitions(case).state != "fail"
    campaign(project, "lost", sender="nobody")
    found = check_definitions(case)
    assert (found.state, found.remedy) == ("fail", "mailrail check")
    assert "1 error: assets/campaigns/lost/defs.yaml:5 CAMPAIGN-SENDER" in found.found


def test_templates(case, project, monkeypatch):
    assert check_templates(case).found == "none yet"
    folder = campaign(project)
    assert check_templates(case).found.startswith("1 compiled · largest ")
    monkeypatch.setattr(content, "CLIPPED_AT", 100)
    assert (check_templates(case).state, "Gmail cuts it off" in check_templates(case).found) == ("warn", True)
    (folder / "template.mjml").write_text("<mjml>")
    assert (check_templates(case).state, check_templates(case).found) == ("fail", "news cannot be used")
