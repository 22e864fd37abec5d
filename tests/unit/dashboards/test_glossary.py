import re
from pathlib import Path

from dashboards.glossary import LIGHTS, OUTCOMES, REASONS, RULES, STAGES, WAITING, term

ROOT = Path(__file__).parents[3]


def test_every_state_of_a_message_has_a_name():
    states = re.findall(r'^    [A-Z_]+ = "([a-z_]+)"$', (ROOT / "senders" / "message.py").read_text(), re.M)
    assert len(states) == 9
    assert set(states) == set(OUTCOMES) | set(WAITING)


def test_every_rule_of_the_marts_has_a_name():
    sql = (ROOT / "dbt_project" / "models" / "marts" / "core" / "fct_email_events.sql").read_text()
    seed = (ROOT / "dbt_project" / "seeds" / "machine_user_agents.csv").read_text().splitlines()[1:]
    named = set(re.findall(r"then '([a-z_]+)'", sql)) | {line.rsplit(",", 1)[1] for line in seed}
    assert named
    assert named <= set(RULES)


def test_meanings_are_one_clause():
    for terms in (OUTCOMES, WAITING, STAGES, REASONS, RULES, LIGHTS):
        for entry in terms.values():
            assert entry.name[0].isupper()
            assert entry.meaning
            assert not entry.meaning.endswith(".")


def test_an_unknown_code_is_shown_as_it_stands():
    assert term(REASONS, "moon_phase") == ("Moon phase", "")
    assert term(REASONS, None).name == "Not named"
