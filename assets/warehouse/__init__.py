"""The warehouse: raw tables that Python writes, the dbt models over them, and the published copy that readers open.

Add a module here when it concerns the warehouse file itself: its raw schema, its connection, its publication.
What a table means belongs to ``dbt_project``; who fills it belongs to the stage that fills it.
"""
