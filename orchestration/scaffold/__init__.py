"""What ``mailrail init`` and ``… new`` write: starters of projects and of the things in them.

Add a module here when a new kind of thing is begun from a starter; its text lies in files beside it. What the
things mean belongs to the packages that load them.
"""
