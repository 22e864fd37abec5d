"""What exists: every data asset, its checks, the component classes, and the folders that users own.

One package per stage of the loop. Dagster stands only in ``assets.py``, ``checks.py``, ``resources.py``,
``partitions.py`` and ``components``; all else is plain functions on frames and files.
"""
