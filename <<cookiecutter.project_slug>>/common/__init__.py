"""Code shared by all steps, copied into every image; standard library only."""
