"""Pages: queries and figures put together for one purpose, as one self-contained HTML file.

Add a page here when people ask a new question. Charts belong to ``figures``, shared machinery to ``render``.
"""
