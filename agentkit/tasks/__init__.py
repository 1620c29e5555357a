"""The AI APIs beside chat, through the same door: one question, one answer."""
