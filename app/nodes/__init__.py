"""Node types: one module each, listed in `catalog`. Pure: they reach the world only through their context."""
