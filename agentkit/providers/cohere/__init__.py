"""Cohere's own formats, beside the Chat Completions that it imitates."""
