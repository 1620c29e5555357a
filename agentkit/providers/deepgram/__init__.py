"""Deepgram: speech to text."""
