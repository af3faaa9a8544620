"""What an image is to be: definitions as people write them, merged in layers, with every mistake told before anything runs."""
