{% macro rate(numerator, denominator) -%}
    case when {{ denominator }} > 0 then round(cast({{ numerator }} as double) / cast({{ denominator }} as double), 6) end
{%- endmacro %}
