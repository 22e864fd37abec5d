with links as (

    select * from {{ ref('dim_links') }}

),

events as (

    select * from {{ ref('fct_email_events') }}

),

clicked as (

    select
        send_no,
        link_no,
        count(*) filter (where not is_machine) as clicks,
        count(distinct case when not is_machine then message_key end) as unique_clicks,
        count(*) filter (where is_machine) as machine_clicks
    from events
    where kind = 'clicked'
    group by send_no, link_no

),

counted as (

    select
        links.send_id,
        links.link_no,
        links.label,
        links.url,
        links.role,
        coalesce(clicked.clicks, 0) as clicks,
        coalesce(clicked.unique_clicks, 0) as unique_clicks,
        coalesce(clicked.machine_clicks, 0) as machine_clicks
    from links
    left join clicked
        on links.send_no = clicked.send_no and links.link_no = clicked.link_no

),

compared as (

    select
        *,
        sum(unique_clicks) over (partition by send_id) as all_unique_clicks,
        max(unique_clicks) over (partition by send_id) as most_unique_clicks
    from counted

),

final as (

    select
        send_id,
        link_no,
        label,
        url,
        role,
        clicks,
        unique_clicks,
        machine_clicks,
        {{ rate('unique_clicks', 'all_unique_clicks') }} as share,
        {{ rate('unique_clicks', 'most_unique_clicks') }} as of_largest
    from compared

)

select * from final
