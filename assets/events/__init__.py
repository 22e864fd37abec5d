"""From the ledger back into raw tables, exactly once.

Add here what copies what came back. Classification belongs to dbt.
"""
