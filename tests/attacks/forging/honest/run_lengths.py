word = input()
start = 0
for end in range(1, len(word) + 1):
    if end == len(word) or word[end] != word[start]:
        print(word[start], end - start)
        start = end
