"""Mutation operators, named as in the literature. Each yields the possible replacements of a node.

The names are those of Offutt and others (Mothra: AOR, ROR, LCR, ABS, UOI, CRP, SDL) and, for Python, of MutPy (AOD,
ASR, BCR, COD, COI, EHD, EXS, OIL, RIL, SIR, ZIL). LBR, loop bound replacement, is CRP for off-by-one errors of loops.
The replacements of a relation are those that no other replacement subsumes (Kaminski, Ammann, Offutt 2013).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

Operator = Callable[[ast.AST], Iterator[ast.AST]]

_ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv, ast.Pow),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult, ast.Mod),
    ast.Mod: (ast.FloorDiv, ast.Mult),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
    ast.BitXor: (ast.BitAnd, ast.BitOr),
}
# The replacements of a relation: another relation, or a constant.
_RELATIONS: dict[type[ast.cmpop], tuple[type[ast.cmpop] | bool, ...]] = {
    ast.Lt: (ast.LtE, ast.NotEq, False),
    ast.Gt: (ast.GtE, ast.NotEq, False),
    ast.LtE: (ast.Lt, ast.Eq, True),
    ast.GtE: (ast.Gt, ast.Eq, True),
    ast.Eq: (ast.LtE, ast.GtE, False),
    ast.NotEq: (ast.Lt, ast.Gt, True),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}


def aor(node: ast.AST) -> Iterator[ast.AST]:
    """Arithmetic operator replacement: ``a + b`` becomes ``a - b``."""
    if isinstance(node, ast.BinOp) and not _of_text(node):
        for other in _ARITHMETIC.get(type(node.op), ()):
            yield ast.BinOp(node.left, other(), node.right)


def aod(node: ast.AST) -> Iterator[ast.AST]:
    """Arithmetic operator deletion: ``a + b`` becomes ``a`` or ``b``, ``-a`` becomes ``a``."""
    match node:
        case ast.BinOp(left, _, right):
            yield from (left, right)
        case ast.UnaryOp(ast.USub() | ast.Invert(), operand):
            yield operand


def asr(node: ast.AST) -> Iterator[ast.AST]:
    """Augmented assignment replacement: ``a += b`` becomes ``a -= b`` or ``a = b``."""
    if isinstance(node, ast.AugAssign):
        for other in _ARITHMETIC.get(type(node.op), ()):
            yield ast.AugAssign(node.target, other(), node.value)
        yield ast.Assign([node.target], node.value, lineno=node.lineno)


def ror(node: ast.AST) -> Iterator[ast.AST]:
    """Relational operator replacement: ``a < b`` becomes ``a <= b``, ``a != b`` or ``False``."""
    if not isinstance(node, ast.Compare):
        return
    for index, relation in enumerate(node.ops):
        for other in _RELATIONS.get(type(relation), ()):
            if isinstance(other, type):
                yield ast.Compare(node.left, [*node.ops[:index], other(), *node.ops[index + 1 :]], node.comparators)
            elif len(node.ops) == 1:
                yield ast.Constant(other)


def lcr(node: ast.AST) -> Iterator[ast.AST]:
    """Logical connector replacement: ``a and b`` becomes ``a or b``, or one of the two."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for index in range(len(node.values)):
            rest = [*node.values[:index], *node.values[index + 1 :]]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def coi(node: ast.AST) -> Iterator[ast.AST]:
    """Conditional operator insertion: a condition becomes its negation."""
    match node:
        case ast.If(test, body, orelse):
            yield ast.If(_not(test), body, orelse)
        case ast.While(test, body, orelse):
            yield ast.While(_not(test), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(_not(test), body, orelse)
        case ast.comprehension(target, iterated, conditions, is_async):
            for index, test in enumerate(conditions):
                changed = [*conditions[:index], _not(test), *conditions[index + 1 :]]
                yield ast.comprehension(target, iterated, changed, is_async)


def cod(node: ast.AST) -> Iterator[ast.AST]:
    """Conditional operator deletion: ``not a`` becomes ``a``."""
    match node:
        case ast.UnaryOp(ast.Not(), operand):
            yield operand


def uoi(node: ast.AST) -> Iterator[ast.AST]:
    """Unary operator insertion: an operand ``a`` of arithmetic or a relation becomes ``-a``, ``a + 1`` or ``a - 1``."""
    yield from _each_operand(node, lambda operand: ast.UnaryOp(ast.USub(), operand))
    yield from _each_operand(node, lambda operand: ast.BinOp(operand, ast.Add(), ast.Constant(1)))
    yield from _each_operand(node, lambda operand: ast.BinOp(operand, ast.Sub(), ast.Constant(1)))


def abs_(node: ast.AST) -> Iterator[ast.AST]:
    """Absolute value insertion: an operand ``a`` becomes ``abs(a)``."""
    yield from _each_operand(node, lambda operand: ast.Call(ast.Name("abs"), [operand], []))


def crp(node: ast.AST) -> Iterator[ast.AST]:
    """Constant replacement: a number becomes its neighbours, its negative and 0; text becomes empty or other text."""
    match node:
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield from (ast.Constant(value + 1), _signed(value - 1), _signed(-value), ast.Constant(0))
        case ast.Constant(str(text)):
            yield ast.Constant("" if text else "mutant")
            yield ast.Constant(f"{text}x")


def sdl(node: ast.AST) -> Iterator[ast.AST]:
    """Statement deletion. A return statement returns None; definitions and assignments to names stay."""
    match node:
        case ast.Return(value) if value is not None:
            yield ast.Return()
        case ast.AugAssign() | ast.If() | ast.For() | ast.While() | ast.Raise() | ast.Break() | ast.Continue():
            yield ast.Pass()
        case ast.Assign([ast.Subscript() | ast.Attribute()]) | ast.Delete() | ast.Expr(ast.Call() | ast.Yield()):
            yield ast.Pass()


def bcr(node: ast.AST) -> Iterator[ast.AST]:
    """Break and continue replacement: one becomes the other."""
    match node:
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def oil(node: ast.AST) -> Iterator[ast.AST]:
    """One iteration loop: a loop ends after its first iteration."""
    if isinstance(node, ast.For | ast.While):
        yield _with_body(node, [*node.body, ast.Break()])


def zil(node: ast.AST) -> Iterator[ast.AST]:
    """Zero iteration loop: a loop ends before its first iteration."""
    if isinstance(node, ast.For | ast.While):
        yield _with_body(node, [ast.Break()])


def ril(node: ast.AST) -> Iterator[ast.AST]:
    """Reverse iteration loop: a loop iterates from the end."""
    if isinstance(node, ast.For):
        turned = ast.Call(ast.Name("reversed"), [ast.Call(ast.Name("list"), [node.iter], [])], [])
        yield ast.For(node.target, turned, node.body, node.orelse, lineno=node.lineno)


def lbr(node: ast.AST) -> Iterator[ast.AST]:
    """Loop bound replacement: each bound of a ``range`` becomes one less or one more."""
    match node:
        case ast.Call(ast.Name("range"), bounds, []) if not any(isinstance(bound, ast.Starred) for bound in bounds):
            for index, bound in enumerate(bounds[:2]):
                for operator in (ast.Add(), ast.Sub()):
                    moved = ast.BinOp(bound, operator, ast.Constant(1))
                    yield ast.Call(ast.Name("range"), [*bounds[:index], moved, *bounds[index + 1 :]], [])


def sir(node: ast.AST) -> Iterator[ast.AST]:
    """Slice index removal: ``a[b:c]`` becomes ``a[:c]`` or ``a[b:]``."""
    match node:
        case ast.Slice(lower, upper, step):
            yield from (ast.Slice(None, upper, step), ast.Slice(lower, None, step), ast.Slice(lower, upper, None))


def ehd(node: ast.AST) -> Iterator[ast.AST]:
    """Exception handler deletion: a handled exception is raised again."""
    if isinstance(node, ast.ExceptHandler):
        yield ast.ExceptHandler(node.type, node.name, [ast.Raise()])


def exs(node: ast.AST) -> Iterator[ast.AST]:
    """Exception swallowing: a handled exception is ignored."""
    if isinstance(node, ast.ExceptHandler):
        yield ast.ExceptHandler(node.type, node.name, [ast.Pass()])


OPERATORS: tuple[tuple[str, Operator], ...] = (
    ("AOR", aor),
    ("AOD", aod),
    ("ASR", asr),
    ("ROR", ror),
    ("LCR", lcr),
    ("COI", coi),
    ("COD", cod),
    ("UOI", uoi),
    ("ABS", abs_),
    ("CRP", crp),
    ("SDL", sdl),
    ("BCR", bcr),
    ("OIL", oil),
    ("ZIL", zil),
    ("RIL", ril),
    ("LBR", lbr),
    ("SIR", sir),
    ("EHD", ehd),
    ("EXS", exs),
)


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _signed(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _of_text(node: ast.BinOp) -> bool:
    """Whether an operand is obviously text or a list, which supports little arithmetic."""
    return any(_is_text(side) for side in (node.left, node.right))


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value):
            return isinstance(value, str | bytes)
        case ast.JoinedStr() | ast.List() | ast.Tuple() | ast.ListComp() | ast.Call(ast.Name("str")):
            return True
    return False


def _each_operand(node: ast.AST, change: Callable[[ast.expr], ast.expr]) -> Iterator[ast.AST]:
    """The node with one operand changed, for each that is a name, an element or a call and not obviously text."""
    match node:
        case ast.BinOp(left, operator, right) if not _of_text(node):
            if _is_variable(left):
                yield ast.BinOp(change(left), operator, right)
            if _is_variable(right):
                yield ast.BinOp(left, operator, change(right))
        case ast.Compare(left, [relation], [right]) if not (_is_text(left) or _is_text(right)):
            if isinstance(relation, ast.In | ast.NotIn | ast.Is | ast.IsNot):
                return
            if _is_variable(left):
                yield ast.Compare(change(left), [relation], [right])
            if _is_variable(right):
                yield ast.Compare(left, [relation], [change(right)])


def _is_variable(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Subscript)


def _with_body(loop: ast.For | ast.While, body: list[ast.stmt]) -> ast.stmt:
    if isinstance(loop, ast.For):
        return ast.For(loop.target, loop.iter, body, loop.orelse, lineno=loop.lineno)
    return ast.While(loop.test, body, loop.orelse)
