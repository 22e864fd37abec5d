with source as (

    select * from {{ source('mail', 'attempts') }}

),

renamed as (

    select
        source.attempt_id,
        source.message_key,
        source.send_no,
        source.seq,
        source.tries,
        source.state,
        source.relay,
        source.connection,
        nullif(trim(source.code), '') as code,
        nullif(trim(source.enhanced_code), '') as enhanced_code,
        nullif(trim(source.reply), '') as reply,
        coalesce(source.class, '') as failure_class,
        source.at as attempted_at
    from source

)

select * from renamed
