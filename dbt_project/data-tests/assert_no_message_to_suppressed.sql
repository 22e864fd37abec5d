-- Nobody who was suppressed when a message was offered may have got it. Who left everything and came back to a topic
-- by a confirmed consent gets what is about that topic.
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
left join {{ ref('fct_consents') }} as consents
    on
        messages.contact_id = consents.contact_id
        and sends.topic = consents.topic
        and consents.is_confirmed
        and consents.stated_at >= suppressions.suppressed_at
        and (consents.voided_at is null or consents.voided_at > messages.sent_at)
        and suppressions.scope = ''
        and not suppressions.is_firm
where
    messages.stream = 'marketing'
    and messages.state in ('accepted', 'in_doubt')
    and coalesce(messages.sent_at, messages.first_attempted_at)
    > suppressions.suppressed_at + interval '{{ var("offer_grace_minutes") }}' minute
    and consents.contact_id is null
