"""Model calls. `client` is the one implementation of `Llm` (LiteLLM); `prices` reads its price list without it."""
