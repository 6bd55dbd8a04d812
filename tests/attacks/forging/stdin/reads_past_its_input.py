"""Reads its input again, past its end and before its beginning, for what else the grader keeps in that file.

Truth: wrong_answer
"""

import os

for whence in (os.SEEK_SET, os.SEEK_END):
    try:
        os.lseek(0, 0, whence)
        os.write(1, os.read(0, 1 << 20))
        os.write(1, os.pread(0, 1 << 20, os.fstat(0).st_size))
    except OSError as error:
        print(error.errno)
