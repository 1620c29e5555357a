"""Microsoft's cloud: Azure OpenAI and Azure AI Foundry.

`addresses` finds where a deployment is, `access` with what it is asked, `foundry` makes the models of Foundry.
"""

from __future__ import annotations
