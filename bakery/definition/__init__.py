"""What an image is to be: definitions as people write them, in layers, their mistakes told before anything runs."""
