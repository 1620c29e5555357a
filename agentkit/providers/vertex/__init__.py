"""Vertex AI, Google's cloud: Gemini, Claude and open models, each in the format of its maker."""

from __future__ import annotations
