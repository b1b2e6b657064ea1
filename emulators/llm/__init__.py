"""The demo model: an OpenAI-compatible server whose answers are quotes, always labelled as no LLM."""
