"""From a graph to something that runs: ``function`` is the user's door, ``schedule`` decides which loops
there are, ``memory`` where values live."""
