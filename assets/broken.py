"""A definition that cannot be loaded, shown as one asset with a failing check.

So one broken file never stops the others (ARCHITECTURE, Settled). What is wrong is found by the loaders;
here it is only shown.
"""

import dagster as dg

from assets.stages import BROKEN, DATA_TEAM
from senders.errors import Problem

CHECK = "definition_is_valid"
_RULE = "The definition's file can be read and all of it is right; the result names file, line and remedy."


def build_broken(kind: str, name: str, problems: list[Problem]) -> dg.Definitions:
    """Return an asset ``<kind>/<name>`` that cannot be materialized, and a check that says why.

    Args:
        kind: ``campaigns`` or ``sources``.
        name: the folder's name.
        problems: what is wrong, with file, line and remedy.
    """
    key = dg.AssetKey([kind, name])
    spec = dg.AssetSpec(
        key,
        group_name=BROKEN,
        kinds={"yaml"},
        owners=DATA_TEAM,
        description="This definition cannot be loaded:\n\n" + "\n".join(f"- {problem}" for problem in problems),
    )

    @dg.asset_check(asset=key, name=CHECK, description=_RULE)
    def definition_is_valid() -> dg.AssetCheckResult:
        first = problems[0]
        return dg.AssetCheckResult(
            passed=False,
            metadata={
                "file": first.path,
                "line": first.line,
                "problem": first.message,
                "remedy": first.remedy,
                "all": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in problems)),
            },
        )

    return dg.Definitions(assets=[spec], asset_checks=[definition_is_valid])
