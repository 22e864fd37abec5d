with exclusions as (

    select * from {{ ref('stg_mail__exclusions') }}

),

sends as (

    select * from {{ ref('fct_sends') }}

),

named as (

    select
        exclusions.send_no,
        sends.send_id,
        sends.campaign,
        exclusions.contact_id,
        exclusions.reason,
        exclusions.detail,
        exclusions.event_id,
        exclusions.excluded_at
    from exclusions
    inner join sends on exclusions.send_no = sends.send_no

)

select * from named
