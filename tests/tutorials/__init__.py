"""The tutorials: their models, and the training loop, command line and pictures that they share."""
