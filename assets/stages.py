"""The groups of assets in the Dagster UI, numbered in the order of the loop, and who owns what nobody claims.

Add a group here when the loop gets another stage. Which assets stand in it is said by the assets themselves.
"""

BROKEN = "0_broken"
SOURCES = "1_sources"
RAW = "2_raw"
STAGING = "3_staging"
MARTS = "4_marts"
SEGMENTS = "5_segments"
REPORTING = "6_reporting"

DATA_TEAM = ["team:data"]
MARKETING_TEAM = ["team:marketing"]


def campaign_group(name: str) -> str:
    """Return the group of a campaign: one for all its assets."""
    return f"7_{name}"
