"""Microsoft's cloud: Azure OpenAI, Azure AI Foundry, and the services beside their models.

`addresses` finds where a deployment is, `access` with what it is asked, `foundry` makes the models of Foundry. `tasks`
makes what classifies and transcribes: `language`, `content_safety`, `fast_transcription` and `batch_transcriptions`.
`batches` makes many of these, by `language_batches` and `transcription_batches`.
"""

from __future__ import annotations
