"""The datasets of the tutorials, a folder each: the files, where they come from, and their loader."""


class DataError(ValueError):
    """A data file is missing, damaged or not what was expected; the message names it and says what to do."""


class DataWarning(UserWarning):
    """Part of a data file was mended or left out; the message names it and says what."""
