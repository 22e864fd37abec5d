with exclusions as (

    select * from {{ ref('fct_exclusions') }}

),

sends as (

    select * from {{ ref('fct_sends') }}

),

counted as (

    select
        send_no,
        send_id,
        reason,
        count(*) as contacts
    from exclusions
    group by send_no, send_id, reason

),

placed as (

    select
        *,
        row_number() over (partition by send_no order by contacts desc, reason asc) as place
    from counted

),

shared as (

    select
        placed.send_id,
        placed.reason,
        placed.place,
        placed.contacts,
        {{ rate('placed.contacts', 'sends.included') }} as share,
        cast(
            sends.included
            - sum(placed.contacts) over (
                partition by placed.send_no
                order by placed.place
                rows between unbounded preceding and current row
            ) as bigint
        ) as remaining
    from placed
    inner join sends on placed.send_no = sends.send_no

)

select * from shared
