-- One row per day of the period, by the day a send was due; none where nothing was sent yet.
select daily.*
from marts.rpt_daily as daily
inner join marts.rpt_periods as periods
    on daily.day between periods.starts_on and periods.ends_on
where periods.period = $period
order by daily.day
