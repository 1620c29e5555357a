"""Google's wire formats.

`generate_content` and `generate_content_server` are the two halves of generateContent, `errors` reads error bodies,
`provider` makes models.
"""
