"""What ``mailrail doctor`` looks at: one small check for each thing that can be wrong with an installation.

Add a check to the module of its subject and to the list in ``rounds``. A check reads and never mends: what to run
stands in its remedy.
"""
