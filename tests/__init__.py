"""The tests: of graphlib through its public names, of the data and of the tutorials."""
