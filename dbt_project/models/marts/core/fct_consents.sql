with consents as (

    select * from {{ ref('int_consents_stated') }}

),

events as (

    select * from {{ ref('fct_email_events') }}

),

unsubscribes as (

    select
        contact_id,
        scope,
        inbound_id,
        occurred_at,
        coalesce(received_at, occurred_at) as unsubscribed_at
    from events
    where kind = 'unsubscribed' and contact_id is not null

),

stated as (

    select
        contact_id,
        topic,
        consent,
        basis,
        source,
        is_confirmed,
        stated_at,
        expires_at,
        place,
        wording,
        language,
        ip,
        event_id,
        min(inbound_id) as inbound_id
    from consents
    group by
        contact_id,
        topic,
        consent,
        basis,
        source,
        is_confirmed,
        stated_at,
        expires_at,
        place,
        wording,
        language,
        ip,
        event_id

),

-- An unsubscribe ends every older consent to what it is about. Imports and the
-- API never speak against it, whatever date they give; only the person does.
voided as (

    select
        stated.contact_id,
        stated.topic,
        unsubscribes.unsubscribed_at,
        stated.event_id,
        stated.is_confirmed
    from stated
    inner join unsubscribes
        on
            stated.contact_id = unsubscribes.contact_id
            and (unsubscribes.scope = '' or stated.topic = unsubscribes.scope)
    where
        stated.consent = 'granted'
        and (
            not stated.is_confirmed
            or stated.inbound_id <= unsubscribes.inbound_id
            or stated.stated_at < unsubscribes.occurred_at
        )

),

voided_by_person as (

    select
        event_id,
        topic,
        min(unsubscribed_at) as voided_at
    from voided
    where is_confirmed
    group by event_id, topic

),

voided_for_all_others as (

    select
        contact_id,
        topic,
        min(unsubscribed_at) as voided_at
    from voided
    where not is_confirmed
    group by contact_id, topic

),

final as (

    select
        stated.contact_id,
        stated.topic,
        stated.consent,
        stated.basis,
        stated.source,
        stated.is_confirmed,
        stated.stated_at,
        stated.expires_at,
        case
            when stated.is_confirmed then voided_by_person.voided_at
            when stated.consent = 'granted' then voided_for_all_others.voided_at
        end as voided_at,
        stated.place,
        stated.wording,
        stated.language,
        stated.ip,
        stated.event_id
    from stated
    left join voided_by_person
        on
            stated.event_id = voided_by_person.event_id
            and stated.topic = voided_by_person.topic
    left join voided_for_all_others
        on
            stated.contact_id = voided_for_all_others.contact_id
            and stated.topic = voided_for_all_others.topic

)

select * from final
