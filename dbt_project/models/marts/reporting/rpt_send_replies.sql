with messages as (

    select * from {{ ref('fct_messages') }}

),

counted as (

    select
        send_id,
        state,
        coalesce(enhanced_code, code, '') as code,
        count(*) as messages,
        min(coalesce(reply, '')) as reply
    from messages
    where send_id is not null and state in ('refused', 'expired', 'deferred')
    group by send_id, state, coalesce(enhanced_code, code, '')

),

placed as (

    select
        send_id,
        row_number() over (
            partition by send_id order by messages desc, state asc, code asc
        ) as place,
        state,
        code,
        messages,
        reply
    from counted

)

select * from placed
where place <= 20
