"""The scalar language that operations lower to: one element of an output as a function of its index.

``integer`` has index arithmetic as polynomials in normal form, ``expression`` typed scalar expressions,
``lowered`` what an operation's ``lower`` may return.  Knows no graph, no backend.
"""
