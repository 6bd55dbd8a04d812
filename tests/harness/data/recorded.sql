BEGIN TRANSACTION;
CREATE TABLE requests (
    key text primary key, model text not null, messages text not null, parameters text not null,
    count integer not null, seed integer not null
) without rowid;
INSERT INTO "requests" VALUES('089a336a3b9ecafa024db4697233cd6317683d4f16d135990795f2d4ef29eecb','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You write test inputs for Python programs. You answer with JSON alone.","role":"system"},{"content":"This Python code defines the function `transpose`:\n\n```python\ndef transpose(m):return [list(r) for r in zip(*m)]\n```\n\nWrite calls of `transpose` as JSON: {\"inputs\": [...]}. Each input is the list of the arguments, 1 in number.","role":"user"},{"content":"{\"inputs\": [[[[1, 2, 3], [4, 5, 6]]], [[]], [[[7]]], [[[7, 8, 9], [10, 11, 12]]], [[[13, 14, 15], [16, 17, 18]]]]}","role":"assistant"},{"content":"Right.\nWrite 1 new inputs: each is one of the right ones with some of its values changed, and with as many values in as many lines.","role":"user"}]','{"max_tokens":400,"schema":{"additionalProperties":false,"properties":{"inputs":{"items":{"maxItems":1,"minItems":1,"prefixItems":[{"items":{"items":{"type":"integer"},"type":"array"},"type":"array"}],"type":"array"},"maxItems":1,"minItems":1,"type":"array"}},"required":["inputs"],"type":"object"},"temperature":0.7,"top_p":0.95}',1,962168769);
INSERT INTO "requests" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You document Python functions. You answer with one ```python block: the whole code again, its steps unchanged, with types, a docstring and comments.","role":"system"},{"content":"```python\nfrom math import *\ndef g(a,k):\n    r=[]\n    for x in a:\n        if x%k<1:r.append(floor(sqrt(x)))\n    return r[::-1]\n```","role":"user"},{"content":"```python\nfrom math import floor, sqrt\n\n\ndef g(a: list[int], k: int) -> list[int]:\n    \"\"\"Return the roots of the multiples of k, rounded down, in reverse order.\"\"\"\n    r = []\n    for x in a:\n        if x % k < 1:  # a multiple of k\n            r.append(floor(sqrt(x)))\n    return r[::-1]\n```","role":"assistant"},{"content":"```python\ndef transpose(m):return [list(r) for r in zip(*m)]\n```","role":"user"}]','{"max_tokens":400,"schema":null,"temperature":0.3,"top_p":0.95}',8,1503549488);
INSERT INTO "requests" VALUES('51b98b2d76511eb2089863b938f4038a810c9e3253bd4fc398a7427a881e9862','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You write the task that a piece of code solves. You answer with one line: `Instruction:`, then what is given and what has to be computed, so that somebody who does not see the code can write it.","role":"system"},{"content":"```python\ndef g(a: list[int], k: int) -> list[int]:\n    return [x for x in a if x % k < 1][::-1]\n```\n\n`g([1, 2, 3, 4], 2)` returns `[4, 2]`","role":"user"},{"content":"Instruction: Write a function `g(a, k)` that takes a list of integers and a positive integer. It returns the list of those integers that are divisible by k, in reverse order.","role":"assistant"},{"content":"```python\ndef transpose(m):\n    \"\"\"Return the transpose of a matrix.\"\"\"\n    return [list(r) for r in zip(*m)]\n```\n\n`transpose([[1, 2, 3], [4, 5, 6]])` returns `[[1, 4], [2, 5], [3, 6]]`","role":"user"}]','{"max_tokens":120,"schema":null,"temperature":0.3,"top_p":0.95}',2,1185858546);
INSERT INTO "requests" VALUES('8ac91f42e05a9fcfa120ce923fa2b734bb59a0ff84988ab780e2cb5f29a75897','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You write test inputs for Python programs. You answer with JSON alone.","role":"system"},{"content":"This Python program reads its standard input:\n\n```python\nn=int(input())\na=list(map(int,input().split()))\nprint(sum(x for x in a if x%2),sum(x&1 for x in a))\n```\n\nWrite inputs for it as JSON: {\"inputs\": [...]}. Each input is a string: all that the program reads, with `\\n` at the end of each line. Where a number says how many items follow, as many follow.","role":"user"},{"content":"{\"inputs\": [\"5\\n1 2 3 4 5\\n\", \"1\\n0\\n\", \"0\\n\\n\", \"1\\n1\\n\"]}","role":"assistant"},{"content":"Right.\nNo input so far shows these mistakes in the code:\n\nline 3: `2` in place of `x % 2`\nline 3: `-x % 2` in place of `x % 2`\nline 3: `x | 1` in place of `x & 1`\n\nWrite 4 new inputs: each is one of the right ones with some of its values changed, and with as many values in as many lines.","role":"user"}]','{"max_tokens":400,"schema":{"additionalProperties":false,"properties":{"inputs":{"items":{"pattern":"^(5\\n[1-5] [1-5] [1-5] [1-5] [1-5]\\n|1\\n[0-1]\\n|[0-9]\\n\\n|1\\n[1-9]\\n)$","type":"string"},"maxItems":4,"minItems":4,"type":"array"}},"required":["inputs"],"type":"object"},"temperature":1.3,"top_p":1.0}',1,1182938825);
INSERT INTO "requests" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You document Python programs. You answer with one ```python block: the same program in a function `main` with a docstring and comments. Its steps stay the same; names become better.","role":"system"},{"content":"```python\nn, k = map(int, input().split())\nprint(*[x for x in map(int, input().split()) if x % k < 1][::-1])\n```\n\nInput:\n4 2\n1 2 3 4\nOutput:\n4 2","role":"user"},{"content":"```python\ndef main() -> None:\n    \"\"\"Read n, k and n numbers, and print the numbers divisible by k in reverse order.\"\"\"\n    n, k = map(int, input().split())\n    numbers = map(int, input().split())\n    print(*[x for x in numbers if x % k < 1][::-1])\n\n\nmain()\n```","role":"assistant"},{"content":"```python\nfrom math import *\nt=int(input())\nfor _ in range(t):\n    s=input()\n    b=0\n    for c in s:\n        if c==''x'':b+=1\n        else:b=0\n    print(''No'' if b>2 else floor(sqrt(b)))\n```\n\nInput:\n2\naxx\nxxxx\nOutput:\n1\nNo","role":"user"},{"content":"```python\nfrom math import floor, sqrt\n\n\ndef main() -> None:\n    \"\"\"For each of t texts, print the root of how many letters x stand at its end, or No if there are more than two.\"\"\"\n    t = int(input())\n    for _ in range(t):\n        s = input()\n        run = 0  # of letters x that end here\n        for c in s:\n            if c == ''x'':\n                run += 1\n            else:\n                run = 0\n        print(''No'' if run > 2 else floor(sqrt(run)))\n\n\nmain()\n```","role":"assistant"},{"content":"```python\nn=int(input())\na=list(map(int,input().split()))\nprint(sum(x for x in a if x%2),sum(x&1 for x in a))\n```\n\nInput:\n5\n1 2 3 4 5\n\nOutput:\n9 3","role":"user"}]','{"max_tokens":400,"schema":null,"temperature":0.3,"top_p":0.95}',8,691118801);
INSERT INTO "requests" VALUES('bff02ed50479ba61815dde8dc577c8862068a1100f27bb2cc34a05045f609576','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You write test inputs for Python programs. You answer with JSON alone.","role":"system"},{"content":"This Python program reads its standard input:\n\n```python\nn=int(input())\na=list(map(int,input().split()))\nprint(sum(x for x in a if x%2),sum(x&1 for x in a))\n```\n\nWrite inputs for it as JSON: {\"inputs\": [...]}. Each input is a string: all that the program reads, with `\\n` at the end of each line. Where a number says how many items follow, as many follow.","role":"user"},{"content":"{\"inputs\": [\"5\\n1 2 3 4 5\\n\", \"1\\n0\\n\", \"0\\n\\n\"]}","role":"assistant"},{"content":"Right.\nWrite 5 new inputs: each is one of the right ones with some of its values changed, and with as many values in as many lines.","role":"user"}]','{"max_tokens":400,"schema":{"additionalProperties":false,"properties":{"inputs":{"items":{"pattern":"^(5\\n[1-5] [1-5] [1-5] [1-5] [1-5]\\n|1\\n[0-1]\\n|[0-9]\\n\\n)$","type":"string"},"maxItems":5,"minItems":5,"type":"array"}},"required":["inputs"],"type":"object"},"temperature":1.3,"top_p":1.0}',1,1305782174);
INSERT INTO "requests" VALUES('dc52fb1f921b79fbd73d050c0eef7ea7c498f25f72d29a361170496a8f9ae019','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You write the task that a piece of code solves. You answer with one line: `Instruction:`, then what is given and what has to be computed, so that somebody who does not see the code can write it.","role":"system"},{"content":"```python\ndef main() -> None:\n    n, k = map(int, input().split())\n    a = list(map(int, input().split()))\n    print(*[x for x in a if x % k < 1][::-1])\n\n\nmain()\n```\n\nInput:\n4 2\n1 2 3 4\nOutput:\n4 2","role":"user"},{"content":"Instruction: Write a program that reads two integers n and k from the first line and n integers from the second line. It prints those integers that are divisible by k, in reverse order, separated by spaces.","role":"assistant"},{"content":"```python\ndef main() -> None:\n    \"\"\"Sum of even and odd numbers in a list.\"\"\"\n    n = int(input())\n    a = list(map(int, input().split()))\n    print(sum(x for x in a if x % 2), sum(x & 1 for x in a))\n\n\nmain()\n```\n\nInput:\n5\n1 2 3 4 5\n\nOutput:\n9 3","role":"user"}]','{"max_tokens":120,"schema":null,"temperature":0.3,"top_p":0.95}',2,40149703);
INSERT INTO "requests" VALUES('dca55382279189a539a259900a3515850273e7923e1615bae25e185e30d80af6','gguf:qwen2.5-coder-0.5b-instruct-q4:1d9614638d18','[{"content":"You write test inputs for Python programs. You answer with JSON alone.","role":"system"},{"content":"This Python code defines the function `transpose`:\n\n```python\ndef transpose(m):return [list(r) for r in zip(*m)]\n```\n\nWrite calls of `transpose` as JSON: {\"inputs\": [...]}. Each input is the list of the arguments, 1 in number.","role":"user"},{"content":"{\"inputs\": [[[[1, 2, 3], [4, 5, 6]]], [[]], [[[7]]]]}","role":"assistant"},{"content":"Right.\nWrite 5 new inputs: each is one of the right ones with some of its values changed, and with as many values in as many lines.","role":"user"}]','{"max_tokens":400,"schema":{"additionalProperties":false,"properties":{"inputs":{"items":{"maxItems":1,"minItems":1,"prefixItems":[{"items":{"items":{"type":"integer"},"type":"array"},"type":"array"}],"type":"array"},"maxItems":5,"minItems":5,"type":"array"}},"required":["inputs"],"type":"object"},"temperature":0.7,"top_p":0.95}',1,1018778223);
CREATE TABLE texts (
    key text not null, place integer not null, content text not null, finish text not null, tokens integer,
    primary key (key, place)
) without rowid;
INSERT INTO "texts" VALUES('089a336a3b9ecafa024db4697233cd6317683d4f16d135990795f2d4ef29eecb',0,'{"inputs": [[[[1, 2, 3], [4, 5, 6]]]]}','stop',25);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',0,'```python
def transpose(m):
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',31);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',1,'```python
def transpose(m: list[list[int]]) -> list[list[int]]:
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',41);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',2,'```python
def transpose(m: list[list[int]]) -> list[list[int]]:
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',41);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',3,'```python
def transpose(m: list[list[int]]) -> list[list[int]]:
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',41);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',4,'```python
def transpose(m: list[list[int]]) -> list[list[int]]:
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',41);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',5,'```python
def transpose(m):
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',31);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',6,'```python
def transpose(m: list[list[int]]) -> list[list[int]]:
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',41);
INSERT INTO "texts" VALUES('3c661ed0bd7df4e394c4329abae067b75901a04868f74f5a3334f112930dd1c8',7,'```python
def transpose(m):
    """Return the transpose of a matrix."""
    return [list(r) for r in zip(*m)]
```','stop',31);
INSERT INTO "texts" VALUES('51b98b2d76511eb2089863b938f4038a810c9e3253bd4fc398a7427a881e9862',0,'Instruction: Write a function `transpose(m)` that takes a matrix and returns the transpose of it.','stop',21);
INSERT INTO "texts" VALUES('51b98b2d76511eb2089863b938f4038a810c9e3253bd4fc398a7427a881e9862',1,'Instruction: Write a function `transpose(m)` that takes a matrix and returns the transpose of it.','stop',21);
INSERT INTO "texts" VALUES('8ac91f42e05a9fcfa120ce923fa2b734bb59a0ff84988ab780e2cb5f29a75897',0,'{"inputs": ["5\n1 2 3 4 5\n", "1\n0\n", "0\n\n", "1\n1\n"]}','stop',35);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',0,'```python
def main() -> None:
    """Sum the even and odd numbers in the input list."""
    n = int(input())
    a = list(map(int, input().split()))
    sum_even = sum(x for x in a if x % 2 == 0)
    sum_odd = sum(x for x in a if x % 2 != 0)
    print(sum_even, sum_odd)

main()
```','stop',89);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',1,'```python
def main() -> None:
    """Sum the even numbers and the odd numbers in a list."""
    n = int(input())
    a = list(map(int, input().split()))
    even_sum = sum(x for x in a if x % 2 == 0)
    odd_sum = sum(x & 1 for x in a)
    print(even_sum, odd_sum)


main()
```','stop',87);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',2,'```python
def main() -> None:
    """Sum of even and odd numbers in a list."""
    n = int(input())
    a = list(map(int, input().split()))
    print(sum(x for x in a if x % 2), sum(x & 1 for x in a))


main()
```','stop',67);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',3,'```python
def main() -> None:
    """Sum the even and odd numbers in the list a."""
    n = int(input())
    a = list(map(int, input().split()))
    even_sum = sum(x for x in a if x % 2 == 0)
    odd_sum = sum(x & 1 for x in a)
    print(even_sum, odd_sum)


main()
```','stop',85);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',4,'```python
def main() -> None:
    """Sum the even numbers and the odd numbers in the list."""
    n = int(input())
    a = list(map(int, input().split()))
    even_sum = sum(x for x in a if x % 2 == 0)
    odd_sum = sum(x & 1 for x in a)
    print(even_sum, odd_sum)


main()
```','stop',88);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',5,'```python
def main() -> None:
    """Sum the even and odd numbers in the list."""
    n = int(input())
    a = list(map(int, input().split()))
    sum_even = sum(x for x in a if x % 2 == 0)
    sum_odd = sum(x & 1 for x in a)
    print(sum_even, sum_odd)


main()
```','stop',84);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',6,'```python
def main() -> None:
    """Sum the even numbers and the odd numbers in the list a."""
    n = int(input())
    a = list(map(int, input().split()))
    even_sum = sum(x for x in a if x % 2 == 0)
    odd_sum = sum(x & 1 for x in a)
    print(even_sum, odd_sum)


main()
```','stop',89);
INSERT INTO "texts" VALUES('bc897f66bf818cbe5167019cf3dd81516b8445072b1d2e3739f9ed542e017c30',7,'```python
def main() -> None:
    """Sum of even numbers and odd numbers in the list."""
    n = int(input())
    a = list(map(int, input().split()))
    even_sum = sum(x for x in a if x % 2 == 0)
    odd_sum = sum(x & 1 for x in a)
    print(even_sum, odd_sum)


main()
```','stop',86);
INSERT INTO "texts" VALUES('bff02ed50479ba61815dde8dc577c8862068a1100f27bb2cc34a05045f609576',0,'{"inputs": ["1\n1\n", "1\n0\n", "0\n\n", "1\n0\n", "1\n0\n"] }','stop',34);
INSERT INTO "texts" VALUES('dc52fb1f921b79fbd73d050c0eef7ea7c498f25f72d29a361170496a8f9ae019',0,'Instruction: Write a program that reads a list of integers from the first line and sums the even and odd numbers in the list.','stop',27);
INSERT INTO "texts" VALUES('dc52fb1f921b79fbd73d050c0eef7ea7c498f25f72d29a361170496a8f9ae019',1,'Instruction: Write a program that reads two integers n and k from the first line and n integers from the second line. It prints those integers that are divisible by k, in reverse order, separated by spaces.','stop',44);
INSERT INTO "texts" VALUES('dca55382279189a539a259900a3515850273e7923e1615bae25e185e30d80af6',0,'{"inputs": [[[[1, 2, 3], [4, 5, 6]]], [[[7, 8, 9], [10, 11, 12]]], [[[13, 14, 15], [16, 17, 18]]], [[[19, 20, 21], [22, 23, 24]]], [[[25, 26, 27], [28, 29, 30]]]]}','stop',126);
COMMIT;
