"""The keys that tests hand to agentkit."""
KEY = "sk-canary-key-0123456789"
