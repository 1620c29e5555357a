"""Policies: Models that wrap a Model. Each is one cross-cutting behaviour, and no switch on Agent."""
