"""Search for inputs on which programs differ, and for the smallest of them."""
