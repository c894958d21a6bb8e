"""graphlib.nn: the training loop and what is around it, layers, losses, optimisers."""
