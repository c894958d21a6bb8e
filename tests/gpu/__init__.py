"""What is to be done on the day a GPU is lent: see run.sh."""
