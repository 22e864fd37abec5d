{% macro send_counts() -%}
    {{ return([
        'messages', 'accepted', 'sends', 'deliveries', 'hard_bounces', 'soft_bounces', 'bounces', 'complaints',
        'unsubscribes', 'opens', 'unique_opens', 'machine_opens', 'clicks', 'unique_clicks', 'machine_clicks',
        'conversions', 'orders', 'revenue',
    ]) }}
{%- endmacro %}

{% macro send_ratios() -%}
    {{ return({
        'delivery_rate': ['deliveries', 'sends'],
        'bounce_rate': ['bounces', 'sends'],
        'unique_open_rate': ['unique_opens', 'deliveries'],
        'unique_click_rate': ['unique_clicks', 'deliveries'],
        'click_to_open_rate': ['unique_clicks', 'unique_opens'],
        'complaint_rate': ['complaints', 'deliveries'],
        'unsubscribe_rate': ['unsubscribes', 'deliveries'],
        'conversion_rate': ['conversions', 'deliveries'],
        'revenue_per_delivery': ['revenue', 'deliveries'],
    }) }}
{%- endmacro %}
