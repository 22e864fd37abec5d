-- One row: everything measured about the send, with what it was made from.
select
    metrics.*,
    sends.audience_hash,
    sends.content_hash,
    sends.published_version,
    sends.git_commit,
    sends.opened_at,
    sends.finished_at
from marts.rpt_send_metrics as metrics
inner join marts.fct_sends as sends on metrics.send_no = sends.send_no
where metrics.send_id = $send_id
