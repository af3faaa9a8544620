"""What every room stands on: errors in one form, progress, programs, files written whole, and the way to a web server."""
