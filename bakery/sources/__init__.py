"""Where packages come from: archives and vendors, asked before a machine starts whether they have what is wanted."""

__all__ = ["apt", "index", "movers", "packages", "preflight", "vendors", "version"]
