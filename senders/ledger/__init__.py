"""The little that must be right this second: what was offered to the relay, and who must not be written to.

Add here what has to be decided or remembered in the same transaction as an offer, an unsubscribe or a
lease. Facts and history belong to the warehouse, rendering and wires to their own packages.
"""
