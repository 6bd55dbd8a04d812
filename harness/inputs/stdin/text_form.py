"""The text form of a format, for people to read and edit. It has one line for each line of the input.

    N: int 1..10?; M: int 0..10?
    A: N * int 1..N, distinct?
    S: word "ab" of N
    repeat M, simple, connected?:
      U: int 1..N; V: int U+1..N; W: int 1..min(N, 1000)
    repeat Q but not N M:
      either:
        T: one of "1"; X: int 1..10
        R: one of "2"; C: word "0123456789" of 1..3 after "ABC" with "00"
    D: decimal 2 0..1000
    E: int 1..9; F: int 1..9; varied
    A1: int 0..9; B1: int 0..9; A2: int 0..9; B2: int 0..9; apart

Further down, the name of an integer denotes its value and the name of a word its length. ``T: word "ab" of S+1 around
S`` contains S as a subsequence (``just around``: and no proper prefix of T does); ``within S`` is a subsequence of S. A
question mark marks a part that the examples suggest but do not prove. A decimal is written as its number of decimal
places and its range in units of the last one. ``varied``: the integers of the line are not all equal. ``apart``: taken
in pairs they are points, all distinct. ``but not N M``: no row consists of N and M.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from semi_instruct.harness.errors import HarnessError
from semi_instruct.harness.inputs.stdin.model import (
    Amount,
    Block,
    Bound,
    Choice,
    Differ,
    Either,
    Format,
    Holds,
    Item,
    Kind,
    Line,
    Number,
    Range,
    Repeat,
    Trait,
    Traits,
    Word,
    single_integers,
)

_INDENT = "  "
_KINDS = ("int", "decimal", "word", "one")
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\d+|\.\.|[-+*?,:;()])')


class BadFormat(HarnessError, ValueError):
    """A text is not a valid format. The message gives the line, what was found and what was expected."""


def text_of(format_: Format) -> str:
    """The text form of a format. :func:`format_from_text` is its inverse."""
    return "".join(f"{line}\n" for line in _block_lines(format_.blocks))


def _block_lines(blocks: tuple[Block, ...]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        match block:
            case Line(items, differ):
                lines.append("; ".join((*map(_item, items), *differ)) or "empty")
            case Either(shapes):
                lines += ["either:", *(_INDENT + line for line in _block_lines(shapes))]
            case Repeat(count, body, traits, but_not):
                excluded = "".join(f" but not {first} {second}" for first, second in but_not)
                lines.append(f"repeat {_amount(count)}{_traits(traits)}{excluded}:")
                lines += [_INDENT + line for line in _block_lines(body)]
    return lines


def _item(item: Item) -> str:
    count = "" if item.count is None else f"{_amount(item.count)} * "
    return f"{item.name}: {count}{_kind(item.kind)}{_traits(item.traits)}"


def _kind(kind: Kind) -> str:
    match kind:
        case Number(limits, 0):
            return f"int {_range(limits)}"
        case Number(limits, places):
            return f"decimal {places} {_range(limits)}"
        case Word(alphabet, length):
            return f"word {json.dumps(alphabet)} of {_range(length)}{_word_details(kind)}"
        case Choice(words):
            return "one of " + " ".join(map(json.dumps, words))


def _word_details(word: Word) -> str:
    after = f" after {json.dumps(word.prefix)}" if word.prefix else ""
    letters = f" with {json.dumps(word.always)}" if word.always else ""
    around = f" {'just ' * word.just}around {word.around}" if word.around else ""
    within = f" within {word.within}" if word.within else ""
    return after + letters + around + within


def _range(limits: Range) -> str:
    if limits.low == limits.high and len(limits.low) == 1:
        return _bound(limits.low[0])
    return f"{_bounds('max', limits.low)}..{_bounds('min', limits.high)}"


def _bounds(word: str, bounds: tuple[Bound, ...]) -> str:
    return _bound(bounds[0]) if len(bounds) == 1 else f"{word}({', '.join(map(_bound, bounds))})"


def _bound(bound: Bound) -> str:
    return _amount(bound.amount) + "?" * bound.guessed


def _amount(amount: Amount) -> str:
    if not amount.names:
        return str(amount.plus)
    factors = [*([str(amount.times)] if amount.times != 1 else []), *amount.names]
    return "*".join(factors) + (f"{amount.plus:+d}" if amount.plus else "")


def _traits(traits: Traits) -> str:
    return "".join(f", {held.trait}{'?' * held.guessed}" for held in traits)


def format_from_text(text: str) -> Format:
    """Parse the text form of a format.

    Raises:
        BadFormat: the text is malformed, or uses a name that no earlier item defines.
    """
    lines = [
        _TextLine(number, (len(line) - len(line.lstrip())) // len(_INDENT), line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]
    reader = _Blocks(lines)
    blocks = reader.read(depth=0)
    if reader.position < len(lines):
        raise BadFormat(f"line {lines[reader.position].number}: indented more than the line before allows")
    if not blocks:
        raise BadFormat("line 1: the format is empty; write a line for each line of the input")
    return Format(blocks)


@dataclass(frozen=True, slots=True)
class _TextLine:
    number: int
    depth: int
    text: str


@dataclass(slots=True)
class _Blocks:
    """Groups lines into blocks by their indentation."""

    lines: list[_TextLine]
    position: int = 0
    known: set[str] = field(default_factory=set)

    def read(self, depth: int) -> tuple[Block, ...]:
        blocks: list[Block] = []
        while self.position < len(self.lines) and self.lines[self.position].depth == depth:
            line = self.lines[self.position]
            self.position += 1
            parser = _Parser(line, self.known)
            if parser.take_if("either"):
                parser.end_with(":")
                shapes = [block for block in self.read(depth + 1) if isinstance(block, Line)]
                blocks.append(Either(tuple(shapes)))
            elif parser.take_if("repeat"):
                count, traits, but_not = parser.amount(), parser.traits(), parser.excluded_points()
                parser.end_with(":")
                blocks.append(Repeat(count, self.read(depth + 1), traits, but_not))
            elif parser.take_if("empty"):
                blocks.append(Line(()))
            else:
                blocks.append(parser.line())
        return tuple(blocks)


class _Parser:
    """Parses the tokens of one line."""

    def __init__(self, line: _TextLine, known: set[str]) -> None:
        self._line = line
        self._known = known
        self._tokens: list[str] = []
        self._place = 0
        at = 0
        while at < len(line.text):
            token = _TOKEN.match(line.text, at)
            if token is None:
                raise BadFormat(f"line {line.number}: cannot read {line.text[at:]!r}")
            self._tokens.append(token[1])
            at = token.end()

    def peek(self, ahead: int = 0) -> str:
        """The next token, or the one ``ahead`` tokens later; empty at the end of the line."""
        return (self._tokens[self._place + ahead :] or [""])[0]

    def take(self, expected: str, fits: Callable[[str], object] = bool) -> str:
        token = self.peek()
        if not fits(token):
            found = repr(token) if token else "the end of the line"
            raise BadFormat(f"line {self._line.number}: {found} where {expected} was expected")
        self._place += 1
        return token

    def take_if(self, *tokens: str) -> str:
        return self.take("") if self.peek() in tokens else ""

    def end_with(self, token: str) -> None:
        self._symbol(token)
        self.take("the end of the line", lambda found: not found)

    def line(self) -> Line:
        items = [self._item()]
        differ: list[Differ] = []
        while self.take_if(";"):
            if self.peek() in list(Differ) and self.peek(1) != ":":
                differ.append(Differ(self.take("")))
            else:
                items.append(self._item())
        self.take("';' or the end of the line", lambda found: not found)
        line = Line(tuple(items), tuple(differ))
        if Differ.APART in differ and len(single_integers(line)) % 2:
            raise BadFormat(f"line {self._line.number}: 'apart' needs an even number of integers")
        return line

    def traits(self) -> Traits:
        held = []
        while self.take_if(","):
            word = self.take(f"one of {', '.join(Trait)}", lambda found: found in list(Trait))
            held.append(Holds(Trait(word), bool(self.take_if("?"))))
        return tuple(held)

    def excluded_points(self) -> tuple[tuple[str, str], ...]:
        points = []
        while self.take_if("but"):
            self._symbol("not")
            points.append((self._known_name(), self._known_name()))
        return tuple(points)

    def amount(self) -> Amount:
        times = 1
        if self.peek() == "-" or self.peek().isdigit():
            times = self._number()
            if not self._product_goes_on():
                return Amount(times)
            self._symbol("*")
        names = [self._known_name()]
        while self._product_goes_on():
            self._symbol("*")
            names.append(self._known_name())
        sign = self.take_if("+", "-")
        plus = int(sign + self.take("a number", str.isdigit)) if sign else 0
        return Amount(plus, tuple(names), times)

    def _product_goes_on(self) -> bool:
        """Whether another factor follows, rather than the kind of the item."""
        return self.peek() == "*" and self.peek(1) in self._known

    def _symbol(self, symbol: str) -> None:
        self.take(repr(symbol), lambda found: found == symbol)

    def _known_name(self) -> str:
        return self.take("the name of an integer or word further up", lambda token: token in self._known)

    def _number(self) -> int:
        sign = self.take_if("-")
        return int(sign + self.take("a number", str.isdigit))

    def _item(self) -> Item:
        name = self.take("a name", str.isidentifier)
        self._symbol(":")
        count = None
        if self.peek() not in _KINDS:
            count = self.amount()
            self._symbol("*")
        kind = self._kind()
        if count is None and (isinstance(kind, Word) or (isinstance(kind, Number) and not kind.places)):
            self._known.add(name)
        return Item(name, kind, count, self.traits())

    def _kind(self) -> Kind:
        word = self.take("int, decimal, word or one of", lambda found: found in _KINDS)
        if word == "int":
            return Number(self._range())
        if word == "decimal":
            places = int(self.take("a number of places", str.isdigit))
            return Number(self._range(), places)
        if word == "word":
            alphabet = self._string()
            self._symbol("of")
            length = self._range()
            prefix = self._string() if self.take_if("after") else ""
            always = self._string() if self.take_if("with") else ""
            just = bool(self.take_if("just"))
            if just and self.peek() != "around":
                self._symbol("around")
            around = self._known_name() if self.take_if("around") else ""
            within = self._known_name() if self.take_if("within") else ""
            return Word(alphabet, length, prefix, always, around, within, just)
        self._symbol("of")
        words = [self._string()]
        while self.peek().startswith('"'):
            words.append(self._string())
        return Choice(tuple(words))

    def _string(self) -> str:
        return str(json.loads(self.take("a text in double quotes", lambda token: token.startswith('"'))))

    def _range(self) -> Range:
        low = self._bounds("max")
        return Range(low, self._bounds("min")) if self.take_if("..") else Range(low, low)

    def _bounds(self, word: str) -> tuple[Bound, ...]:
        if not self.take_if(word):
            return (self._bound(),)
        self._symbol("(")
        bounds = [self._bound()]
        while self.take_if(","):
            bounds.append(self._bound())
        self._symbol(")")
        return tuple(bounds)

    def _bound(self) -> Bound:
        amount = self.amount()
        return Bound(amount, bool(self.take_if("?")))
