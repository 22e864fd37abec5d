with source as (

    select * from {{ source('mail', 'exclusions') }}

),

renamed as (

    select
        source.send_no,
        source.contact_id,
        source.reason,
        nullif(trim(source.detail), '') as detail,
        nullif(trim(source.event_id), '') as event_id,
        source.at as excluded_at
    from source

)

select * from renamed
