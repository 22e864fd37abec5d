-- One row per send with all counts and rates, of those that the filters let pass; null lets everything pass.
-- The reader adds the order and the page.
select * from marts.rpt_send_metrics
where
    ($campaign is null or campaign = $campaign)
    and ($topic is null or topic = $topic)
    and ($state is null or state = $state)
    and ($first_day is null or scheduled_at >= $first_day)
    and ($last_day is null or cast(scheduled_at as date) <= $last_day)
    and (
        $search is null
        or contains(lower(send_id || ' ' || coalesce(topic, '')), lower(replace($search, ' ', '_')))
    )
