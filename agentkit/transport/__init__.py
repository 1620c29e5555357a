"""Bytes to a provider and back: the only part of agentkit that opens connections."""
