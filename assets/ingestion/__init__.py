"""From files as they came to validated raw rows, with every reject and its reason.

Add here what reads a source or judges a row. Meaning (one row per person) belongs to dbt.
"""
