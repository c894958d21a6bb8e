"""From scalar expressions to a finished plan: what is computed in which loops, in which order, and where.

``schedule.py`` makes steps of values (``steps.py``) and puts them in order, ``nests.py`` says what is
computed in which loop of one, ``indices.py`` where indices are checked, ``memory.py`` what shares memory.
``planning.py`` takes the decisions that are left, for C with ``cpu.py``, for a device with ``gpu``, in terms
of ``arrays.py`` (``translation.py``), and hands over a ``plan.py``: kernels in the language of
``statements.py``, which ``builder.py`` makes of expressions.  ``verify.py`` proves of a plan what renderers
rely on, ``show.py`` writes it for a person.
"""
