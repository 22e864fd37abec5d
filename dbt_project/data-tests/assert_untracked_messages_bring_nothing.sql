-- A message to somebody who gave no consent to tracking carries neither pixel nor link of its own.
{{ config(severity='warn') }}

select
    messages.message_key,
    messages.send_id,
    events.kind,
    events.event_id
from {{ ref('fct_email_events') }} as events
inner join {{ ref('fct_messages') }} as messages on events.message_key = messages.message_key
where events.kind in ('opened', 'clicked') and not messages.is_tracked
