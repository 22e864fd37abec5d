with messages as (

    select * from {{ ref('fct_messages') }}

),

lights as (

    select * from {{ ref('rpt_provider_lights') }}

),

by_domain as (

    select
        send_no,
        send_id,
        mailbox_domain,
        count(*) as messages,
        count(*) filter (where was_sent) as sends,
        count(*) filter (where was_accepted) as accepted,
        count(*) filter (where was_delivered) as deliveries,
        count(*) filter (where was_hard_bounced) as hard_bounces,
        count(*) filter (where was_soft_bounced) as soft_bounces,
        count(*) filter (where was_complained) as complaints,
        count(*) filter (where was_opened) as unique_opens,
        count(*) filter (where was_clicked) as unique_clicks
    from messages
    where send_id is not null
    group by send_no, send_id, mailbox_domain

),

ranked as (

    select
        *,
        row_number() over (
            partition by send_no order by messages desc, mailbox_domain asc
        ) as size_rank
    from by_domain

),

-- The ten largest domains of a send by name, the rest together.
counted as (

    select
        send_id,
        case when size_rank <= 10 then mailbox_domain else 'other' end as mailbox_domain,
        {% for name in [
            'messages', 'sends', 'accepted', 'deliveries', 'hard_bounces', 'soft_bounces', 'complaints',
            'unique_opens', 'unique_clicks',
        ] %}
            cast(sum({{ name }}) as bigint) as {{ name }},
        {% endfor %}
        min(size_rank) as place
    from ranked
    group by send_id, case when size_rank <= 10 then mailbox_domain else 'other' end

),

rated as (

    select
        *,
        {{ rate('deliveries', 'sends') }} as delivered_share,
        {{ rate('hard_bounces + soft_bounces', 'sends') }} as bounce_rate,
        {{ rate('complaints', 'deliveries') }} as complaint_rate,
        {{ rate('unique_opens', 'deliveries') }} as unique_open_rate,
        {{ rate('unique_clicks', 'deliveries') }} as unique_click_rate
    from counted

),

final as (

    select
        rated.*,
        case
            when rated.sends < lights.fewest then 'few'
            when
                rated.bounce_rate > lights.bounce_act
                or rated.complaint_rate >= lights.complaint_act
                then 'act'
            when
                rated.bounce_rate > lights.bounce_watch
                or rated.complaint_rate >= lights.complaint_watch
                then 'watch'
            else 'healthy'
        end as light
    from rated
    cross join lights

)

select * from final
