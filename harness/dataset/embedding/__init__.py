"""What a sentence means, as a vector: the nearer two point, the more alike their sentences."""
