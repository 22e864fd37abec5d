with sends as (

    select * from {{ ref('stg_mail__sends') }}

),

final as (

    select
        send_no,
        send_id,
        campaign,
        topic,
        stream,
        state,
        audience_rows,
        included,
        audience_hash,
        content_hash,
        template_hash,
        published_version,
        git_commit,
        scheduled_at,
        opened_at,
        finished_at
    from sends

)

select * from final
