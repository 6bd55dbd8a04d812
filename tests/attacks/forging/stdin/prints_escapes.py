"""Prints terminal escapes that wipe the line and write "accepted" over whatever comes.

Truth: wrong_answer
"""

print("\x1b[2J\x1b[H\x1b]0;accepted\x07\x9b8m\r" + input() + "\b" * 80 + "accepted\x1b[8m")
