"""OpenAI's wire formats, and those of the many servers that speak them.

`chat` and `chat_server` are the two halves of Chat Completions, `responses` and `responses_server` those of the
Responses API, `errors` reads the error bodies of the whole family.
"""
