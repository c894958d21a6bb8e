"""From scalar expressions to a finished plan: what is computed in which loops, in which order, and where."""
