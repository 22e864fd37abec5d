"""The command line: one module per group of commands, loaded when a command runs.

Add a command to the table in ``main``. What a command does belongs to the packages below.
"""
