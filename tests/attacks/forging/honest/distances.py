import math

count = int(input())
for _ in range(count):
    x, y = map(int, input().split())
    print(f"{math.hypot(x, y):.6f}")
