with inbound as (

    select * from {{ ref('stg_mail__inbound') }}

),

distinct_events as (

    select *
    from inbound
    where
        contact_id is not null
        and kind in ('preferred', 'subscribed', 'unsubscribed')
        and (kind = 'preferred' or scope != '')
    qualify row_number() over (partition by event_id order by inbound_id) = 1

),

-- Who subscribes to a topic or leaves it has chosen that, too.
choices as (

    select
        contact_id,
        case
            when kind = 'preferred' then {{ json_text('body', 'name') }} else 'topic:' || scope
        end as name,
        case kind
            when 'preferred' then coalesce({{ json_text('body', 'value') }}, '')
            when 'subscribed' then 'yes'
            else 'no'
        end as value,
        occurred_at as preferred_at,
        event_id,
        inbound_id
    from distinct_events

),

newest as (

    select
        contact_id,
        name,
        value,
        preferred_at,
        event_id
    from choices
    where name is not null
    qualify
        row_number() over (
            partition by contact_id, name order by preferred_at desc, inbound_id desc
        ) = 1

)

select * from newest
