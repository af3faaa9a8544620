"""What an image is to be: definitions as people write them, merged in layers; mistakes are told before anything runs."""
