"""The datasets: those shipped, the other forms that their loaders read, and what is said of bad files."""
