{% test recent(model, column_name, days) %}
select max({{ column_name }}) as newest
from {{ model }}
having max({{ column_name }}) < {{ as_of() }} - interval '{{ days }}' day
{% endtest %}
