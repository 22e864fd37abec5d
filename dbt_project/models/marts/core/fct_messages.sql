with messages as (

    select * from {{ ref('int_messages_concluded') }}

),

sends as (

    select * from {{ ref('fct_sends') }}

),

engaged as (

    select * from {{ ref('int_messages_engaged') }}

),

attributed as (

    select * from {{ ref('int_orders_attributed') }}

),

final as (

    select
        messages.message_key,
        messages.send_no,
        sends.send_id,
        sends.campaign,
        coalesce(sends.stream, 'marketing') as stream,
        messages.seq,
        messages.contact_id,
        messages.mailbox_domain,
        messages.variant,
        messages.is_tracked,
        messages.state,
        messages.tries,
        messages.deferrals,
        messages.relay,
        messages.code,
        messages.enhanced_code,
        messages.reply,
        messages.failure_class,
        messages.was_sent,
        messages.was_accepted,
        messages.was_accepted
        and not messages.was_hard_bounced
        and not messages.was_soft_bounced as was_delivered,
        messages.was_hard_bounced,
        messages.was_soft_bounced,
        coalesce(engaged.complaints, 0) > 0 as was_complained,
        coalesce(engaged.unsubscribes, 0) > 0 as was_unsubscribed,
        coalesce(engaged.opens, 0) > 0 as was_opened,
        coalesce(engaged.clicks, 0) > 0 as was_clicked,
        coalesce(engaged.opens, 0) as opens,
        coalesce(engaged.clicks, 0) as clicks,
        coalesce(engaged.machine_opens, 0) as machine_opens,
        coalesce(engaged.machine_clicks, 0) as machine_clicks,
        coalesce(attributed.orders, 0) as orders,
        coalesce(round(attributed.revenue, 2), 0) as revenue,
        messages.first_attempted_at,
        messages.sent_at,
        engaged.first_opened_at,
        engaged.first_clicked_at,
        engaged.unsubscribed_at,
        engaged.complained_at,
        attributed.first_ordered_at,
        {{ seconds_between('messages.sent_at', 'engaged.first_opened_at') }}
            as seconds_to_first_open,
        {{ seconds_between('messages.sent_at', 'engaged.first_clicked_at') }}
            as seconds_to_first_click
    from messages
    left join sends on messages.send_no = sends.send_no
    left join engaged on messages.message_key = engaged.message_key
    left join attributed on messages.message_key = attributed.message_key

)

select * from final
