with specimens as (

    select * from {{ ref('stg_mail__specimens') }}

),

sends as (

    select * from {{ ref('fct_sends') }}

),

named as (

    select
        specimens.send_no,
        sends.send_id,
        specimens.subject,
        specimens.html
    from specimens
    inner join sends on specimens.send_no = sends.send_no

)

select * from named
