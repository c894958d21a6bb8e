"""Searches for the options of a run file: many trainings, on one machine's processes or on Dask.

A search file is a run file with a section `search`, which says what is tried for which keys, and how:

    search:
      method: {random: 20}
      parameters:
        optimizer.adam.learning_rate: {log: [1e-4, 1e-1]}
        model.0.dense.units: {int: [20, 200]}

`space` has the ranges, `methods` the ways of choosing, `section` the section, `trials` what a trial is and
what it leaves, `engines` where trials run, and `study` puts them together. docs/searches.md shows all of it.
"""
