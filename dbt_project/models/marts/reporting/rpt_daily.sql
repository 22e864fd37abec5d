with sends as (

    select
        *,
        cast(coalesce(scheduled_at, {{ as_of() }}) as date) as day
    from {{ ref('rpt_send_metrics') }}

),

numbers as (

    select cast(series.generated_number as integer) - 1 as number
    from ({{ dbt.default__generate_series(16384) }}) as series

),

span as (

    select
        min(day) as first_day,
        greatest(max(day), cast({{ as_of() }} as date)) as last_day
    from sends

),

-- Every day from the first send to today, also those without any.
days as (

    select cast({{ dbt.dateadd('day', 'numbers.number', 'span.first_day') }} as date) as day
    from span
    cross join numbers
    where {{ dbt.dateadd('day', 'numbers.number', 'span.first_day') }} <= span.last_day

),

summed as (

    select
        days.day,
        count(sends.send_no) as campaign_sends,
        {% for name in send_counts() if name != 'revenue' %}
            cast(coalesce(sum(sends.{{ name }}), 0) as bigint) as {{ name }},
        {% endfor %}
        coalesce(round(sum(sends.revenue), 2), 0) as revenue
    from days
    left join sends on days.day = sends.day
    group by days.day

),

rated as (

    select
        {% for name, (numerator, denominator) in send_ratios().items() %}
            {{ rate(numerator, denominator) }} as {{ name }},
        {% endfor %}
        *
    from summed

)

select * from rated
