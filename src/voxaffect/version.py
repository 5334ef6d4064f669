"""The version of this program, by which saved recognizers and results are known."""

__version__ = "0.1.0"
