"""Charts: one module per subject, one function per chart, from a frame to a Plotly figure.

Add a chart here when a page needs it. Numbers come in as frames; layout of pages does not belong here.
"""
