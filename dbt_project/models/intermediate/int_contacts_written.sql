{% set fields = ['first_name', 'last_name', 'country', 'city', 'locale', 'tracking_consent'] %}

with inbound as (

    select * from {{ ref('stg_mail__inbound') }}

),

-- A form's fields stand below "fields", the API's beside the address.
written as (

    select
        inbound_id,
        contact_id,
        {{ json_text('body', 'email') }} as email,
        {% for name in fields %}
            coalesce(
                {{ json_said('body', name) }}, {{ json_said('body', 'fields.' ~ name) }}
            ) as {{ name }},
        {% endfor %}
        {{ json_time('body', 'created_at') }} as created_at,
        case
            when kind = 'upserted' or {{ json_text('body', 'source') }} like 'api:%' then 'api'
            else 'forms'
        end as source,
        occurred_at,
        received_at
    from inbound
    where kind in ('upserted', 'subscribed') and contact_id is not null
    qualify row_number() over (partition by event_id order by inbound_id) = 1

),

placed as (

    select
        *,
        row_number() over (
            partition by contact_id, source order by occurred_at, inbound_id
        ) as place
    from written

),

-- The last writer wins, field by field: what is not said stays as it was, an
-- empty text takes away.
merged as (

    select
        contact_id,
        source,
        max_by(email, place) filter (where email is not null) as email,
        {% for name in fields %}
            nullif(trim(max_by({{ name }}, place) filter (where {{ name }} is not null)), '')
                as {{ name }},
        {% endfor %}
        min(coalesce(created_at, occurred_at)) as created_at,
        max(occurred_at) as updated_at,
        max(received_at) as loaded_at
    from placed
    group by contact_id, source

),

final as (

    select
        contact_id,
        source,
        email,
        first_name,
        last_name,
        country,
        city,
        locale,
        try_cast(tracking_consent as boolean) as tracking_consent,
        created_at,
        updated_at,
        loaded_at
    from merged
    where email is not null

)

select * from final
