{% macro bucket(key, buckets) -%}
    {{ return(adapter.dispatch('bucket')(key, buckets)) }}
{%- endmacro %}

{% macro default__bucket(key, buckets) -%}
    cast(cast('0x' || substr(md5({{ key }}), 1, 8) as bigint) % {{ buckets }} as integer)
{%- endmacro %}

{% macro spark__bucket(key, buckets) -%}
    cast(cast(conv(substr(md5({{ key }}), 1, 8), 16, 10) as bigint) % {{ buckets }} as integer)
{%- endmacro %}
