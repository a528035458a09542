/* What compiled.py measures, written by hand in C: derivatives on paper, loops that the compiler turns into SIMD.

       gcc -O3 -march=native -ffast-math -shared -fPIC compiled.c -o compiled.so -lm

   Samples come as rows. They are turned so that a unit's values for all samples of a block stand side by side; then each
   loop over the samples runs in SIMD lanes, sums stay in registers, and a block stays in the first cache. A sine and a cosine of one argument have a loop each, because gcc would join them in one call that has no SIMD
   form. */

#include <math.h>

#define BLOCK 128 /* samples */
#define LOOP(i, n) for (long i = 0; i < (n); i++)

static long at_most(long n, long most) { return n < most ? n : most; }

/* a: micrograd's demo, 2-16-16-1 neurons with ReLU, the mean of max(0, 1 - y score) over at most BLOCK samples, plus
   ALPHA sum of p p over all parameters; returns it and leaves its gradient. */

#define IN 2
#define H 16
#define ALPHA 1e-4
#define LEAVE(gradient, sum, p) (gradient = (sum) + 2 * ALPHA * (p), squares += (p) * (p))

double moons(const double *restrict w1, const double *restrict b1, const double *restrict w2,
             const double *restrict b2, const double *restrict w3, const double *restrict b3,
             double *restrict dw1, double *restrict db1, double *restrict dw2,
             double *restrict db2, double *restrict dw3, double *restrict db3,
             const double *restrict x, const double *restrict y, long n)
{
    double x0[BLOCK], x1[BLOCK], h1[H][BLOCK], h2[H][BLOCK], score[BLOCK], d3[BLOCK], d2[H][BLOCK];
    double share = 1.0 / n, hinges = 0, squares = 0, db = 0;

    LOOP(s, n) {
        x0[s] = x[IN * s];
        x1[s] = x[IN * s + 1];
        score[s] = b3[0];
    }
    LOOP(i, H)
        LOOP(s, n) {
            double z = b1[i] + w1[IN * i] * x0[s] + w1[IN * i + 1] * x1[s];
            h1[i][s] = z > 0 ? z : 0;
        }
    LOOP(i, H)
        LOOP(s, n) {
            double z = b2[i];
            LOOP(j, H) z += w2[H * i + j] * h1[j][s];
            z = z > 0 ? z : 0;
            h2[i][s] = z;
            score[s] += w3[i] * z;
        }

    LOOP(s, n) {
        double margin = 1 - y[s] * score[s];
        hinges += margin > 0 ? margin : 0;
        d3[s] = margin > 0 ? -y[s] * share : 0;
        db += d3[s];
    }
    LEAVE(db3[0], db, b3[0]);
    LOOP(i, H) {
        double dw = 0, db = 0;
        LOOP(s, n) {
            dw += d3[s] * h2[i][s];
            d2[i][s] = h2[i][s] > 0 ? d3[s] * w3[i] : 0;
            db += d2[i][s];
        }
        LEAVE(dw3[i], dw, w3[i]);
        LEAVE(db2[i], db, b2[i]);
    }
    LOOP(i, H)
        LOOP(j, H) {
            double dw = 0;
            LOOP(s, n) dw += d2[i][s] * h1[j][s];
            LEAVE(dw2[H * i + j], dw, w2[H * i + j]);
        }
    LOOP(j, H) {
        double db = 0, dw_0 = 0, dw_1 = 0;
        LOOP(s, n) {
            double d1 = 0;
            LOOP(i, H) d1 += w2[H * i + j] * d2[i][s];
            d1 = h1[j][s] > 0 ? d1 : 0;
            db += d1;
            dw_0 += d1 * x0[s];
            dw_1 += d1 * x1[s];
        }
        LEAVE(db1[j], db, b1[j]);
        LEAVE(dw1[IN * j], dw_0, w1[IN * j]);
        LEAVE(dw1[IN * j + 1], dw_1, w1[IN * j + 1]);
    }
    return hinges * share + ALPHA * squares;
}

/* The same as one writes it first: a sample at a time, forward and backward, the loops over the units left to gcc. */

static double regularised(double *restrict g, const double *restrict p, long n)
{
    double squares = 0;
    LOOP(i, n) {
        g[i] = 2 * ALPHA * p[i];
        squares += p[i] * p[i];
    }
    return ALPHA * squares;
}

double moons_plainly(const double *restrict w1, const double *restrict b1, const double *restrict w2,
                     const double *restrict b2, const double *restrict w3, const double *restrict b3,
                     double *restrict dw1, double *restrict db1, double *restrict dw2,
                     double *restrict db2, double *restrict dw3, double *restrict db3,
                     const double *restrict x, const double *restrict y, long samples)
{
    double share = 1.0 / samples, loss = 0;
    loss += regularised(dw1, w1, H * IN) + regularised(db1, b1, H) + regularised(dw2, w2, H * H);
    loss += regularised(db2, b2, H) + regularised(dw3, w3, H) + regularised(db3, b3, 1);
    LOOP(s, samples) {
        double h1[H], h2[H], d1[H] = {0}, d2[H], score = b3[0];
        LOOP(i, H) {
            double z = b1[i] + w1[IN * i] * x[IN * s] + w1[IN * i + 1] * x[IN * s + 1];
            h1[i] = z > 0 ? z : 0;
        }
        LOOP(i, H) {
            double z = b2[i];
            LOOP(j, H) z += w2[H * i + j] * h1[j];
            h2[i] = z > 0 ? z : 0;
            score += w3[i] * h2[i];
        }
        double margin = 1 - y[s] * score;
        if (margin <= 0)
            continue;
        loss += margin * share;
        double d3 = -y[s] * share;
        db3[0] += d3;
        LOOP(i, H) {
            dw3[i] += d3 * h2[i];
            d2[i] = h2[i] > 0 ? d3 * w3[i] : 0;
            db2[i] += d2[i];
        }
        LOOP(i, H)
            LOOP(j, H) {
                dw2[H * i + j] += d2[i] * h1[j];
                d1[j] += d2[i] * w2[H * i + j];
            }
        LOOP(j, H) {
            double d = h1[j] > 0 ? d1[j] : 0;
            db1[j] += d;
            dw1[IN * j] += d * x[IN * s];
            dw1[IN * j + 1] += d * x[IN * s + 1];
        }
    }
    return loss;
}

/* b: Rosenbrock's function, sum of 100 (x_i+1 - x_i x_i)^2 + (1 - x_i)^2, and its gradient */

double rosenbrock(const double *restrict x, double *restrict g, long n)
{
    double value = 0;
    LOOP(i, n - 1) {
        double bend = x[i + 1] - x[i] * x[i], rest = 1 - x[i];
        value += 100 * bend * bend + rest * rest;
        g[i] = -400 * x[i] * bend - 2 * rest;
    }
    g[n - 1] = 0;
    LOOP(i, n - 1) g[i + 1] += 200 * (x[i + 1] - x[i] * x[i]);
    return value;
}

/* c: the Hessian of the Helmholtz energy of a mixture of N components, with s = b x, t = sum of x and q = x A x:
       sum of x_i log(x_i / (1 - s)) - q L / (sqrt 8 s),   L = log((1 + (1 + sqrt 2) s) / (1 + (1 - sqrt 2) s)) */

#define N 10

void helmholtz(const double *restrict x, const double *restrict a, const double *restrict b, double *restrict hessian)
{
    const double root = sqrt(2), plus = 1 + root, minus = 1 - root;
    double s = 0, t = 0, q = 0, ax[N];
    LOOP(i, N) {
        s += b[i] * x[i];
        t += x[i];
    }
    LOOP(i, N) {
        ax[i] = 0;
        LOOP(j, N) ax[i] += a[N * i + j] * x[j];
        q += x[i] * ax[i];
    }
    double p = plus / (1 + plus * s), m = minus / (1 + minus * s);
    double l = log((1 + plus * s) / (1 + minus * s)), l1 = p - m, l2 = m * m - p * p;
    double scale = 1 / (2 * root * s * s * s);
    double g = l * s * s * scale, g1 = (l1 * s - l) * s * scale, g2 = (l2 * s * s - 2 * l1 * s + 2 * l) * scale;
    double free = 1 / (1 - s), both = t * free * free - q * g2;
    LOOP(i, N) {
        LOOP(j, N)
            hessian[N * i + j] = (b[i] + b[j]) * free + b[i] * b[j] * both - 2 * a[N * i + j] * g
                                 - 2 * (ax[i] * b[j] + ax[j] * b[i]) * g1;
        hessian[N * i + i] += 1 / x[i];
    }
}

/* d: a network of 4-3-2 neurons, ReLU(z) + sin(z), softmax and cross-entropy; the mean over the samples and its gradient */

#define D_IN 4
#define D_HIDDEN 3
#define D_OUT 2

double network(const double *restrict w1, const double *restrict b1, const double *restrict w2,
               const double *restrict b2, double *restrict dw1, double *restrict db1, double *restrict dw2,
               double *restrict db2, const double *restrict x, const double *restrict target, long samples)
{
    double in[D_IN][BLOCK], z1[D_HIDDEN][BLOCK], h[D_HIDDEN][BLOCK], slope[D_HIDDEN][BLOCK], d[D_OUT][BLOCK];
    double share = 1.0 / samples, loss = 0;
    LOOP(i, D_IN * D_HIDDEN) dw1[i] = 0;
    LOOP(i, D_HIDDEN) db1[i] = 0;
    LOOP(i, D_HIDDEN * D_OUT) dw2[i] = 0;
    LOOP(i, D_OUT) db2[i] = 0;

    for (; samples > 0; samples -= BLOCK, x += D_IN * BLOCK, target += D_OUT * BLOCK) {
        long n = at_most(samples, BLOCK);
        LOOP(s, n)
            LOOP(j, D_IN) in[j][s] = x[D_IN * s + j];
        LOOP(i, D_HIDDEN) {
            LOOP(s, n) {
                double z = b1[i];
                LOOP(j, D_IN) z += w1[D_IN * i + j] * in[j][s];
                z1[i][s] = z;
            }
            LOOP(s, n) h[i][s] = (z1[i][s] > 0 ? z1[i][s] : 0) + sin(z1[i][s]);
            LOOP(s, n) slope[i][s] = (z1[i][s] > 0 ? 1 : 0) + cos(z1[i][s]);
        }
        double losses = 0;
        LOOP(s, n) {
            double u = b2[0], v = b2[1], t = target[D_OUT * s], r = target[D_OUT * s + 1];
            LOOP(i, D_HIDDEN) {
                u += w2[i] * h[i][s];
                v += w2[D_HIDDEN + i] * h[i][s];
            }
            /* softmax of two: e = exp(-|u - v|) cannot overflow */
            double gap = u - v, e = exp(-fabs(gap)), small = e / (1 + e), large = 1 / (1 + e);
            double p = gap > 0 ? large : small, high = gap > 0 ? u : v;
            losses += (t + r) * (high + log(1 + e)) - t * u - r * v;
            d[0][s] = ((t + r) * p - t) * share;
            d[1][s] = ((t + r) * (1 - p) - r) * share;
        }
        loss += losses * share;
        LOOP(k, D_OUT) {
            double db = 0;
            LOOP(s, n) db += d[k][s];
            db2[k] += db;
            LOOP(i, D_HIDDEN) {
                double dw = 0;
                LOOP(s, n) dw += d[k][s] * h[i][s];
                dw2[D_HIDDEN * k + i] += dw;
            }
        }
        LOOP(i, D_HIDDEN) {
            double db = 0, dw[D_IN] = {0};
            LOOP(s, n) {
                double d1 = (d[0][s] * w2[i] + d[1][s] * w2[D_HIDDEN + i]) * slope[i][s];
                db += d1;
                LOOP(j, D_IN) dw[j] += d1 * in[j][s];
            }
            db1[i] += db;
            LOOP(j, D_IN) dw1[D_IN * i + j] += dw[j];
        }
    }
    return loss;
}

/* e: the Jacobian, a row a point, of the residuals of a sum of PEAKS curves height exp(-((t - centre) / width)^2) */

#define PEAKS 3

void gaussians(const double *restrict p, const double *restrict t, double *restrict jacobian, long points)
{
    double e[PEAKS][BLOCK], u[PEAKS][BLOCK];
    for (; points > 0; points -= BLOCK, t += BLOCK, jacobian += 3 * PEAKS * BLOCK) {
        long n = at_most(points, BLOCK);
        LOOP(k, PEAKS) {
            double centre = p[3 * k + 1], narrow = 1 / p[3 * k + 2];
            LOOP(s, n) {
                u[k][s] = (t[s] - centre) * narrow;
                e[k][s] = exp(-u[k][s] * u[k][s]);
            }
        }
        LOOP(s, n)
            LOOP(k, PEAKS) {
                double along = 2 * p[3 * k] / p[3 * k + 2] * u[k][s] * e[k][s];
                jacobian[3 * PEAKS * s + 3 * k] = e[k][s];
                jacobian[3 * PEAKS * s + 3 * k + 1] = along;
                jacobian[3 * PEAKS * s + 3 * k + 2] = along * u[k][s];
            }
    }
}
