"""Anthropic's wire format.

`messages` and `messages_server` are the two halves of the Messages API, `errors` reads its error bodies, `provider`
makes its models.
"""
