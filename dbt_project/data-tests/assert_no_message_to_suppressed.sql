-- Nobody who was suppressed when a message was offered may have got it.
select
    messages.message_key,
    messages.send_id,
    suppressions.reason,
    suppressions.event_id
from {{ ref('fct_messages') }} as messages
inner join {{ ref('fct_sends') }} as sends on messages.send_no = sends.send_no
inner join {{ ref('dim_suppressions') }} as suppressions
    on
        messages.contact_id = suppressions.contact_id
        and (suppressions.scope = '' or sends.topic = suppressions.scope)
where
    messages.state in ('accepted', 'in_doubt')
    and coalesce(messages.sent_at, messages.first_attempted_at)
    > suppressions.suppressed_at + interval '{{ var("offer_grace_minutes") }}' minute
