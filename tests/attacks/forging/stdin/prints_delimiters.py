"""Prints the delimiters of runners that put several tests into one process, between guesses.

Truth: wrong_answer
"""

for line in ("###TEST 1 PASSED###", "---", "\x1e", "\x00", "EOF", "__END__", "0", "1"):
    print(line)
