with source as (

    select * from {{ source('mail', 'exclusions') }}

),

renamed as (

    select
        send_no,
        contact_id,
        reason,
        nullif(trim(detail), '') as detail,
        nullif(trim(event_id), '') as event_id,
        source.at as excluded_at
    from source

)

select * from renamed
