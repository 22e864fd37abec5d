with messages as (

    select * from {{ ref('fct_messages') }}

),

domains as (

    select
        send_no,
        mailbox_domain,
        row_number() over (
            partition by send_no order by count(*) desc, mailbox_domain asc
        ) as place
    from messages
    group by send_no, mailbox_domain

),

-- The ten largest domains of a send by name, the rest together.
grouped as (

    select
        messages.*,
        case when domains.place <= 10 then messages.mailbox_domain else 'other' end as provider
    from messages
    inner join domains
        on
            messages.send_no = domains.send_no
            and messages.mailbox_domain = domains.mailbox_domain

),

counted as (

    select
        send_id,
        provider as mailbox_domain,
        count(*) as messages,
        count(*) filter (where was_accepted) as accepted,
        count(*) filter (where was_delivered) as deliveries,
        count(*) filter (where was_hard_bounced) as hard_bounces,
        count(*) filter (where was_soft_bounced) as soft_bounces,
        count(*) filter (where was_complained) as complaints,
        count(*) filter (where was_opened) as unique_opens,
        count(*) filter (where was_clicked) as unique_clicks
    from grouped
    where send_id is not null
    group by send_id, provider

)

select * from counted
