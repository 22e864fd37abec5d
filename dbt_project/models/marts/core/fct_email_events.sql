{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='event_id',
        on_schema_change='append_new_columns'
    )
}}

with inbound as (

    select *
    from {{ ref('stg_mail__inbound') }}
    where
        kind in (
            'opened', 'clicked', 'viewed', 'unsubscribed', 'bounced', 'soft_bounced', 'complained',
            'suppressed'
        )

),

recipients as (

    select * from {{ ref('stg_mail__recipients') }}

),

sends as (

    select * from {{ ref('stg_mail__sends') }}

),

links as (

    select * from {{ ref('stg_mail__links') }}

),

rules as (

    select * from {{ ref('machine_user_agents') }}

),

{% if is_incremental() %}
    -- Judged again: every event of a message with news (a sweep shows only when
    -- its last click is in), and events whose message was not loaded yet.
    touched as (

        select message_key
        from inbound
        where inbound_id > (select coalesce(max(inbound_id), 0) from {{ this }})

        union

        select message_key
        from {{ this }}
        where contact_id is null or send_id is null

    ),

    pending as (

        select inbound.*
        from inbound
        where
            inbound.inbound_id > (select coalesce(max(inbound_id), 0) from {{ this }})
            or inbound.message_key in (select touched.message_key from touched)

    ),
{% else %}
    pending as (

        select * from inbound

    ),
{% endif %}

distinct_events as (

    select *
    from pending
    qualify row_number() over (partition by event_id order by inbound_id) = 1

),

user_agents as (

    select distinct
        user_agent,
        lower(user_agent) as lowered
    from distinct_events
    where user_agent is not null

),

user_agent_rules as (

    select
        user_agents.user_agent,
        min(rules.rule) as rule
    from user_agents
    inner join rules
        on
            (rules.matching = 'exact' and user_agents.lowered = rules.pattern)
            or (
                rules.matching = 'contains'
                and user_agents.lowered like '%' || rules.pattern || '%'
            )
    group by user_agents.user_agent

),

clicks as (

    select
        message_key,
        send_no,
        link_no,
        user_agent,
        ip,
        occurred_at
    from distinct_events
    where kind = 'clicked' and message_key is not null

),

links_of_send as (

    select
        send_no,
        count(*) as links
    from links
    group by send_no

),

clicked_together as (

    select
        first_clicks.message_key,
        first_clicks.occurred_at,
        max(first_clicks.send_no) as send_no,
        count(distinct later_clicks.link_no) as links
    from clicks as first_clicks
    inner join clicks as later_clicks
        on
            first_clicks.message_key = later_clicks.message_key
            and first_clicks.occurred_at <= later_clicks.occurred_at
            and first_clicks.occurred_at >= later_clicks.occurred_at - interval '1' second
    group by first_clicks.message_key, first_clicks.occurred_at

),

-- Three links within a second, or both of a message that has only two.
sweeps as (

    select
        clicked_together.message_key,
        clicked_together.occurred_at as started_at,
        clicked_together.occurred_at + interval '1' second as ended_at
    from clicked_together
    left join links_of_send on clicked_together.send_no = links_of_send.send_no
    where
        clicked_together.links
        >= case when links_of_send.links = 2 then 2 else 3 end

),

swept_clicks as (

    select distinct
        clicks.message_key,
        clicks.occurred_at
    from clicks
    inner join sweeps
        on
            clicks.message_key = sweeps.message_key
            and clicks.occurred_at >= sweeps.started_at
            and clicks.occurred_at <= sweeps.ended_at

),

-- Who swept, and around when: images fetched by the same client in the same
-- breath are not a person's either.
sweepers as (

    select
        clicks.message_key,
        coalesce(clicks.user_agent, '') as user_agent,
        coalesce(clicks.ip, '') as ip,
        min(clicks.occurred_at) - interval '1' second as started_at,
        max(clicks.occurred_at) + interval '1' second as ended_at
    from clicks
    inner join swept_clicks
        on
            clicks.message_key = swept_clicks.message_key
            and clicks.occurred_at = swept_clicks.occurred_at
    group by
        clicks.message_key, coalesce(clicks.user_agent, ''), coalesce(clicks.ip, '')

),

swept_opens as (

    select distinct distinct_events.event_id
    from distinct_events
    inner join sweepers
        on
            distinct_events.message_key = sweepers.message_key
            and coalesce(distinct_events.user_agent, '') = sweepers.user_agent
            and coalesce(distinct_events.ip, '') = sweepers.ip
            and distinct_events.occurred_at >= sweepers.started_at
            and distinct_events.occurred_at <= sweepers.ended_at
    where distinct_events.kind in ('opened', 'viewed')

),

judged as (

    select
        distinct_events.*,
        case
            when distinct_events.kind not in ('opened', 'clicked', 'viewed') then ''
            when distinct_events.method = 'HEAD' then 'head_request'
            when distinct_events.user_agent is null then 'empty_user_agent'
            when user_agent_rules.rule is not null then user_agent_rules.rule
            when
                distinct_events.kind = 'clicked'
                and swept_clicks.message_key is not null
                then 'sweep'
            when swept_opens.event_id is not null then 'sweep_open'
            else ''
        end as machine_rule
    from distinct_events
    left join user_agent_rules on distinct_events.user_agent = user_agent_rules.user_agent
    left join swept_clicks
        on
            distinct_events.message_key = swept_clicks.message_key
            and distinct_events.occurred_at = swept_clicks.occurred_at
    left join swept_opens on distinct_events.event_id = swept_opens.event_id

),

final as (

    select
        judged.event_id,
        judged.inbound_id,
        judged.message_key,
        judged.send_no,
        sends.send_id,
        sends.campaign,
        judged.seq,
        judged.kind,
        coalesce(judged.contact_id, recipients.contact_id) as contact_id,
        judged.scope,
        judged.link_no,
        judged.url,
        judged.user_agent,
        judged.ip,
        judged.method,
        judged.failure,
        judged.code,
        judged.detail,
        judged.machine_rule != '' as is_machine,
        judged.machine_rule,
        judged.occurred_at,
        judged.received_at
    from judged
    left join recipients on judged.message_key = recipients.message_key
    left join sends on judged.send_no = sends.send_no

)

select * from final
