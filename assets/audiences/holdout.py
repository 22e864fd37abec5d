"""Who is held out of a campaign: a stable share of people, drawn anew for each campaign.

The draw is a hash of contact and campaign, so that the same people stay out of all its sends and nobody has to be
remembered. Add other ways to draw people here; what a holdout shows belongs to the marts.
"""

_RANGE = 1 << 32


def holdout_condition(contact: str, share: float, parameter: str) -> str:
    """Return the SQL condition that holds for the people held out.

    Args:
        contact: the SQL of the contact id.
        share: from 0 to below 1.
        parameter: name of the query parameter that holds the campaign.
    """
    if share <= 0:
        return "false"
    # md5, as in dbt's bucket macro: the same on every engine (SCALE.md §4).
    drawn = f"cast('0x' || substr(md5({contact} || ':' || ${parameter}), 1, 8) as bigint)"
    return f"{drawn} < {int(share * _RANGE)}"
