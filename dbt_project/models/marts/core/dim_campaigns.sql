with sends as (

    select * from {{ ref('fct_sends') }}

),

campaigns as (

    select
        campaign,
        max_by(topic, send_no) as topic,
        count(*) as sends,
        min(scheduled_at) as first_scheduled_at,
        max(scheduled_at) as last_scheduled_at,
        max_by(send_id, send_no) as last_send_id
    from sends
    group by campaign

)

select * from campaigns
