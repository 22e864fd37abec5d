-- One row per hour from the first to the last thing that happened, empty hours included; per day where
-- that is more than two weeks.
with happened as (

    select * from marts.rpt_send_hourly
    where send_id = $send_id

),

span as (

    select
        min(hour) as first_hour,
        max(hour) as last_hour,
        case
            when max(hour) - min(hour) > interval '14' day then 'day'
            else 'hour'
        end as bucket
    from happened

),

buckets as (

    select
        bucket,
        unnest(generate_series(
            date_trunc(bucket, first_hour),
            last_hour,
            case when bucket = 'day' then interval '1' day else interval '1' hour end
        )) as start
    from span
    where first_hour is not null

)

select
    buckets.start,
    buckets.start
    + case when buckets.bucket = 'day' then interval '1' day else interval '1' hour end as ends,
    buckets.bucket,
    cast(coalesce(sum(happened.accepted), 0) as bigint) as accepted,
    cast(coalesce(sum(happened.opens), 0) as bigint) as opens,
    cast(coalesce(sum(happened.machine_opens), 0) as bigint) as machine_opens,
    cast(coalesce(sum(happened.opens + happened.machine_opens), 0) as bigint) as all_opens,
    cast(coalesce(sum(happened.clicks), 0) as bigint) as clicks,
    cast(coalesce(sum(happened.machine_clicks), 0) as bigint) as machine_clicks,
    cast(coalesce(sum(happened.unsubscribes), 0) as bigint) as unsubscribes
from buckets
left join happened on buckets.start = date_trunc(buckets.bucket, happened.hour)
group by buckets.start, buckets.bucket
order by buckets.start
