"""Charts as inline SVG, without scripts and external files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semi_instruct.harness.text import html_text

_BAR, _GAP = 22, 8
_LABEL, _WIDTH = 150, 640
_LETTER = 7.5  # approximate width


def bars(rows: Sequence[tuple[str, int, str]], kind: str = "bar", kinds: Mapping[str, str] | None = None) -> str:
    """Horizontal bars; a short text if there are none.

    Args:
        rows: label, number, and the text next to the bar.
        kind: class of the bars, for their colour.
        kinds: class of the bars with certain labels.
    """
    if not rows:
        return '<p class="soft">None.</p>'
    own = kinds or {}
    most = max((number for _, number, _ in rows), default=0) or 1
    height = len(rows) * (_BAR + _GAP)
    room = _WIDTH - _LABEL - _LETTER * (max(len(beside) for _, _, beside in rows) + 3)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" class="chart">']
    for position, (label, number, beside) in enumerate(rows):
        top = position * (_BAR + _GAP)
        width = max(2.0, room * number / most) if number else 0.0
        shade = own.get(label, kind)
        middle = top + _BAR * 0.7
        parts.append(f'<text x="{_LABEL - 10}" y="{middle:.1f}" text-anchor="end">{html_text(label)}</text>')
        parts.append(f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="4" class="{shade}"/>')
        parts.append(f'<text x="{_LABEL + width + 8:.1f}" y="{middle:.1f}" class="value">{html_text(beside)}</text>')
    return "".join([*parts, "</svg>"])


def histogram(values: Sequence[float], title: str, low: float = 0.0, high: float = 1.0, columns: int = 20) -> str:
    """A histogram with ranges of equal width.

    Args:
        title: name of the values.
        low, high: limits of the ranges; values beyond them count in the first and last range.
    """
    counts = [0] * columns
    for value in values:
        position = int((value - low) / (high - low) * columns) if high > low else 0
        counts[min(max(position, 0), columns - 1)] += 1
    width, height, foot = 320, 132, 34
    most = max(counts, default=0) or 1
    step = width / columns
    parts = [f'<svg viewBox="0 0 {width} {height + foot}" role="img" class="chart small">']
    for position, count in enumerate(counts):
        tall = (height - 16) * count / most if count else 0.0
        from_, to = low + position * (high - low) / columns, low + (position + 1) * (high - low) / columns
        parts.append(
            f'<rect x="{position * step + 1:.1f}" y="{height - tall:.1f}" width="{step - 2:.1f}" height="{tall:.1f}" '
            f'rx="2" class="bar"><title>{from_:g} to {to:g}: {count}</title></rect>'
        )
    parts.append(f'<line x1="0" y1="{height}" x2="{width}" y2="{height}" class="axis"/>')
    parts.append(f'<text x="0" y="{height + 14}" class="value">{low:g}</text>')
    parts.append(f'<text x="{width}" y="{height + 14}" text-anchor="end" class="value">{high:g}</text>')
    parts.append(f'<text x="0" y="11" class="value">{most}</text>')
    parts.append(f'<text x="{width / 2}" y="{height + 28}" text-anchor="middle">{html_text(title)}</text>')
    return "".join([*parts, "</svg>"])
