-- One row per day of the period: who came, who left and how long the list was in the evening.
select growth.*
from marts.rpt_list_growth as growth
inner join marts.rpt_periods as periods
    on growth.day between periods.starts_on and periods.ends_on
where periods.period = $period
order by growth.day
