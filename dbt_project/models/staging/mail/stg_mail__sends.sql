with source as (

    select * from {{ source('mail', 'sends') }}

),

renamed as (

    select
        send_no,
        send_id,
        campaign,
        nullif(trim(topic), '') as topic,
        coalesce(stream, 'marketing') as stream,
        state,
        audience_hash,
        content_hash,
        template_hash,
        published_version,
        git_commit,
        audience_rows,
        included,
        scheduled_at,
        opened_at,
        finished_at
    from source

)

select * from renamed
