{% set moves = ['new_contacts', 'unsubscribed_out', 'hard_bounced_out', 'complained_out'] %}

with contacts as (

    select * from {{ ref('dim_contacts') }}

),

loaded as (

    select * from {{ ref('int_contacts_loaded') }}

),

suppressions as (

    select * from {{ ref('dim_suppressions') }}

),

events as (

    select * from {{ ref('fct_email_events') }}

),

numbers as (

    select cast(series.generated_number as integer) - 1 as number
    from ({{ dbt.default__generate_series(16384) }}) as series

),

-- Nobody comes after today, whatever date a source gives.
known as (

    select
        contacts.contact_id,
        contacts.consent,
        least(
            cast(
                coalesce(
                    contacts.created_at,
                    loaded.first_loaded_at,
                    contacts.updated_at,
                    {{ as_of() }}
                ) as date
            ),
            cast({{ as_of() }} as date)
        ) as known_on
    from contacts
    left join loaded on contacts.contact_id = loaded.contact_id

),

-- A contact leaves once, by the first thing that speaks against writing to it,
-- on the day it happened; a source may tell it much later.
gone as (

    select
        known.consent,
        suppressions.reason,
        greatest(
            known.known_on,
            least(cast(events.occurred_at as date), cast({{ as_of() }} as date))
        ) as gone_on
    from known
    inner join suppressions on known.contact_id = suppressions.contact_id
    inner join events on suppressions.event_id = events.event_id
    qualify
        row_number() over (
            partition by known.contact_id
            order by
                events.occurred_at asc,
                suppressions.scope asc,
                suppressions.reason asc
        ) = 1

),

moves as (

    select
        known_on as day,
        1 as new_contacts,
        0 as unsubscribed_out,
        0 as hard_bounced_out,
        0 as complained_out,
        case when consent = 'granted' then 1 else 0 end as mailable
    from known

    union all

    select
        gone_on as day,
        0 as new_contacts,
        case when reason in ('unsubscribed', 'imported') then 1 else 0 end as unsubscribed_out,
        case when reason in ('bounced', 'soft_bounced') then 1 else 0 end as hard_bounced_out,
        case when reason = 'complained' then 1 else 0 end as complained_out,
        case when consent = 'granted' then -1 else 0 end as mailable
    from gone

),

moved as (

    select
        day,
        {% for name in moves %}
            sum({{ name }}) as {{ name }},
        {% endfor %}
        sum(mailable) as mailable
    from moves
    group by day

),

days as (

    select
        cast({{ dbt.dateadd('day', '-numbers.number', as_of()) }} as date) as day
    from numbers
    where numbers.number <= {{ var('growth_days') }}

),

span as (

    select min(day) as first_day
    from moved

),

shown as (

    select days.day
    from days
    inner join span on days.day >= span.first_day

),

-- What came before the first day shown is in its totals, not in its moves.
before as (

    select
        {% for name in moves %}
            coalesce(sum({{ name }}), 0) as {{ name }},
        {% endfor %}
        coalesce(sum(mailable), 0) as mailable
    from moved
    where day < (select min(shown.day) from shown)

),

daily as (

    select
        shown.day,
        {% for name in moves %}
            coalesce(moved.{{ name }}, 0) as {{ name }},
        {% endfor %}
        coalesce(moved.mailable, 0) as mailable
    from shown
    left join moved on shown.day = moved.day

),

counted as (

    select
        daily.day,
        {% for name in moves %}
            daily.{{ name }},
        {% endfor %}
        daily.unsubscribed_out + daily.hard_bounced_out + daily.complained_out as gone,
        before.new_contacts + sum(daily.new_contacts) over (
            order by daily.day rows between unbounded preceding and current row
        ) as contacts,
        before.unsubscribed_out + before.hard_bounced_out + before.complained_out + sum(
            daily.unsubscribed_out + daily.hard_bounced_out + daily.complained_out
        ) over (
            order by daily.day rows between unbounded preceding and current row
        ) as all_gone,
        before.mailable + sum(daily.mailable) over (
            order by daily.day rows between unbounded preceding and current row
        ) as mailable
    from daily
    cross join before

),

final as (

    select
        day,
        {% for name in moves %}
            cast({{ name }} as bigint) as {{ name }},
        {% endfor %}
        cast(gone as bigint) as gone,
        cast(new_contacts - gone as bigint) as net_growth,
        cast(contacts as bigint) as contacts,
        cast(contacts - all_gone as bigint) as list_size,
        cast(mailable as bigint) as mailable
    from counted

)

select * from final
