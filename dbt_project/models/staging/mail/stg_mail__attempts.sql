with source as (

    select * from {{ source('mail', 'attempts') }}

),

renamed as (

    select
        attempt_id,
        message_key,
        send_no,
        seq,
        tries,
        state,
        relay,
        connection,
        nullif(trim(code), '') as code,
        nullif(trim(enhanced_code), '') as enhanced_code,
        nullif(trim(reply), '') as reply,
        coalesce(source.class, '') as failure_class,
        source.at as attempted_at
    from source

)

select * from renamed
