"""The command line: strings in, package calls out, one result on stdout; all talk is on stderr."""

__all__ = []
