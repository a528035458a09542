/* The twin of engine.py in C: the same Value, hundreds of times faster, bit for bit the same.

   What is hot is here: the node, recording an operation, the topological order, backward, and freeing. What is not,
   the type takes from engine.py: printing, copying, pickling, forward(), and every error, which the Python operation
   raises when this one comes upon something outside its domain.

   A node and its GC header are 96 bytes. Parents are made before their children, so nodes cannot form cycles by
   themselves and the collector does not track them; one that a user gives a closure or an attribute that can hold
   references is tracked, and so is what is built on it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef Py_GIL_DISABLED
#error "this engine relies on the GIL: without it, Python's own is used"
#endif

/* The table, one row an operation: its value, and beside it its partial derivatives, as in ops.py. Where a value may
   raise in Python (MAY_RAISE), a result that is not finite is left to the Python operation. A partial never raises.
   Operations that are missing here (or that a user adds) are recorded by their Python record. */

#define SURE 0
#define MAY_RAISE 1

#define UNARY(ROW)                                                                                                     \
    ROW(neg, SURE, -x, -1.0)                                                                                           \
    ROW(abs, SURE, fabs(x), greater(x, 0) - greater(0, x))                                                             \
    ROW(exp, MAY_RAISE, exp(x), out)                                                                                   \
    ROW(expm1, MAY_RAISE, expm1(x), exp(x))                                                                            \
    ROW(log, MAY_RAISE, log(x), 1 / x)                                                                                 \
    ROW(log1p, MAY_RAISE, log1p(x), 1 / (1 + x))                                                                       \
    ROW(sqrt, MAY_RAISE, sqrt(x), 0.5 / out)                                                                           \
    ROW(sin, MAY_RAISE, sin(x), cos(x))                                                                                \
    ROW(cos, MAY_RAISE, cos(x), -sin(x))                                                                               \
    ROW(tan, MAY_RAISE, tan(x), 1 + out * out)                                                                         \
    ROW(arcsin, MAY_RAISE, asin(x), 1 / sqrt((1 - x) * (1 + x)))                                                       \
    ROW(arccos, MAY_RAISE, acos(x), -1 / sqrt((1 - x) * (1 + x)))                                                      \
    ROW(arctan, SURE, atan(x), 1 / (1 + x * x))                                                                        \
    ROW(sinh, MAY_RAISE, sinh(x), cosh(x))                                                                             \
    ROW(cosh, MAY_RAISE, cosh(x), sinh(x))                                                                             \
    ROW(tanh, SURE, tanh(x), sech_squared(x))                                                                          \
    ROW(relu, SURE, relu(x), greater(x, 0))                                                                            \
    ROW(sigmoid, SURE, sigmoid(x), out * sigmoid(-x))                                                                  \
    ROW(softplus, SURE, relu(x) + log1p(exp(-fabs(x))), sigmoid(x))                                                    \
    ROW(erf, SURE, erf(x), two_over_root_pi * gaussian(x))                                                             \
    ROW(sech_squared, SURE, sech_squared(x), -2 * tanh(x) * out)                                                       \
    ROW(gaussian, SURE, gaussian(x), -2 * x * out)

#define BINARY(ROW)                                                                                                    \
    ROW(add, SURE, x + y, 1.0, 1.0)                                                                                    \
    ROW(sub, SURE, x - y, 1.0, -1.0)                                                                                   \
    ROW(mul, SURE, x * y, y, x)                                                                                        \
    ROW(div, MAY_RAISE, x / y, 1 / y, -out / y)                                                                        \
    ROW(pow, MAY_RAISE, pow(x, y), power_rule(x, y), out * log(x + equal(x, 0)))                                       \
    ROW(maximum, SURE, x >= y || isnan(x) ? x : y, greater(x, y) + equal(x, y) / 2, greater(y, x) + equal(x, y) / 2)   \
    ROW(minimum, SURE, x <= y || isnan(x) ? x : y, greater(y, x) + equal(x, y) / 2, greater(x, y) + equal(x, y) / 2)   \
    ROW(greater, SURE, greater(x, y), 0.0, 0.0)                                                                        \
    ROW(equal, SURE, equal(x, y), 0.0, 0.0)                                                                            \
    ROW(power_rule, SURE, power_rule(x, y), y * power_rule(x, y - 1),                                                  \
        pow(x, y - 1) + out * log(x + equal(x, 0)))

static double two_over_root_pi; /* computed at import, as ops.py computes it */

static double greater(double x, double y) { return isnan(x) || isnan(y) ? NAN : (double)(x > y); }

static double equal(double x, double y) { return isnan(x) || isnan(y) ? NAN : (double)(x == y); }

static double relu(double x) { return x > 0 || isnan(x) ? x : 0.0; }

static double sigmoid(double x)
{
    if (x >= 0)
        return 1 / (1 + exp(-x));
    double e = exp(x);
    return e / (1 + e);
}

static double sech_squared(double x)
{
    double e = exp(-2 * fabs(x));
    return 4 * e / ((1 + e) * (1 + e));
}

static double gaussian(double x)
{
    if (fabs(x) > 28)
        return 0.0;
    double carry = 134217729.0 * x, high = carry - (carry - x);
    return exp(-high * high) * exp((high - x) * (high + x));
}

static double power_rule(double x, double y)
{
    if (y == 0)
        return 0.0;
    int exact = x == 0 || (fabs(y) < 9007199254740992.0 && (y - 1) + 1 == y);
    double out = pow(x, exact ? y - 1 : y);
    return exact ? y * out : y * (out / x);
}

enum {
    NO_OPERATION,
#define ROW(name, ...) OP_##name,
    UNARY(ROW) BINARY(ROW)
#undef ROW
        OPERATIONS
};

static const struct {
    const char *name;
    int arity;
} rows[OPERATIONS] = {
    {"", 0},
#define ROW(name, ...) {#name, 1},
    UNARY(ROW)
#undef ROW
#define ROW(name, ...) {#name, 2},
        BINARY(ROW)
#undef ROW
};

static PyObject *records[OPERATIONS]; /* the Python records of the rows */

/* The node. */

enum { ORDINARY, INPUT, PARAMETER, TARGET, CONSTANT, ROLES };
static PyObject *role_names[ROLES];

enum { MARKED = 1, DIFFERENTIABLE = 2, TRACKED = 4, BY_HAND = 8, IN_SLAB = 16 };
#define MANY 3 /* parents: as many as extra says */

typedef struct { /* what few nodes have */
    PyObject *dict;
    PyObject *label;
    PyObject *closure;   /* a user's _backward */
    PyObject *operation; /* where the node is not of a row: an Op, or a str */
    PyObject *parents;   /* a tuple, where there are more than two */
    PyObject *partials;  /* the same */
    PyObject *role;      /* a role of the user's own */
} Extra;

typedef struct Node {
    PyObject_HEAD
    double data;
    union {
        double grad;
        struct Node *next; /* in a list of free or dying nodes */
    };
    struct Node *parent[2];
    double partial[2];
    uint32_t scope; /* an index into scopes */
    uint8_t operation, role, count, flags; /* count: of parents, or MANY */
    Extra *extra;
} Node;

static PyTypeObject *Value;
static PyObject *empty_string, *empty_tuple;
static PyObject *mode_variable;                  /* engine._mode */
static PyObject *number_function, *is_number_function; /* ops.number, ops.is_number */
static PyObject *linearize, *check_result, *check_gradients;
static PyObject *scopes, *scope_numbers; /* a list of tuples, and their places in it */

#define Node_Check(object) (Py_IS_TYPE(object, Value) || PyType_IsSubtype(Py_TYPE(object), Value))

#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline))
#define FETCH(node) (__builtin_prefetch(&(node)->data, 1), __builtin_prefetch(&(node)->flags, 1))
#else
#define INLINE static inline
#define FETCH(node) ((void)0)
#endif
#define AHEAD 12 /* nodes: a graph is larger than the caches, so say early which comes next */

static Extra *extra(Node *node)
{
    if (node->extra == NULL) {
        node->extra = PyMem_Calloc(1, sizeof(Extra));
        if (node->extra == NULL)
            PyErr_NoMemory();
    }
    return node->extra;
}

static void track(Node *node)
{
    if (!(node->flags & TRACKED)) {
        node->flags |= TRACKED;
        PyObject_GC_Track(node);
    }
}

static inline Py_ssize_t count_parents(Node *node)
{
    return node->count < MANY ? node->count : PyTuple_GET_SIZE(node->extra->parents);
}

static inline Node *parent_at(Node *node, Py_ssize_t i)
{
    return node->count < MANY ? node->parent[i] : (Node *)PyTuple_GET_ITEM(node->extra->parents, i);
}

/* Memory. A graph is made and freed as a whole, again and again. Slabs keep its nodes together and in the order of
   their making, for a slab that has become empty starts anew at its first node: a plain free list is soon shuffled, and
   then every node is a cache miss (measured: 1.6 times the time of a training step). Empty slabs beyond a few go back to
   the system. */

#define SLAB_BYTES (1 << 18)
#define MOST_EMPTY 32 /* slabs: 8 MiB */

typedef struct {
    uintptr_t gc[2]; /* what CPython puts before an object that its collector may come to track: PyGC_Head */
    Node node;
} Cell;

typedef struct Slab {
    struct Slab *next, *previous; /* among those with room */
    Node *free;
    int used;
    Cell cells[];
} Slab;

#define CELLS ((int)((SLAB_BYTES - sizeof(Slab)) / sizeof(Cell)))
#define SLAB_OF(node) ((Slab *)((uintptr_t)(node) & ~(uintptr_t)(SLAB_BYTES - 1)))

static Cell *fresh, *fresh_end; /* what is left of the slab in use; all of it counts as used */
static Slab *with_room;
static int empty_slabs;

/* A slab begins at a multiple of its size, so that a node tells its slab. */
#ifdef _WIN32
#include <malloc.h>
static Slab *map_slab(void) { return _aligned_malloc(SLAB_BYTES, SLAB_BYTES); }
static void unmap_slab(Slab *slab) { _aligned_free(slab); }
#else
#include <sys/mman.h>
static Slab *map_slab(void)
{
    char *start = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    char *slab = (char *)(((uintptr_t)start + SLAB_BYTES - 1) & ~(uintptr_t)(SLAB_BYTES - 1));
    if (slab > start)
        munmap(start, (size_t)(slab - start));
    munmap(slab + SLAB_BYTES, (size_t)(start + SLAB_BYTES - slab));
    return (Slab *)slab;
}
static void unmap_slab(Slab *slab) { munmap(slab, SLAB_BYTES); }
#endif

#ifdef __SANITIZE_ADDRESS__ /* it would not see the use of a freed node: a slab is one allocation */
#include <sanitizer/asan_interface.h>
#define HIDE(cell) ASAN_POISON_MEMORY_REGION(cell, sizeof(Cell))
#define SHOW(cell) ASAN_UNPOISON_MEMORY_REGION(cell, sizeof(Cell))
#else
#define HIDE(cell) ((void)0)
#define SHOW(cell) ((void)0)
#endif

static void link_slab(Slab *slab)
{
    slab->next = with_room;
    slab->previous = NULL;
    if (with_room)
        with_room->previous = slab;
    with_room = slab;
}

static void unlink_slab(Slab *slab)
{
    if (slab->next)
        slab->next->previous = slab->previous;
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        with_room = slab->next;
}

static Cell *find_room(void)
{
    Slab *slab = with_room;
    if (slab && slab->used) { /* fill its gaps */
        Cell *cell = (Cell *)((char *)slab->free - offsetof(Cell, node));
        SHOW(cell);
        slab->free = slab->free->next;
        slab->used++;
        if (slab->free == NULL)
            unlink_slab(slab);
        return cell;
    }
    if (slab) {
        unlink_slab(slab);
        empty_slabs--;
    }
    else if ((slab = map_slab()) == NULL)
        return (Cell *)PyErr_NoMemory();
    slab->free = NULL;
    slab->used = CELLS;
    fresh = slab->cells;
    fresh_end = fresh + CELLS;
    return fresh++;
}

INLINE Node *blank(void)
{
    Cell *cell = fresh < fresh_end ? fresh++ : find_room();
    if (cell == NULL)
        return NULL;
    SHOW(cell);
    memset(cell, 0, sizeof(Cell));
    Node *node = &cell->node;
    node->flags = IN_SLAB;
    Py_SET_TYPE(node, Value); /* which never dies: the nodes of a graph need not count for it */
#ifdef Py_TRACE_REFS
    _Py_NewReference((PyObject *)node);
#else
    Py_SET_REFCNT(node, 1);
#endif
    return node;
}

static void give_back(Node *node)
{
    Slab *slab = SLAB_OF(node);
    if (slab->free == NULL)
        link_slab(slab);
    node->next = slab->free;
    slab->free = node;
    HIDE((char *)node - offsetof(Cell, node));
    if (--slab->used == 0 && ++empty_slabs > MOST_EMPTY) {
        empty_slabs--;
        unlink_slab(slab);
        unmap_slab(slab);
    }
}

/* A node dies in a list, not by recursion: a chain of ten million must die too. */

static Node *dying;
static int draining;

static void drop(Extra *held)
{
    if (held == NULL)
        return;
    Py_XDECREF(held->dict);
    Py_XDECREF(held->label);
    Py_XDECREF(held->closure);
    Py_XDECREF(held->operation);
    Py_XDECREF(held->parents);
    Py_XDECREF(held->partials);
    Py_XDECREF(held->role);
    PyMem_Free(held);
}

static void release_extra(Node *node)
{
    Extra *held = node->extra;
    if (held == NULL)
        return;
    node->extra = NULL; /* first: what is dropped may run the user's code */
    node->count = node->count == MANY ? 0 : node->count;
    node->role = node->role == ROLES ? ORDINARY : node->role;
    node->flags &= (uint8_t)~BY_HAND;
    drop(held);
}

static void release_parents(Node *node)
{
    Node *x = node->parent[0], *y = node->parent[1];
    node->parent[0] = node->parent[1] = NULL;
    node->count = 0;
    Py_XDECREF(x);
    Py_XDECREF(y);
}

static void let_go(Node *parent)
{
    if (parent && Py_REFCNT(parent) == 1 && Py_IS_TYPE(parent, Value) && (parent->flags & (IN_SLAB | TRACKED)) == IN_SLAB) {
        parent->next = dying; /* what node_dealloc would do */
        dying = parent;
    }
    else
        Py_XDECREF(parent);
}

static void drain(void)
{
    draining = 1;
    while (dying) {
        Node *node = dying;
        dying = node->next;
        if (node->extra)
            release_extra(node);
        let_go(node->parent[0]);
        let_go(node->parent[1]);
        give_back(node);
    }
    draining = 0;
}

static void node_dealloc(PyObject *self)
{
    Node *node = (Node *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (node->flags & TRACKED || type != Value) /* a subclass's own dealloc tracks anew */
        PyObject_GC_UnTrack(self);
    if (!(node->flags & IN_SLAB)) { /* made as one of a subclass: a leaf, or by hand */
        release_extra(node);
        release_parents(node);
        type->tp_free(self);
        Py_DECREF(type);
        return;
    }
    if (type != Value) { /* someone has changed its class behind our back: make good what that did to the counts */
        Py_INCREF(Value);
        Py_DECREF(type);
    }
    node->next = dying;
    dying = node;
    if (!draining)
        drain();
}

static int node_traverse(PyObject *self, visitproc visit, void *arg)
{
    Node *node = (Node *)self;
    if (Py_TYPE(self) != Value)
        Py_VISIT(Py_TYPE(self));
    Py_VISIT(node->parent[0]);
    Py_VISIT(node->parent[1]);
    if (node->extra) {
        Py_VISIT(node->extra->dict);
        Py_VISIT(node->extra->label);
        Py_VISIT(node->extra->closure);
        Py_VISIT(node->extra->operation);
        Py_VISIT(node->extra->parents);
        Py_VISIT(node->extra->role);
    }
    return 0;
}

static int node_clear(PyObject *self)
{
    release_extra((Node *)self);
    release_parents((Node *)self);
    return 0;
}

/* Numbers in. Returns -1 with an exception set. */

static int number(PyObject *object, const char *name, double *out)
{
    if (PyFloat_Check(object)) {
        *out = PyFloat_AS_DOUBLE(object);
        return 0;
    }
    if (PyLong_CheckExact(object)) {
        *out = PyLong_AsDouble(object);
        if (*out != -1.0 || !PyErr_Occurred())
            return 0;
        PyErr_Clear(); /* too large: the Python function says so, with the name */
    }
    PyObject *converted = PyObject_CallFunction(number_function, "Os", object, name);
    if (converted == NULL)
        return -1;
    *out = PyFloat_AsDouble(converted);
    Py_DECREF(converted);
    return *out == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int is_number(PyObject *object)
{
    if (PyFloat_Check(object) || PyLong_Check(object))
        return 1;
    PyObject *answer = PyObject_CallOneArg(is_number_function, object);
    int truth = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return truth;
}

/* What is in force: engine.Mode(recording, anomaly, scope), held by the context. */

typedef struct {
    int recording, anomaly;
    uint32_t scope;
} Mode;

static int scope_number(PyObject *scope, uint32_t *number)
{
    *number = 0;
    if (PyTuple_CheckExact(scope) && PyTuple_GET_SIZE(scope) == 0)
        return 0;
    PyObject *known = PyDict_GetItemWithError(scope_numbers, scope);
    if (known == NULL) {
        if (PyErr_Occurred())
            return -1;
        known = PyLong_FromSsize_t(PyList_GET_SIZE(scopes));
        if (known == NULL || PyDict_SetItem(scope_numbers, scope, known) < 0 || PyList_Append(scopes, scope) < 0) {
            Py_XDECREF(known);
            return -1;
        }
        Py_DECREF(known); /* the dict holds it */
    }
    *number = (uint32_t)PyLong_AsUnsignedLong(known);
    return 0;
}

static PyObject *last_found; /* most often the mode is the one of the operation before */
static Mode last_mode;

static const Mode *new_mode(PyObject *found)
{
    Mode fresh = {PyObject_IsTrue(PyTuple_GET_ITEM(found, 0)), PyObject_IsTrue(PyTuple_GET_ITEM(found, 1)), 0};
    if (scope_number(PyTuple_GET_ITEM(found, 2), &fresh.scope) < 0) {
        Py_DECREF(found);
        return NULL;
    }
    last_mode = fresh;
    Py_XSETREF(last_found, found);
    return &last_mode;
}

INLINE const Mode *get_mode(void) /* NULL, with an exception set, where it fails */
{
    PyObject *found;
    if (PyContextVar_Get(mode_variable, NULL, &found) < 0)
        return NULL;
    if (found != last_found)
        return new_mode(found);
    Py_DECREF(found); /* last_found holds it */
    return &last_mode;
}

static int copy_mode(Mode *mode) /* where what follows may run the user's code */
{
    const Mode *found = get_mode();
    if (found)
        *mode = *found;
    return found ? 0 : -1;
}

/* Recording an operation: the heart of the engine. */

static PyObject *pair(PyObject *x, PyObject *y) { return y ? PyTuple_Pack(2, x, y) : PyTuple_Pack(1, x); }

static int outside(int op, Node *x, Node *y, double *out)
{
    /* The Python operation says what happens outside the domain: it raises, or gives what IEEE 754 gives. */
    PyObject *parents = pair((PyObject *)x, (PyObject *)y);
    PyObject *answer = parents ? PyObject_CallFunctionObjArgs(linearize, records[op], parents, NULL) : NULL;
    Py_XDECREF(parents);
    if (answer == NULL)
        return -1;
    *out = PyFloat_AsDouble(PyTuple_GET_ITEM(answer, 0));
    Py_DECREF(answer);
    return *out == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *checked(Node *node, PyObject *parents)
{
    PyObject *done = parents ? PyObject_CallFunctionObjArgs(check_result, node, parents, NULL) : NULL;
    Py_XDECREF(parents);
    if (done == NULL) {
        Py_DECREF(node);
        return NULL;
    }
    Py_DECREF(done);
    return (PyObject *)node;
}

/* Inlined, so that each operator and method has the one row that it needs, and no switch. */
INLINE PyObject *record(int op, Node *px, Node *py)
{
    double x = px->data, y = py ? py->data : 0, out, dx = 0, dy = 0;
    switch (op) {
#define ROW(name, raises, value, slope)                                                                                \
    case OP_##name:                                                                                                    \
        out = (value);                                                                                                 \
        if (raises && !isfinite(out) && outside(op, px, py, &out) < 0)                                                 \
            return NULL;                                                                                               \
        if (px->role != CONSTANT)                                                                                      \
            dx = (slope);                                                                                              \
        break;
        UNARY(ROW)
#undef ROW
#define ROW(name, raises, value, slope_x, slope_y)                                                                     \
    case OP_##name:                                                                                                    \
        out = (value);                                                                                                 \
        if (raises && !isfinite(out) && outside(op, px, py, &out) < 0)                                                 \
            return NULL;                                                                                               \
        if (px->role != CONSTANT)                                                                                      \
            dx = (slope_x);                                                                                            \
        if (py->role != CONSTANT)                                                                                      \
            dy = (slope_y);                                                                                            \
        break;
        BINARY(ROW)
#undef ROW
    default:
        Py_UNREACHABLE();
    }
    const Mode *mode = get_mode();
    Node *node = mode ? blank() : NULL;
    if (node == NULL)
        return NULL;
    node->data = out;
    node->scope = mode->scope;
    node->operation = (uint8_t)op;
    if (mode->recording) {
        node->count = py ? 2 : 1;
        node->parent[0] = (Node *)Py_NewRef(px);
        node->parent[1] = (Node *)Py_XNewRef(py);
        node->partial[0] = dx;
        node->partial[1] = dy;
        node->flags |= DIFFERENTIABLE;
        if ((px->flags | (py ? py->flags : 0)) & TRACKED)
            track(node);
    }
    return mode->anomaly ? checked(node, pair((PyObject *)px, (PyObject *)py)) : (PyObject *)node;
}

static int set_partials(Node *node, PyObject *partials)
{
    if (!PyTuple_Check(partials) || PyTuple_GET_SIZE(partials) != count_parents(node)) {
        PyErr_Format(PyExc_TypeError, "_partials must be a tuple, one for each parent, got %R", partials);
        return -1;
    }
    double values[2] = {0, 0};
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(partials); i++) {
        double value = PyFloat_AsDouble(PyTuple_GET_ITEM(partials, i));
        if (value == -1.0 && PyErr_Occurred())
            return -1;
        if (i < 2)
            values[i] = value;
    }
    if (node->count == MANY)
        Py_XSETREF(node->extra->partials, Py_NewRef(partials));
    node->partial[0] = values[0];
    node->partial[1] = values[1];
    node->flags |= DIFFERENTIABLE;
    return 0;
}

static int set_parents(Node *node, PyObject *parents) /* a tuple */
{
    Py_ssize_t n = PyTuple_GET_SIZE(parents);
    for (Py_ssize_t i = 0; i < n; i++)
        if (!Node_Check(PyTuple_GET_ITEM(parents, i))) {
            PyErr_Format(PyExc_TypeError, "_children must be Values, got %R", parents);
            return -1;
        }
    if (n > 2) {
        if (extra(node) == NULL)
            return -1;
        Py_XSETREF(node->extra->parents, Py_NewRef(parents));
        node->count = MANY;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        Node *parent = (Node *)PyTuple_GET_ITEM(parents, i);
        if (n <= 2)
            node->parent[i] = (Node *)Py_NewRef(parent);
        if (parent->flags & TRACKED || n > 2)
            track(node);
    }
    if (n <= 2)
        node->count = (uint8_t)n;
    return 0;
}

static int set_operation(Node *node, PyObject *operation)
{
    for (int op = 1; op < OPERATIONS; op++)
        if (records[op] == operation) {
            node->operation = (uint8_t)op;
            return 0;
        }
    if (PyUnicode_Check(operation) && PyUnicode_GET_LENGTH(operation) == 0)
        return 0;
    if (extra(node) == NULL)
        return -1;
    Py_XSETREF(node->extra->operation, Py_NewRef(operation));
    return 0;
}

static PyObject *record_general(PyObject *op, PyObject *parents)
{
    Mode mode;
    if (copy_mode(&mode) < 0)
        return NULL;
    PyObject *answer = PyObject_CallFunctionObjArgs(linearize, op, parents, NULL);
    if (answer == NULL)
        return NULL;
    Node *node = blank();
    if (node == NULL || number(PyTuple_GET_ITEM(answer, 0), "data", &node->data) < 0 || set_operation(node, op) < 0)
        goto failed;
    node->scope = mode.scope;
    if (mode.recording && (set_parents(node, parents) < 0 || set_partials(node, PyTuple_GET_ITEM(answer, 1)) < 0))
        goto failed;
    Py_DECREF(answer);
    return mode.anomaly ? checked(node, Py_NewRef(parents)) : (PyObject *)node;
failed:
    Py_DECREF(answer);
    Py_XDECREF(node);
    return NULL;
}

static Node *constant(PyObject *operand, const char *name)
{
    Mode mode;
    double data;
    if (PyFloat_CheckExact(operand))
        data = PyFloat_AS_DOUBLE(operand);
    else {
        char of[80];
        PyOS_snprintf(of, sizeof of, "operand of %.60s", name);
        if (number(operand, of, &data) < 0)
            return NULL;
    }
    if (copy_mode(&mode) < 0)
        return NULL;
    Node *node = blank();
    if (node) {
        node->data = data;
        node->scope = mode.scope;
        node->role = CONSTANT;
    }
    return node;
}

static PyObject *record_row(int op, Node *x, Node *y) { return record(op, x, y); }

static PyObject *apply(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count < 2)
        return PyErr_Format(PyExc_TypeError, "apply() needs an operation and its operands");
    PyObject *op = arguments[0], *parents = PyTuple_New(--count), *result = NULL, *name = NULL;
    if (parents == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *operand = arguments[i + 1];
        if (Node_Check(operand))
            Py_INCREF(operand);
        else {
            if (name == NULL && (name = PyObject_GetAttrString(op, "name")) == NULL)
                goto done;
            const char *text = PyUnicode_AsUTF8(name);
            operand = text ? (PyObject *)constant(operand, text) : NULL;
            if (operand == NULL)
                goto done;
        }
        PyTuple_SET_ITEM(parents, i, operand);
    }
    for (int row = 1; row < OPERATIONS; row++)
        if (records[row] == op && rows[row].arity == count) {
            result = record_row(row, (Node *)PyTuple_GET_ITEM(parents, 0),
                                count > 1 ? (Node *)PyTuple_GET_ITEM(parents, 1) : NULL);
            goto done;
        }
    result = record_general(op, parents);
done:
    Py_XDECREF(name);
    Py_DECREF(parents);
    return result;
}

INLINE PyObject *operate(int op, PyObject *left, PyObject *right)
{
    if (Py_IS_TYPE(left, Value) && Py_IS_TYPE(right, Value))
        return record(op, (Node *)left, (Node *)right);
    /* What is neither a Value nor a number may know how to work with Values: an array does, for one. */
    PyObject *x = left, *y = right, *result = NULL;
    int known;
    if (!Node_Check(left)) {
        if ((known = is_number(left)) <= 0)
            return known ? NULL : Py_NewRef(Py_NotImplemented);
        x = (PyObject *)constant(left, rows[op].name);
    }
    else if (!Node_Check(right)) {
        if ((known = is_number(right)) <= 0)
            return known ? NULL : Py_NewRef(Py_NotImplemented);
        y = (PyObject *)constant(right, rows[op].name);
    }
    if (x && y)
        result = record_row(op, (Node *)x, (Node *)y);
    if (x != left)
        Py_XDECREF(x);
    if (y != right)
        Py_XDECREF(y);
    return result;
}

static PyObject *nb_add(PyObject *x, PyObject *y) { return operate(OP_add, x, y); }
static PyObject *nb_subtract(PyObject *x, PyObject *y) { return operate(OP_sub, x, y); }
static PyObject *nb_multiply(PyObject *x, PyObject *y) { return operate(OP_mul, x, y); }
static PyObject *nb_divide(PyObject *x, PyObject *y) { return operate(OP_div, x, y); }
static PyObject *nb_power(PyObject *x, PyObject *y, PyObject *modulus)
{
    return modulus == Py_None ? operate(OP_pow, x, y) : Py_NewRef(Py_NotImplemented);
}
static PyObject *nb_negative(PyObject *x) { return record(OP_neg, (Node *)x, NULL); }
static PyObject *nb_absolute(PyObject *x) { return record(OP_abs, (Node *)x, NULL); }
static PyObject *nb_positive(PyObject *x) { return Py_NewRef(x); }
static int nb_bool(PyObject *x) { return ((Node *)x)->data != 0; }

#define ROW(name, ...)                                                                                                 \
    static PyObject *method_##name(PyObject *self, PyObject *Py_UNUSED(none))                                          \
    {                                                                                                                  \
        return record(OP_##name, (Node *)self, NULL);                                                                  \
    }
UNARY(ROW)
#undef ROW
#define ROW(name, ...)                                                                                                 \
    static PyObject *method_##name(PyObject *self, PyObject *other)                                                    \
    {                                                                                                                  \
        PyObject *y = Node_Check(other) ? Py_NewRef(other) : (PyObject *)constant(other, #name);                       \
        PyObject *result = y ? record(OP_##name, (Node *)self, (Node *)y) : NULL;                                      \
        Py_XDECREF(y);                                                                                                 \
        return result;                                                                                                 \
    }
BINARY(ROW)
#undef ROW

static PyObject *compare(PyObject *self, PyObject *other, int relation)
{
    if (relation == Py_EQ || relation == Py_NE)
        Py_RETURN_NOTIMPLEMENTED; /* identity */
    double x = ((Node *)self)->data;
    if (Node_Check(other)) {
        double y = ((Node *)other)->data;
        Py_RETURN_RICHCOMPARE(x, y, relation);
    }
    PyObject *mine = PyFloat_FromDouble(x);
    PyObject *result = mine ? PyObject_RichCompare(mine, other, relation) : NULL;
    Py_XDECREF(mine);
    return result;
}

static Py_hash_t hash(PyObject *self) { return PyBaseObject_Type.tp_hash(self); }

/* While this is not 0, no node may lose its parents: what walks along them holds on to none. */
static int walking;

/* The topological order: parents before children, left before right. Nodes are left marked, for the caller to unmark
   before any Python code runs. */

typedef struct {
    Node **nodes;
    Py_ssize_t count, room;
} Nodes;

static void *grown(void *array, Py_ssize_t *room, size_t item)
{
    Py_ssize_t more = *room * 2 + 1024;
    array = PyMem_RawRealloc(array, (size_t)more * item);
    if (array)
        *room = more;
    return array;
}

static int grow_order(Nodes *order, Py_ssize_t parents)
{
    while (order->room - order->count <= parents) {
        Node **longer = grown(order->nodes, &order->room, sizeof(Node *));
        if (longer == NULL)
            return -1;
        order->nodes = longer;
    }
    return 0;
}

static void unmark(Nodes *list)
{
    for (Py_ssize_t i = 0; i < list->count; i++)
        list->nodes[i]->flags &= (uint8_t)~MARKED;
}

/* A node on the stack, with the number of the parent to look at next. */
typedef struct {
    Node *node;
    Py_ssize_t next;
} Visit;

static int sort(PyObject *const *roots, Py_ssize_t count, Nodes *order)
{
    Visit *stack = NULL;
    Py_ssize_t depth = 0, room = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        Node *node = (Node *)roots[i];
        Py_ssize_t next = 0; /* the parent of node to look at */
        if (node->flags & MARKED)
            continue;
        node->flags |= MARKED;
        while (1) {
            /* At most one of a node's parents is pushed, and the node and its leaves are appended. */
            if (order->room - order->count <= count_parents(node) && grow_order(order, count_parents(node)) < 0)
                goto failed;
            for (; next < count_parents(node); next++) {
                Node *parent = parent_at(node, next);
                if (parent->flags & MARKED)
                    continue;
                parent->flags |= MARKED;
                if (parent->count)
                    goto down;
                order->nodes[order->count++] = parent;
            }
            order->nodes[order->count++] = node;
            if (depth == 0)
                break;
            node = stack[--depth].node;
            next = stack[depth].next;
            continue;
        down:
            if (depth == room) {
                Visit *larger = grown(stack, &room, sizeof(Visit));
                if (larger == NULL) {
                    parent_at(node, next)->flags &= (uint8_t)~MARKED;
                    goto failed;
                }
                stack = larger;
            }
            stack[depth].node = node;
            stack[depth++].next = next + 1;
            node = parent_at(node, next);
            next = 0;
            continue;
        failed:
            node->flags &= (uint8_t)~MARKED;
            while (depth)
                stack[--depth].node->flags &= (uint8_t)~MARKED;
            unmark(order);
            PyMem_RawFree(stack);
            PyErr_NoMemory();
            return -1;
        }
    }
    PyMem_RawFree(stack);
    return 0;
}

static PyObject *topological_order(PyObject *Py_UNUSED(module), PyObject *const *roots, Py_ssize_t count)
{
    Nodes order = {NULL, 0, 0};
    PyObject *list = NULL;
    for (Py_ssize_t i = 0; i < count; i++)
        if (!Node_Check(roots[i]))
            return PyErr_Format(PyExc_TypeError, "topological_order() needs Values, got %R", roots[i]);
    if (sort(roots, count, &order) == 0) {
        unmark(&order);
        walking++; /* making a list may run the collector, and that the user's code */
        if ((list = PyList_New(order.count)))
            for (Py_ssize_t i = 0; i < order.count; i++)
                PyList_SET_ITEM(list, i, Py_NewRef(order.nodes[i]));
        walking--;
    }
    PyMem_RawFree(order.nodes);
    return list;
}

INLINE int chain_rule(Node *node)
{
    if (!(node->flags & DIFFERENTIABLE))
        return 0;
    if (node->count == MANY) {
        for (Py_ssize_t i = 0; i < count_parents(node); i++)
            parent_at(node, i)->grad += PyFloat_AsDouble(PyTuple_GET_ITEM(node->extra->partials, i)) * node->grad;
        return PyErr_Occurred() ? -1 : 0;
    }
    if (node->count > 0)
        node->parent[0]->grad += node->partial[0] * node->grad;
    if (node->count > 1)
        node->parent[1]->grad += node->partial[1] * node->grad;
    return 0;
}

INLINE int pass_back(Node *node)
{
    if (!(node->flags & BY_HAND))
        return chain_rule(node);
    PyObject *closure = Py_NewRef(node->extra->closure); /* it may set another */
    PyObject *done = PyObject_CallNoArgs(closure);
    Py_DECREF(closure);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyObject *backward(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"gradient", NULL};
    PyObject *gradient = NULL;
    double seed = 1.0, *before = NULL;
    Mode mode;
    Nodes order = {NULL, 0, 0};
    int failed = 1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:backward", names, &gradient) || copy_mode(&mode) < 0 ||
        (gradient && number(gradient, "gradient", &seed) < 0))
        return NULL;
    if (sort(&self, 1, &order) < 0)
        goto done;
    if ((before = PyMem_RawMalloc((size_t)order.count * sizeof(double))) == NULL) {
        unmark(&order);
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < order.count; i++) {
        Node *node = order.nodes[i];
        if (i + AHEAD < order.count)
            FETCH(order.nodes[i + AHEAD]);
        node->flags &= (uint8_t)~MARKED;
        before[i] = node->grad;
        if (node->count)
            node->grad = 0.0;
    }
    ((Node *)self)->grad += seed;
    walking++;
    failed = 0;
    for (Py_ssize_t i = order.count - 1; i >= 0 && !failed; i--) {
        if (i >= AHEAD)
            FETCH(order.nodes[i - AHEAD]);
        failed = pass_back(order.nodes[i]) < 0 || ((i & 0xFFFF) == 0xFFFF && PyErr_CheckSignals() < 0);
        if (mode.anomaly && !failed) {
            PyObject *done = PyObject_CallOneArg(check_gradients, (PyObject *)order.nodes[i]);
            failed = done == NULL;
            Py_XDECREF(done);
        }
    }
    walking--;
    for (Py_ssize_t i = 0; i < order.count && failed; i++)
        order.nodes[i]->grad = before[i];
done:
    PyMem_RawFree(before);
    PyMem_RawFree(order.nodes);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *zero_grad(PyObject *self, PyObject *Py_UNUSED(none))
{
    Nodes order = {NULL, 0, 0};
    int failed = sort(&self, 1, &order);
    if (!failed)
        unmark(&order);
    for (Py_ssize_t i = 0; i < order.count && !failed; i++)
        order.nodes[i]->grad = 0.0;
    PyMem_RawFree(order.nodes);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* Construction. */

static PyObject *node_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    if (type == Value)
        return (PyObject *)blank();
    PyObject *self = type->tp_alloc(type, 0); /* zeroed, and tracked */
    if (self)
        ((Node *)self)->flags = TRACKED;
    return self;
}

static PyObject *detach(PyObject *self, PyObject *Py_UNUSED(none))
{
    Mode mode;
    if (copy_mode(&mode) < 0)
        return NULL;
    Node *from = (Node *)self, *node = blank();
    if (node == NULL)
        return NULL;
    node->data = from->data;
    node->scope = mode.scope;
    if (from->extra && from->extra->label) {
        if (extra(node) == NULL) {
            Py_DECREF(node);
            return NULL;
        }
        node->extra->label = Py_NewRef(from->extra->label);
    }
    return (PyObject *)node;
}

static int node_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"data", "_children", "_op", "label", NULL};
    PyObject *data, *children = NULL, *op = NULL, *label = NULL, *parents = NULL, *checked_parents = NULL;
    Node *node = (Node *)self;
    Mode mode;
    double value;
    int status = -1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|OOO:Value", names, &data, &children, &op, &label))
        return -1;
    if (copy_mode(&mode) < 0 || number(data, "data", &value) < 0)
        return -1;
    parents = children ? PySequence_Tuple(children) : Py_NewRef(empty_tuple);
    if (parents == NULL)
        return -1;
    if (walking && count_parents(node)) {
        PyErr_SetString(PyExc_RuntimeError, "a Value cannot be made anew while backward() runs");
        Py_DECREF(parents);
        return -1;
    }
    Extra *old = node->extra; /* dropped when all is set: that may run the user's code */
    Node *old_x = node->parent[0], *old_y = node->parent[1];
    node->extra = NULL;
    node->parent[0] = node->parent[1] = NULL;
    node->count = 0;
    node->data = value;
    node->grad = 0.0;
    node->scope = mode.scope;
    node->operation = NO_OPERATION;
    node->role = ORDINARY;
    node->flags &= TRACKED | IN_SLAB;
    if ((mode.recording && set_parents(node, parents) < 0) || (op && set_operation(node, op) < 0))
        goto done;
    if (label && PyObject_SetAttrString(self, "label", label) < 0)
        goto done;
    if (mode.anomaly && op && PyObject_IsTrue(op)) {
        checked_parents = PyObject_CallFunctionObjArgs(check_result, self, parents, NULL);
        if (checked_parents == NULL)
            goto done;
    }
    status = 0;
done:
    drop(old);
    Py_XDECREF(old_x);
    Py_XDECREF(old_y);
    Py_DECREF(parents);
    Py_XDECREF(checked_parents);
    return status;
}

static PyObject *node_vectorcall(PyObject *type, PyObject *const *args, size_t flags, PyObject *names)
{
    if (PyVectorcall_NARGS(flags) == 1 && names == NULL) { /* Value(number) */
        Mode mode;
        double data;
        if (number(args[0], "data", &data) < 0 || copy_mode(&mode) < 0)
            return NULL;
        Node *node = blank();
        if (node) {
            node->data = data;
            node->scope = mode.scope;
        }
        return (PyObject *)node;
    }
    Py_ssize_t count = PyVectorcall_NARGS(flags), named = names ? PyTuple_GET_SIZE(names) : 0;
    PyObject *positional = PyTuple_New(count), *keywords = named ? PyDict_New() : NULL, *self = NULL;
    if (positional == NULL || (named && keywords == NULL))
        goto done;
    for (Py_ssize_t i = 0; i < count; i++)
        PyTuple_SET_ITEM(positional, i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; i < named; i++)
        if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[count + i]) < 0)
            goto done;
    self = node_new((PyTypeObject *)type, NULL, NULL);
    if (self && node_init(self, positional, keywords) < 0)
        Py_CLEAR(self);
done:
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return self;
}

/* cls._restore(data, grad, label, scope, role, operation, partials, parents): what a copy or a pickle recorded. */

static PyObject *restore(PyObject *type, PyObject *args)
{
    PyObject *data, *grad, *label, *scope, *role, *operation, *partials, *parents;
    if (!PyArg_ParseTuple(args, "OOOOOOOO!:_restore", &data, &grad, &label, &scope, &role, &operation, &partials,
                          &PyTuple_Type, &parents))
        return NULL;
    PyObject *self = node_new((PyTypeObject *)type, NULL, NULL);
    Node *node = (Node *)self;
    if (node == NULL)
        return NULL;
    if (number(data, "data", &node->data) < 0 || number(grad, "grad", &node->grad) < 0 ||
        PyObject_SetAttrString(self, "label", label) < 0 || PyObject_SetAttrString(self, "scope", scope) < 0 ||
        PyObject_SetAttrString(self, "role", role) < 0 || set_operation(node, operation) < 0 ||
        set_parents(node, parents) < 0 || (partials != Py_None && set_partials(node, partials) < 0)) {
        Py_DECREF(node);
        return NULL;
    }
    return self;
}

/* A cycle can be closed when others were already built on a node, by an attribute or a closure that leads to them. The
   collector finds it only if it sees every node on the way: track the ancestors of what the new thing holds. */

static int track_what_leads_from(PyObject *thing, Node *holder, int depth)
{
    int failed = 0;
    if (thing == NULL || depth == 0 || !PyObject_IS_GC(thing))
        return 0;
    if (Node_Check(thing)) {
        if (thing == (PyObject *)holder) /* as in each closure written micrograd's way: it knows its node, */
            return 0;
        for (Py_ssize_t i = 0; i < count_parents(holder); i++) /* and the parents */
            if (thing == (PyObject *)parent_at(holder, i))
                return 0;
        Nodes order = {NULL, 0, 0};
        if (sort(&thing, 1, &order) < 0)
            return -1;
        unmark(&order);
        for (Py_ssize_t i = 0; i < order.count; i++)
            track(order.nodes[i]);
        PyMem_RawFree(order.nodes);
    }
    else if (PyFunction_Check(thing))
        failed = track_what_leads_from(PyFunction_GET_CLOSURE(thing), holder, depth);
    else if (PyCell_Check(thing))
        failed = track_what_leads_from(PyCell_GET(thing), holder, depth - 1);
    else if (PyTuple_Check(thing))
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(thing) && !failed; i++)
            failed = track_what_leads_from(PyTuple_GET_ITEM(thing, i), holder, depth - 1);
    else if (PyList_Check(thing))
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(thing) && !failed; i++)
            failed = track_what_leads_from(PyList_GET_ITEM(thing, i), holder, depth - 1);
    else if (PyDict_Check(thing)) {
        PyObject *key, *value;
        Py_ssize_t place = 0;
        while (PyDict_Next(thing, &place, &key, &value) && !failed)
            failed = track_what_leads_from(value, holder, depth - 1);
    }
    return failed;
}

static int hold(Node *node, PyObject *value) /* the node is about to hold the value */
{
    if (!PyObject_IS_GC(value))
        return 0;
    track(node);
    return track_what_leads_from(value, node, 4);
}

/* Attributes. */

static PyObject *get_data(PyObject *self, void *Py_UNUSED(x)) { return PyFloat_FromDouble(((Node *)self)->data); }
static PyObject *get_grad(PyObject *self, void *Py_UNUSED(x)) { return PyFloat_FromDouble(((Node *)self)->grad); }

static int deleted(PyObject *value, const char *name)
{
    if (value == NULL)
        PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", name);
    return value == NULL;
}

static int set_data(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    return deleted(value, "data") ? -1 : number(value, "data", &((Node *)self)->data);
}

static int set_grad(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    return deleted(value, "grad") ? -1 : number(value, "grad", &((Node *)self)->grad);
}

static PyObject *get_label(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    return Py_NewRef(node->extra && node->extra->label ? node->extra->label : empty_string);
}

static int set_label(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (deleted(value, "label"))
        return -1;
    if (node->extra == NULL && PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) == 0)
        return 0;
    if (extra(node) == NULL)
        return -1;
    if (PyObject_IS_GC(value))
        track(node);
    Py_XSETREF(node->extra->label, Py_NewRef(value));
    return 0;
}

static PyObject *get_scope(PyObject *self, void *Py_UNUSED(x))
{
    uint32_t number = ((Node *)self)->scope;
    return Py_NewRef(number ? PyList_GET_ITEM(scopes, number) : empty_tuple);
}

static int set_scope(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    if (deleted(value, "scope"))
        return -1;
    if (!PyTuple_Check(value)) {
        PyErr_Format(PyExc_TypeError, "scope must be a tuple of names, got %R", value);
        return -1;
    }
    return scope_number(value, &((Node *)self)->scope);
}

static PyObject *get_role(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    return Py_NewRef(node->role == ROLES ? node->extra->role : role_names[node->role]);
}

static int set_role(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (deleted(value, "role"))
        return -1;
    for (int role = 0; role < ROLES; role++) {
        int same = PyObject_RichCompareBool(value, role_names[role], Py_EQ);
        if (same < 0)
            return -1;
        if (same) {
            node->role = (uint8_t)role;
            return 0;
        }
    }
    if (extra(node) == NULL)
        return -1;
    if (PyObject_IS_GC(value))
        track(node);
    Py_XSETREF(node->extra->role, Py_NewRef(value));
    node->role = ROLES;
    return 0;
}

static PyObject *get_prev(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (node->count == MANY)
        return Py_NewRef(node->extra->parents);
    if (node->count == 0)
        return Py_NewRef(empty_tuple);
    return pair((PyObject *)node->parent[0], (PyObject *)node->parent[1]);
}

static PyObject *get_operation(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (node->operation)
        return Py_NewRef(records[node->operation]);
    return Py_NewRef(node->extra && node->extra->operation ? node->extra->operation : empty_string);
}

static PyObject *get_partials(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (!(node->flags & DIFFERENTIABLE))
        Py_RETURN_NONE;
    if (node->count == MANY)
        return Py_NewRef(node->extra->partials);
    return node->count == 2 ? Py_BuildValue("(dd)", node->partial[0], node->partial[1])
                            : Py_BuildValue("(d)", node->partial[0]);
}

static int assign_partials(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    if (deleted(value, "_partials"))
        return -1;
    if (value != Py_None)
        return set_partials((Node *)self, value);
    ((Node *)self)->flags &= (uint8_t)~DIFFERENTIABLE;
    return 0;
}

static PyObject *get_by_hand(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    return PyBool_FromLong(node->flags & BY_HAND);
}

static PyObject *chain_rule_method(PyObject *self, PyObject *Py_UNUSED(none))
{
    return chain_rule((Node *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *get_backward(PyObject *self, void *Py_UNUSED(x))
{
    static PyMethodDef method = {"_backward", chain_rule_method, METH_NOARGS, NULL};
    Node *node = (Node *)self;
    if (node->flags & BY_HAND)
        return Py_NewRef(node->extra->closure);
    return PyCFunction_New(&method, self);
}

static int set_backward(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    /* micrograd's way to add an operation: a closure that takes no argument. */
    Node *node = (Node *)self;
    if (deleted(value, "_backward"))
        return -1;
    if (!PyCallable_Check(value)) {
        PyErr_Format(PyExc_TypeError, "_backward must be a function without arguments, got %R", value);
        return -1;
    }
    Mode mode;
    if (copy_mode(&mode) < 0)
        return -1;
    if (!mode.recording)
        return 0;
    if (extra(node) == NULL)
        return -1;
    track(node);
    if (hold(node, value) < 0)
        return -1;
    node->flags |= BY_HAND;
    Py_XSETREF(node->extra->closure, Py_NewRef(value));
    return 0;
}

static PyObject *get_dict(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (extra(node) == NULL || (node->extra->dict == NULL && (node->extra->dict = PyDict_New()) == NULL))
        return NULL;
    track(node); /* whoever holds the dict may put anything into it */
    return Py_NewRef(node->extra->dict);
}

static int set_dict(PyObject *self, PyObject *value, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    if (deleted(value, "__dict__"))
        return -1;
    if (!PyDict_Check(value)) {
        PyErr_Format(PyExc_TypeError, "__dict__ must be set to a dictionary, not a %R", Py_TYPE(value));
        return -1;
    }
    if (extra(node) == NULL || hold(node, value) < 0)
        return -1;
    Py_XSETREF(node->extra->dict, Py_NewRef(value));
    return 0;
}

static int has_own_dict(PyObject *self) { return Py_TYPE(self)->tp_dictoffset != 0; } /* of a subclass */

static PyObject *get_attributes(PyObject *self, void *Py_UNUSED(x))
{
    Node *node = (Node *)self;
    PyObject *own = NULL;
    if (has_own_dict(self) && (own = PyObject_GetAttrString(self, "__dict__")) == NULL)
        return NULL;
    PyObject *dict = own ? own : node->extra ? node->extra->dict : NULL;
    PyObject *found = dict && PyDict_GET_SIZE(dict) ? PyDict_Copy(dict) : Py_NewRef(Py_None);
    Py_XDECREF(own);
    return found;
}

static int is_data_descriptor(PyObject *self, PyObject *name)
{
    PyObject *descriptor = _PyType_Lookup(Py_TYPE(self), name);
    return descriptor && Py_TYPE(descriptor)->tp_descr_set;
}

static PyObject *getattribute(PyObject *self, PyObject *name)
{
    Node *node = (Node *)self;
    if (node->extra && node->extra->dict) {
        PyObject *value = Py_XNewRef(PyDict_GetItemWithError(node->extra->dict, name));
        if (value == NULL && PyErr_Occurred())
            return NULL;
        if (value && !is_data_descriptor(self, name))
            return value;
        Py_XDECREF(value);
    }
    return PyObject_GenericGetAttr(self, name);
}

static int setattribute(PyObject *self, PyObject *name, PyObject *value)
{
    Node *node = (Node *)self;
    if (PyUnicode_CompareWithASCIIString(name, "__class__") == 0) { /* a subclass's memory is of another kind */
        PyErr_SetString(PyExc_TypeError, "the class of a Value cannot be changed");
        return -1;
    }
    if (has_own_dict(self) || is_data_descriptor(self, name))
        return PyObject_GenericSetAttr(self, name, value);
    if (extra(node) == NULL || (node->extra->dict == NULL && (node->extra->dict = PyDict_New()) == NULL))
        return -1;
    if (value == NULL) {
        if (PyDict_DelItem(node->extra->dict, name) == 0)
            return 0;
        if (PyErr_ExceptionMatches(PyExc_KeyError))
            PyErr_SetObject(PyExc_AttributeError, name);
        return -1;
    }
    return hold(node, value) < 0 ? -1 : PyDict_SetItem(node->extra->dict, name, value);
}

static PyGetSetDef attributes[] = {
    {"data", get_data, set_data, "the number", NULL},
    {"_data", get_data, set_data, NULL, NULL},
    {"grad", get_grad, set_grad, "after backward(), the derivative of its root with respect to this value", NULL},
    {"label", get_label, set_label, "its name in messages and pictures", NULL},
    {"scope", get_scope, set_scope, "the names of the scopes it was made in, outermost first", NULL},
    {"role", get_role, set_role, "input, parameter, target or constant, for pictures", NULL},
    {"_prev", get_prev, NULL, NULL, NULL},
    {"_operation", get_operation, NULL, NULL, NULL},
    {"_partials", get_partials, assign_partials, NULL, NULL},
    {"_by_hand", get_by_hand, NULL, NULL, NULL},
    {"_backward", get_backward, set_backward, NULL, NULL},
    {"_attributes", get_attributes, NULL, NULL, NULL},
    {"__dict__", get_dict, set_dict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"backward", (PyCFunction)(void (*)(void))backward, METH_VARARGS | METH_KEYWORDS,
     "Add the derivative of this value with respect to every leaf to that leaf's grad."},
    {"zero_grad", zero_grad, METH_NOARGS, "Set the gradient of this value, and of all that it was computed from, to zero."},
    {"detach", detach, METH_NOARGS, "Return a leaf with the same data and label: no gradient passes through it."},
    {"_apply", (PyCFunction)(void (*)(void))apply, METH_FASTCALL | METH_STATIC, NULL},
    {"_restore", restore, METH_VARARGS | METH_CLASS, NULL},
#define ROW(name, ...) {#name, method_##name, METH_NOARGS, "See scalargrad." #name "."},
    UNARY(ROW)
#undef ROW
#define ROW(name, ...) {#name, method_##name, METH_O, "See scalargrad." #name "."},
    BINARY(ROW)
#undef ROW
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_traverse, node_traverse},
    {Py_tp_clear, node_clear},
    {Py_tp_new, node_new},
    {Py_tp_init, node_init},
    {Py_tp_getattro, getattribute},
    {Py_tp_setattro, setattribute},
    {Py_tp_getset, attributes},
    {Py_tp_methods, methods},
    {Py_tp_richcompare, compare},
    {Py_tp_hash, hash},
    {Py_nb_add, nb_add},
    {Py_nb_subtract, nb_subtract},
    {Py_nb_multiply, nb_multiply},
    {Py_nb_true_divide, nb_divide},
    {Py_nb_power, nb_power},
    {Py_nb_negative, nb_negative},
    {Py_nb_positive, nb_positive},
    {Py_nb_absolute, nb_absolute},
    {Py_nb_bool, nb_bool},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "scalargrad._engine.Value",
    .basicsize = sizeof(Node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

/* The module. It takes from engine.py what is not hot, and what both engines share: no_grad, scope, ... */

static PyMethodDef functions[] = {
    {"apply", (PyCFunction)(void (*)(void))apply, METH_FASTCALL, "Apply an operation to Values and numbers: see engine.py."},
    {"topological_order", (PyCFunction)(void (*)(void))topological_order, METH_FASTCALL,
     "Return the roots and all that they were computed from, parents before children: see engine.py."},
    {NULL, NULL, 0, NULL},
};

static const char *shared[] = {"no_grad", "detect_anomaly", "scope", NULL};

/* Methods of the Python class that are not hot: they ask for attributes only, so they work on any Value. */
static const char *borrowed[] = {"__repr__", "__format__", "__float__", "__reduce__", "__copy__", "__deepcopy__", "_state",
                                 "forward",  "_op",        "local_gradients", NULL};

static int take(PyObject *from, const char *name, PyObject **to) { return (*to = PyObject_GetAttrString(from, name)) ? 0 : -1; }

static int fill_table(PyObject *ops)
{
    PyObject *table = PyObject_GetAttrString(ops, "TABLE");
    for (int op = 1; table && op < OPERATIONS; op++) {
        records[op] = Py_XNewRef(PyDict_GetItemString(table, rows[op].name));
        if (records[op] == NULL) {
            PyErr_Format(PyExc_ImportError, "the table of operations has no %s", rows[op].name);
            Py_CLEAR(table);
        }
    }
    if (table == NULL)
        return -1;
    two_over_root_pi = 2 / sqrt(3.141592653589793);
    Py_DECREF(table);
    return 0;
}

static int fill_type(PyObject *module, PyObject *engine, PyObject *ops)
{
    PyObject *original = PyObject_GetAttrString(engine, "Value"), *table = PyObject_GetAttrString(ops, "TABLE");
    PyObject *type = (PyObject *)Value, *key, *thing;
    Py_ssize_t place = 0;
    int failed = original == NULL || table == NULL;
    for (int i = 0; borrowed[i] && !failed; i++) {
        thing = PyDict_GetItemString(((PyTypeObject *)original)->tp_dict, borrowed[i]);
        failed = thing == NULL || PyObject_SetAttrString(type, borrowed[i], thing) < 0;
    }
    while (!failed && PyDict_Next(table, &place, &key, &thing)) /* the operations that have no method yet */
        if (!PyObject_HasAttr(type, key)) {
            PyObject *method = PyDict_GetItemWithError(((PyTypeObject *)original)->tp_dict, key);
            failed = method == NULL || PyObject_SetAttr(type, key, method) < 0;
        }
    PyObject *doc = failed ? NULL : PyObject_GetAttrString(original, "__doc__");
    failed = doc == NULL || PyObject_SetAttrString(type, "__doc__", doc) < 0;
    Py_XDECREF(doc);
    Py_XDECREF(original);
    Py_XDECREF(table);
    for (int i = 0; shared[i] && !failed; i++) {
        thing = PyObject_GetAttrString(engine, shared[i]);
        failed = thing == NULL || PyModule_AddObjectRef(module, shared[i], thing) < 0;
        Py_XDECREF(thing);
    }
    return failed || PyModule_AddObjectRef(module, "Value", type) < 0 ? -1 : 0;
}

static int execute(PyObject *module)
{
    static const char *roles[ROLES] = {"", "input", "parameter", "target", "constant"};
    PyObject *engine = NULL, *ops = NULL;
    int status = -1;
    if (PyInterpreterState_Get() != PyInterpreterState_Main() || Value) {
        PyErr_SetString(PyExc_ImportError, "scalargrad._engine works in the main interpreter only, and loads once");
        return -1;
    }
    if ((engine = PyImport_ImportModule("scalargrad.engine")) == NULL ||
        (ops = PyImport_ImportModule("scalargrad.ops")) == NULL)
        goto done;
    if (take(engine, "_mode", &mode_variable) < 0 || take(engine, "_linearize", &linearize) < 0 ||
        take(engine, "_check_result", &check_result) < 0 || take(engine, "_check_gradients", &check_gradients) < 0 ||
        take(ops, "number", &number_function) < 0 || take(ops, "is_number", &is_number_function) < 0)
        goto done;
    empty_string = PyUnicode_FromString("");
    empty_tuple = PyTuple_New(0);
    scope_numbers = PyDict_New();
    scopes = Py_BuildValue("[()]"); /* number 0: none */
    if (empty_string == NULL || empty_tuple == NULL || scope_numbers == NULL || scopes == NULL)
        goto done;
    for (int role = 0; role < ROLES; role++)
        if ((role_names[role] = PyUnicode_InternFromString(roles[role])) == NULL)
            goto done;
    if ((Value = (PyTypeObject *)PyType_FromSpec(&spec)) == NULL)
        goto done;
    Value->tp_vectorcall = node_vectorcall;
    Py_SET_REFCNT(Value, Py_REFCNT(Value) + (1 << 20)); /* for all the nodes that do not count for it */
    status = fill_table(ops) < 0 || fill_type(module, engine, ops) < 0 ? -1 : 0;
done:
    Py_XDECREF(engine);
    Py_XDECREF(ops);
    return status;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_engine", "The twin of scalargrad.engine in C.", 0, functions, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__engine(void) { return PyModuleDef_Init(&definition); }
