"""Special functions as polynomials and recurrences, written over operations.

The same lines compute on floats, are the C twin's functions (see generate.py), and are compiled. Each function is reduced
to intervals on which a polynomial of least error stands for it (`benchmarks/special.py` prints the coefficients). Numbers
that rounding would lose are kept where they matter, by sums that are exact.

Sources of the formulas: F. W. J. Olver et al., "NIST Digital Library of Mathematical Functions", chapters 5 (gamma), 7
(error functions), 10 (Bessel functions), 25.11 (Hurwitz's zeta function); M. M. Shepherd, J. G. Laframboise, "Chebyshev
approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞", 1981, for the variable that takes all x >= 0 to a short interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import e, inf, isnan, nan, pi
from math import sqrt as root
from typing import Any

from scalargrad.op import TABLE
from scalargrad.ops import (
    abs,
    cos,
    equal,
    exp,
    expm1,
    greater,
    log,
    log1p,
    maximum,
    minimum,
    pow,
    rint,
    sin,
    sqrt,
    tan,
    where,
)

# fmt: off
ERFCX = (  # (1 + 2*x)*erfcx(x) = P(u), u = (x - 3.75)/(x + 3.75)
    1.2375126308378275, -0.14024059858554702, 0.0035854154854644345, 0.08227673849015119, -0.10880393014174919,
    0.09230432116019434, -0.058693398589629124, 0.02836227742156144, -0.009746579558115092, 0.0017556258321371082,
    0.00029371366614057583, -0.0002901539782521776, 5.1649096715116255e-05, 2.2383909776367356e-05,
    -1.1444140648426156e-05, -9.728468476419693e-07, 1.7516281976189676e-06, -5.8263896126253025e-08,
    -2.586580527525478e-07, 2.4288172143040804e-08, 3.8668056470140235e-08, -4.386741776539364e-09,
    -5.171097576907265e-09, 5.442719043530964e-10, 4.246466561845999e-10, -3.7223449485837614e-11,
)
ERFC_INTEGRAL = (  # (1 + 2*x)**2*(1/sqrt(pi) - x*erfcx(x)) = P(u)
    1.3169823033696375, -0.16300281594714544, -0.1960998552054066, 0.3649170356281475, -0.3214018428006403,
    0.1648046115626649, -0.018159122054821338, -0.05358460603963728, 0.056935618704848825, -0.03159014262142614,
    0.00934089891188759, 0.000205829691631812, -0.0014136735213836045, 0.00042055738985600637, 0.00010155562932451912,
    -8.825078455656769e-05, -2.669252231569765e-07, 1.4632565131655897e-05, -1.5807346479514992e-06,
    -2.418061206071361e-06, 4.0504130679679405e-07, 4.223230978909378e-07, -7.4995033648414e-08, -7.379417481899478e-08,
    1.0975079938240859e-08, 1.07570255716251e-08, -1.1311995788603223e-09, -8.9553087767549e-10, 5.7905383120233036e-11,
)
ERFINV = (  # erfinv(x) = x*P(z), z = x*x
    0.886226925452758, 0.2320136665346541, 0.12755617530571112, 0.08655212922840011, 0.0649596185441712,
    0.05173125282194194, 0.04283741352547746, 0.036454686055273945, 0.03181721953032967, 0.02693881281701691,
    0.031057309858803072, -0.0019510253452977903, 0.08829679156608393, -0.09779257965355705, 0.1208210723617777,
)
ERFC_TAIL = (  # erfcinv(exp(-t*t)) = t*P(u), u = (t - 3)/(t + 3)
    0.9049203326464283, 0.27366457722620224, -0.33896931095555366, 0.27865891226921125, -0.17848352926752195,
    0.06947038103806302, 0.02013781482906145, -0.07776356893632685, 0.09887980369516301, -0.08865633313772846,
    0.056830432175249516, -0.016221553771472216, -0.021356515481796106, 0.04674428909059691, -0.05555811806838693,
    0.04799577325459814, -0.028398329380212, 0.0037745003379812637, 0.017931211036894407, -0.03287207611936138,
    0.04202645915029726, -0.03666970014989381, 0.0013509528663916879, 0.027981486663784607, 0.017349087468747647,
    -0.06001804799607569, -0.06611897797318085, 0.2071963671420365, -0.03254162082482568, -0.24969132400525704,
    0.15559562515393288, 0.13921284038719828, -0.15443148197370288, -0.01840645834240503, 0.06797175544201056,
    -0.021532065569185018,
)
LOG_GAMMA = (  # gammaln(2 + s) = s*P(s)
    0.42278433509846713, 0.3224670334241132, -0.06735230105319802, 0.020580808427783703, -0.0073855510286832075,
    0.0028905103307914244, -0.0011927539112612038, 0.0005096695234983663, -0.00022315476935271195,
    9.945752699551344e-05, -4.492608178608822e-05, 2.0507164066248772e-05, -9.440820390776398e-06,
    4.374341459984719e-06, -2.032294581238416e-06, 9.618277679902485e-07, -4.696205838250238e-07,
    1.8036882483878392e-07, -7.409664874380131e-08, 1.193402510136955e-07, -1.429441231020946e-08,
    -5.2279397015673066e-08, -4.71010201800807e-08,
)
STIRLING = (  # x*(gammaln(x) - (x - 1/2)*log(x) + x - log(2*pi)/2) = P(z), z = 1/x**2
    0.08333333333333333, -0.002777777777776251, 0.0007936507928780584, -0.0005952379399874628, 0.0008417343396336206,
    -0.0019164532945730008, 0.006363508570859784, -0.02809955747630729, 0.14579596805527675, -0.7659931117306633,
    3.5573125257989666, -13.087158520297612, 34.45161287702583, -56.649383943544805, 43.29959246148212,
)
DIGAMMA = (  # digamma(1 + s) = (1 + s - root)*P(s - 1/2)
    0.9510558760318328, -0.42362742128146047, 0.2405424842407869, -0.14840492305391872, 0.09498872445291727,
    -0.061922133271541814, 0.04076083393808962, -0.026975796849825442, 0.01790724844884454, -0.011908215024165177,
    0.007927018298894554, -0.005280020244760881, 0.003518163478149683, -0.0023446246694141747, 0.001562774506096745,
    -0.0010424361576138708, 0.0006950061848225038, -0.00045918057368491696, 0.0003057134881510553,
    -0.00022006661634548465, 0.00014776937773075196, -5.763292360149125e-05, 3.6807372087262574e-05,
    -8.39934384482392e-05, 5.7071800410763625e-05,
)
DIGAMMA_FAR = (  # x*x*(log(x) - 1/(2*x) - digamma(x)) = P(z), z = 1/x**2
    0.08333333333333333, -0.00833333333332202, 0.003968253962244283, -0.004166665392904654, 0.007575613477774735,
    -0.021082692458779223, 0.08285142138934559, -0.4265472172516447, 2.608794015472823, -16.8531520461245,
    103.38371268248207, -557.2937951370587, 2504.344746023432, -9020.179062740604, 25107.391919114685,
    -51705.73072157855, 73873.83498671335, -65201.57846926544, 26728.884592954946,
)
J0 = (  # j0(x) = P(u), u = x*x/8 - 1
    -0.1965480952704682, -0.565959973761085, 0.4795280821510112, -0.1310320635136455, 0.018352700610059374,
    -0.0015789541366877876, 9.22817399290403e-05, -3.910341979278858e-06, 1.2577275465639937e-07, -3.1774386440936e-09,
    6.479020198698663e-11, -1.0874781148784628e-12,
)
J1 = (  # j1(x) = x*P(u), u = x*x/8 - 1
    0.14148999344027124, -0.23976404107550536, 0.09827404763523412, -0.01835270061006565, 0.0019736926708597224,
    -0.0001384226098533946, 6.843098463778067e-06, -2.5154561259550595e-07, 7.1492368977002024e-09,
    -1.6186074726836747e-10, 2.9905877087215238e-12, -4.5902796717271475e-14,
)
J0_MIDDLE = (  # j0(x) = P(u), u = (x*x - 40)/24
    0.22884381861489356, 0.3827593885164605, -0.5267466900617466, -0.018956957085172758, 0.1665546377068535,
    -0.0765339738240117, 0.01828043038715983, -0.0028413092996565506, 0.00031651685755345276, -2.6743526331922105e-05,
    1.7808296023903329e-06, -9.61181096108621e-08, 4.297305293017319e-09, -1.6247731802504324e-10,
    5.231819346070449e-12,
)
J1_MIDDLE = (  # j1(x) = x*P(u), u = (x*x - 40)/24
    -0.031896615709705055, 0.0877911150102911, 0.004739239271294435, -0.05551821256895116, 0.03188915575998245,
    -0.009140215193579987, 0.0016574304249491502, -0.00021101123836869055, 2.0057644279113524e-05,
    -1.484024669168072e-06, 8.810901884733749e-08, -4.297304848463682e-09, 1.754248567507657e-10,
    -6.103937402679945e-12, 1.82223342860494e-13,
)
J0_P = (  # Hankel's P of order 0, in z = 1/x**2
    1.0, -0.07031249999998458, 0.1121520995401899, -0.5725012979621297, 6.073926677606229, -109.9512824357718,
    3013.076000895736, -112115.18721095278, 4905546.538583039, -212934484.46808583, 7849426449.734517,
    -214696341198.27496, 3732278700688.78, -30387915472077.777,
)
J0_Q = (  # Hankel's x*Q of order 0, in z = 1/x**2
    -0.125, 0.07324218749985888, -0.22710800107308743, 1.7277263669615224, -24.379459402455698, 550.7205414733776,
    -18021.896750832177, 768646.4130584595, -36952548.531242244, 1701044993.5651429, -64962686374.61247,
    1815872859187.0635, -32011586919243.566, 263117008493676.84,
)
J1_P = (  # Hankel's P of order 1, in z = 1/x**2
    1.0, 0.11718749999998375, -0.14419555656769234, 0.6765924587603528, -6.883792726325865, 121.52849887978046,
    -3275.9241765288616, 120563.34188379283, -5239038.946694337, 226505170.25592774, -8330857279.583136,
    227565530317.64594, -3952824024383.322, 32166929437131.84,
)
J1_Q = (  # Hankel's x*Q of order 1, in z = 1/x**2
    0.375, -0.10253906249985158, 0.2775764458643715, -1.9935305393046912, 27.247701647014306, -603.1969912622164,
    19470.426688176965, -822826.0659907873, 39332250.708596006, -1804647530.4735682, 68791141217.57742,
    -1920809284621.5742, 33839223985163.797, -278022734362854.75,
)
I0 = (  # i0(x) = P(z), z = x*x/64
    1.0, 16.0, 63.99999999999991, 113.7777777777823, 113.777777777669, 72.81777777929695, 32.36345677663462,
    10.567659440568248, 2.6419145048459627, 0.5218607159434252, 0.0834954286455903, 0.011044278625443636,
    0.0012231744848189736, 0.00011888432695169019, 8.122438432661756e-06, 1.0605431107764204e-06,
)
I1 = (  # i1(x) = x*P(z)
    0.5, 4.0, 10.666666666666668, 14.22222222222215, 11.377777777779357, 6.068148148127382, 2.3116754851844252,
    0.6604787089932332, 0.14677305075196545, 0.026092974171997053, 0.0037953686929044785, 0.0004600024749647236,
    4.7227707367467024e-05, 4.113026450116936e-06, 3.3501599699192166e-07, 1.4586874038508665e-08,
    2.4182737724404237e-09,
)
I0_FAR = (  # sqrt(x)*exp(-x)*i0(x) = P(v), v = 16/x - 1
    0.4021765094450081, 0.003360551983667701, 0.00013621607439265082, 1.114303381432016e-05, 1.4838475217147467e-06,
    2.9735885925729896e-07, 8.872326884397201e-08, 3.934563722644186e-08, 2.1534714467101085e-08, 7.334041885177793e-09,
    -6.6427147497238395e-09, -1.187049437805918e-08, -5.929507124424583e-09, 4.099541144086518e-10,
    9.219221806411122e-09, 1.943062232420159e-08, -1.021970074601795e-08, -5.050871183149021e-08,
    1.0830959786803672e-08, 8.34165628690358e-08, -1.0156700456028755e-08, -9.573482542636947e-08, 7.43748669127844e-09,
    7.563135018869977e-08, -3.802287279269446e-09, -3.923203804052767e-08, 1.1839948085568441e-09,
    1.2031301416829324e-08, -1.6764521762838472e-10, -1.6531610260164607e-09,
)
I1_FAR = (  # sqrt(x)*exp(-x)*i1(x) = P(v), v = 16/x - 1
    0.38939845902587233, -0.009749577193235505, -0.00021923576383460063, -1.5038547233842395e-05,
    -1.8349100888918219e-06, -3.48384169637031e-07, -1.0001395291345213e-07, -4.315679892542332e-08,
    -2.336019944954778e-08, -8.121783089141978e-09, 6.628299042823231e-09, 1.1911168159781305e-08, 6.50923238224107e-09,
    2.1773694695850513e-09, -9.725845817651915e-09, -2.8013075595358655e-08, 1.0661515936597082e-08,
    6.970816246949227e-08, -1.1309023637844244e-08, -1.1410253830189969e-07, 1.0682283164217894e-08,
    1.305345176511656e-07, -7.896706435919223e-09, -1.029533866189494e-07, 4.076493964849364e-09, 5.334810535240436e-08,
    -1.281260317624861e-09, -1.6347609071138062e-08, 1.8300729088418036e-10, 2.244866843119747e-09,
)
# fmt: on

BERNOULLI = (  # B(2j)/(2j)!, for j from 1
    *(1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600),
    *(-3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000),
)
DIGAMMA_ROOT = (1.4616321449683622, 9.549995429965697e-17)  # in parts
E = (2.718281828459045, 1.4456468917292502e-16)  # Euler's number in parts
HALF_LOG_2PI = 0.9189385332046728
MOST_ORDER = 16  # of functions that are computed one after the other: so many derivatives of what is made of them
SPLIT = 1.5 * 2.0**32  # the nearest multiple of 2**-20


def known(x: Any) -> Any:
    """Return the number that something is, or stands for; None where that is not known yet.

    >>> known(2.5), known("x")
    (2.5, None)
    """
    return float(x) if isinstance(x, float) else getattr(x, "known", None)


def choose(condition: Any, chosen: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """Compute one of two expressions, by a condition; both, where it is not known yet.

    >>> choose(greater(1.0, 0.0), lambda: "chosen", lambda: 1 / 0.0)
    'chosen'
    """
    truth = known(condition)
    if truth is None:
        return where(condition, chosen(), other())
    return nan if isnan(truth) else chosen() if truth else other()


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """By pairs, and Horner's rule for x*x: half the steps that wait for each other.

    >>> polynomial(2.0, (1.0, 0.0, 3.0))
    13.0
    """
    square = x * x
    pairs = [low + high * x for low, high in zip(coefficients[::2], coefficients[1::2], strict=False)]
    total: Any = coefficients[-1] if len(coefficients) % 2 else pairs.pop()
    for pair in reversed(pairs):
        total = total * square + pair
    return total


def is_odd(n: Any) -> Any:
    """1 where a whole n >= 0 is odd, else 0.

    >>> is_odd(3.0), is_odd(6.0)
    (1.0, 0.0)
    """
    return abs(n - 2 * rint(n / 2))


def by_order(n: Any, lowest: float, highest: float, result: Callable[[], Any]) -> Any:
    """Compute what is there for whole numbers from `lowest` to `highest`; nan for any other.

    >>> by_order(1.5, 0.0, 16.0, lambda: 3.0)
    nan
    """
    size = abs(n)
    outside = greater(lowest, n) + greater(size, highest) + (1 - equal(size, rint(size)))
    return choose(outside, lambda: nan, result)


def in_sequence(n: Any, zeroth: Any, first: Any, following: Callable[[int, Any, Any], Any]) -> Any:
    """Compute the n-th of a sequence in which following(k, the one before the last, the last) is the k-th.

    >>> in_sequence(5.0, 0.0, 1.0, lambda k, before, last: before + last)
    5.0
    """

    def step(k: int, before: Any, last: Any) -> tuple[Any, Any]:
        more = greater(n, k - 1)
        return choose(more, lambda: last, lambda: before), choose(
            more, lambda: following(k, before, last), lambda: last
        )

    most, before, last = known(n), zeroth, first
    for k in range(2, (MOST_ORDER if most is None else int(most)) + 1):
        before, last = step(k, before, last)
    return choose(equal(n, 0.0), lambda: zeroth, lambda: last)


# The error function's family.


def _exp_of_square(x: Any, factor: float) -> Any:
    # The rounding of x*x alone would cost up to x*x ulps: split x so that the large square is exact.
    high = (x + SPLIT) - SPLIT
    power, rest = exp(factor * high * high), factor * (x - high) * (x + high)
    return power + power * (rest * (1 + rest * (0.5 + rest / 6)))  # rest is less than 2**-13


def _erfcx_above(x: Any) -> Any:
    return polynomial(1 - 7.5 / (x + 3.75), ERFCX) / (1 + 2 * x)  # of x >= 0


def erfcx(x: Any) -> Any:
    """exp(x*x)*erfc(x)."""

    def outer() -> Any:
        above = _erfcx_above(abs(x))

        def below() -> Any:
            return choose(greater(-26.7, x), lambda: inf, lambda: 2 * _exp_of_square(-x, 1.0) - above)

        return choose(greater(0.0, x), below, lambda: above)

    return choose(greater(abs(x), 1.0), outer, lambda: exp(x * x) * TABLE["erfc"](x))


def erfc_integral(n: Any, x: Any) -> Any:
    """exp(x*x) times the n-th integral of erfc from x to infinity.

    All of them are positive, and the derivative of each is -2*(n + 1) times the next. By the recurrence where that loses
    little, else by the continued fraction of the quotient of two of them.
    """
    zeroth = TABLE["erfcx"](x)

    def first() -> Any:
        scale = 1 + 2 * abs(x)
        above = polynomial(1 - 7.5 / (abs(x) + 3.75), ERFC_INTEGRAL) / (scale * scale)
        return choose(greater(0.5, x), lambda: 1 / root(pi) - x * zeroth, lambda: above)

    def quotients() -> Any:
        size, product = minimum(abs(x), 1e150), 1.0
        quotient = 1 / (size + sqrt(size * size + 2 * (MOST_ORDER + 50)))
        for k in range(MOST_ORDER + 49, 1, -1):
            quotient = 1 / (2 * size + 2 * (k + 1) * quotient)
            if k <= MOST_ORDER:
                product = product * where(greater(k, n), 1.0, quotient)
        return product

    def result() -> Any:
        one = first()
        by_quotients = greater(n, 1) * greater(x, 2)
        following = in_sequence(n, zeroth, one, lambda k, before, last: (before - 2 * x * last) / (2 * k))
        return choose(by_quotients, lambda: one * quotients(), lambda: following)

    return by_order(n, 0.0, MOST_ORDER, result)


def _erfc_tail(q: Any) -> Any:
    t = sqrt(-log(q))  # for 0 < q <= 1/2
    return t * polynomial(1 - 6 / (t + 3), ERFC_TAIL)


def erfinv(x: Any) -> Any:
    """The number whose erf is x."""

    def outer() -> Any:
        tail = _erfc_tail(1 - abs(x))
        return where(greater(0.0, x), -tail, tail)

    return choose(greater(abs(x), 0.5), outer, lambda: x * polynomial(x * x, ERFINV))


def erfcinv(q: Any) -> Any:
    """The number whose erfc is q."""

    def outer() -> Any:
        tail = _erfc_tail(minimum(q, 2 - q))
        return where(greater(q, 1.0), -tail, tail)

    return choose(greater(abs(1 - q), 0.5), outer, lambda: (1 - q) * polynomial((1 - q) * (1 - q), ERFINV))


def ndtri(p: Any) -> Any:
    """The number below which a normal variable is with probability p."""
    return 0.0 - root(2) * erfcinv(2 * p)  # 0, not -0, in the middle


def _ndtr_below(z: Any) -> Any:
    return 0.5 * _erfcx_above(z * root(0.5)) * _exp_of_square(minimum(z, 64.0), -0.5)  # ndtr(-z), for z >= 0


def ndtr(x: Any) -> Any:
    """The probability that a normal variable is below x."""

    def outer() -> Any:
        below = _ndtr_below(abs(x))
        return where(greater(0.0, x), below, 1 - below)

    return choose(greater(abs(x), 1.0), outer, lambda: 0.5 * TABLE["erfc"](-root(0.5) * x))


def log_ndtr(x: Any) -> Any:
    """The logarithm of ndtr(x)."""
    size = abs(x)
    return choose(
        greater(0.0, x),
        lambda: choose(
            greater(size, 1.0),
            lambda: log(0.5 * _erfcx_above(minimum(size, 1e160) * root(0.5))) - x * x / 2,
            lambda: log(TABLE["ndtr"](-size)),
        ),
        lambda: log1p(-TABLE["ndtr"](-size)),
    )


def ndtr_slope(x: Any) -> Any:
    """The normal density at x."""
    return _exp_of_square(minimum(abs(x), 64.0), -0.5) / root(2 * pi)


def log_ndtr_slope(x: Any) -> Any:
    """The normal density at x by ndtr(x)."""
    size = abs(x)
    return choose(
        greater(0.0, x),
        lambda: root(2 / pi) / TABLE["erfcx"](minimum(size, 1e308) * root(0.5)),
        lambda: ndtr_slope(size) / TABLE["ndtr"](size),
    )


# The gamma function's family.


def _near(x: Any) -> tuple[Any, Any]:
    # For -1/2 < x <= 5/2: s, which is x less 0, 1 or 2, and exact; the logarithm of gamma(2 + s).
    s = x - greater(x, 0.5) - greater(x, 1.25)
    return s, s * polynomial(s, LOG_GAMMA)


def _stirling(x: Any) -> Any:
    return polynomial(1 / (x * x), STIRLING) / x  # what Stirling's formula lacks, for x >= 5/2


def _log_gamma_near(x: Any) -> Any:
    s, base = _near(x)
    first = choose(greater(x, 0.5), lambda: log1p(s), lambda: log(abs(x) * (1 + x)))
    return base - choose(greater(x, 1.25), lambda: 0.0, lambda: first)


def _log_gamma_far(x: Any) -> Any:
    log_less_one = log1p(((x - E[0]) - E[1]) / e)
    return (x - 0.5) * log_less_one + (HALF_LOG_2PI - 0.5) + _stirling(x)


def _below_whole(x: Any) -> tuple[Any, Any]:
    # Of x < 0: |x|, no more than what makes it whole, and by how much it exceeds a whole number.
    size = minimum(abs(x), 2.0**53)
    return size, size - rint(size)


def gammaln(x: Any) -> Any:
    """The logarithm of |gamma(x)|."""
    size, rest = _below_whole(x)
    y = where(greater(x, -0.5), x, size)
    positive = choose(greater(y, 2.5), lambda: _log_gamma_far(y), lambda: _log_gamma_near(y))
    return choose(greater(x, -0.5), lambda: positive, lambda: log(pi / (size * abs(sin(pi * rest)))) - positive)


def _gamma_near(x: Any) -> Any:
    _, base = _near(x)
    divisor = where(greater(x, 1.25), 1.0, where(greater(x, 0.5), x, x * (1 + x)))
    return exp(base) / divisor


def _gamma_by_product(x: Any) -> Any:
    # For x > 5/2: factorials are exact up to 22!, the last one that is a float.
    product, rest = 1.0, x
    for _ in range(21):
        more = greater(rest, 2.5)
        rest = rest - more
        product = product * where(more, rest, 1.0)
    return product * _gamma_near(rest)


def _gamma_far(x: Any) -> Any:
    power = pow(x, 0.5 * x - 0.25)
    return (power * exp(-x)) * power * (root(2 * pi) * exp(_stirling(x)))


def gamma(x: Any) -> Any:
    """Gamma(x)."""
    size, rest = _below_whole(x)
    y = where(greater(x, -0.5), x, minimum(size, 200.0))

    def above() -> Any:
        by_product = greater(12, y) + greater(23.5, y) * equal(y, rint(y))
        return choose(by_product, lambda: _gamma_by_product(y), lambda: _gamma_far(minimum(y, 200.0)))

    positive = choose(greater(y, 2.5), above, lambda: _gamma_near(y))
    sign = 2 * is_odd(rint(size)) - 1
    return choose(
        greater(x, -0.5),
        lambda: positive,
        lambda: where(equal(rest, 0.0), nan, sign * pi / (size * sin(pi * rest)) / positive),
    )


def _digamma_far(x: Any) -> Any:
    square = 1 / (x * x)
    return log(x) - 0.5 / x - square * polynomial(square, DIGAMMA_FAR)


def _digamma_near(x: Any) -> Any:
    above = greater(x, 1.0)
    s = x - above
    base = ((s - (DIGAMMA_ROOT[0] - 1)) - DIGAMMA_ROOT[1]) * polynomial(s - 0.5, DIGAMMA)
    return base - choose(above, lambda: 0.0, lambda: 1 / x)


def _cot_of_turns(rest: Any) -> Any:
    # 1/tan(pi*rest), for |rest| <= 1/2, near its zeros, too.
    beside = tan(pi * (0.5 - abs(rest)))
    return choose(
        greater(abs(rest), 0.25), lambda: where(greater(rest, 0.0), beside, -beside), lambda: 1 / tan(pi * rest)
    )


def digamma(x: Any) -> Any:
    """The derivative of gammaln(x)."""
    _, rest = _below_whole(x)
    y = where(greater(0.0, x), 1 - x, x)
    positive = choose(greater(y, 2.0), lambda: _digamma_far(y), lambda: _digamma_near(y))
    return choose(
        greater(0.0, x),
        lambda: positive + choose(equal(rest, 0.0), lambda: nan, lambda: pi * _cot_of_turns(rest)),
        lambda: positive,
    )


def _hurwitz(s: Any, q: Any) -> Any:
    # The sum of (q + k)**-s for all whole k >= 0, for q > 0: some terms, and for all others Euler and Maclaurin's formula.
    def term(k: float) -> Any:
        moved = q + k
        power = pow(moved, -s)
        return power - s * power * ((q - (moved - k)) / moved)  # what is lost of q by adding k is not lost here

    def tail(w: Any, lost: Any) -> Any:
        square, factor, total = 1 / (w * w), s / w, 0.5
        for j, coefficient in enumerate(BERNOULLI):
            total = total + coefficient * factor
            factor = factor * (s + (2 * j + 1)) * (s + (2 * j + 2)) * square
        power = pow(w, 1 - s) * (1 / (s - 1) + total / w)
        return power - (s - 1) * power * (lost / w)

    def near() -> Any:
        total = pow(q, -s)
        for k in range(1, 10):
            total = total + term(float(k))
        return total + tail(q + 10, q - ((q + 10) - 10))

    return choose(greater(10 + s, q), near, lambda: tail(q, 0.0))


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma(x)."""
    s = n + 1
    sign = pow(-1.0, s)
    size, rest = _below_whole(x)

    def below() -> Any:
        # The sum over all whole k, less what is above x.
        around = pow(-rest, -s) + _hurwitz(s, 1 - rest) + sign * _hurwitz(s, 1 + rest)
        total = around - sign * _hurwitz(s, 1 + size)
        return choose(equal(rest, 0.0), lambda: where(is_odd(n), inf, nan), lambda: total)

    def derivative() -> Any:
        total = choose(greater(x, 0.0), lambda: _hurwitz(s, x), below)
        return sign * TABLE["gamma"](s) * total

    def result() -> Any:
        return choose(equal(n, 0.0), lambda: TABLE["digamma"](x), derivative)

    return by_order(n, 0.0, inf, result)


def _digamma_step(x: Any, y: Any) -> Any:
    # digamma(x + y) - digamma(x): a sum of what is positive.
    def far(x: Any) -> Any:
        up = x + y
        share = y / up
        a, b = 1 / (x * x), 1 / (up * up)
        total, quotient = DIGAMMA_FAR[-1], 0.0  # the polynomial at a, and its difference by that of a and b
        for coefficient in reversed(DIGAMMA_FAR[:-1]):
            quotient, total = quotient * b + total, total * a + coefficient
        # What is subtracted from log(x) is 1/(2*x) + a*P(a), and a*P(a) - b*P(b) = (a - b)*(P(a) + b*P[a, b]).
        return log1p(y / x) + share / (2 * x) + share * ((x + up) / up) * a * (total + b * quotient)

    def near() -> Any:
        return far(x + 2) + y / (x + y) / x + y / (x + 1 + y) / (x + 1)

    return choose(greater(x, 2.0), lambda: far(x), near)


def _hurwitz_step(s: Any, x: Any, y: Any) -> Any:
    # The sum of (x + k)**-s - (x + y + k)**-s: as _hurwitz, with every power's share of it, which is positive.
    def power(w: Any, s: Any) -> Any:
        return pow(w, -s) * -expm1(-s * log1p(y / w))

    w = where(greater(10 + s, x), x + 10, x)

    def tail() -> Any:
        factor, total = 1.0, power(w, s - 1) / (s - 1) + 0.5 * power(w, s)
        for j, coefficient in enumerate(BERNOULLI):
            factor = factor * (s + 2 * j) * (s + 2 * j - 1 if j else 1.0)
            total = total + coefficient * factor * power(w, s + (2 * j + 1))
        return total

    def near() -> Any:
        total = power(x, s)
        for k in range(1, 10):
            total = total + power(x + k, s)
        return total

    return tail() + choose(greater(10 + s, x), near, lambda: 0.0)


def polygamma_step(n: Any, x: Any, y: Any) -> Any:
    """polygamma(n, x + y) - polygamma(n, x), for x > 0 and y >= 0."""

    def derivative() -> Any:
        s = n + 1
        return -pow(-1.0, s) * TABLE["gamma"](s) * _hurwitz_step(s, x, y)

    def result() -> Any:
        def step() -> Any:
            return choose(equal(n, 0.0), lambda: _digamma_step(x, y), derivative)

        return choose(greater(0.0, minimum(x, y)), lambda: nan, step)

    return by_order(n, 0.0, inf, result)


def _log_beta_balanced(x: Any, y: Any) -> Any:
    # For x >= 5/2 and y >= 5/2.
    up = x + y
    powers = (x - 0.5) * log1p(y / x) + (y - 0.5) * log1p(x / y)
    return HALF_LOG_2PI - 0.5 * log(up) - powers + (_stirling(x) + _stirling(y) - _stirling(up))


def _log_gamma_quotient(x: Any, y: Any) -> Any:
    # gammaln(y) - gammaln(x + y), for y >= 5/2.
    up = x + y
    return (x - (y - 0.5) * log1p(x / y)) - x * log(up) + (_stirling(y) - _stirling(up))


def _rise(x: Any, y: Any) -> Any:
    return (x + y) / y * ((x + y + 1) / (y + 1)) * ((x + y + 2) / (y + 2))


def betaln(x: Any, y: Any) -> Any:
    """The logarithm of beta(x, y), for x > 0 and y > 0."""
    low, high = minimum(x, y), maximum(x, y)

    def unbalanced() -> Any:
        quotient = choose(
            greater(high, 2.5),
            lambda: _log_gamma_quotient(low, high),
            lambda: _log_gamma_quotient(low, high + 3) + log(_rise(low, high)),
        )
        return _log_gamma_near(low) + quotient

    def result() -> Any:
        return choose(greater(low, 2.5), lambda: _log_beta_balanced(low, high), unbalanced)

    return choose(greater(0.0, low), lambda: nan, result)


def beta(x: Any, y: Any) -> Any:
    """gamma(x)*gamma(y)/gamma(x + y), for x > 0 and y > 0."""
    low, high = minimum(x, y), maximum(x, y)

    def unbalanced() -> Any:
        quotient = choose(
            greater(high, 2.5),
            lambda: exp(_log_gamma_quotient(low, high)),
            lambda: exp(_log_gamma_quotient(low, high + 3)) * _rise(low, high),
        )
        return _gamma_near(low) * quotient

    def result() -> Any:
        return choose(greater(low, 2.5), lambda: exp(_log_beta_balanced(low, high)), unbalanced)

    return choose(greater(0.0, low), lambda: nan, result)


# Bessel functions.


def _hankel(x: Any, n: int) -> Any:
    # For x > 8, by their phase and amplitude; 0 at infinity.
    inverse = 1 / x
    p = polynomial(inverse * inverse, (J0_P, J1_P)[n])
    q = polynomial(inverse * inverse, (J0_Q, J1_Q)[n]) * inverse
    s, c = sin(x), cos(x)
    wave = p * (s - c) + q * (s + c) if n else p * (s + c) - q * (s - c)
    return wave / (root(pi) * sqrt(x))


def _bessel_near(x: Any, near: Sequence[float], middle: Sequence[float]) -> Any:
    square = x * x
    return choose(
        greater(square, 16.0),
        lambda: polynomial((square - 40) / 24, middle),
        lambda: polynomial(square / 8 - 1, near),
    )


def j0(x: Any) -> Any:
    """The Bessel function of the first kind and order 0."""
    size = abs(x)

    def far() -> Any:
        return choose(greater(inf, size), lambda: _hankel(size, 0), lambda: 0.0)

    return choose(greater(size, 8.0), far, lambda: _bessel_near(x, J0, J0_MIDDLE))


def j1(x: Any) -> Any:
    """The Bessel function of the first kind and order 1."""
    size = abs(x)

    def far() -> Any:
        out = choose(greater(inf, size), lambda: _hankel(size, 1), lambda: 0.0)
        return where(greater(0.0, x), -out, out)

    return choose(greater(size, 8.0), far, lambda: x * _bessel_near(x, J1, J1_MIDDLE))


def _growing(x: Any, coefficients: Sequence[float]) -> tuple[Any, Any]:
    x = minimum(x, 1400.0)
    half = exp(0.5 * x)  # for x > 8: the product of the two is the value, which alone may be too large
    return half * polynomial(16 / x - 1, coefficients) / sqrt(x), half


def _product(pair: tuple[Any, Any]) -> Any:
    return pair[0] * pair[1]


def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind and order 0."""
    size = abs(x)
    return choose(greater(size, 8.0), lambda: _product(_growing(size, I0_FAR)), lambda: polynomial(x * x / 64, I0))


def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind and order 1."""
    size = abs(x)
    sign = 1 - 2 * greater(0.0, x)
    return choose(
        greater(size, 8.0), lambda: sign * _product(_growing(size, I1_FAR)), lambda: x * polynomial(x * x / 64, I1)
    )


def _series(order: Any, size: Any, sign: float) -> Any:
    square, total = sign * (size / 2) * (size / 2), 1.0
    for k in range(40, 0, -1):
        total = 1 + total * (square / (k * (order + k)))
    return pow(size / 2, order) / TABLE["gamma"](order + 1) * total


def _mirrored(n: Any, x: Any, out: Any, sign: float) -> Any:
    # From order |n| at |x| to order n at x.
    odd = is_odd(abs(n))
    return out * (1 - 2 * odd * greater(0.0, x)) * (1 + (sign - 1) * odd * greater(0.0, n))


def jv(n: Any, x: Any) -> Any:
    """The Bessel function of the first kind and a whole order: by recurrence where that loses little, else a series."""
    order, size = abs(n), minimum(abs(x), 1e300)

    def recurrence() -> Any:
        following = lambda k, before, last: (2 * (k - 1) / size) * last - before  # noqa: E731
        return in_sequence(order, TABLE["j0"](size), TABLE["j1"](size), following)

    def result() -> Any:
        near = greater(order, 1) * (1 - greater(size, order))
        return _mirrored(n, x, choose(near, lambda: _series(order, size, -1.0), recurrence), -1.0)

    return by_order(n, -MOST_ORDER, MOST_ORDER, result)


def iv(n: Any, x: Any) -> Any:
    """The modified Bessel function of the first kind and a whole order: by recurrence where that loses little."""
    order, size = abs(n), abs(x)

    def recurrence() -> Any:
        parts = [_growing(size, coefficients) for coefficients in (I0_FAR, I1_FAR)]
        following = lambda k, before, last: before - (2 * (k - 1) / size) * last  # noqa: E731
        return in_sequence(order, parts[0][0], parts[1][0], following) * parts[0][1]

    def result() -> Any:
        far = greater(size, 8 + 2 * order)
        return _mirrored(n, x, choose(far, recurrence, lambda: _series(order, size, 1.0)), 1.0)

    return by_order(n, -MOST_ORDER, MOST_ORDER, result)


# Waves.


def _sin_of_turns(x: Any) -> tuple[Any, Any]:
    # sin(pi*x) and cos(pi*x), of which no digit is lost however large x is.
    size = minimum(abs(x), 2.0**53)
    whole = rint(size)
    turned, rest = 1 - 2 * is_odd(whole), size - whole
    sine = turned * sin(pi * rest)
    return where(greater(0.0, x), -sine, sine), turned * cos(pi * rest)


def sinc(x: Any) -> Any:
    """sin(pi*x)/(pi*x)."""
    sine, _ = _sin_of_turns(x)
    return choose(equal(x, 0.0), lambda: 1.0, lambda: sine / (pi * x))


def sinc_slope(n: Any, x: Any) -> Any:
    """The n-th derivative of sinc(x): by the product rule on x*sinc(x) where that loses little, else by the series."""
    z = pi * x

    def recurrence() -> Any:
        sine, cosine = _sin_of_turns(x)
        turned = (sine, cosine, -sine, -cosine)

        def following(k: int, _: Any, last: Any) -> Any:
            return (pi ** (k - 1) * turned[k % 4] - k * last) / x

        zeroth = sine / z
        return in_sequence(n, zeroth, following(1, 0.0, zeroth), following)

    def series() -> Any:
        def terms(first: int) -> Any:
            total: Any = 0.0
            for k in range(30 + first, -1, -2):
                total = 1 / (n + (k + 1)) - total * (z * z) / ((k + 1) * (k + 2))
            return total

        odd = is_odd(n)
        sign = 1 - 2 * is_odd((n + odd) / 2)
        return pow(pi, n) * sign * choose(odd, lambda: z * terms(1), lambda: terms(0))

    return by_order(n, 0.0, MOST_ORDER, lambda: choose(greater(abs(z), 0.75 * n + 0.75), recurrence, series))


def logit(p: Any) -> Any:
    """The logarithm of p/(1 - p)."""
    return choose(greater(0.25, abs(p - 0.5)), lambda: log1p((2 * p - 1) / (1 - p)), lambda: log(p / (1 - p)))
