with source as (

    select * from {{ source('mail', 'inbound') }}

),

renamed as (

    select
        inbound_id,
        event_id,
        kind,
        nullif(message_key, 0) as message_key,
        nullif(send_no, 0) as send_no,
        nullif(seq, 0) as seq,
        nullif(link_no, 0) as link_no,
        nullif(contact_id, '') as contact_id,
        coalesce(scope, '') as scope,
        nullif(trim(url), '') as url,
        nullif(trim(user_agent), '') as user_agent,
        nullif(trim(ip), '') as ip,
        upper(method) as method,
        nullif(trim(failure), '') as failure,
        nullif(trim(code), '') as code,
        nullif(trim(detail), '') as detail,
        {{ valid_json('body') }} as body,
        body is not null and {{ valid_json('body') }} is null as has_unreadable_body,
        coalesce(record_version, 1) as record_version,
        occurred_at,
        received_at
    from source

)

select * from renamed
