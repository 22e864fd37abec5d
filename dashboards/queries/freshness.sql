-- One row: how new the published numbers are and how many there are.
select * from marts.rpt_freshness
