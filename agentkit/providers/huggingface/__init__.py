"""Hugging Face: its own tasks beside chat, which its router serves at paths of their own."""
