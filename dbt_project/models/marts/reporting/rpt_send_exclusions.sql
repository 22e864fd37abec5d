with exclusions as (

    select * from {{ ref('fct_exclusions') }}

),

counted as (

    select
        send_id,
        reason,
        count(*) as contacts
    from exclusions
    group by send_id, reason

)

select * from counted
