def solve(values):
    """By merge sort."""

    def count(part):
        if len(part) < 2:
            return 0, part
        middle = len(part) // 2
        (left_count, left), (right_count, right) = count(part[:middle]), count(part[middle:])
        merged, crossed = [], 0
        while left and right:
            if right[0] < left[0]:
                crossed += len(left)
                merged.append(right.pop(0))
            else:
                merged.append(left.pop(0))
        return left_count + right_count + crossed, merged + left + right

    return count(values)[0]
