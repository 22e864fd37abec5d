with inbound as (

    select * from {{ ref('stg_mail__inbound') }}

),

reported as (

    select
        event_id,
        inbound_id,
        {{ json_text('body', 'name') }} as name,
        {{ json_text('body', 'email') }} as email,
        {{ json_text('body', 'key') }} as api_key,
        {{ json_part('body', 'properties') }} as properties,
        contact_id,
        occurred_at,
        received_at
    from inbound
    where kind = 'reported'
    qualify row_number() over (partition by event_id order by inbound_id) = 1

)

select * from reported
where name is not null
