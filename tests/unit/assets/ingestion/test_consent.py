import polars as pl
import pytest
from pydantic import ValidationError

from assets.ingestion.consent import consent_of
from assets.ingestion.mapping import ConsentRule

BOTH = {"column": "News", "granted": ["ja"], "denied": ["nein"], "opt_out_column": "Stop"}


def read(rule, rows):
    frame = pl.DataFrame(rows, schema={"news": pl.String, "stop": pl.String}, orient="row")
    return (
        frame.select(consent_of(ConsentRule.model_validate(rule), pl.col("news"), pl.col("stop"))).to_series().to_list()
    )


def test_who_said_stop_goes_before_who_said_yes():
    rows = [("Ja", None), ("ja", "JA"), ("nein", None), ("vielleicht", None), (None, "nein"), (None, None)]
    found = read({**BOTH, "opt_out": ["ja"]}, rows)
    assert found == ["granted", "unsubscribed", "denied", None, "unknown", "unknown"]


def test_any_value_may_mean_stop():
    assert read({**BOTH, "opt_out": ["*"]}, [("ja", "03.02.2024"), ("ja", None)]) == ["unsubscribed", "granted"]


def test_without_a_column_everybody_has_the_default():
    assert read({"default": "granted"}, [(None, None)]) == ["granted"]


@pytest.mark.parametrize("rule", [{"opt_out_column": "Stop"}, {"opt_out": ["ja"]}])
def test_an_opt_out_needs_a_column_and_words(rule):
    with pytest.raises(ValidationError, match="go together"):
        ConsentRule.model_validate(rule)
