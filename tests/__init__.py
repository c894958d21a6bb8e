"""The tests: of graphlib through its public names, of the data sets and of the tutorials."""
