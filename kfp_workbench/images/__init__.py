"""From a step's folder to an image's digest."""
