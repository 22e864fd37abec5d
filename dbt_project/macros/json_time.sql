{% macro json_time(document, key) -%}
    cast(try_cast({{ json_text(document, key) }} as timestamp with time zone) as timestamp)
{%- endmacro %}
