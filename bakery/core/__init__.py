"""What every room stands on: one form of error, progress, programs, files written whole, the way to a web server."""
