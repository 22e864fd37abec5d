"""The public door: what recipients, providers and programs ask over HTTP, durable before the answer.

Add here what a recipient's client or mailbox provider may call. The collector works without the warehouse and
decides nothing about what it stores: human or machine is told in dbt.
"""
