"""The settings of consent: what the law of the place asks before opens and clicks are followed.

``settings`` puts them into its tree; add a setting here, with a description, when places differ in what they ask. Who
is tracked is judged in ``assets.audiences``, where the pixel goes belongs to rendering.
"""

from typing import Literal

from pydantic import BaseModel, Field


class TrackingSettings(BaseModel, extra="forbid"):
    """Whether opens and clicks are followed, ``[tracking]``."""

    enabled: bool = Field(
        True, description="false: no pixel and no links of one's own in any mail, and no open or click is stored."
    )
    default: Literal["consent", "notice"] = Field(
        "consent",
        description="consent: only of people who said yes; notice: of everybody who did not say no, where that is law.",
    )
