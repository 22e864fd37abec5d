-- One row per period that ends today: its numbers, those of the time before it, and the change of each.
select * from marts.rpt_periods
order by place
