"""Fuzzing of our own surface: whatever crosses a border is made of whatever bytes, numbers and objects there are."""
