"""Takes all memory, in itself and in what it leaves behind, in the hope that the sandbox is killed instead of it.

Truth: memory_limit
Unboxed: it takes all the memory of the machine
"""


def solve(*args):
    for number in range(3):
        with open(f"/dev/shm/{number}", "wb") as file:
            file.write(b"x" * (20 << 20))
    kept = []
    while True:
        kept.append(bytearray(b"x" * (1 << 20)))
