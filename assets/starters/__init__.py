"""Starters: what a new campaign begins with, one folder each, and the function that writes one.

Add a starter as a folder with the three files of a campaign. What belongs to one shop, its colours or its words,
does not belong here: brand and partials do that.
"""
