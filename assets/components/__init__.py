"""The component classes that users instantiate by a ``defs.yaml``: Campaign and Source.

They are re-exported here because ``type: assets.components.Campaign`` names them so. What a component
builds belongs to the stage packages.
"""

from assets.components.campaign import Campaign
from assets.components.source import Source

__all__ = ["Campaign", "Source"]
