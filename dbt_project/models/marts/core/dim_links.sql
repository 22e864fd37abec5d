with links as (

    select * from {{ ref('stg_mail__links') }}

),

sends as (

    select * from {{ ref('fct_sends') }}

),

named as (

    select
        links.send_no,
        links.link_no,
        sends.send_id,
        sends.campaign,
        links.url,
        links.label,
        links.role
    from links
    inner join sends on links.send_no = sends.send_no

)

select * from named
