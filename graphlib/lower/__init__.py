"""From a rewritten graph to lengths and scalar expressions: what is computed, not yet where or when."""
