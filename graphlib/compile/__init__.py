"""The user's door: ``function`` and its modes, from a graph to something to call."""
