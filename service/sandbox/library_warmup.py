"""Warm-up programs of the libraries lane.

A locked child cannot read files. The zygote therefore runs `LOADING_PROGRAMS` before it locks itself, so that both
libraries import what they import late. They also fill caches of sympy, which all children share.
"""

WARMUP_PROGRAMS = (
    b"""
from sympy import symbols, Eq, solve, Rational
x = symbols('x')
ans = solve(Eq(Rational(1, 2) * x + 3, 5), x)[0]
""",
    b"""
import numpy as np
prices = np.array([3, 4, 5])
ans = np.sum(prices * 2) / np.mean(prices)
""",
)
"""Programs that each child runs ahead of need, as most programs use the libraries."""

LOADING_PROGRAMS = (
    *WARMUP_PROGRAMS,
    b"""
import sympy as sp
x, y = sp.symbols("x y", positive=True)
n = sp.Symbol("n", integer=True)
lines = sp.solve((sp.Eq(x + y, 10), sp.Eq(x - y, 2)), (x, y))
systems = [sp.linsolve([x + y - 10, x - y - 2], [x, y]), sp.nonlinsolve([x * y - 6, x + y - 5], [x, y])]
roots = [sp.solve(2 ** x - 8, x), sp.solve(x ** 2 - 5 * x + 6), sp.solve(x ** 3 - 6 * x ** 2 + 11 * x - 6, x)]
roots += [sp.solve(sp.sqrt(x) - 3, x), sp.solve(sp.Abs(n - 3) - 2, n), sp.solve(sp.log(x) - 1), sp.solve(x > 3, x)]
roots += [sp.roots(x ** 2 - 1), sp.real_roots(x ** 3 - 2), sp.nsolve(x ** 2 - 2, x, 1), sp.diophantine(2 * n - 6)]
sets = [sp.solveset(x ** 2 - 4, x, domain=sp.S.Reals), sp.Interval(0, 5), sp.FiniteSet(1, 2), sp.S.EmptySet]
ranges = [sp.reduce_inequalities([2 * n + 3 > 7, n < 9], n), sp.solve([2 * x - 4 >= 0, x < 5], x)]
forms = [f((x ** 2 - 1) / (x - 1)) for f in (sp.simplify, sp.factor, sp.expand, sp.cancel, sp.together, sp.apart)]
forms += [sp.trigsimp(sp.sin(x) ** 2 + sp.cos(x) ** 2), sp.Poly(x ** 2 - 1, x).all_coeffs(), sp.nsimplify(0.5)]
calculus = [sp.diff(x ** 3 * sp.sin(x), x), sp.integrate(x ** 2, (x, 0, 3)), sp.integrate(sp.exp(-x), (x, 0, sp.oo))]
calculus += [sp.limit(sp.sin(x) / x, x, 0), sp.series(sp.exp(x), x, 0, 4), sp.Sum(n, (n, 1, 3)).doit()]
calculus += [sp.summation(n, (n, 1, 10)), sp.product(n, (n, 1, 5)), sp.Piecewise((1, x < 2), (0, True)).subs(x, 3)]
whole = [sp.factorint(360), sp.divisors(36), sp.primefactors(60), sp.isprime(97), list(sp.primerange(1, 30))]
whole += [sp.prime(5), sp.gcd(12, 18), sp.lcm(4, 6), sp.binomial(5, 2), sp.factorial(5), sp.totient(9), sp.Mod(7, 3)]
numbers = [sp.ceiling(x / 2), sp.floor(7 / sp.Integer(2)), sp.N(sp.pi, 20), sp.sqrt(8), sp.Rational("1/3")]
numbers += [sp.Float("2.5"), sp.sympify("2*x + 1"), round(sp.pi.evalf(), 2)]
matrix = sp.Matrix([[1, 2], [3, 4]])
solved = [matrix.inv(), matrix.det(), matrix.LUsolve(sp.Matrix([5, 6])), matrix.eigenvals(), matrix.rref(), sp.eye(2)]
texts = [str(value) for value in (lines, systems, roots, sets, ranges, forms, calculus, whole, numbers, solved)]
ans = lines[x].subs(y, 1).evalf()
""",
    b"""
import numpy as np
a = np.array([[3.0, 1.0], [1.0, 2.0]])
b = np.array([9.0, 8.0])
n = np.arange(1, 11)
solved = [np.linalg.solve(a, b), np.linalg.inv(a), np.linalg.det(a), np.linalg.lstsq(a, b, rcond=None), a @ b]
solved += [np.linalg.norm(b), np.linalg.eig(a), np.linalg.matrix_rank(a), np.linalg.pinv(a), np.dot(a, b)]
roots = [np.roots([1, -3, 2]), np.polyfit([1, 2, 3], [2, 4, 6], 1), np.polyval([1, 0], 2), np.poly1d([1, -3, 2]).r]
sums = [n.sum(), np.mean(n), np.median(n), np.std(n), np.var(n), np.prod(n), np.cumsum(n), np.percentile(n, 50)]
parts = [n[n % 2 == 0], np.where(n > 5, n, 0), np.unique(n), np.sort(n)[::-1], np.round(n / 3, 2), np.isclose(n, 3)]
others = [np.histogram(n)[0], np.interp(2.5, n, n), np.cov(n), np.diff(n), np.linspace(0, 1, 5), np.gcd.reduce(n)]
drawn = [np.random.randint(1, 7), np.random.choice([1, 2]), np.random.default_rng(0).integers(1, 7, 3)]
texts = [str(value) + repr(value) for value in (a, n, solved, roots, sums, parts, others, drawn)]
ans = np.ceil(2.5) + np.sqrt(16) + np.lcm(4, 6)
""",
)
"""Programs that use what typical programs need."""
