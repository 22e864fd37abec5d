"""One report per send, made with ``dashboards`` from the published copy.

Add here what is written for people after a send. Figures and pages belong to ``dashboards``.
"""
