"""The data sets: a folder each with its loader, and the readers of files that they share."""


class DataError(ValueError):
    """A data file is missing, damaged or not what was expected; the message names it and says what to do."""


class DataWarning(UserWarning):
    """Part of a data file was mended or left out; the message names it and says what."""
