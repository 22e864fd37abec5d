{% set periods = [('7d', 7), ('30d', 30), ('90d', 90), ('365d', 365), ('all', none)] %}
{% set counts = ['campaign_sends'] + send_counts() %}
{% set moves = [
    'new_contacts', 'unsubscribed_out', 'hard_bounced_out', 'complained_out', 'gone', 'net_growth',
] %}
{% set stocks = ['contacts', 'list_size', 'mailable'] %}
{% set rates = send_ratios().keys() | list + ['list_growth_rate', 'churn_rate'] %}

with sends as (

    select
        campaign,
        cast(coalesce(scheduled_at, {{ as_of() }}) as date) as day
    from {{ ref('fct_sends') }}
    where coalesce(topic, '') not like 'transactional.%'

),

daily as (

    select * from {{ ref('rpt_daily') }}

),

growth as (

    select * from {{ ref('rpt_list_growth') }}

),

first_days as (

    select min(day) as day
    from (
        select day from daily
        union all
        select day from growth
    ) as days

),

periods as (

    {% for period, days in periods %}
        select
            '{{ period }}' as period,
            {{ loop.index }} as place,
            {% if days %}
                cast({{ dbt.dateadd('day', 1 - days, as_of()) }} as date) as starts_on,
                cast({{ dbt.dateadd('day', 1 - 2 * days, as_of()) }} as date) as before_starts_on,
            {% else %}
                coalesce(first_days.day, cast({{ as_of() }} as date)) as starts_on,
                cast(null as date) as before_starts_on,
            {% endif %}
            cast({{ as_of() }} as date) as ends_on
        from first_days
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Sums of the period, and of as many days before it; messages are counted, each
-- once, so that they add up over sends and days.
sent as (

    select
        {% for name in counts %}
            sum(case when daily.day >= periods.starts_on then daily.{{ name }} end) as {{ name }},
            sum(case when daily.day < periods.starts_on then daily.{{ name }} end)
                as {{ name }}_before,
        {% endfor %}
        periods.period
    from periods
    inner join daily
        on
            periods.ends_on >= daily.day
            and coalesce(periods.before_starts_on, periods.starts_on) <= daily.day
    group by periods.period

),

campaigned as (

    select
        periods.period,
        count(distinct case when sends.day >= periods.starts_on then sends.campaign end)
            as campaigns,
        count(distinct case when sends.day < periods.starts_on then sends.campaign end)
            as campaigns_before
    from periods
    inner join sends
        on
            periods.ends_on >= sends.day
            and coalesce(periods.before_starts_on, periods.starts_on) <= sends.day
    group by periods.period

),

grown as (

    select
        {% for name in moves %}
            sum(case when growth.day >= periods.starts_on then growth.{{ name }} end) as {{ name }},
            sum(
                case
                    when
                        growth.day < periods.starts_on
                        and growth.day >= periods.before_starts_on
                        then growth.{{ name }}
                end
            ) as {{ name }}_before,
        {% endfor %}
        {% for name in stocks %}
            max_by(growth.{{ name }}, growth.day) as {{ name }},
            max_by(growth.{{ name }}, growth.day)
            filter (where growth.day < periods.starts_on) as {{ name }}_before,
        {% endfor %}
        periods.period
    from periods
    inner join growth on periods.ends_on >= growth.day
    group by periods.period

),

-- Nothing lies before the whole time.
totals as (

    select
        {% for name in ['campaigns'] + counts + moves + stocks %}
            {% set kind = 'double' if name == 'revenue' else 'bigint' %}
            cast(coalesce({{ name }}, 0) as {{ kind }}) as {{ name }},
            cast(
                case
                    when periods.before_starts_on is not null then coalesce({{ name }}_before, 0)
                end as {{ kind }}
            ) as {{ name }}_before,
        {% endfor %}
        periods.period,
        periods.place,
        periods.starts_on,
        periods.ends_on,
        periods.before_starts_on
    from periods
    left join sent on periods.period = sent.period
    left join campaigned on periods.period = campaigned.period
    left join grown on periods.period = grown.period

),

rated as (

    select
        {% for name, (numerator, denominator) in send_ratios().items() %}
            {{ rate(numerator, denominator) }} as {{ name }},
            {{ rate(numerator ~ '_before', denominator ~ '_before') }} as {{ name }}_before,
        {% endfor %}
        {% for name, moved in [('list_growth_rate', 'net_growth'), ('churn_rate', 'gone')] %}
            {{ rate(moved, 'list_size_before') }} as {{ name }},
            {{ rate(moved ~ '_before', 'list_size_before - net_growth_before') }}
                as {{ name }}_before,
        {% endfor %}
        *
    from totals

),

final as (

    select
        {% for name in ['campaigns'] + counts + moves + stocks %}
            {{ rate(name ~ ' - ' ~ name ~ '_before', name ~ '_before') }} as {{ name }}_change,
        {% endfor %}
        {% for name in rates %}
            round({{ name }} - {{ name }}_before, 6) as {{ name }}_change,
        {% endfor %}
        *
    from rated

)

select * from final
