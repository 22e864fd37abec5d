"""The mail edge: what leaves for a recipient and what comes back.

Add here what renders, sends, records or receives mail. Plain Python: no Dagster, no warehouse, no data
frames; what reads an audience file is passed in by name.
"""
