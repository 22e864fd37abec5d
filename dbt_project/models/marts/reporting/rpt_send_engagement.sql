{% set counts = [
    'accepted', 'opens', 'machine_opens', 'clicks', 'machine_clicks', 'unsubscribes',
] %}

with hourly as (

    select * from {{ ref('rpt_send_hourly') }}

),

numbers as (

    select cast(series.generated_number as integer) - 1 as number
    from ({{ dbt.default__generate_series(16384) }}) as series

),

spans as (

    select
        send_id,
        min(hour) as first_hour,
        max(hour) as last_hour,
        max(hour) > min(hour) + interval '14' day as is_long
    from hourly
    group by send_id

),

-- Hours, or days where the story is longer than two weeks.
buckets as (

    select
        send_id,
        'hour' as bucket,
        first_hour as first_at,
        last_hour as last_at
    from spans
    where not is_long

    union all

    select
        send_id,
        'day' as bucket,
        cast(date_trunc('day', first_hour) as timestamp) as first_at,
        last_hour as last_at
    from spans
    where is_long

),

numbered as (

    select
        buckets.send_id,
        buckets.bucket,
        buckets.last_at,
        case
            when buckets.bucket = 'day'
                then {{ dbt.dateadd('day', 'numbers.number', 'buckets.first_at') }}
            else {{ dbt.dateadd('hour', 'numbers.number', 'buckets.first_at') }}
        end as starts_at
    from buckets
    cross join numbers

),

bounded as (

    select
        send_id,
        bucket,
        starts_at,
        case
            when bucket = 'day' then {{ dbt.dateadd('day', 1, 'starts_at') }}
            else {{ dbt.dateadd('hour', 1, 'starts_at') }}
        end as ends_at
    from numbered
    where starts_at <= last_at

),

counted as (

    select
        bounded.send_id,
        {% for name in counts %}
            cast(coalesce(sum(hourly.{{ name }}), 0) as bigint) as {{ name }},
        {% endfor %}
        bounded.starts_at,
        bounded.ends_at,
        bounded.bucket
    from bounded
    left join hourly
        on
            bounded.send_id = hourly.send_id
            and bounded.starts_at <= hourly.hour
            and bounded.ends_at > hourly.hour
    group by bounded.send_id, bounded.starts_at, bounded.ends_at, bounded.bucket

),

final as (

    select
        *,
        opens + machine_opens as all_opens
    from counted

)

select * from final
