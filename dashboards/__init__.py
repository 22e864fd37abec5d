"""Reading: queries on public marts, figures, and the pages and terminal views made of them.

Add here what people look at. What a number means is decided in ``dbt_project``; nothing here computes one
anew, writes, or knows how a message is sent.
"""
