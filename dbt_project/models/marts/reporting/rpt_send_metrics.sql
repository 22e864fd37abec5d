with sends as (

    -- The outbox opens a send for each batch of requests: nobody compares those.
    select * from {{ ref('fct_sends') }}
    where coalesce(topic, '') not like 'transactional.%'

),

messages as (

    select * from {{ ref('fct_messages') }}

),

exclusions as (

    select * from {{ ref('fct_exclusions') }}

),

counted as (

    select
        send_no,
        count(*) as messages,
        count(*) filter (where state = 'queued') as queued,
        count(*) filter (where state = 'offered') as offered,
        count(*) filter (where state = 'deferred') as deferred,
        count(*) filter (where state = 'accepted') as accepted,
        count(*) filter (where state = 'refused') as refused,
        count(*) filter (where state = 'suppressed') as suppressed,
        count(*) filter (where state = 'expired') as expired,
        count(*) filter (where state = 'cancelled') as cancelled,
        count(*) filter (where state = 'in_doubt') as in_doubt,
        count(*) filter (where was_sent) as sends,
        count(*) filter (where was_delivered) as deliveries,
        sum(deferrals) as deferrals,
        count(*) filter (where was_hard_bounced) as hard_bounces,
        count(*) filter (where was_soft_bounced) as soft_bounces,
        count(*) filter (where was_complained) as complaints,
        count(*) filter (where was_unsubscribed) as unsubscribes,
        sum(opens) as opens,
        count(*) filter (where was_opened) as unique_opens,
        sum(machine_opens) as machine_opens,
        sum(clicks) as clicks,
        count(*) filter (where was_clicked) as unique_clicks,
        sum(machine_clicks) as machine_clicks,
        count(*) filter (where orders > 0) as conversions,
        sum(orders) as orders,
        sum(revenue) as revenue
    from messages
    group by send_no

),

left_out as (

    select
        send_no,
        count(*) as excluded
    from exclusions
    group by send_no

),

totals as (

    select
        sends.send_no,
        sends.send_id,
        sends.campaign,
        sends.topic,
        sends.scheduled_at,
        sends.state,
        coalesce(sends.included, 0) as included,
        coalesce(left_out.excluded, 0) as excluded,
        coalesce(sends.audience_rows, 0) as audience,
        {% for name in [
            'messages', 'queued', 'offered', 'deferred', 'accepted', 'refused', 'suppressed', 'expired',
            'cancelled', 'in_doubt', 'sends', 'deliveries', 'deferrals', 'hard_bounces', 'soft_bounces',
            'complaints', 'unsubscribes', 'opens', 'unique_opens', 'machine_opens', 'clicks',
            'unique_clicks', 'machine_clicks', 'conversions', 'orders',
        ] %}
            cast(coalesce(counted.{{ name }}, 0) as bigint) as {{ name }},
        {% endfor %}
        cast(coalesce(counted.hard_bounces + counted.soft_bounces, 0) as bigint) as bounces,
        coalesce(round(counted.revenue, 2), 0) as revenue,
        {{ seconds_between('sends.opened_at', 'sends.finished_at') }} as seconds_taken
    from sends
    left join counted on sends.send_no = counted.send_no
    left join left_out on sends.send_no = left_out.send_no

),

final as (

    select
        {% for name, (numerator, denominator) in send_ratios().items() %}
            {{ rate(numerator, denominator) }} as {{ name }},
        {% endfor %}
        *
    from totals

)

select * from final
