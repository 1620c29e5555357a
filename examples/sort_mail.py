"""Sort mail by what it wants, and answer it from notes that are near it: classification and embeddings.

    python examples/sort_mail.py

For real models set their key and name them:
AGENTKIT_MODEL=openai:gpt-6-luna EMBEDDING_MODEL=openai:text-embedding-3-small python examples/sort_mail.py
"""

from __future__ import annotations

import os

from agentkit import classify_sync, embed_sync

MAILS = [
    "Where is my delivery? It should have come on Monday.",
    "I want a refund for the broken scale.",
    "One other thing: do you open on Sundays?",
]
LABELS = {
    "delivery": "where a parcel is, and when it comes",
    "refund": "somebody wants money back",
    "other": "anything else",
}
NOTES = [
    "A delivery takes three days; parcels that should have come on Monday come on Wednesday.",
    "A refund for something broken is paid within a week.",
    "We are open on weekdays and on Sundays from nine to noon.",
]


def likeness(one: list[float], other: list[float]) -> float:
    """How near two vectors are: 1 for the same, 0 for strangers."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def main() -> None:
    """Classify the mails, then find the note that is nearest to each."""
    sorted_mails = classify_sync(os.environ.get("AGENTKIT_MODEL", "offline:"), MAILS, labels=LABELS)
    embedder = os.environ.get("EMBEDDING_MODEL", "offline:")
    notes = embed_sync(embedder, NOTES, purpose="document")
    questions = embed_sync(embedder, MAILS, purpose="query")
    for mail, found, question in zip(MAILS, sorted_mails, questions, strict=True):
        near = max(range(len(NOTES)), key=lambda place: likeness(list(notes[place]), list(question)))
        print(f"{found.label}: {mail}\n    {NOTES[near]}")
    print(f"to sort them: {sorted_mails.usage}; to find the notes: {questions.usage + notes.usage}")


if __name__ == "__main__":
    main()
