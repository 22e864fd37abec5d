"""Lets our own processes start each other with the same Python: ``python -m orchestration.cli``."""

from orchestration.cli.main import main

main()
