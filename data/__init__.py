"""The datasets that the tutorials learn from, a folder each: the files, where they come from, and their loader."""


class DataError(ValueError):
    """A data file is missing, damaged or another one than expected; the message names it and says what to do."""
