"""From a campaign's template and one row of its audience to the bytes of one message.

Templates are compiled once (`template`), rendered per recipient (`renderer`) and packed by hand (`mime`,
`headers`, `dkim`). Add here what shapes a message; who gets it and how it travels belong elsewhere.
"""
