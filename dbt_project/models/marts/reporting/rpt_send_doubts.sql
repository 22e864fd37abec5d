with messages as (

    select * from {{ ref('fct_messages') }}

),

doubts as (

    select
        send_id,
        seq,
        contact_id,
        mailbox_domain,
        tries,
        first_attempted_at,
        opens + clicks + machine_opens + machine_clicks as signs_of_arrival
    from messages
    where send_id is not null and state = 'in_doubt'
    qualify row_number() over (partition by send_id order by seq) <= 200

)

select * from doubts
