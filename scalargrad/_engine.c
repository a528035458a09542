/* The twin of engine.py in C: the same Value, hundreds of times faster, bit for bit the same.

   What is hot is here: the node, recording an operation, the topological order, backward, and freeing. All else the type
   inherits from Node, in node.py: printing, copying, pickling, forward(). Errors are raised by the Python operation when
   this one comes upon something outside its domain.

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

/* It also relies on what no interface promises: what stands before an object that the collector tracks (Cell.gc), the
   number of a thread's context (context_ver), _PyType_Lookup. Tried on CPython 3.10 to 3.13; 3.14 is let through untried. */
#if PY_VERSION_HEX >= 0x030F0000
#error "this CPython is newer than any that the engine was tried on: Python's own is used"
#endif

/* FETCH asks for memory early: a graph is larger than the caches. Nodes lie in the order of their making, so who walks
   down from a root comes to nodes made a little before, and on the way back to those made after; the processor foresees
   that within a page, but not beyond it. RARE code stays out of the way of what is often run. */
#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline))
#define RARE __attribute__((noinline))
#define FETCH(address) __builtin_prefetch(address, 1)
#else
#define INLINE static inline
#define RARE
#define FETCH(address) ((void)0)
#endif
#define PAGE 4096

/* The table of operations. Where a value may raise in Python (MAY_RAISE), a result that is not finite is left to the Python
   operation. A partial derivative never raises. Operations that a user adds are recorded by their Python record. */

#define SURE 0
#define MAY_RAISE 1

#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* a partial takes the result and all arguments */
#endif
#include "_table.h"
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

enum {
    NO_OPERATION,
#define ROW(name, raises) OP_##name,
    UNARY_ROWS(ROW) BINARY_ROWS(ROW) MANY_ROWS(ROW)
#undef ROW
        OPERATIONS
};

static const struct {
    const char *name;
    int arity, raises;
    void (*curvatures)(double, const double *, double *, double *); /* and slopes: see derivatives.curvatures */
    double (*value)(const double *); /* of operations of more than two arguments, as is the next */
    void (*slopes)(double, const double *, double *);
} rows[OPERATIONS] = {
    {"", 0, 0, NULL, NULL, NULL},
#define ROW(name, raises) {#name, 1, raises, curvatures_of_##name, NULL, NULL},
    UNARY_ROWS(ROW)
#undef ROW
#define ROW(name, raises) {#name, 2, raises, curvatures_of_##name, NULL, NULL},
        BINARY_ROWS(ROW)
#undef ROW
#define ROW(name, raises) {#name, arity_of_##name, raises, curvatures_of_##name, value_of_##name, slopes_of_##name},
            MANY_ROWS(ROW)
#undef ROW
};

static PyObject *records[OPERATIONS]; /* the Python records of the rows */

/* Numbers in. Return -1 with an exception set. */

static PyObject *number_function, *is_number_function; /* op.number, op.is_number */

/* what and name: for errors, after which *out is as it was */
static int number(PyObject *object, const char *what, const char *name, double *out)
{
    if (PyFloat_CheckExact(object)) {
        *out = PyFloat_AS_DOUBLE(object);
        return 0;
    }
    if (PyLong_CheckExact(object)) {
        double value = PyLong_AsDouble(object);
        if (value != -1.0 || !PyErr_Occurred()) {
            *out = value;
            return 0;
        }
        PyErr_Clear(); /* too large: the Python function says so, with the name */
    }
    PyObject *converted = NULL;
    if (PyFloat_Check(object)) /* of a subclass, such as NumPy's, which may say what its number is */
        converted = PyNumber_Float(object);
    else {
        PyObject *text = PyUnicode_FromFormat("%s%s", what, name);
        converted = text ? PyObject_CallFunctionObjArgs(number_function, object, text, NULL) : NULL;
        Py_XDECREF(text);
    }
    double value = converted ? PyFloat_AsDouble(converted) : -1.0;
    Py_XDECREF(converted);
    if (value == -1.0 && PyErr_Occurred())
        return -1;
    *out = value;
    return 0;
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

/* The node. */

enum { /* flags */
    MARKED = 1,
    DIFFERENTIABLE = 2, /* it has partials */
    TRACKED = 4,
    ABOVE_TRACKED = 8, /* and so are all its ancestors */
    BY_HAND = 16,      /* it has a closure of the user's */
    GRAD_IS_OBJECT = 32,
    IN_SLAB = 64,
    TRACED = 128, /* made while a function is traced */
};

/* what few nodes have; OPERATION: that is of no row, ROLE: that has no number */
enum { DICT, LABEL, CLOSURE, OPERATION, GRAD, ROLE, EXTRAS };

typedef struct {
    PyObject *held[EXTRAS];
} Extra;

#define MANY 3 /* parents: as many as the block says */

/* What the topological order and backward look at comes first: in one line of the cache. */
typedef struct Node {
    PyObject_HEAD
    union {
        double grad;
        struct Node *next; /* in a list of free or dying nodes */
    };
    union {
        struct Node *parent[2];
        struct Block *block; /* where there are many */
    };
    uint32_t scope; /* a place in scopes */
    uint8_t operation;
    unsigned role : 4, kind : 2, count : 2; /* role: a place in roles, or OTHER_ROLE; count: of parents, or MANY */
    uint8_t flags;
    double partial[2];
    double data;
    Extra *extra;
} Node;

typedef struct Block {
    Py_ssize_t count;
    struct {
        Node *parent;
        double partial;
    } of[];
} Block;

static PyTypeObject *Value;
static PyObject *empty_string, *empty_tuple, *one;

#define Node_Check(object) (Py_IS_TYPE(object, Value) || PyType_IsSubtype(Py_TYPE(object), Value))

static inline Py_ssize_t count_parents(Node *node) { return node->count < MANY ? node->count : node->block->count; }

static inline Node *parent_at(Node *node, Py_ssize_t i)
{
    return node->count < MANY ? node->parent[i] : node->block->of[i].parent;
}

static inline double *partial_at(Node *node, Py_ssize_t i)
{
    return node->count < MANY ? &node->partial[i] : &node->block->of[i].partial;
}

static PyObject *held(Node *node, int what) { return node->extra ? node->extra->held[what] : NULL; }

/* All is as it is to be, flags too, before what was held is dropped: that may run the user's code. */
static int keep(Node *node, int what, PyObject *value, int flag)
{
    if (node->extra == NULL && (node->extra = PyMem_Calloc(1, sizeof(Extra))) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *old = node->extra->held[what];
    node->extra->held[what] = Py_NewRef(value);
    node->flags |= (uint8_t)flag;
    Py_XDECREF(old);
    return 0;
}

RARE static void track(Node *node)
{
    if (!(node->flags & TRACKED)) {
        node->flags |= TRACKED;
        PyObject_GC_Track(node);
    }
}

/* Roles that have a number, and kinds, the usual ones first. */

enum { NO_ROLE, INPUT, PARAMETER, TARGET, OTHER_ROLE };
enum { VARIABLE, CONSTANT, TRACED_LEAF, KINDS };
static const char *const role_names[OTHER_ROLE] = {"", "input", "parameter", "target"};
static const char *const kind_names[KINDS] = {"variable", "constant", "traced"};
static PyObject *roles[OTHER_ROLE], *kinds[KINDS];

static PyObject *traces; /* traced.traces: the functions that are being traced, in all threads */
#define TRACING (PyList_GET_SIZE(traces) > 0)

/* Memory. A graph is made and freed as a whole, again and again. Slabs keep its nodes together and in the order of
   their making, for a slab that has become empty starts anew at its first node: a plain free list is soon shuffled, and
   then every node is a cache miss (measured: 1.6 times the time of a training step). Empty slabs beyond a few go back to
   the system. */

#define SLAB_BYTES (1 << 18)
#define MOST_EMPTY 32 /* slabs: 8 MiB */

typedef struct {
    uintptr_t gc[2]; /* what CPython puts before an object that its collector may come to track; else 0 */
    Node node;
} Cell;

typedef struct Slab {
    struct Slab *next, *previous; /* among those with room */
    struct Slab *following, *preceding; /* among all */
    Node *free;
    int used;
    Cell cells[];
} Slab;

#define CELLS ((int)((SLAB_BYTES - sizeof(Slab)) / sizeof(Cell)))
#define SLAB_OF(node) ((Slab *)((uintptr_t)(node) & ~(uintptr_t)(SLAB_BYTES - 1)))

static Cell *fresh, *fresh_end; /* what is left of the slab in use; all of it counts as used */
static Slab *with_room, *all_slabs;
static int empty_slabs;

/* A slab begins at a multiple of its size, so that a node tells its slab, and with zeros. */
#ifdef _WIN32
#include <malloc.h>
static Slab *map_slab(void)
{
    void *slab = _aligned_malloc(SLAB_BYTES, SLAB_BYTES);
    return slab ? memset(slab, 0, SLAB_BYTES) : NULL;
}
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
#ifdef MADV_POPULATE_WRITE
    madvise(slab, SLAB_BYTES, MADV_POPULATE_WRITE); /* all pages at once, not one interruption each */
#endif
    return (Slab *)slab;
}
static void unmap_slab(Slab *slab) { munmap(slab, SLAB_BYTES); }
#endif

#ifdef __SANITIZE_ADDRESS__ /* it would not see the use of a freed node: a slab is one allocation */
#include <sanitizer/asan_interface.h>
#define HIDE(cell) ASAN_POISON_MEMORY_REGION(cell, sizeof(Cell))
#define SHOW(cell) ASAN_UNPOISON_MEMORY_REGION(cell, sizeof(Cell))
#define HIDDEN(cell) __asan_address_is_poisoned(cell)
#else
#define HIDE(cell) ((void)0)
#define SHOW(cell) ((void)0)
#define HIDDEN(cell) 0
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

RARE static Cell *find_room(void)
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
    else {
        if ((slab = map_slab()) == NULL)
            return (Cell *)PyErr_NoMemory();
        slab->following = all_slabs;
        if (all_slabs)
            all_slabs->preceding = slab;
        all_slabs = slab;
    }
    slab->free = NULL;
    slab->used = CELLS;
    fresh = slab->cells;
    fresh_end = fresh + CELLS;
    return fresh++;
}

/* Inlined, and every field written once: a node costs little more than its memory. */
INLINE Node *make(double data, uint32_t scope, int operation, Node *x, Node *y, double dx, double dy)
{
    Cell *cell = fresh < fresh_end ? fresh++ : find_room();
    if (cell == NULL)
        return NULL;
    SHOW(cell);
    Node *node = &cell->node;
    Py_SET_TYPE(node, Value); /* which never dies: the nodes of a graph need not count for it */
#ifdef Py_TRACE_REFS
    _Py_NewReference((PyObject *)node);
#else
    Py_SET_REFCNT(node, 1);
#endif
    node->grad = 0.0;
    node->parent[0] = (Node *)Py_XNewRef(x);
    node->parent[1] = (Node *)Py_XNewRef(y);
    node->scope = scope;
    node->operation = (uint8_t)operation;
    node->role = NO_ROLE;
    node->kind = VARIABLE;
    node->count = (unsigned)((x != NULL) + (y != NULL));
    int inherited = (x ? x->flags : 0) | (y ? y->flags : 0);
    node->flags = (uint8_t)((x ? IN_SLAB | DIFFERENTIABLE : IN_SLAB) | (TRACING ? TRACED : 0) | (inherited & TRACED));
    node->partial[0] = dx;
    node->partial[1] = dy;
    node->data = data;
    node->extra = NULL;
    if (inherited & TRACKED)
        track(node);
    return node;
}

static Node *leaf(double data, uint32_t scope) { return make(data, scope, NO_OPERATION, NULL, NULL, 0.0, 0.0); }

static void give_back(Node *node)
{
    Slab *slab = SLAB_OF(node);
    if (slab->free == NULL)
        link_slab(slab);
    node->next = slab->free;
    node->scope = 0;
    slab->free = node;
    HIDE((char *)node - offsetof(Cell, node));
    if (--slab->used == 0 && ++empty_slabs > MOST_EMPTY) {
        empty_slabs--;
        unlink_slab(slab);
        if (slab->following)
            slab->following->preceding = slab->preceding;
        if (slab->preceding)
            slab->preceding->following = slab->following;
        else
            all_slabs = slab->following;
        unmap_slab(slab);
    }
}

/* A node dies in a list, not by recursion: a chain of ten million must die too. In a child process there is only the
   thread that forked: what others were doing there, nobody does any more. */

#if defined(_MSC_VER)
#define OF_THIS_THREAD static __declspec(thread)
#else
#define OF_THIS_THREAD static _Thread_local
#endif

static Node *dying;
static int draining;                   /* a thread is about it */
OF_THIS_THREAD int draining_here; /* and it is this one */

/* While this is not 0, no node may lose its parents: what walks along them holds on to none. */
static int walking;
OF_THIS_THREAD int walking_here;

static void start_walk(void) { walking++, walking_here++; }
static void end_walk(void) { walking--, walking_here--; }

static PyObject *after_fork(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    draining = draining_here;
    walking = walking_here;
    Py_RETURN_NONE;
}

static void drop(Extra *extra)
{
    for (int i = 0; extra && i < EXTRAS; i++)
        Py_XDECREF(extra->held[i]);
    PyMem_Free(extra);
}

/* The parents of a node, while it has others already, or none. */
typedef struct {
    unsigned count;
    Node *parent[2];
    Block *block;
} Parents;

static Parents take_parents(Node *node)
{
    Parents taken = {node->count, {node->parent[0], node->parent[1]}, node->block};
    node->parent[0] = node->parent[1] = NULL;
    node->count = 0;
    return taken;
}

static void drop_parents(Parents taken)
{
    if (taken.count < MANY) {
        Py_XDECREF(taken.parent[0]);
        Py_XDECREF(taken.parent[1]);
        return;
    }
    for (Py_ssize_t i = 0; i < taken.block->count; i++)
        Py_DECREF(taken.block->of[i].parent);
    PyMem_Free(taken.block);
}

static int node_clear(PyObject *self)
{
    Node *node = (Node *)self;
    Parents parents = take_parents(node);
    Extra *extra = node->extra;
    node->extra = NULL; /* first: what is dropped may run the user's code */
    if (node->role == OTHER_ROLE)
        node->role = NO_ROLE;
    node->flags &= (uint8_t)~(BY_HAND | GRAD_IS_OBJECT | DIFFERENTIABLE);
    drop(extra);
    drop_parents(parents);
    return 0;
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

static void forget_scope(Node *node);

static void drain(void)
{
    draining = draining_here = 1;
    while (dying) {
        Node *node = dying;
        FETCH((char *)node - PAGE);
        dying = node->next;
        if (node->extra)
            drop(node->extra);
        if (node->count < MANY) {
            let_go(node->parent[0]);
            let_go(node->parent[1]);
        }
        else {
            for (Py_ssize_t i = 0; i < node->block->count; i++)
                let_go(node->block->of[i].parent);
            PyMem_Free(node->block);
        }
        if (node->flags & IN_SLAB)
            give_back(node);
        else { /* made as one of a subclass, whose own dealloc is done */
            PyTypeObject *type = Py_TYPE(node);
            forget_scope(node);
            type->tp_free(node);
            Py_DECREF(type);
        }
    }
    draining = draining_here = 0;
}

static void node_dealloc(PyObject *self)
{
    Node *node = (Node *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (node->flags & TRACKED || type != Value) /* a subclass's own dealloc tracks anew */
        PyObject_GC_UnTrack(self);
    if (node->flags & IN_SLAB && type != Value) { /* someone has changed its class behind our back: the counts */
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
    for (Py_ssize_t i = 0; i < count_parents(node); i++)
        Py_VISIT(parent_at(node, i));
    for (int i = 0; node->extra && i < EXTRAS; i++)
        Py_VISIT(node->extra->held[i]);
    return 0;
}

/* Defined below, where they stand in engine.py. */

typedef struct {
    Node *node;
    double grad; /* what it was before */
} Entry;

typedef struct {
    Entry *entries;
    Py_ssize_t count, room;
    int flags; /* of all nodes together */
} Order;

#define AHEAD 12               /* nodes, to fetch */
#define CHECKED_EVERY (1 << 17) /* node, for signals */

static PyObject *constant(PyObject *operand, const char *name);
static PyObject *operate_mixed(int operation, PyObject *left, PyObject *right);
static PyObject *operate_on(int row, PyObject *const *operands, Py_ssize_t count);
static PyObject *nb_add(PyObject *x, PyObject *y);
static PyObject *nb_multiply(PyObject *x, PyObject *y);
static int order_of(PyObject *const *roots, Py_ssize_t count, Order *order, int anew);
static void unmark(Order *order, Py_ssize_t count);
static PyObject *own_dict(Node *node);
static PyObject *getattribute(PyObject *self, PyObject *name);
static int hold(Node *node, int what, PyObject *value, int flag);
static int set_label(PyObject *self, PyObject *value, void *name);
static int set_scope(PyObject *self, PyObject *value, void *name);
static int set_role(PyObject *self, PyObject *value, void *name);
static int set_kind(PyObject *self, PyObject *value, void *name);
static int set_ancestors(PyObject *self, PyObject *parents, void *name);

/* The scopes that nodes were made in are numbered: a list of them, and a dict of their places in it; () is the first.
   A scope together with the label that its node was made with, (scope, label), has a place, too: many neurons are alike.
   Those that no node has any more are forgotten whenever there are twice as many as were in use at the last look. */

static PyObject *scopes, *places, *vacant; /* vacant: places in the list where none stands */
static Py_ssize_t look_at = 1024; /* scopes */
static uint32_t looks;            /* how many there were */
static uint32_t *kept;            /* for each place: nodes in no slab that have it */
static size_t kept_room;

static void forget_scope(Node *node)
{
    if (node->scope) {
        kept[node->scope]--;
        node->scope = 0;
    }
}

static int give_scope(Node *node, uint32_t place)
{
    if (node->flags & IN_SLAB) {
        node->scope = place;
        return 0;
    }
    if (place >= kept_room) {
        size_t room = 2 * (size_t)place + 64;
        uint32_t *moved = PyMem_Realloc(kept, room * sizeof *kept);
        if (moved == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memset(moved + kept_room, 0, (room - kept_room) * sizeof *kept);
        kept = moved;
        kept_room = room;
    }
    forget_scope(node);
    if (place)
        kept[place]++;
    node->scope = place;
    return 0;
}

static char *mode_changed; /* see get_mode */

RARE static int forget_scopes(void)
{
    Py_ssize_t count = PyList_GET_SIZE(scopes), used = 0;
    unsigned char *seen = PyMem_Calloc((size_t)count, 1);
    PyObject *gone = PyList_New(0);
    int failed = seen == NULL || gone == NULL;
    for (Slab *slab = all_slabs; slab && !failed; slab = slab->following)
        for (int i = 0; i < CELLS; i++) /* that of a node which is no more is 0 */
            if (!HIDDEN(&slab->cells[i]))
                seen[slab->cells[i].node.scope] = 1;
    for (Py_ssize_t i = 1; i < count && !failed; i++) {
        PyObject *scope = PyList_GET_ITEM(scopes, i);
        if (scope == Py_None || seen[i] || ((size_t)i < kept_room && kept[i])) {
            used += scope != Py_None;
            continue;
        }
        PyObject *place = PyLong_FromSsize_t(i);
        failed = place == NULL || PyList_Append(gone, scope) < 0 || PyList_Append(vacant, place) < 0 ||
                 PyDict_DelItem(places, scope) < 0;
        Py_XDECREF(place);
        if (!failed)
            PyList_SetItem(scopes, i, Py_NewRef(Py_None));
    }
    looks++;
    look_at = 2 * used + 1024;
    *mode_changed = 1; /* it may have had one */
    PyMem_Free(seen);
    Py_XDECREF(gone);
    return failed ? -1 : 0;
}

static int place_of_scope(PyObject *scope, uint32_t *place)
{
    PyObject *found = PyDict_GetItemWithError(places, scope);
    if (found) {
        *place = (uint32_t)PyLong_AsSize_t(found);
        return 0;
    }
    if (PyErr_Occurred() || (PyDict_GET_SIZE(places) >= look_at && forget_scopes() < 0))
        return -1;
    Py_ssize_t free = PyList_GET_SIZE(vacant);
    if (free) {
        found = Py_NewRef(PyList_GET_ITEM(vacant, free - 1));
        if (PyList_SetSlice(vacant, free - 1, free, NULL) < 0 ||
            PyList_SetItem(scopes, PyLong_AsSsize_t(found), Py_NewRef(scope)) < 0)
            Py_CLEAR(found);
    }
    else {
        found = PyLong_FromSsize_t(PyList_GET_SIZE(scopes));
        if (found && PyList_Append(scopes, scope) < 0)
            Py_CLEAR(found);
    }
    int failed = found == NULL || PyDict_SetItem(places, scope, found) < 0;
    if (!failed)
        *place = (uint32_t)PyLong_AsSize_t(found);
    Py_XDECREF(found);
    return failed ? -1 : 0;
}

/* What is in force around an operation: modes.Mode, held by the context. */

typedef struct {
    int recording, watch;
    uint32_t scope;
} Mode;

static PyObject *current_mode; /* modes.current */

/* To ask the context at every operation would take a third of the operation's time: ask again only in another thread or
   context, or where the mode was changed since. Whoever changes it says so in a byte, modes.changed. */
static Mode last_mode;
static uint64_t known_thread, known_context;

static PyObject *scope_at(uint32_t place) /* borrowed, as is the next */
{
    PyObject *found = PyList_GET_ITEM(scopes, place);
    return PyTuple_GET_SIZE(found) == 2 && PyTuple_Check(PyTuple_GET_ITEM(found, 0)) ? PyTuple_GET_ITEM(found, 0) : found;
}

static PyObject *label_at(uint32_t place)
{
    PyObject *found = PyList_GET_ITEM(scopes, place);
    return scope_at(place) == found ? empty_string : PyTuple_GET_ITEM(found, 1);
}

static PyObject *label_of(Node *node) /* borrowed */
{
    PyObject *label = held(node, LABEL);
    return label ? label : label_at(node->scope);
}

static PyObject *recording_name, *watch_name, *scope_name; /* of a mode's attributes */

static int truth_of(PyObject *object, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(object, name);
    int truth = value ? PyObject_IsTrue(value) : -1;
    Py_XDECREF(value);
    return truth;
}

RARE static int find_mode(const PyThreadState *thread)
{
    PyObject *found = PyObject_CallNoArgs(current_mode), *scope = found ? PyObject_GetAttr(found, scope_name) : NULL;
    Mode mode = {0, 0, 0};
    int failed = scope == NULL || (mode.recording = truth_of(found, recording_name)) < 0 ||
                 (mode.watch = truth_of(found, watch_name)) < 0 || place_of_scope(scope, &mode.scope) < 0;
    if (!failed) {
        last_mode = mode;
        known_thread = thread->id;
        known_context = thread->context_ver;
        *mode_changed = 0;
    }
    Py_XDECREF(scope);
    Py_XDECREF(found);
    return failed ? -1 : 0;
}

INLINE int get_mode(Mode *mode)
{
    const PyThreadState *thread = PyThreadState_Get();
    if ((*mode_changed || thread->id != known_thread || thread->context_ver != known_context) && find_mode(thread) < 0)
        return -1;
    *mode = last_mode;
    return 0;
}

/* Recording an operation, by its number of arguments: the heart of the engine. */

/* Functions of op.py, node.py, micrograd.py, traced.py and derivatives.py: see `wanted`, below. */
static PyObject *linearize, *known_rule, *check_result, *check_gradients, *is_unrecorded, *detach_anywhere, *curvatures;
static PyObject *by_hand, *by_graph, *refuse_traced, *refuse_identity, *refuse_truth, *condition, *note_gradient, *backward_as_graph;
static PyObject *Op; /* op.Op */

static int node_init(PyObject *self, PyObject *args, PyObject *keywords);
static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
static int replace_parents(Node *node, PyObject *parents);

static PyObject *tuple_of(PyObject *const *items, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple && i < count; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(items[i]));
    return tuple;
}

static PyObject *pair(PyObject *x, PyObject *y) { return y ? PyTuple_Pack(2, x, y) : PyTuple_Pack(1, x); }

/* The Python operation says what happens outside the domain: it raises, or gives what IEEE 754 gives. */
RARE static int outside(int operation, Node *x, Node *y, double *out)
{
    PyObject *parents = pair((PyObject *)x, (PyObject *)y);
    PyObject *answer = parents ? PyObject_CallFunctionObjArgs(linearize, records[operation], parents, NULL) : NULL;
    Py_XDECREF(parents);
    if (answer == NULL)
        return -1;
    *out = PyFloat_AsDouble(PyTuple_GET_ITEM(answer, 0));
    Py_DECREF(answer);
    return *out == -1.0 && PyErr_Occurred() ? -1 : 0;
}

RARE static PyObject *checked(Node *node, PyObject *parents)
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

/* While a function is traced, what is computed under no_grad() is recorded, as a constant. */
static int is_unknown(PyObject *parents)
{
    PyObject *answer = TRACING ? PyObject_CallOneArg(is_unrecorded, parents) : Py_NewRef(Py_True);
    int unrecorded = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return unrecorded < 0 ? -1 : !unrecorded;
}

/* Somebody may have patched Value.__init__, to count nodes or to give each an attribute: then it makes them. The operation
   keeps its parents, in their order, and its rule, whatever that sets: micrograd's own assigns a set and a _backward. */

static int is_plain(void) { return Value->tp_init == node_init; }

static Node *construct(double out, PyObject *op, PyObject *parents)
{
    PyObject *data = PyFloat_FromDouble(out);
    PyObject *self = data ? PyObject_CallFunctionObjArgs((PyObject *)Value, data, parents, op, NULL) : NULL;
    Py_XDECREF(data);
    if (self && !Node_Check(self)) {
        PyErr_Format(PyExc_TypeError, "Value() must give a Value, got %R", self);
        Py_CLEAR(self);
    }
    Node *node = (Node *)self;
    if (node && parents && node->count > 0) { /* else it was not recorded */
        if (replace_parents(node, parents) < 0)
            Py_CLEAR(node);
        else
            node->flags &= (uint8_t)~BY_HAND;
    }
    return node;
}

RARE static PyObject *record_in_mode(Mode mode, int operation, Node *x, Node *y, double out, double dx, double dy)
{
    PyObject *parents = pair((PyObject *)x, (PyObject *)y);
    if (parents && !is_plain()) {
        Node *node = construct(out, records[operation], parents);
        if (node && node->count > 0) {
            node->partial[0] = dx;
            node->partial[1] = dy;
            node->flags |= DIFFERENTIABLE;
        }
        Py_DECREF(parents);
        return (PyObject *)node;
    }
    int as_constant = mode.recording || parents == NULL ? 0 : is_unknown(parents);
    if (parents == NULL || as_constant < 0) {
        Py_XDECREF(parents);
        return NULL;
    }
    Node *node = mode.recording || as_constant ? make(out, mode.scope, operation, x, y, dx, dy)
                                               : make(out, mode.scope, operation, NULL, NULL, 0.0, 0.0);
    if (node && as_constant)
        node->kind = CONSTANT;
    if (mode.watch && node)
        return checked(node, parents);
    Py_DECREF(parents);
    return (PyObject *)node;
}

/* Inlined, so that each operator and method has the one row that it needs, and no switch. */
INLINE PyObject *record_in(Mode mode, int operation, Node *px, Node *py)
{
    double x = px->data, y = py ? py->data : 0, out, dx = 0, dy = 0;
    switch (operation) {
#define ROW(name, raises)                                                                                              \
    case OP_##name:                                                                                                    \
        out = value_##name(x);                                                                                         \
        if (raises && !isfinite(out) && outside(operation, px, NULL, &out) < 0)                                        \
            return NULL;                                                                                               \
        if (px->kind != CONSTANT)                                                                                      \
            dx = slope_##name##_x(out, x);                                                                             \
        break;
        UNARY_ROWS(ROW)
#undef ROW
#define ROW(name, raises)                                                                                              \
    case OP_##name:                                                                                                    \
        out = value_##name(x, y);                                                                                      \
        if (raises && !isfinite(out) && outside(operation, px, py, &out) < 0)                                          \
            return NULL;                                                                                               \
        if (px->kind != CONSTANT)                                                                                      \
            dx = slope_##name##_x(out, x, y);                                                                          \
        if (py->kind != CONSTANT)                                                                                      \
            dy = slope_##name##_y(out, x, y);                                                                          \
        break;
        BINARY_ROWS(ROW)
#undef ROW
    default:
        Py_UNREACHABLE();
    }
    if (!mode.recording || mode.watch || !is_plain())
        return record_in_mode(mode, operation, px, py, out, dx, dy);
    return (PyObject *)make(out, mode.scope, operation, px, py, dx, dy);
}

INLINE PyObject *record(int operation, Node *x, Node *y)
{
    Mode mode;
    return get_mode(&mode) < 0 ? NULL : record_in(mode, operation, x, y);
}

static PyObject *record_row(int operation, Node *x, Node *y) { return record(operation, x, y); }

static int set_partials(Node *node, PyObject *partials)
{
    Py_ssize_t count = count_parents(node);
    if (!PyTuple_Check(partials) || PyTuple_GET_SIZE(partials) != count) {
        PyErr_Format(PyExc_TypeError, "_partials must be a tuple, one for each parent, got %R", partials);
        return -1;
    }
    double few[2], *numbers = count < MANY ? few : PyMem_Malloc((size_t)count * sizeof *numbers);
    if (numbers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    /* All numbers first: to ask for them may run the user's code, which may make the node anew. */
    int failed = 0;
    for (Py_ssize_t i = 0; i < count && !failed; i++) {
        numbers[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(partials, i));
        failed = numbers[i] == -1.0 && PyErr_Occurred();
    }
    if (!failed && count_parents(node) != count) {
        PyErr_SetString(PyExc_RuntimeError, "a Value was made anew while its local gradients were read");
        failed = 1;
    }
    for (Py_ssize_t i = 0; i < count && !failed; i++)
        *partial_at(node, i) = numbers[i];
    if (numbers != few)
        PyMem_Free(numbers);
    if (!failed)
        node->flags |= DIFFERENTIABLE;
    return failed ? -1 : 0;
}

static int set_parents(Node *node, Node *const *parents, Py_ssize_t count) /* the node has none */
{
    Block *block = NULL;
    if (count >= MANY) {
        if ((block = PyMem_Malloc(sizeof(Block) + (size_t)count * sizeof block->of[0])) == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        block->count = count;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Node *parent = (Node *)Py_NewRef(parents[i]);
        if (block) {
            block->of[i].parent = parent;
            block->of[i].partial = 0.0;
        }
        else
            node->parent[i] = parent;
        node->flags |= parent->flags & TRACED;
    }
    if (block)
        node->block = block;
    node->count = (unsigned)(block ? MANY : count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (parents[i]->flags & TRACKED)
            track(node);
    return 0;
}

static int set_parents_from(Node *node, PyObject *parents) /* a tuple of Values */
{
    return set_parents(node, (Node *const *)((PyTupleObject *)parents)->ob_item, PyTuple_GET_SIZE(parents));
}

static int replace_parents(Node *node, PyObject *parents)
{
    Parents before = take_parents(node); /* dropped when all is set: that may run the user's code */
    node->flags &= (uint8_t)~DIFFERENTIABLE;
    int failed = set_parents_from(node, parents);
    drop_parents(before);
    return failed;
}

static int are_values(PyObject *parents)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(parents); i++)
        if (!Node_Check(PyTuple_GET_ITEM(parents, i)))
            return 0;
    return 1;
}

static int set_operation(Node *node, PyObject *operation)
{
    for (int row = 1; row < OPERATIONS; row++)
        if (records[row] == operation) {
            node->operation = (uint8_t)row;
            return 0;
        }
    return PyUnicode_Check(operation) && PyUnicode_GET_LENGTH(operation) == 0 ? 0 : keep(node, OPERATION, operation, 0);
}

static PyObject *general(PyObject *op, PyObject *parents)
{
    Mode mode;
    double out;
    if (get_mode(&mode) < 0)
        return NULL;
    int as_constant = mode.recording ? 0 : is_unknown(parents);
    PyObject *answer = as_constant < 0 ? NULL : PyObject_CallFunctionObjArgs(linearize, op, parents, NULL);
    if (answer == NULL)
        return NULL;
    Node *node = NULL;
    int plain = is_plain();
    if (number(PyTuple_GET_ITEM(answer, 0), "data", "", &out) == 0)
        node = plain ? leaf(out, mode.scope) : construct(out, op, parents);
    int recorded = plain ? mode.recording || as_constant : node && node->count > 0;
    if (node && ((plain && set_operation(node, op) < 0) ||
                 (plain && recorded && set_parents_from(node, parents) < 0) ||
                 (recorded && set_partials(node, PyTuple_GET_ITEM(answer, 1)) < 0)))
        Py_CLEAR(node);
    if (node && as_constant)
        node->kind = CONSTANT;
    Py_DECREF(answer);
    return plain && mode.watch && node ? checked(node, Py_NewRef(parents)) : (PyObject *)node;
}

INLINE int chain_rule(Node *node)
{
    if (!(node->flags & DIFFERENTIABLE))
        return 0;
    if (node->count == MANY) {
        for (Py_ssize_t i = 0; i < node->block->count; i++)
            node->block->of[i].parent->grad += node->block->of[i].partial * node->grad;
        return 0;
    }
    if (node->count > 0)
        node->parent[0]->grad += node->partial[0] * node->grad;
    if (node->count > 1)
        node->parent[1]->grad += node->partial[1] * node->grad;
    return 0;
}

/* An operation of more than two arguments. */
static PyObject *record_many(int operation, PyObject *const *parents, Py_ssize_t count)
{
    Mode mode;
    double in[MOST_ARGUMENTS], slopes[MOST_ARGUMENTS], out;
    if (get_mode(&mode) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++)
        in[i] = ((Node *)parents[i])->data;
    out = rows[operation].value(in);
    if (!mode.recording || mode.watch || !is_plain() || (rows[operation].raises && !isfinite(out))) {
        PyObject *tuple = tuple_of(parents, count), *result = tuple ? general(records[operation], tuple) : NULL;
        Py_XDECREF(tuple);
        return result;
    }
    rows[operation].slopes(out, in, slopes);
    Node *node = leaf(out, mode.scope);
    if (node == NULL || set_parents(node, (Node *const *)parents, count) < 0) {
        Py_XDECREF(node);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        *partial_at(node, i) = parent_at(node, i)->kind == CONSTANT ? 0.0 : slopes[i];
    node->operation = (uint8_t)operation;
    node->flags |= DIFFERENTIABLE;
    return (PyObject *)node;
}

static PyObject *apply(PyObject *Py_UNUSED(self), PyObject *const *arguments, Py_ssize_t count)
{
    if (count < 2)
        return PyErr_Format(PyExc_TypeError, "apply() needs an operation and its operands");
    PyObject *op = arguments[0];
    int row = 1;
    while (row < OPERATIONS && records[row] != op)
        row++;
    if (row < OPERATIONS && rows[row].arity == count - 1)
        return operate_on(row, arguments + 1, count - 1);
    PyObject *name = PyObject_GetAttrString(op, "name"), *parents = name ? PyTuple_New(count - 1) : NULL, *result = NULL;
    const char *text = parents ? PyUnicode_AsUTF8(name) : NULL;
    int failed = text == NULL;
    for (Py_ssize_t i = 0; i < count - 1 && !failed; i++) {
        PyObject *operand = Node_Check(arguments[i + 1]) ? Py_NewRef(arguments[i + 1]) : constant(arguments[i + 1], text);
        failed = operand == NULL;
        if (operand)
            PyTuple_SET_ITEM(parents, i, operand);
    }
    if (!failed)
        result = general(op, parents);
    Py_XDECREF(name);
    Py_XDECREF(parents);
    return result;
}

static PyObject *constant_in(Mode mode, PyObject *operand, const char *name)
{
    double data;
    if (number(operand, "operand of ", name, &data) < 0)
        return NULL;
    Node *node = is_plain() ? leaf(data, mode.scope) : construct(data, NULL, NULL);
    if (node)
        node->kind = CONSTANT;
    return (PyObject *)node;
}

static PyObject *constant(PyObject *operand, const char *name)
{
    Mode mode;
    return get_mode(&mode) < 0 ? NULL : constant_in(mode, operand, name);
}

/* One door: an operation of the table on as many operands as it has arguments, of which some may be numbers. */
static PyObject *operate_on(int row, PyObject *const *operands, Py_ssize_t count)
{
    PyObject *parents[MOST_ARGUMENTS], *result = NULL;
    Py_ssize_t ready = 0;
    for (; ready < count; ready++) {
        PyObject *operand = operands[ready];
        parents[ready] = Node_Check(operand) ? Py_NewRef(operand) : constant(operand, rows[row].name);
        if (parents[ready] == NULL)
            break;
    }
    if (ready == count)
        result = count < MANY ? record_row(row, (Node *)parents[0], count > 1 ? (Node *)parents[1] : NULL)
                              : record_many(row, parents, count);
    while (ready)
        Py_DECREF(parents[--ready]);
    return result;
}

/* The method of each operation. With a wrong number of arguments, or what is no number, the Python operation is called,
   which raises, or knows what to do. */

RARE static PyObject *call(int row, PyObject *self, PyObject *const *others, Py_ssize_t count)
{
    PyObject *operands[MOST_ARGUMENTS] = {self};
    if (count + 1 == rows[row].arity) {
        memcpy(operands + 1, others, (size_t)count * sizeof *others);
        PyObject *result = operate_on(row, operands, count + 1);
        if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) /* an array, for one */
            return result;
        PyErr_Clear();
    }
    PyObject *all = PyTuple_New(count + 1), *result = NULL;
    for (Py_ssize_t i = 0; all && i <= count; i++)
        PyTuple_SET_ITEM(all, i, Py_NewRef(i ? others[i - 1] : self));
    if (all)
        result = PyObject_CallObject(records[row], all);
    Py_XDECREF(all);
    return result;
}

#define METHOD(name)                                                                                                   \
    static PyObject *method_##name(PyObject *self, PyObject *const *others, Py_ssize_t count)                          \
    {                                                                                                                  \
        return count ? call(OP_##name, self, others, count) : record(OP_##name, (Node *)self, NULL);                   \
    }
UNARY_METHODS(METHOD)
#undef METHOD
#define METHOD(name)                                                                                                   \
    static PyObject *method_##name(PyObject *self, PyObject *const *others, Py_ssize_t count)                          \
    {                                                                                                                  \
        return count == 1 && Node_Check(others[0]) ? record(OP_##name, (Node *)self, (Node *)others[0])                \
                                                   : call(OP_##name, self, others, count);                             \
    }
BINARY_METHODS(METHOD)
#undef METHOD
#define METHOD(name)                                                                                                   \
    static PyObject *method_##name(PyObject *self, PyObject *const *others, Py_ssize_t count)                          \
    {                                                                                                                  \
        return call(OP_##name, self, others, count);                                                                   \
    }
MANY_METHODS(METHOD)
#undef METHOD

/* A binary operator and its reflection. */
INLINE PyObject *operate(int operation, PyObject *left, PyObject *right)
{
    if (Py_IS_TYPE(left, Value) && Py_IS_TYPE(right, Value))
        return record(operation, (Node *)left, (Node *)right);
    return operate_mixed(operation, left, right);
}

RARE static PyObject *operate_mixed(int operation, PyObject *left, PyObject *right)
{
    PyObject *operands[] = {left, right};
    for (int i = 0; i < 2; i++) {
        /* What is neither a Value nor a number may know how to work with Values: an array does, for one. */
        int known = Node_Check(operands[i]) ? 1 : is_number(operands[i]);
        if (known <= 0)
            return known ? NULL : Py_NewRef(Py_NotImplemented);
    }
    return operate_on(operation, operands, 2);
}

/* bias + w1*x1 + w2*x2 + ..., added in that order, in a scope of a name: what a neuron does, by one call. */

static PyObject *scope_block; /* modes.scope */

/* The place of a scope inside another, with a label or with none. */
static int place_within(uint32_t outer, PyObject *name, PyObject *label, uint32_t *place)
{
    static struct {
        PyObject *name, *label;
        uint32_t outer, place, look;
    } known[1024];
    size_t at = ((uintptr_t)name / 16 + (uintptr_t)label / 16 + outer) % Py_ARRAY_LENGTH(known);
    if (known[at].label != label || known[at].name != name || known[at].outer != outer || known[at].look != looks) {
        PyObject *names = PyTuple_Pack(1, name);
        PyObject *scope = names ? PySequence_Concat(scope_at(outer), names) : NULL;
        int labelled = PyUnicode_GET_LENGTH(label) > 0;
        PyObject *key = scope == NULL ? NULL : labelled ? PyTuple_Pack(2, scope, label) : Py_NewRef(scope);
        int failed = key == NULL || place_of_scope(key, place) < 0;
        Py_XDECREF(names);
        Py_XDECREF(scope);
        Py_XDECREF(key);
        if (failed)
            return -1;
        Py_INCREF(name);
        Py_XSETREF(known[at].name, name);
        Py_INCREF(label);
        Py_XSETREF(known[at].label, label);
        known[at].outer = outer;
        known[at].place = *place;
        known[at].look = looks;
    }
    *place = known[at].place;
    return 0;
}

static PyObject *sum_by_operators(PyObject *const *arguments)
{
    PyObject *bias = arguments[0], *weights = arguments[1], *inputs = arguments[2];
    PyObject *sum = Py_NewRef(bias);
    for (Py_ssize_t i = 0; sum && i < PySequence_Fast_GET_SIZE(weights); i++) {
        PyObject *term = PyNumber_Multiply(PySequence_Fast_GET_ITEM(weights, i), PySequence_Fast_GET_ITEM(inputs, i));
        PyObject *next = term ? PyNumber_Add(sum, term) : NULL;
        Py_XDECREF(term);
        Py_SETREF(sum, next);
    }
    return sum;
}

/* The present mode inside a scope, and the place there with a label. To find a place may make room for it by forgetting
   others, those just found among them: then all are found again. */
static int enter_place(Mode *mode, PyObject *name, PyObject *label, uint32_t *labelled)
{
    uint32_t look, inner;
    do {
        look = looks;
        if (get_mode(mode) < 0 || place_within(mode->scope, name, empty_string, &inner) < 0 ||
            place_within(mode->scope, name, label, labelled) < 0)
            return -1;
    } while (look != looks);
    mode->scope = inner;
    return 0;
}

typedef PyObject *(*Work)(PyObject *const *arguments);

static PyObject *in_scope(PyObject *name, Work work, PyObject *const *arguments) /* as a program would do it */
{
    PyObject *block = PyObject_CallOneArg(scope_block, name);
    PyObject *entered = block ? PyObject_CallMethod(block, "__enter__", NULL) : NULL;
    PyObject *result = entered ? work(arguments) : NULL;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *left = entered ? PyObject_CallMethod(block, "__exit__", "OOO", Py_None, Py_None, Py_None) : NULL;
    Py_XDECREF(left);
    if (type)
        PyErr_Restore(type, value, traceback);
    Py_XDECREF(entered);
    Py_XDECREF(block);
    return result;
}

static PyObject *sum_of_products(Mode mode, uint32_t last, PyObject *bias, PyObject *weights, PyObject *inputs)
{
    PyObject *sum = Py_NewRef(bias);
    Py_ssize_t count = PySequence_Fast_GET_SIZE(weights);
    for (Py_ssize_t i = 0; sum && i < count; i++) {
        PyObject *w = PySequence_Fast_GET_ITEM(weights, i), *x = PySequence_Fast_GET_ITEM(inputs, i);
        x = Node_Check(x) ? Py_NewRef(x) : constant_in(mode, x, "mul");
        PyObject *term = x ? record_in(mode, OP_mul, (Node *)w, (Node *)x) : NULL;
        Py_XDECREF(x);
        if (i == count - 1)
            mode.scope = last;
        PyObject *next = term ? record_in(mode, OP_add, (Node *)sum, (Node *)term) : NULL;
        Py_XDECREF(term);
        Py_SETREF(sum, next);
    }
    return sum;
}

static PyObject *weighted_sum(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 5 || !PyUnicode_Check(arguments[3]) || !PyUnicode_Check(arguments[4]))
        return PyErr_Format(PyExc_TypeError, "weighted_sum() takes a bias, weights, inputs, a name and a label");
    PyObject *bias = arguments[0], *name = arguments[3], *label = arguments[4], *sum = NULL;
    PyObject *weights = PySequence_Fast(arguments[1], "weights must be a sequence");
    PyObject *inputs = weights ? PySequence_Fast(arguments[2], "inputs must be a sequence") : NULL;
    uint32_t last;
    Mode mode;
    if (inputs == NULL || get_mode(&mode) < 0)
        goto done;
    if (PySequence_Fast_GET_SIZE(weights) != PySequence_Fast_GET_SIZE(inputs)) {
        PyErr_Format(PyExc_ValueError, "%U takes %zd inputs, got %zd", name, PySequence_Fast_GET_SIZE(weights),
                     PySequence_Fast_GET_SIZE(inputs));
        goto done;
    }
    /* What somebody has patched, or derived, does what it does. */
    int quick = is_plain() && mode.recording && !mode.watch && Py_IS_TYPE(bias, Value) &&
                Value->tp_as_number->nb_add == nb_add && Value->tp_as_number->nb_multiply == nb_multiply;
    for (Py_ssize_t i = 0; quick && i < PySequence_Fast_GET_SIZE(weights); i++) {
        PyObject *x = PySequence_Fast_GET_ITEM(inputs, i);
        quick = Py_IS_TYPE(PySequence_Fast_GET_ITEM(weights, i), Value) && (Py_IS_TYPE(x, Value) || PyFloat_CheckExact(x));
    }
    if (!quick) {
        PyObject *operands[] = {bias, weights, inputs};
        sum = in_scope(name, sum_by_operators, operands);
        if (sum && sum != bias && PyObject_SetAttrString(sum, "label", label) < 0)
            Py_CLEAR(sum);
    }
    else if (enter_place(&mode, name, label, &last) == 0)
        sum = sum_of_products(mode, last, bias, weights, inputs);
done:
    Py_XDECREF(weights);
    Py_XDECREF(inputs);
    return sum;
}

static PyObject *call_method(PyObject *const *arguments) { return PyObject_CallMethodNoArgs(arguments[0], arguments[1]); }

static PyObject *activation(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 4 || !Node_Check(arguments[0]) || !PyUnicode_Check(arguments[1]) || !PyUnicode_Check(arguments[2]) ||
        !PyUnicode_Check(arguments[3]))
        return PyErr_Format(PyExc_TypeError, "activation() takes a Value, the name of a method, a name and a label");
    PyObject *name = arguments[2], *label = arguments[3], *method = _PyType_Lookup(Py_TYPE(arguments[0]), arguments[1]);
    Mode mode;
    uint32_t place;
    if (get_mode(&mode) < 0)
        return NULL;
    if (method && Py_IS_TYPE(method, &PyMethodDescr_Type) && Py_IS_TYPE(arguments[0], Value) && is_plain() && !mode.watch) {
        PyObject *out = call_method(arguments);
        if (out && enter_place(&mode, name, label, &place) < 0)
            Py_CLEAR(out);
        if (out && Py_IS_TYPE(out, Value))
            ((Node *)out)->scope = place;
        return out;
    }
    PyObject *out = in_scope(name, call_method, arguments);
    if (out && !Node_Check(out)) {
        PyErr_Format(PyExc_TypeError, "%U: activation must return a Value, got %R", name, out);
        Py_CLEAR(out);
    }
    if (out && label_of((Node *)out) == empty_string && set_label(out, label, NULL) < 0)
        Py_CLEAR(out);
    return out;
}

/* Value. */

static PyObject *node_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    if (type == Value)
        return (PyObject *)leaf(0.0, 0);
    PyObject *self = type->tp_alloc(type, 0); /* zeroed, and tracked */
    if (self)
        ((Node *)self)->flags = TRACKED;
    return self;
}

/* What a node is made of, as the constructor's arguments say it. */
typedef struct {
    double data;
    PyObject *parents, *op, *label, *partials; /* parents: a tuple of Values; partials: one, or NULL */
} Made;

static void release(Made *made)
{
    Py_XDECREF(made->parents);
    Py_XDECREF(made->op);
    Py_XDECREF(made->label);
    Py_XDECREF(made->partials);
}

RARE static int sort_out(Made *made, PyObject *more[3]) /* what engine.by_hand knows, or refuses */
{
    PyObject *answer = PyObject_CallFunctionObjArgs(by_hand, Value, made->parents, made->op, made->label, more[0], more[1], more[2], NULL);
    if (answer == NULL)
        return -1;
    PyObject **to[] = {&made->parents, &made->op, &made->label, &made->partials};
    for (int i = 0; i < 4; i++)
        Py_XSETREF(*to[i], Py_NewRef(PyTuple_GET_ITEM(answer, i)));
    if (made->partials == Py_None)
        Py_CLEAR(made->partials);
    Py_DECREF(answer);
    return 0;
}

static int are_partials(PyObject *op, PyObject *parents) /* as microgpt's operations give them: to be quick */
{
    Py_ssize_t count = PyTuple_GET_SIZE(parents);
    if (!PyTuple_CheckExact(op) || PyTuple_GET_SIZE(op) != count || count == 0)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *number = PyTuple_GET_ITEM(op, i);
        int overflow = 0;
        if (PyLong_CheckExact(number))
            PyLong_AsLongAndOverflow(number, &overflow);
        else if (!PyFloat_CheckExact(number))
            return 0;
        if (overflow)
            return 0;
    }
    return 1;
}

static int take_apart(PyObject *data, PyObject *children, PyObject *op, PyObject *label, PyObject *more[3], Made *made)
{
    if (number(data, "data", "", &made->data) < 0)
        return -1;
    if ((made->parents = PySequence_Tuple(children)) == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "_children must be Values in a tuple or list, got %R", children);
        return -1;
    }
    made->op = Py_NewRef(op);
    made->label = Py_NewRef(label);
    if (more[0] == Py_None && more[1] == Py_None && more[2] == empty_string && are_values(made->parents)) {
        if (PyUnicode_Check(op) || PyObject_TypeCheck(op, (PyTypeObject *)Op))
            return 0;
        if (are_partials(op, made->parents)) {
            made->partials = made->op;
            made->op = Py_NewRef(empty_string);
            return 0;
        }
    }
    return sort_out(made, more);
}

static int fill(Node *node, Made *made)
{
    Mode mode;
    if (get_mode(&mode) < 0)
        return -1;
    int as_constant = mode.recording || !PyTuple_GET_SIZE(made->parents) ? 0 : is_unknown(made->parents);
    if (as_constant < 0)
        return -1;
    if (walking && node->count) {
        PyErr_SetString(PyExc_RuntimeError, "a Value cannot be made anew while backward() runs");
        return -1;
    }
    Parents before = take_parents(node); /* dropped when all is set: that may run the user's code */
    Extra *extra = node->extra;
    node->extra = NULL;
    node->data = made->data;
    node->grad = 0.0;
    node->operation = NO_OPERATION;
    node->role = NO_ROLE;
    node->kind = as_constant ? CONSTANT : VARIABLE;
    node->flags = (uint8_t)((node->flags & (TRACKED | IN_SLAB)) | (TRACING ? TRACED : 0));
    int recorded = mode.recording || as_constant;
    int failed = give_scope(node, mode.scope) < 0 || (recorded && set_parents_from(node, made->parents) < 0) ||
                 set_operation(node, made->op) < 0 || set_label((PyObject *)node, made->label, NULL) < 0 ||
                 (recorded && made->partials && set_partials(node, made->partials) < 0);
    drop(extra);
    drop_parents(before);
    int watch = failed || !mode.watch ? 0 : PyTuple_GET_SIZE(made->parents) || PyObject_IsTrue(made->op);
    if (watch > 0) {
        PyObject *done = PyObject_CallFunctionObjArgs(check_result, node, made->parents, NULL);
        failed = done == NULL;
        Py_XDECREF(done);
    }
    return failed || watch < 0 ? -1 : 0;
}

static int node_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"data", "_children", "_op", "label", "children", "local_grads", "name", NULL};
    PyObject *data, *children = empty_tuple, *op = empty_string, *label = empty_string;
    PyObject *more[] = {Py_None, Py_None, empty_string};
    Made made = {0.0, NULL, NULL, NULL, NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|OOO$OOO:Value", names, &data, &children, &op, &label, &more[0],
                                     &more[1], &more[2]))
        return -1;
    int failed = take_apart(data, children, op, label, more, &made) < 0 || fill((Node *)self, &made) < 0;
    release(&made);
    return failed ? -1 : 0;
}

static PyObject *node_vectorcall(PyObject *type, PyObject *const *args, size_t flags, PyObject *names)
{
    Py_ssize_t count = PyVectorcall_NARGS(flags), named = names ? PyTuple_GET_SIZE(names) : 0;
    Mode mode;
    double data;
    if (is_plain() && named == 0 && count == 1) /* Value(number) */
        return number(args[0], "data", "", &data) < 0 || get_mode(&mode) < 0 ? NULL : (PyObject *)leaf(data, mode.scope);
    PyObject *self = NULL;
    if (is_plain() && named == 0 && count > 1 && count < 5) { /* as programs that bring operations of their own make nodes */
        PyObject *more[] = {Py_None, Py_None, empty_string};
        Made made = {0.0, NULL, NULL, NULL, NULL};
        if (take_apart(args[0], args[1], count > 2 ? args[2] : empty_string, count > 3 ? args[3] : empty_string, more, &made) == 0 &&
            (self = (PyObject *)leaf(0.0, 0)) && fill((Node *)self, &made) < 0)
            Py_CLEAR(self);
        release(&made);
        return self;
    }
    PyObject *positional = PyTuple_New(count), *keywords = PyDict_New();
    int failed = positional == NULL || keywords == NULL;
    for (Py_ssize_t i = 0; i < count && !failed; i++)
        PyTuple_SET_ITEM(positional, i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; i < named && !failed; i++)
        failed = PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[count + i]) < 0;
    if (!failed && (self = Value->tp_new((PyTypeObject *)type, positional, keywords)) && Node_Check(self) &&
        Py_TYPE(self)->tp_init(self, positional, keywords) < 0)
        Py_CLEAR(self);
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return self;
}

static int read_number(PyObject *self, double *data) /* unless it is a traced Value's, which has none */
{
    *data = ((Node *)self)->data;
    if (!isnan(*data) && !TRACING)
        return 0;
    PyObject *done = PyObject_CallOneArg(refuse_traced, self);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static int deleted(PyObject *value, void *name)
{
    if (value == NULL)
        PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", (const char *)name);
    return value == NULL;
}

static PyObject *get_data(PyObject *self, void *Py_UNUSED(name))
{
    double data;
    return read_number(self, &data) < 0 ? NULL : PyFloat_FromDouble(data);
}

static PyObject *get_raw_data(PyObject *self, void *Py_UNUSED(name)) { return PyFloat_FromDouble(((Node *)self)->data); }

static int set_data(PyObject *self, PyObject *value, void *name)
{
    return deleted(value, name) ? -1 : number(value, "data", "", &((Node *)self)->data);
}

static PyObject *chain_rule_method(PyObject *self, PyObject *Py_UNUSED(none))
{
    return chain_rule((Node *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *get_backward(PyObject *self, void *Py_UNUSED(name))
{
    static PyMethodDef method = {"_backward", chain_rule_method, METH_NOARGS, NULL};
    Node *node = (Node *)self;
    return node->flags & BY_HAND ? Py_NewRef(held(node, CLOSURE)) : PyCFunction_New(&method, self);
}

static int set_backward(PyObject *self, PyObject *value, void *name)
{
    /* micrograd's way to add an operation: a closure that takes no argument. */
    Node *node = (Node *)self;
    Mode mode;
    if (deleted(value, name))
        return -1;
    if (!PyCallable_Check(value)) {
        PyErr_Format(PyExc_TypeError, "_backward must be a function without arguments, got %R", value);
        return -1;
    }
    return get_mode(&mode) < 0 || (mode.recording && hold(node, CLOSURE, value, BY_HAND) < 0) ? -1 : 0;
}

static PyObject *get_by_hand(PyObject *self, void *Py_UNUSED(name))
{
    return PyBool_FromLong(((Node *)self)->flags & BY_HAND);
}

INLINE int pass_back(Node *node)
{
    if (!(node->flags & BY_HAND))
        return chain_rule(node);
    PyObject *closure = Py_NewRef(held(node, CLOSURE)); /* it may set another */
    PyObject *done = PyObject_CallNoArgs(closure);
    Py_DECREF(closure);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyObject *get_raw_grad(PyObject *self, void *Py_UNUSED(name))
{
    Node *node = (Node *)self;
    return node->flags & GRAD_IS_OBJECT ? Py_NewRef(held(node, GRAD)) : PyFloat_FromDouble(node->grad);
}

static PyObject *get_grad(PyObject *self, void *name)
{
    PyObject *gradient = get_raw_grad(self, name);
    if (TRACING && gradient && PyFloat_CheckExact(gradient))
        Py_SETREF(gradient, PyObject_CallFunctionObjArgs(note_gradient, self, gradient, NULL));
    return gradient;
}

static void set_gradient(Node *node, double gradient)
{
    node->grad = gradient;
    if (node->flags & GRAD_IS_OBJECT) {
        node->flags &= (uint8_t)~GRAD_IS_OBJECT;
        Py_CLEAR(node->extra->held[GRAD]);
    }
}

static int set_grad(PyObject *self, PyObject *value, void *name)
{
    double gradient;
    int known = deleted(value, name) ? -1 : is_number(value);
    if (known < 0 || (known ? number(value, "grad", "", &gradient) : hold((Node *)self, GRAD, value, GRAD_IS_OBJECT)) < 0)
        return -1;
    if (known)
        set_gradient((Node *)self, gradient);
    return 0;
}

static PyObject *gradients(Order *order)
{
    PyObject *list = PyList_New(order->count);
    for (Py_ssize_t i = 0; i < order->count && list; i++) {
        Node *node = order->entries[i].node;
        PyObject *gradient = node->flags & GRAD_IS_OBJECT ? Py_NewRef(held(node, GRAD))
                                                          : PyFloat_FromDouble(order->entries[i].grad);
        if (gradient)
            PyList_SET_ITEM(list, i, gradient);
        else
            Py_CLEAR(list);
    }
    return list;
}

static int make_numbers(Order *order) /* of gradients that are Values, as backward(create_graph=True) leaves them */
{
    for (Py_ssize_t i = 0; i < order->count; i++) {
        Node *node = order->entries[i].node;
        PyObject *object = node->flags & GRAD_IS_OBJECT ? Py_NewRef(held(node, GRAD)) : NULL;
        double gradient = 0.0;
        int failed = 0;
        if (object && node->count == 0) {
            if (Node_Check(object))
                gradient = ((Node *)object)->data;
            else
                failed = number(object, "grad", "", &gradient) < 0;
        }
        if (object && !failed)
            set_gradient(node, gradient);
        Py_XDECREF(object);
        if (failed)
            return -1;
    }
    return 0;
}

static void restore_gradients(Order *order, PyObject *before)
{
    for (Py_ssize_t i = 0; i < order->count; i++) {
        Node *node = order->entries[i].node;
        PyObject *object = before ? PyList_GET_ITEM(before, i) : NULL;
        node->grad = order->entries[i].grad;
        if (object && !PyFloat_CheckExact(object) && keep(node, GRAD, object, GRAD_IS_OBJECT) < 0)
            PyErr_Clear();
    }
}

static PyObject *backward(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"gradient", "create_graph", NULL};
    PyObject *gradient = one, *before = NULL;
    int create_graph = 0, failed = 0;
    double seed;
    Mode mode;
    Order order = {NULL, 0, 0, 0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|Op:backward", names, &gradient, &create_graph))
        return NULL;
    if (!create_graph && ((Node *)self)->flags & TRACED) {
        PyObject *answer = PyObject_CallOneArg(by_graph, self);
        create_graph = answer ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
    }
    if (create_graph)
        return create_graph < 0 ? NULL : PyObject_CallFunctionObjArgs(backward_as_graph, self, gradient, NULL);
    if (number(gradient, "gradient", "", &seed) < 0 || get_mode(&mode) < 0 || order_of(&self, 1, &order, 1) < 0)
        return NULL;
    /* The marks go in passing, where no code of the user's can run before the last is gone. */
    int marked = !mode.watch && !(order.flags & (BY_HAND | GRAD_IS_OBJECT));
    if (!marked)
        unmark(&order, order.count);
    start_walk();
    if (order.flags & GRAD_IS_OBJECT)
        failed = (before = gradients(&order)) == NULL || make_numbers(&order) < 0;
    ((Node *)self)->grad += seed;
    for (Py_ssize_t i = order.count - 1; i >= 0 && !failed; i--) {
        Node *node = order.entries[i].node;
        if (i >= AHEAD) {
            FETCH(&order.entries[i - AHEAD].node->grad);
            FETCH(&order.entries[i - AHEAD].node->partial[1]);
        }
        node->flags &= (uint8_t)~MARKED;
        failed = pass_back(node) < 0;
        if (mode.watch && !failed) {
            PyObject *done = PyObject_CallOneArg(check_gradients, (PyObject *)node);
            failed = done == NULL;
            Py_XDECREF(done);
        }
        if ((order.count - i) % CHECKED_EVERY == 0 && !failed) {
            if (marked)
                unmark(&order, i);
            marked = 0;
            failed = PyErr_CheckSignals() < 0;
        }
    }
    if (failed)
        restore_gradients(&order, before);
    end_walk();
    Py_XDECREF(before);
    PyMem_RawFree(order.entries);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *zero_grad(PyObject *self, PyObject *Py_UNUSED(none))
{
    Order order = {NULL, 0, 0, 0};
    if (order_of(&self, 1, &order, 0) < 0)
        return NULL;
    unmark(&order, order.count);
    start_walk(); /* what a gradient was may run the user's code when it goes */
    for (Py_ssize_t i = 0; i < order.count; i++)
        set_gradient(order.entries[i].node, 0.0);
    end_walk();
    PyMem_RawFree(order.entries);
    Py_RETURN_NONE;
}

static PyObject *detach(PyObject *self, PyObject *Py_UNUSED(none))
{
    Mode mode;
    double data;
    if (TRACING)
        return PyObject_CallOneArg(detach_anywhere, self);
    if (read_number(self, &data) < 0 || get_mode(&mode) < 0)
        return NULL;
    PyObject *label = label_of((Node *)self);
    Node *node = leaf(data, mode.scope);
    if (node && set_label((PyObject *)node, label, NULL) < 0)
        Py_CLEAR(node);
    return (PyObject *)node;
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
static PyObject *nb_positive(PyObject *x) { return Py_NewRef(x); }
static PyObject *nb_absolute(PyObject *x) { return record(OP_abs, (Node *)x, NULL); }

/* engine.refuse_identity says who may look a traced Value up; that it is the package itself is seen here, as most are. */
static int refused_identity(PyObject *self, PyObject *other)
{
    PyObject *globals = PyEval_GetGlobals(), *module = globals ? PyDict_GetItemString(globals, "__name__") : NULL;
    const char *name = module && PyUnicode_Check(module) ? PyUnicode_AsUTF8(module) : NULL;
    if (name && strncmp(name, "scalargrad", 10) == 0 && (name[10] == '.' || name[10] == '\0'))
        return 0;
    PyErr_Clear();
    PyObject *done = PyObject_CallFunctionObjArgs(refuse_identity, self, other, NULL);
    Py_XDECREF(done);
    return done == NULL;
}

static PyObject *compare(PyObject *self, PyObject *other, int relation)
{
    double x, y;
    int equality = relation == Py_EQ || relation == Py_NE;
    if (Node_Check(other)) {
        if (equality) { /* identity */
            if (TRACING && self != other && refused_identity(self, other))
                return NULL;
            Py_RETURN_NOTIMPLEMENTED;
        }
    }
    else if (equality) {
        int known = is_number(other);
        if (known <= 0)
            return known ? NULL : Py_NewRef(Py_NotImplemented);
    }
    if (TRACING || isnan(((Node *)self)->data) || (Node_Check(other) && isnan(((Node *)other)->data))) {
        static const char *const names[] = {[Py_LT] = "lt", [Py_LE] = "le", [Py_EQ] = "eq",
                                            [Py_NE] = "ne", [Py_GT] = "gt", [Py_GE] = "ge"};
        PyObject *made = PyObject_CallFunction(condition, "sOO", names[relation], self, other);
        if (made != Py_None) /* a traced number is compared: the answer is a Value, too */
            return made;
        Py_DECREF(made);
    }
    if (read_number(self, &x) < 0)
        return NULL;
    if (Node_Check(other)) {
        if (read_number(other, &y) < 0)
            return NULL;
        Py_RETURN_RICHCOMPARE(x, y, relation);
    }
    PyObject *mine = PyFloat_FromDouble(x);
    PyObject *result = mine ? PyObject_RichCompare(mine, other, relation) : NULL;
    Py_XDECREF(mine);
    if (result && equality) { /* NumPy's numbers answer in NumPy's way */
        int truth = PyObject_IsTrue(result);
        Py_DECREF(result);
        return truth < 0 ? NULL : PyBool_FromLong(truth);
    }
    return result;
}

static int nb_bool(PyObject *self) /* true, as any object is, but for a traced number */
{
    if (!isnan(((Node *)self)->data))
        return 1;
    PyObject *done = PyObject_CallOneArg(refuse_truth, self);
    Py_XDECREF(done);
    return done ? 1 : -1;
}

static Py_hash_t hash(PyObject *self)
{
    return TRACING && isnan(((Node *)self)->data) && refused_identity(self, NULL) ? -1 : PyBaseObject_Type.tp_hash(self);
}

/* cls._restore(data, grad, label, scope, role, kind, operation, partials, parents): what a copy or a pickle recorded. */

static PyObject *restore(PyObject *type, PyObject *args)
{
    PyObject *data, *grad, *label, *scope, *role, *kind, *operation, *partials, *parents;
    if (!PyArg_ParseTuple(args, "OOOOOOOOO!:_restore", &data, &grad, &label, &scope, &role, &kind, &operation,
                          &partials, &PyTuple_Type, &parents))
        return NULL;
    PyObject *self = node_new((PyTypeObject *)type, NULL, NULL);
    Node *node = (Node *)self;
    if (node && (number(data, "data", "", &node->data) < 0 || set_grad(self, grad, NULL) < 0 ||
                 set_label(self, label, NULL) < 0 || set_scope(self, scope, NULL) < 0 || set_role(self, role, NULL) < 0 ||
                 set_kind(self, kind, NULL) < 0 || set_operation(node, operation) < 0 || set_ancestors(self, parents, NULL) < 0 ||
                 (partials != Py_None && set_partials(node, partials) < 0)))
        Py_CLEAR(self);
    if (self)
        node->flags &= (uint8_t)~TRACED;
    return self;
}

/* The topological order: parents before children, left before right. Its nodes are left marked, for the caller to unmark
   before any Python code runs. With `anew`, gradients of computed nodes are set to zero while the nodes are at hand. */

static int grow(void **array, Py_ssize_t *room, Py_ssize_t more, size_t item)
{
    Py_ssize_t larger = *room * 2 + more + 1024;
    void *moved = PyMem_RawRealloc(*array, (size_t)larger * item);
    if (moved == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *array = moved;
    *room = larger;
    return 0;
}

static void unmark(Order *order, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            FETCH(&order->entries[i + AHEAD].node->flags);
        order->entries[i].node->flags &= (uint8_t)~MARKED;
    }
}

static int order_of(PyObject *const *roots, Py_ssize_t count, Order *order, int anew)
{
    /* A node's address on the stack holds, in bits that are 0 otherwise, how many of its parents were looked at. */
    uintptr_t *stack = NULL;
    Py_ssize_t depth = 0, room = 0;
    int failed = grow((void **)&stack, &room, count, sizeof *stack);
    for (Py_ssize_t i = count; i > 0 && !failed; i--)
        stack[depth++] = (uintptr_t)roots[i - 1];
    while (depth && !failed) {
        uintptr_t looked = stack[--depth] & MANY;
        Node *node = (Node *)(stack[depth] - looked), *next = node;
        if (!looked && node->flags & MARKED)
            continue;
        while (next) {
            if (!looked) { /* it is new */
                Py_ssize_t parents = count_parents(node);
                if ((room - depth <= parents && (failed = grow((void **)&stack, &room, parents, sizeof *stack))))
                    break;
                node->flags |= MARKED;
                FETCH((char *)&node->flags - 8 * sizeof(Cell));
                if (node->count == MANY) {
                    stack[depth++] = (uintptr_t)node + MANY;
                    while (parents)
                        stack[depth++] = (uintptr_t)parent_at(node, --parents);
                    break;
                }
                if (parents == 2)
                    FETCH(&node->parent[1]->flags);
            }
            for (next = NULL; looked < node->count && !next; looked++)
                if (!(node->parent[looked]->flags & MARKED))
                    next = node->parent[looked];
            if (next) {
                stack[depth++] = (uintptr_t)node + looked;
                node = next;
                looked = 0;
                continue;
            }
            if (order->count == order->room && (failed = grow((void **)&order->entries, &order->room, 0, sizeof(Entry)))) {
                node->flags &= (uint8_t)~MARKED;
                break;
            }
            FETCH((char *)node + PAGE);
            order->flags |= node->flags;
            order->entries[order->count++] = (Entry){node, node->grad};
            if (anew && node->count)
                node->grad = 0.0;
        }
    }
    while (depth--)
        if (stack[depth] & MANY)
            ((Node *)(stack[depth] & ~(uintptr_t)MANY))->flags &= (uint8_t)~MARKED;
    if (failed) {
        unmark(order, order->count);
        restore_gradients(order, NULL);
        PyMem_RawFree(order->entries);
    }
    PyMem_RawFree(stack);
    return failed;
}

static PyObject *topological_order(PyObject *Py_UNUSED(module), PyObject *const *roots, Py_ssize_t count)
{
    Order order = {NULL, 0, 0, 0};
    for (Py_ssize_t i = 0; i < count; i++)
        if (!Node_Check(roots[i]))
            return PyErr_Format(PyExc_TypeError, "topological_order() needs Values, got %R", roots[i]);
    if (order_of(roots, count, &order, 0) < 0)
        return NULL;
    unmark(&order, order.count);
    start_walk(); /* making a list may run the collector, and that the user's code */
    PyObject *list = PyList_New(order.count);
    for (Py_ssize_t i = 0; i < order.count && list; i++)
        PyList_SET_ITEM(list, i, Py_NewRef(order.entries[i].node));
    end_walk();
    PyMem_RawFree(order.entries);
    return list;
}

static PyObject *order_of_one(PyObject *self, PyObject *Py_UNUSED(none)) { return topological_order(NULL, &self, 1); }

/* A tape: what some results depend on some leaves through, as tape.py says it. The places of the leaves come first. */

typedef struct {
    Py_ssize_t parent; /* its place */
    double slope;
} Edge;

typedef struct {
    Py_ssize_t parent, other; /* their places */
    double bend;              /* the second derivative */
} Bend;

typedef struct {
    PyObject_HEAD
    Py_ssize_t leaves, nodes, results;
    Py_ssize_t *result;            /* places, -1 where a result does not depend on a leaf */
    Py_ssize_t *edge_at, *bend_at; /* where the edges and the bends of each node begin, and the last end */
    Edge *edges;
    Bend *bends;
} Tape;

static void tape_dealloc(PyObject *self)
{
    Tape *tape = (Tape *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyMem_RawFree(tape->result);
    PyMem_RawFree(tape->edge_at);
    PyMem_RawFree(tape->edges);
    PyMem_RawFree(tape->bend_at);
    PyMem_RawFree(tape->bends);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* While a tape is made, the gradient of a node is its place and 1, so that a node on no way from a leaf has 0. The order has
   kept the gradients. Return the node that is in the way, where one has no local gradients. */
static Node *find_edges(Tape *tape, Order *order, PyObject *const *leaves, PyObject *const *results, Node **nodes, int *positions)
{
    Py_ssize_t edges = 0, place = tape->leaves;
    Node *unknown = NULL;
    for (Py_ssize_t i = 0; i < order->count; i++) {
        if (i + AHEAD < order->count)
            FETCH(&order->entries[i + AHEAD].node->grad);
        order->entries[i].node->flags &= (uint8_t)~MARKED;
        order->entries[i].node->grad = 0.0;
    }
    for (Py_ssize_t i = 0; i < tape->leaves; i++)
        ((Node *)leaves[i])->grad = (double)(i + 1);
    for (Py_ssize_t i = 0; i < order->count && !unknown; i++) {
        Node *node = order->entries[i].node;
        Py_ssize_t before = edges, parents = count_parents(node);
        if (parents == 0 || node->kind == CONSTANT || node->grad != 0.0)
            continue;
        for (Py_ssize_t k = 0; k < parents; k++) {
            double parent = parent_at(node, k)->grad;
            if (parent == 0.0)
                continue;
            if (positions)
                positions[edges] = (int)k;
            tape->edges[edges++] = (Edge){(Py_ssize_t)parent - 1, *partial_at(node, k)};
        }
        if (edges == before)
            continue;
        if (node->flags & BY_HAND || !(node->flags & DIFFERENTIABLE))
            unknown = node;
        if (nodes)
            nodes[tape->nodes] = node;
        tape->edge_at[tape->nodes++] = before;
        node->grad = (double)++place;
    }
    tape->edge_at[tape->nodes] = edges;
    for (Py_ssize_t i = 0; i < tape->results; i++)
        tape->result[i] = (Py_ssize_t)((Node *)results[i])->grad - 1;
    for (Py_ssize_t i = 0; i < order->count; i++)
        order->entries[i].node->grad = order->entries[i].grad;
    return unknown;
}

/* The second derivatives of an operation, and 1; 0 where Python is to say them, or why they cannot be had. */
static int known_bends(Node *node, double *bends)
{
    double in[MOST_ARGUMENTS], slopes[MOST_ARGUMENTS];
    Py_ssize_t count = count_parents(node);
    if (rows[node->operation].curvatures == NULL || rows[node->operation].arity != count)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        in[i] = parent_at(node, i)->data;
    rows[node->operation].curvatures(node->data, in, slopes, bends);
    for (Py_ssize_t i = 0; i < count; i++) {
        double slope = *partial_at(node, i);
        if (slope != slopes[i] && !(isnan(slope) && isnan(slopes[i])) && parent_at(node, i)->kind != CONSTANT)
            return 0;
    }
    return 1;
}

static int find_bends(Tape *tape, Node *const *nodes, const int *positions)
{
    Py_ssize_t count = 0, room = 0;
    for (Py_ssize_t n = 0; n < tape->nodes; n++) {
        double few[MOST_ARGUMENTS * (MOST_ARGUMENTS + 1) / 2];
        PyObject *answer = NULL;
        tape->bend_at[n] = count;
        if (!known_bends(nodes[n], few) && (answer = PyObject_CallOneArg(curvatures, (PyObject *)nodes[n])) == NULL)
            return -1;
        for (Py_ssize_t e = tape->edge_at[n]; e < tape->edge_at[n + 1]; e++)
            for (Py_ssize_t f = tape->edge_at[n]; f <= e; f++) {
                Py_ssize_t pair = (Py_ssize_t)positions[e] * (positions[e] + 1) / 2 + positions[f];
                double bend = answer ? PyFloat_AsDouble(PyTuple_GET_ITEM(answer, pair)) : few[pair];
                if (bend == 0.0)
                    continue;
                if (room - count < 2 && grow((void **)&tape->bends, &room, 2, sizeof *tape->bends) < 0) {
                    Py_XDECREF(answer);
                    return -1;
                }
                tape->bends[count++] = (Bend){tape->edges[f].parent, tape->edges[e].parent, bend};
                if (e != f)
                    tape->bends[count++] = (Bend){tape->edges[e].parent, tape->edges[f].parent, bend};
            }
        Py_XDECREF(answer);
    }
    tape->bend_at[tape->nodes] = count;
    return 0;
}

static int read_tape(Tape *tape, PyObject *const *leaves, PyObject *const *results, int second)
{
    Order order = {NULL, 0, 0, 0};
    Py_ssize_t edges = 0, roots = tape->leaves + tape->results;
    PyObject **both = PyMem_RawMalloc((size_t)(roots + 1) * sizeof *both);
    if (both == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(both, leaves, (size_t)tape->leaves * sizeof *both);
    memcpy(both + tape->leaves, results, (size_t)tape->results * sizeof *both);
    int failed = order_of(both, roots, &order, 0);
    PyMem_RawFree(both);
    if (failed)
        return -1;
    for (Py_ssize_t i = 0; i < order.count; i++)
        edges += count_parents(order.entries[i].node);
    size_t count = (size_t)order.count + 1;
    Node **nodes = second ? PyMem_RawMalloc(count * sizeof *nodes) : NULL, *unknown = NULL;
    int *positions = second ? PyMem_RawMalloc((size_t)(edges + 1) * sizeof *positions) : NULL;
    tape->result = PyMem_RawMalloc((size_t)(tape->results + 1) * sizeof *tape->result);
    tape->edge_at = PyMem_RawMalloc(count * sizeof *tape->edge_at);
    tape->bend_at = second ? PyMem_RawMalloc(count * sizeof *tape->bend_at) : NULL;
    tape->edges = PyMem_RawMalloc((size_t)(edges + 1) * sizeof *tape->edges);
    if (!tape->result || !tape->edge_at || !tape->edges || (second && !(nodes && positions && tape->bend_at))) {
        unmark(&order, order.count);
        PyErr_NoMemory();
        failed = -1;
    }
    if (!failed && (unknown = find_edges(tape, &order, leaves, results, nodes, positions))) {
        PyObject *rule = PyObject_CallOneArg(known_rule, (PyObject *)unknown);
        if (rule)
            PyErr_Format(PyExc_TypeError, "%R has no local gradients", unknown);
        Py_XDECREF(rule);
        failed = -1;
    }
    if (!failed && second) {
        start_walk(); /* a partial derivative of the user's may do anything */
        failed = find_bends(tape, nodes, positions);
        end_walk();
    }
    PyMem_RawFree(nodes);
    PyMem_RawFree(positions);
    PyMem_RawFree(order.entries);
    return failed;
}

static PyObject *tape_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"leaves", "results", "second", NULL};
    PyObject *leaves, *results;
    int second = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO|p:Tape", names, &leaves, &results, &second))
        return NULL;
    leaves = PySequence_Tuple(leaves); /* which nobody changes meanwhile */
    results = leaves ? PySequence_Tuple(results) : NULL;
    Tape *tape = results ? PyObject_New(Tape, type) : NULL;
    if (tape) {
        memset((char *)tape + sizeof(PyObject), 0, sizeof *tape - sizeof(PyObject));
        tape->leaves = PyTuple_GET_SIZE(leaves);
        tape->results = PyTuple_GET_SIZE(results);
        PyObject **given[] = {PySequence_Fast_ITEMS(leaves), PySequence_Fast_ITEMS(results)};
        int failed = 0;
        for (Py_ssize_t i = 0; i < tape->leaves + tape->results && !failed; i++) {
            PyObject *value = i < tape->leaves ? given[0][i] : given[1][i - tape->leaves];
            if ((failed = !Node_Check(value)))
                PyErr_Format(PyExc_TypeError, "Tape() needs Values, got %R", value);
        }
        if (failed || read_tape(tape, given[0], given[1], second) < 0)
            Py_CLEAR(tape);
    }
    Py_XDECREF(leaves);
    Py_XDECREF(results);
    return (PyObject *)tape;
}

/* Numbers for all places of a tape. What none has come to is left out, as 0 * inf is no number. */
typedef struct {
    double *at;
    char *reached;
} Numbers;

static Numbers no_numbers(Tape *tape)
{
    size_t count = (size_t)(tape->leaves + tape->nodes) + 1;
    Numbers numbers = {PyMem_RawCalloc(count, sizeof(double) + 1), NULL};
    if (numbers.at == NULL)
        PyErr_NoMemory();
    else
        numbers.reached = (char *)(numbers.at + count);
    return numbers;
}

static void clear(Tape *tape, Numbers numbers)
{
    memset(numbers.at, 0, (size_t)(tape->leaves + tape->nodes + 1) * (sizeof(double) + 1));
}

INLINE void add_to(Numbers numbers, Py_ssize_t place, double x)
{
    numbers.at[place] += x;
    numbers.reached[place] = 1;
}

static void sweep_back(Tape *tape, Numbers adjoints)
{
    for (Py_ssize_t n = tape->nodes - 1; n >= 0; n--)
        if (adjoints.reached[tape->leaves + n])
            for (Py_ssize_t e = tape->edge_at[n]; e < tape->edge_at[n + 1]; e++)
                add_to(adjoints, tape->edges[e].parent, tape->edges[e].slope * adjoints.at[tape->leaves + n]);
}

static void sweep_forward(Tape *tape, Numbers tangents)
{
    for (Py_ssize_t n = 0; n < tape->nodes; n++)
        for (Py_ssize_t e = tape->edge_at[n]; e < tape->edge_at[n + 1]; e++)
            if (tangents.reached[tape->edges[e].parent])
                add_to(tangents, tape->leaves + n, tape->edges[e].slope * tangents.at[tape->edges[e].parent]);
}

/* How the adjoints change along the tangents. */
static void sweep_back_along(Tape *tape, Numbers tangents, Numbers adjoints, Numbers changes)
{
    for (Py_ssize_t n = tape->nodes - 1; n >= 0; n--) {
        Py_ssize_t place = tape->leaves + n;
        if (changes.reached[place])
            for (Py_ssize_t e = tape->edge_at[n]; e < tape->edge_at[n + 1]; e++)
                add_to(changes, tape->edges[e].parent, tape->edges[e].slope * changes.at[place]);
        if (adjoints.reached[place])
            for (Py_ssize_t b = tape->bend_at[n]; b < tape->bend_at[n + 1]; b++)
                if (tangents.reached[tape->bends[b].other])
                    add_to(changes, tape->bends[b].parent,
                           tape->bends[b].bend * tangents.at[tape->bends[b].other] * adjoints.at[place]);
    }
}

static int seed(Tape *tape, Numbers numbers, PyObject *given, int back, const char *name)
{
    PyObject *seeds = PySequence_Fast(given, "expected numbers in a sequence");
    Py_ssize_t count = back ? tape->results : tape->leaves;
    int failed = seeds == NULL;
    if (!failed && (failed = PySequence_Fast_GET_SIZE(seeds) != count))
        PyErr_Format(PyExc_ValueError, "expected %zd %ss, got %zd", count, name, PySequence_Fast_GET_SIZE(seeds));
    for (Py_ssize_t i = 0; i < count && !failed; i++) {
        double x;
        Py_ssize_t place = back ? tape->result[i] : i;
        failed = number(PySequence_Fast_GET_ITEM(seeds, i), name, "", &x) < 0;
        if (!failed && place >= 0 && x != 0)
            add_to(numbers, place, x);
    }
    Py_XDECREF(seeds);
    return failed ? -1 : 0;
}

static PyObject *list_of(const double *numbers, Py_ssize_t count, const Py_ssize_t *places)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        PyObject *x = PyFloat_FromDouble(places == NULL ? numbers[i] : places[i] < 0 ? 0.0 : numbers[places[i]]);
        if (x)
            PyList_SET_ITEM(list, i, x);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *tape_vjp(PyObject *self, PyObject *cotangents)
{
    Tape *tape = (Tape *)self;
    Numbers adjoints = no_numbers(tape);
    PyObject *found = NULL;
    if (adjoints.at && seed(tape, adjoints, cotangents, 1, "cotangent") == 0) {
        sweep_back(tape, adjoints);
        found = list_of(adjoints.at, tape->leaves, NULL);
    }
    PyMem_RawFree(adjoints.at);
    return found;
}

static PyObject *tape_jvp(PyObject *self, PyObject *given)
{
    Tape *tape = (Tape *)self;
    Numbers tangents = no_numbers(tape);
    PyObject *found = NULL;
    if (tangents.at && seed(tape, tangents, given, 0, "tangent") == 0) {
        sweep_forward(tape, tangents);
        found = list_of(tangents.at, tape->results, tape->result);
    }
    PyMem_RawFree(tangents.at);
    return found;
}

static PyObject *lists_of(double *rows, Py_ssize_t count, Py_ssize_t width) /* frees the rows, NULL after an error */
{
    PyObject *lists = rows ? PyList_New(count) : NULL;
    for (Py_ssize_t i = 0; lists && i < count; i++) {
        PyObject *row = list_of(rows + i * width, width, NULL);
        if (row)
            PyList_SET_ITEM(lists, i, row);
        else
            Py_CLEAR(lists);
    }
    PyMem_RawFree(rows);
    return lists;
}

static double *new_rows(Py_ssize_t count, Py_ssize_t width)
{
    double *rows = PyMem_RawMalloc(((size_t)count * (size_t)width + 1) * sizeof *rows);
    if (rows == NULL)
        PyErr_NoMemory();
    return rows;
}

/* The derivatives of all results, a row for each: found row by row, or forward, column by column. */
static int jacobian_rows(Tape *tape, int forward, double *rows)
{
    Numbers numbers = no_numbers(tape);
    for (Py_ssize_t i = 0; numbers.at && i < (forward ? tape->leaves : tape->results); i++) {
        Py_ssize_t place = forward ? i : tape->result[i];
        if (i)
            clear(tape, numbers);
        if (place >= 0)
            add_to(numbers, place, 1.0);
        (forward ? sweep_forward : sweep_back)(tape, numbers);
        if (!forward)
            memcpy(rows + i * tape->leaves, numbers.at, (size_t)tape->leaves * sizeof *rows);
        for (Py_ssize_t k = 0; forward && k < tape->results; k++)
            rows[k * tape->leaves + i] = tape->result[k] < 0 ? 0.0 : numbers.at[tape->result[k]];
    }
    PyMem_RawFree(numbers.at);
    return numbers.at ? 0 : -1;
}

static PyObject *tape_jacobian(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"forward", NULL};
    Tape *tape = (Tape *)self;
    int forward = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|p:jacobian", names, &forward))
        return NULL;
    double *rows = new_rows(tape->results, tape->leaves);
    if (rows && jacobian_rows(tape, forward, rows) < 0) {
        PyMem_RawFree(rows);
        return NULL;
    }
    return lists_of(rows, tape->results, tape->leaves);
}

/* The derivatives of the only result's gradient along tangents: those given, to one row, or those of each leaf in turn, to a
   matrix that is exactly symmetric. */
static int second_derivatives(Tape *tape, Numbers *given, double *rows)
{
    Py_ssize_t count = tape->leaves;
    if (tape->results != 1 || tape->bend_at == NULL) {
        PyErr_SetString(PyExc_ValueError, "second derivatives are those of one result, of a Tape made with second=True");
        return -1;
    }
    Numbers tangents = given ? *given : no_numbers(tape);
    Numbers adjoints = tangents.at ? no_numbers(tape) : tangents;
    Numbers changes = adjoints.at ? no_numbers(tape) : adjoints;
    int failed = changes.at == NULL;
    if (!failed && tape->result[0] >= 0) {
        add_to(adjoints, tape->result[0], 1.0);
        sweep_back(tape, adjoints);
    }
    for (Py_ssize_t i = 0; i < (given ? 1 : count) && !failed; i++) {
        if (i) {
            clear(tape, tangents);
            clear(tape, changes);
        }
        if (!given)
            add_to(tangents, i, 1.0);
        sweep_forward(tape, tangents);
        sweep_back_along(tape, tangents, adjoints, changes);
        memcpy(rows + i * count, changes.at, (size_t)count * sizeof *rows);
    }
    for (Py_ssize_t i = 0; i < count && !given && !failed; i++)
        for (Py_ssize_t j = i + 1; j < count; j++)
            rows[i * count + j] = rows[j * count + i];
    if (!given)
        PyMem_RawFree(tangents.at);
    PyMem_RawFree(adjoints.at);
    PyMem_RawFree(changes.at);
    return failed ? -1 : 0;
}

static PyObject *tape_hvp(PyObject *self, PyObject *given)
{
    Tape *tape = (Tape *)self;
    Numbers tangents = no_numbers(tape);
    double *row = PyMem_RawMalloc((size_t)(tape->leaves + 1) * sizeof *row);
    PyObject *found = NULL;
    if (row == NULL)
        PyErr_NoMemory();
    else if (tangents.at && seed(tape, tangents, given, 0, "tangent") == 0 && second_derivatives(tape, &tangents, row) == 0)
        found = list_of(row, tape->leaves, NULL);
    PyMem_RawFree(tangents.at);
    PyMem_RawFree(row);
    return found;
}

static PyObject *tape_hessian(PyObject *self, PyObject *Py_UNUSED(none))
{
    Tape *tape = (Tape *)self;
    double *rows = new_rows(tape->leaves, tape->leaves);
    if (rows && second_derivatives(tape, NULL, rows) < 0) {
        PyMem_RawFree(rows);
        return NULL;
    }
    return lists_of(rows, tape->leaves, tape->leaves);
}

static PyMethodDef tape_methods[] = {
    {"vjp", tape_vjp, METH_O, "Return for each leaf the derivative of the sum of the results, each times its cotangent."},
    {"jvp", tape_jvp, METH_O, "Return for each result its derivative along the tangents of the leaves."},
    {"jacobian", (PyCFunction)(void (*)(void))tape_jacobian, METH_VARARGS | METH_KEYWORDS,
     "Return the derivatives of all results, a row for each."},
    {"hvp", tape_hvp, METH_O, "Return the derivative of the only result's gradient along the tangents of the leaves."},
    {"hessian", tape_hessian, METH_NOARGS, "Return the second derivatives of the only result, exactly symmetric."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tape_slots[] = {
    {Py_tp_doc, "Tape(leaves, results, second=False)\n--\n\nWhat some results depend on some leaves through: see tape.py."},
    {Py_tp_dealloc, tape_dealloc},
    {Py_tp_new, tape_new},
    {Py_tp_methods, tape_methods},
    {0, NULL},
};

static PyType_Spec tape_spec = {
    .name = "scalargrad._engine.Tape",
    .basicsize = sizeof(Tape),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = tape_slots,
};

/* A function recorded on fresh leaves, where what it takes and gives are numbers, arrays, and lists, tuples and dicts of them:
   see transforms.py, whose Recorded does the same for all else. The form of a thing is the thing with None in place of its
   numbers, and with arrays for their shapes. */

typedef struct {
    PyObject_HEAD
    PyObject *call;             /* function, arguments, picks, keywords */
    PyObject *general;          /* transforms.Recorded */
    PyObject *inputs, *outputs; /* the forms of what is differentiated by, and of the result */
    PyObject *leaves, *results; /* lists of Values */
    PyObject *result;
} Recorded;

static PyTypeObject *RecordedType, *TapeType;
static PyObject *transforming; /* traced.transforming: the thread of each transform under way, and its leaves */

static int is_array(PyTypeObject *type) { return strcmp(type->tp_name, "numpy.ndarray") == 0; }

static int is_unit(PyObject *thing)
{
    return PyFloat_CheckExact(thing) || PyLong_CheckExact(thing) || Node_Check(thing);
}

/* What becomes of each number or array in a thing; NULL without an error where it is none that is known here. */
typedef PyObject *(*Unit)(PyObject *thing, void *more);

static PyObject *map_parts(PyObject *thing, Unit unit, void *more);

static PyObject *map_units(PyObject *thing, Unit unit, void *more)
{
    if (Py_EnterRecursiveCall(" in what a function is differentiated by"))
        return NULL;
    PyObject *made = map_parts(thing, unit, more);
    Py_LeaveRecursiveCall();
    return made;
}

static PyObject *map_parts(PyObject *thing, Unit unit, void *more)
{
    PyObject *made = NULL;
    if (PyTuple_CheckExact(thing) || PyList_CheckExact(thing)) {
        int is_tuple = PyTuple_CheckExact(thing);
        Py_ssize_t count = Py_SIZE(thing);
        made = is_tuple ? PyTuple_New(count) : PyList_New(count);
        for (Py_ssize_t i = 0; made && i < count && i < Py_SIZE(thing); i++) {
            PyObject *old = Py_NewRef(is_tuple ? PyTuple_GET_ITEM(thing, i) : PyList_GET_ITEM(thing, i));
            PyObject *part = map_units(old, unit, more);
            Py_DECREF(old);
            if (part == NULL)
                Py_CLEAR(made);
            else if (is_tuple)
                PyTuple_SET_ITEM(made, i, part);
            else
                PyList_SET_ITEM(made, i, part);
        }
        return made;
    }
    if (!PyDict_CheckExact(thing))
        return unit(thing, more);
    PyObject *key, *value;
    Py_ssize_t position = 0;
    made = PyDict_New();
    while (made && PyDict_Next(thing, &position, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        PyObject *part = PyUnicode_CheckExact(key) ? map_units(value, unit, more) : NULL;
        if (part == NULL || PyDict_SetItem(made, key, part) < 0)
            Py_CLEAR(made);
        Py_XDECREF(part);
        Py_DECREF(value);
        Py_DECREF(key);
    }
    return made;
}

static PyObject *form_unit(PyObject *thing, void *Py_UNUSED(more))
{
    return is_unit(thing) ? Py_NewRef(Py_None) : Py_NewRef(thing);
}

typedef struct {
    PyObject *general, *list; /* list: of Values, to be added to */
} Units;

static int append(PyObject *list, PyObject *item) /* takes the item */
{
    int failed = item == NULL || PyList_Append(list, item) < 0;
    Py_XDECREF(item);
    return failed ? -1 : 0;
}

static PyObject *input_leaf(double x)
{
    Mode mode;
    Node *node = get_mode(&mode) < 0 ? NULL : leaf(x, mode.scope);
    if (node)
        node->role = INPUT;
    return (PyObject *)node;
}

/* Fresh leaves in place of numbers. */
static PyObject *fresh_unit(PyObject *thing, void *more)
{
    Units *units = more;
    double x;
    if (PyFloat_CheckExact(thing) || PyLong_CheckExact(thing)) {
        PyObject *made = number(thing, "argument", "", &x) < 0 ? NULL : input_leaf(x);
        return made == NULL || PyList_Append(units->list, made) < 0 ? NULL : made;
    }
    Py_buffer view;
    if (!is_array(Py_TYPE(thing)))
        return NULL;
    if (PyObject_GetBuffer(thing, &view, PyBUF_ANY_CONTIGUOUS | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *values = strcmp(view.format, "d") ? NULL : PyList_New(0), *shape = NULL, *made = NULL;
    const double *numbers = view.buf;
    for (Py_ssize_t i = 0; values && i < view.len / (Py_ssize_t)sizeof(double); i++) {
        PyObject *value = input_leaf(numbers[i]);
        if (value == NULL || PyList_Append(units->list, value) < 0 || PyList_Append(values, value) < 0)
            Py_CLEAR(values);
        Py_XDECREF(value);
    }
    PyBuffer_Release(&view);
    if (values && (shape = PyObject_GetAttrString(thing, "shape")))
        made = PyObject_CallMethod(units->general, "array", "OO", values, shape);
    Py_XDECREF(shape);
    Py_XDECREF(values);
    return made;
}

/* The Values that a function has given, and the form of them. */
static PyObject *result_unit(PyObject *thing, void *more)
{
    Units *units = more;
    if (Node_Check(thing))
        return PyList_Append(units->list, thing) < 0 ? NULL : Py_NewRef(Py_None);
    if (is_unit(thing))
        return append(units->list, constant(thing, "result")) < 0 ? NULL : Py_NewRef(Py_None);
    int ours = strcmp(Py_TYPE(thing)->tp_name, "Array") == 0 && is_array(Py_TYPE(thing)->tp_base);
    if (!ours && !is_array(Py_TYPE(thing)))
        return NULL;
    PyObject *flat = PyObject_CallMethod(thing, "ravel", NULL), *entries = flat ? PyObject_CallMethod(flat, "tolist", NULL) : NULL;
    Py_XDECREF(flat);
    int known = entries && PyList_CheckExact(entries);
    for (Py_ssize_t i = 0; known && i < PyList_GET_SIZE(entries); i++) {
        PyObject *entry = PyList_GET_ITEM(entries, i);
        known = is_unit(entry) && append(units->list, Node_Check(entry) ? Py_NewRef(entry) : constant(entry, "result")) == 0;
    }
    Py_XDECREF(entries);
    return known ? Py_NewRef(thing) : NULL;
}

/* Numbers into a form. */

typedef struct {
    PyObject *general;
    const double *numbers;
} Rest;

static PyObject *array_of(PyObject *general, const double *numbers, Py_ssize_t count, PyObject *shape)
{
    PyObject *buffer = PyByteArray_FromStringAndSize((const char *)numbers, count * (Py_ssize_t)sizeof(double));
    PyObject *made = buffer ? PyObject_CallMethod(general, "floats", "OO", buffer, shape) : NULL;
    Py_XDECREF(buffer);
    return made;
}

static Py_ssize_t size_of(PyObject *array)
{
    PyObject *size = PyObject_GetAttrString(array, "size");
    Py_ssize_t count = size ? PyLong_AsSsize_t(size) : -1;
    Py_XDECREF(size);
    return count;
}

static PyObject *number_unit(PyObject *form, void *more)
{
    Rest *rest = more;
    if (form == Py_None)
        return PyFloat_FromDouble(*rest->numbers++);
    PyObject *shape = PyObject_GetAttrString(form, "shape");
    Py_ssize_t count = shape ? size_of(form) : -1;
    PyObject *made = count < 0 ? NULL : array_of(rest->general, rest->numbers, count, shape);
    rest->numbers += count;
    Py_XDECREF(shape);
    return made;
}

static PyObject *put_into(PyObject *form, PyObject *general, const double *numbers)
{
    Rest rest = {general, numbers};
    return map_units(form, number_unit, &rest);
}

/* The rows of a Jacobian into the form of the results, with that of the inputs in place of each: a block of both shapes. */

typedef struct {
    PyObject *general, *inputs, *shape; /* shape: of the unit of the results that is being put in, or NULL */
    const double *rows;                 /* that are left */
    Py_ssize_t width, count, column;    /* of a row; of its rows; the next */
} Blocks;

static PyObject *block_unit(PyObject *form, void *more)
{
    Blocks *blocks = more;
    PyObject *inner = form == Py_None ? NULL : PyObject_GetAttrString(form, "shape"), *shape = NULL, *made = NULL;
    Py_ssize_t width = form == Py_None ? 1 : size_of(form), column = blocks->column;
    if (width < 0 || (form != Py_None && inner == NULL))
        goto done;
    blocks->column += width;
    if (inner == NULL && blocks->shape == NULL) {
        made = PyFloat_FromDouble(blocks->rows[column]);
        goto done;
    }
    PyObject *buffer = PyByteArray_FromStringAndSize(NULL, blocks->count * width * (Py_ssize_t)sizeof(double));
    if (buffer) {
        double *numbers = (double *)PyByteArray_AS_STRING(buffer);
        for (Py_ssize_t i = 0; i < blocks->count; i++)
            memcpy(numbers + i * width, blocks->rows + i * blocks->width + column, (size_t)width * sizeof(double));
        shape = inner && blocks->shape ? PySequence_Concat(blocks->shape, inner) : Py_NewRef(inner ? inner : blocks->shape);
        made = shape ? PyObject_CallMethod(blocks->general, "floats", "OO", buffer, shape) : NULL;
    }
    Py_XDECREF(buffer);
done:
    Py_XDECREF(shape);
    Py_XDECREF(inner);
    return made;
}

static PyObject *row_unit(PyObject *form, void *more)
{
    Blocks *blocks = more;
    blocks->shape = form == Py_None ? NULL : PyObject_GetAttrString(form, "shape");
    blocks->count = form == Py_None ? 1 : size_of(form);
    blocks->column = 0;
    PyObject *made = PyErr_Occurred() ? NULL : map_units(blocks->inputs, block_unit, blocks);
    blocks->rows += blocks->count * blocks->width;
    Py_CLEAR(blocks->shape);
    return made;
}

static PyObject *put_rows(Recorded *recorded, PyObject *outputs, const double *rows)
{
    Blocks blocks = {recorded->general, recorded->inputs, NULL, rows, PyList_GET_SIZE(recorded->leaves), 0, 0};
    return map_units(outputs, row_unit, &blocks);
}

/* The numbers of a thing in the order of a form; 0 where it has another form, or holds what is no number. */
static int take_numbers(PyObject *thing, PyObject *form, double **numbers)
{
    if (form == Py_None) {
        if (!PyFloat_CheckExact(thing) && !PyLong_CheckExact(thing))
            return 0;
        *(*numbers)++ = PyFloat_AsDouble(thing);
        return !PyErr_Occurred();
    }
    if (PyTuple_CheckExact(form) || PyList_CheckExact(form)) {
        int known = (PyTuple_CheckExact(thing) || PyList_CheckExact(thing)) && Py_SIZE(thing) == Py_SIZE(form);
        for (Py_ssize_t i = 0; known && i < Py_SIZE(form); i++)
            known = take_numbers(PySequence_Fast_GET_ITEM(thing, i), PySequence_Fast_GET_ITEM(form, i), numbers);
        return known;
    }
    if (PyDict_CheckExact(form)) {
        PyObject *key, *part;
        Py_ssize_t position = 0;
        int known = PyDict_CheckExact(thing) && PyDict_GET_SIZE(thing) == PyDict_GET_SIZE(form);
        while (known && PyDict_Next(form, &position, &key, &part)) {
            PyObject *found = PyDict_GetItemWithError(thing, key);
            known = found && take_numbers(found, part, numbers);
        }
        return known;
    }
    Py_buffer view;
    Py_ssize_t count = size_of(form);
    if (!is_array(Py_TYPE(thing)) || PyObject_GetBuffer(thing, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return 0;
    PyObject *shapes[] = {PyObject_GetAttrString(thing, "shape"), PyObject_GetAttrString(form, "shape")};
    int known = !strcmp(view.format, "d") && shapes[0] && shapes[1] && PyObject_RichCompareBool(shapes[0], shapes[1], Py_EQ) > 0;
    if (known)
        memcpy(*numbers, view.buf, (size_t)count * sizeof(double));
    *numbers += count;
    Py_XDECREF(shapes[0]);
    Py_XDECREF(shapes[1]);
    PyBuffer_Release(&view);
    return known;
}

/* Recording. */

static void recorded_dealloc(PyObject *self)
{
    Recorded *recorded = (Recorded *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *held[] = {recorded->call, recorded->general, recorded->inputs, recorded->outputs, recorded->leaves,
                        recorded->results, recorded->result};
    PyObject_Free(self);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(held); i++)
        Py_XDECREF(held[i]);
    Py_DECREF(type);
}

static PyObject *call_general(PyObject *call, PyObject *general, PyObject *leaves, PyObject *result)
{
    return PyObject_CallFunctionObjArgs(general, PyTuple_GET_ITEM(call, 0), PyTuple_GET_ITEM(call, 1), PyTuple_GET_ITEM(call, 2),
                                        PyTuple_GET_ITEM(call, 3), leaves, result, NULL);
}

/* Call a function while a transform of some leaves is under way. */
static PyObject *call_on_leaves(PyObject *function, PyObject *arguments, PyObject *keywords, PyObject *leaves)
{
    PyObject *thread = PyLong_FromUnsignedLong(PyThread_get_thread_ident()), *result = NULL;
    PyObject *entry = thread ? PyTuple_Pack(2, thread, leaves) : NULL;
    Py_XDECREF(thread);
    if (entry && PyList_Append(transforming, entry) == 0) {
        result = PyObject_Call(function, arguments, keywords);
        for (Py_ssize_t i = PyList_GET_SIZE(transforming) - 1; i >= 0; i--)
            if (PyList_GET_ITEM(transforming, i) == entry) {
                PyList_SetSlice(transforming, i, i + 1, NULL);
                break;
            }
    }
    Py_XDECREF(entry);
    return result;
}

/* The arguments with fresh leaves in place of those to differentiate by, and the form of these. */
static PyObject *fresh_arguments(PyObject *arguments, PyObject *picks, Units *units, PyObject **inputs)
{
    Py_ssize_t count = PyTuple_GET_SIZE(arguments), chosen = PyLong_CheckExact(picks) ? 1 : Py_SIZE(picks);
    PyObject *fresh = PyTuple_New(count);
    *inputs = PyTuple_New(chosen);
    for (Py_ssize_t i = 0; fresh && i < count; i++)
        PyTuple_SET_ITEM(fresh, i, Py_NewRef(PyTuple_GET_ITEM(arguments, i)));
    int failed = fresh == NULL || *inputs == NULL;
    for (Py_ssize_t i = 0; i < chosen && !failed; i++) {
        PyObject *pick = PyLong_CheckExact(picks) ? picks : PyTuple_GET_ITEM(picks, i);
        Py_ssize_t at = PyLong_CheckExact(pick) ? PyLong_AsSsize_t(pick) : count;
        at += at < 0 ? count : 0;
        failed = at < 0 || at >= count || Node_Check(PyTuple_GET_ITEM(fresh, at)) || PyErr_Occurred();
        PyObject *old = failed ? NULL : PyTuple_GET_ITEM(arguments, at);
        PyObject *made = old && PyTuple_GET_ITEM(fresh, at) == old ? map_units(old, fresh_unit, units) : NULL; /* else it is there twice */
        PyObject *form = made ? map_units(old, form_unit, NULL) : NULL;
        if ((failed = form == NULL)) {
            Py_XDECREF(made);
            break;
        }
        PyTuple_SET_ITEM(fresh, at, made);
        PyTuple_SET_ITEM(*inputs, i, form);
        Py_DECREF(old);
    }
    if (!failed && PyLong_CheckExact(picks))
        Py_SETREF(*inputs, Py_NewRef(PyTuple_GET_ITEM(*inputs, 0)));
    if (failed) {
        Py_CLEAR(fresh);
        Py_CLEAR(*inputs);
    }
    return fresh;
}

static PyObject *record_function(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Mode mode;
    if (count != 5 || !PyTuple_Check(arguments[1]) || !PyDict_Check(arguments[3]))
        return PyErr_Format(PyExc_TypeError, "record() takes a function, its arguments, picks, keywords and a class");
    PyObject *picks = arguments[2], *general = arguments[4], *inputs = NULL, *fresh = NULL, *result = NULL, *found = NULL;
    PyObject *call = tuple_of(arguments, 4);
    Units units = {general, PyList_New(0)}, results = {general, NULL};
    if (call == NULL || units.list == NULL || get_mode(&mode) < 0)
        goto done;
    if (mode.recording && !mode.watch && !TRACING && is_plain() &&
        (PyLong_CheckExact(picks) || PyTuple_CheckExact(picks)))
        fresh = fresh_arguments(arguments[1], picks, &units, &inputs);
    if (fresh == NULL) {
        if (!PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
            PyErr_Clear(); /* what is wrong is said there, too */
            found = call_general(call, general, NULL, NULL);
        }
        goto done;
    }
    if ((result = call_on_leaves(arguments[0], fresh, arguments[3], units.list)) == NULL ||
        (results.list = PyList_New(0)) == NULL)
        goto done;
    PyObject *outputs = PyList_GET_SIZE(transforming) ? NULL : map_units(result, result_unit, &results);
    if (outputs == NULL) {
        PyErr_Clear();
        found = call_general(call, general, units.list, result);
        goto done;
    }
    Recorded *recorded = PyObject_New(Recorded, RecordedType);
    if (recorded) {
        *recorded = (Recorded){recorded->ob_base, Py_NewRef(call), Py_NewRef(general), Py_NewRef(inputs), Py_NewRef(outputs),
                               Py_NewRef(units.list), Py_NewRef(results.list), Py_NewRef(result)};
        found = (PyObject *)recorded;
    }
    Py_DECREF(outputs);
done:
    Py_XDECREF(call);
    Py_XDECREF(units.list);
    Py_XDECREF(results.list);
    Py_XDECREF(fresh);
    Py_XDECREF(inputs);
    Py_XDECREF(result);
    return found;
}

/* Derivatives of what is recorded. */

static PyObject *by_general(Recorded *recorded, const char *method, PyObject *argument)
{
    PyErr_Clear();
    PyObject *general = call_general(recorded->call, recorded->general, recorded->leaves, recorded->result);
    PyObject *name = general ? PyUnicode_FromString(method) : NULL;
    PyObject *found = name ? PyObject_CallMethodObjArgs(general, name, argument, NULL) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(general);
    return found;
}

static Tape *tape_of(Recorded *recorded, int second)
{
    PyObject *found = PyObject_CallFunction((PyObject *)TapeType, "OOi", recorded->leaves, recorded->results, second);
    return (Tape *)found;
}

static PyObject *recorded_value(PyObject *self, PyObject *Py_UNUSED(none))
{
    Recorded *recorded = (Recorded *)self;
    Py_ssize_t count = PyList_GET_SIZE(recorded->results);
    if (recorded->outputs == Py_None)
        return PyFloat_FromDouble(((Node *)PyList_GET_ITEM(recorded->results, 0))->data);
    double *numbers = PyMem_RawMalloc((size_t)(count + 1) * sizeof *numbers);
    if (numbers == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++)
        numbers[i] = ((Node *)PyList_GET_ITEM(recorded->results, i))->data;
    PyObject *value = put_into(recorded->outputs, recorded->general, numbers);
    PyMem_RawFree(numbers);
    return value;
}

/* The gradient of the only result, as backward() finds it, but that each grad is as it was then. 0 where a node on the way may
   have no local gradients: a tape is to tell. */
static int pull_once(Recorded *recorded, double *gradient)
{
    Order order = {NULL, 0, 0, 0};
    PyObject *root = PyList_GET_ITEM(recorded->results, 0);
    if (order_of(&root, 1, &order, 1) < 0)
        return -1;
    int known = !(order.flags & BY_HAND);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(recorded->leaves); i++)
        ((Node *)PyList_GET_ITEM(recorded->leaves, i))->grad = 0.0;
    ((Node *)root)->grad = 1.0;
    for (Py_ssize_t i = order.count - 1; i >= 0; i--) {
        Node *node = order.entries[i].node;
        if (i >= AHEAD) {
            FETCH(&order.entries[i - AHEAD].node->grad);
            FETCH(&order.entries[i - AHEAD].node->partial[1]);
        }
        node->flags &= (uint8_t)~MARKED;
        known = known && (node->count == 0 || node->flags & DIFFERENTIABLE);
        if (known)
            chain_rule(node);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(recorded->leaves); i++)
        gradient[i] = ((Node *)PyList_GET_ITEM(recorded->leaves, i))->grad;
    for (Py_ssize_t i = 0; i < order.count; i++)
        order.entries[i].node->grad = order.entries[i].grad;
    PyMem_RawFree(order.entries);
    return known;
}

static int is_only(Recorded *recorded)
{
    Py_ssize_t count = PyList_GET_SIZE(recorded->results);
    if (count == 1)
        return 1;
    PyErr_Clear();
    return 0;
}

static PyObject *recorded_gradient(PyObject *self, PyObject *Py_UNUSED(none))
{
    Recorded *recorded = (Recorded *)self;
    if (!is_only(recorded))
        return by_general(recorded, "gradient", NULL); /* raises */
    double few[8], *gradient = few;
    Py_ssize_t count = PyList_GET_SIZE(recorded->leaves);
    if (count > 8 && (gradient = PyMem_RawMalloc((size_t)count * sizeof *gradient)) == NULL)
        return PyErr_NoMemory();
    int known = pull_once(recorded, gradient);
    PyObject *found = known < 0 ? NULL : known ? put_into(recorded->inputs, recorded->general, gradient) : by_general(recorded, "gradient", NULL);
    if (gradient != few)
        PyMem_RawFree(gradient);
    return found;
}

/* From numbers of one form to numbers of the other, along the tape. */
static PyObject *along_tape(Recorded *recorded, PyObject *seeds, int back, int second)
{
    const char *name = second ? "hvp" : back ? "vjp" : "jvp";
    PyObject *found = NULL;
    Tape *tape = NULL;
    Py_ssize_t leaves = PyList_GET_SIZE(recorded->leaves), results = PyList_GET_SIZE(recorded->results);
    double *numbers = PyMem_RawMalloc((size_t)(leaves + results + 1) * sizeof *numbers), *end = numbers;
    if (numbers == NULL)
        return PyErr_NoMemory();
    if (!take_numbers(seeds, back ? recorded->outputs : recorded->inputs, &end)) {
        PyMem_RawFree(numbers);
        return by_general(recorded, name, seeds);
    }
    if ((tape = tape_of(recorded, second))) {
        Numbers at = no_numbers(tape);
        for (Py_ssize_t i = 0; at.at && i < end - numbers; i++) {
            Py_ssize_t place = back ? tape->result[i] : i;
            if (place >= 0 && numbers[i] != 0)
                add_to(at, place, numbers[i]);
        }
        int failed = at.at == NULL;
        if (!failed && second)
            failed = second_derivatives(tape, &at, numbers) < 0;
        else if (!failed) {
            (back ? sweep_back : sweep_forward)(tape, at);
            for (Py_ssize_t i = 0; i < (back ? leaves : results); i++)
                numbers[i] = back ? at.at[i] : tape->result[i] < 0 ? 0.0 : at.at[tape->result[i]];
        }
        if (!failed)
            found = put_into(back || second ? recorded->inputs : recorded->outputs, recorded->general, numbers);
        PyMem_RawFree(at.at);
        Py_DECREF(tape);
    }
    PyMem_RawFree(numbers);
    return found;
}

static PyObject *recorded_vjp(PyObject *self, PyObject *cotangent) { return along_tape((Recorded *)self, cotangent, 1, 0); }
static PyObject *recorded_jvp(PyObject *self, PyObject *tangents) { return along_tape((Recorded *)self, tangents, 0, 0); }

static PyObject *recorded_hvp(PyObject *self, PyObject *tangents)
{
    return is_only((Recorded *)self) ? along_tape((Recorded *)self, tangents, 0, 1) : by_general((Recorded *)self, "hvp", tangents);
}

static PyObject *recorded_jacobian(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    Recorded *recorded = (Recorded *)self;
    Py_ssize_t leaves = PyList_GET_SIZE(recorded->leaves), results = PyList_GET_SIZE(recorded->results);
    int forward = count && arguments[0] != Py_None ? PyObject_IsTrue(arguments[0]) : leaves < results;
    double *rows = PyMem_RawMalloc((size_t)(leaves * results + 1) * sizeof *rows);
    if (rows == NULL)
        return PyErr_NoMemory();
    Tape *tape = forward < 0 ? NULL : tape_of(recorded, 0);
    PyObject *found = tape && jacobian_rows(tape, forward, rows) == 0 ? put_rows(recorded, recorded->outputs, rows) : NULL;
    Py_XDECREF(tape);
    PyMem_RawFree(rows);
    return found;
}

static PyObject *recorded_hessian(PyObject *self, PyObject *Py_UNUSED(none))
{
    Recorded *recorded = (Recorded *)self;
    Py_ssize_t leaves = PyList_GET_SIZE(recorded->leaves);
    if (!is_only(recorded))
        return by_general(recorded, "hessian", NULL); /* raises */
    double *rows = PyMem_RawMalloc((size_t)(leaves * leaves + 1) * sizeof *rows);
    if (rows == NULL)
        return PyErr_NoMemory();
    Tape *tape = tape_of(recorded, 1);
    PyObject *found = tape && second_derivatives(tape, NULL, rows) == 0 ? put_rows(recorded, recorded->inputs, rows) : NULL;
    Py_XDECREF(tape);
    PyMem_RawFree(rows);
    return found;
}

static PyMethodDef recorded_methods[] = {
    {"value", recorded_value, METH_NOARGS, "Return what the function gave."},
    {"gradient", recorded_gradient, METH_NOARGS, "Return the derivative of the only result."},
    {"vjp", recorded_vjp, METH_O, "Pull a cotangent, of the results' structure, back to the arguments."},
    {"jvp", recorded_jvp, METH_O, "Return the derivative of the results along tangents, of the arguments' structure."},
    {"jacobian", (PyCFunction)(void (*)(void))recorded_jacobian, METH_FASTCALL, "Return all derivatives."},
    {"hvp", recorded_hvp, METH_O, "Return the derivative of the only result's gradient along tangents."},
    {"hessian", recorded_hessian, METH_NOARGS, "Return the second derivatives of the only result."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot recorded_slots[] = {
    {Py_tp_doc, "A function recorded at some arguments: see transforms.Recorded."},
    {Py_tp_dealloc, recorded_dealloc},
    {Py_tp_methods, recorded_methods},
    {0, NULL},
};

static PyType_Spec recorded_spec = {
    .name = "scalargrad._engine.Recorded",
    .basicsize = sizeof(Recorded),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = recorded_slots,
};

/* Attributes. An attribute or a closure can lead to nodes that were built on its own: a cycle, which the collector finds
   only if it sees every node on the way. So what comes to hold references is tracked, as is what is built on it from
   then on, and what led up to the nodes that it holds. */

static int track_ancestors(Node *node)
{
    Node **stack = NULL;
    Py_ssize_t depth = 0, room = 0;
    int failed = grow((void **)&stack, &room, 0, sizeof *stack);
    if (!failed)
        stack[depth++] = node;
    while (depth && !failed) {
        node = stack[--depth];
        if (node->flags & ABOVE_TRACKED)
            continue;
        node->flags |= ABOVE_TRACKED;
        track(node);
        Py_ssize_t parents = count_parents(node);
        if (room - depth < parents)
            failed = grow((void **)&stack, &room, parents, sizeof *stack);
        for (Py_ssize_t i = 0; i < parents && !failed; i++)
            stack[depth++] = parent_at(node, i);
    }
    PyMem_RawFree(stack);
    return failed;
}

static int track_what_leads_to(PyObject *thing, Node *holder, int depth)
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
        return track_ancestors((Node *)thing);
    }
    if (PyFunction_Check(thing))
        return track_what_leads_to(PyFunction_GET_CLOSURE(thing), holder, depth);
    if (PyCell_Check(thing))
        return track_what_leads_to(PyCell_GET(thing), holder, depth - 1);
    if (PyTuple_Check(thing) || PyList_Check(thing))
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(thing) && !failed; i++)
            failed = track_what_leads_to(PySequence_Fast_GET_ITEM(thing, i), holder, depth - 1);
    else if (PyDict_Check(thing)) {
        PyObject *key, *value;
        Py_ssize_t place = 0;
        while (PyDict_Next(thing, &place, &key, &value) && !failed)
            failed = track_what_leads_to(value, holder, depth - 1);
    }
    return failed;
}

static int expect(Node *node, PyObject *value) /* the node is about to hold the value */
{
    if (!PyObject_IS_GC(value))
        return 0;
    track(node);
    return track_what_leads_to(value, node, 4);
}

static int hold(Node *node, int what, PyObject *value, int flag)
{
    return expect(node, value) < 0 ? -1 : keep(node, what, value, flag);
}

static PyObject *get_label(PyObject *self, void *Py_UNUSED(name)) { return Py_NewRef(label_of((Node *)self)); }

static int set_label(PyObject *self, PyObject *value, void *name)
{
    Node *node = (Node *)self;
    if (deleted(value, name))
        return -1;
    if (node->extra == NULL && PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) == 0 && label_of(node) == empty_string)
        return 0;
    return hold(node, LABEL, value, 0);
}

static PyObject *get_scope(PyObject *self, void *Py_UNUSED(name))
{
    return Py_NewRef(scope_at(((Node *)self)->scope));
}

static int set_scope(PyObject *self, PyObject *value, void *name)
{
    uint32_t place;
    if (deleted(value, name))
        return -1;
    int names = PyTuple_Check(value);
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(value); i++)
        names = PyUnicode_Check(PyTuple_GET_ITEM(value, i));
    if (!names) {
        PyErr_Format(PyExc_TypeError, "scope must be a tuple of names, got %R", value);
        return -1;
    }
    Node *node = (Node *)self;
    if (held(node, LABEL) == NULL && label_of(node) != empty_string && hold(node, LABEL, label_of(node), 0) < 0)
        return -1; /* it had its label from its place */
    return place_of_scope(value, &place) < 0 ? -1 : give_scope(node, place);
}

static PyObject *get_own_role(PyObject *self, void *Py_UNUSED(name))
{
    Node *node = (Node *)self;
    return Py_NewRef(node->role == OTHER_ROLE ? held(node, ROLE) : roles[node->role]);
}

static PyObject *get_role(PyObject *self, void *name)
{
    Node *node = (Node *)self;
    return node->role == NO_ROLE && node->kind == CONSTANT ? Py_NewRef(kinds[CONSTANT]) : get_own_role(self, name);
}

static int place_of(PyObject *name, const char *const *names, int count)
{
    int place = 0;
    while (place < count && !(PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, names[place]) == 0))
        place++;
    return place;
}

static int set_role(PyObject *self, PyObject *value, void *name)
{
    Node *node = (Node *)self;
    if (deleted(value, name))
        return -1;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "role must be a string, got %R", value);
        return -1;
    }
    if (place_of(value, kind_names, KINDS) < KINDS) {
        PyErr_Format(PyExc_ValueError, "role says how a leaf is painted; %R is a kind of number: set `kind`", value);
        return -1;
    }
    int role = place_of(value, role_names, OTHER_ROLE);
    if (role == OTHER_ROLE && hold(node, ROLE, value, 0) < 0)
        return -1;
    node->role = (unsigned)role;
    return 0;
}

static PyObject *get_kind(PyObject *self, void *Py_UNUSED(name)) { return Py_NewRef(kinds[((Node *)self)->kind]); }

static int set_kind(PyObject *self, PyObject *value, void *name)
{
    if (deleted(value, name))
        return -1;
    int kind = place_of(value, kind_names, KINDS);
    if (kind == KINDS) {
        PyErr_Format(PyExc_ValueError, "kind must be one of variable, constant, traced, got %R", value);
        return -1;
    }
    ((Node *)self)->kind = (unsigned)kind;
    return 0;
}

static PyObject *get_parents(PyObject *self, void *Py_UNUSED(name))
{
    Node *node = (Node *)self;
    if (node->count == 0)
        return Py_NewRef(empty_tuple);
    PyObject *parents = PyTuple_New(count_parents(node));
    for (Py_ssize_t i = 0; parents && i < count_parents(node); i++)
        PyTuple_SET_ITEM(parents, i, Py_NewRef(parent_at(node, i)));
    return parents;
}

static int set_ancestors(PyObject *self, PyObject *parents, void *name)
{
    Node *node = (Node *)self;
    if (deleted(parents, name))
        return -1;
    if (!PyTuple_Check(parents) || !are_values(parents)) {
        PyErr_Format(PyExc_TypeError, "_parents must be a tuple of Values, got %R", parents);
        return -1;
    }
    if (walking && node->count) {
        PyErr_SetString(PyExc_RuntimeError, "the parents of a Value cannot be changed while backward() runs");
        return -1;
    }
    if (name && expect(node, parents) < 0) /* what is assigned may have been built on this node */
        return -1;
    return replace_parents(node, parents);
}

static PyObject *forget(PyObject *self, PyObject *Py_UNUSED(none))
{
    Node *node = (Node *)self;
    PyObject *text = PyObject_GetAttrString(self, "_op");
    if (text == NULL || keep(node, OPERATION, text, 0) < 0) {
        Py_XDECREF(text);
        return NULL;
    }
    Py_DECREF(text);
    node->operation = NO_OPERATION;
    node->flags &= (uint8_t)~DIFFERENTIABLE;
    Py_RETURN_NONE;
}

static PyObject *get_operation(PyObject *self, void *Py_UNUSED(name))
{
    Node *node = (Node *)self;
    PyObject *operation = node->operation ? records[node->operation] : held(node, OPERATION);
    return Py_NewRef(operation ? operation : empty_string);
}

static int assign_operation(PyObject *self, PyObject *value, void *name) /* a text, by hand */
{
    Node *node = (Node *)self;
    if (deleted(value, name) || keep(node, OPERATION, value, 0) < 0)
        return -1;
    node->operation = NO_OPERATION;
    return 0;
}

static PyObject *get_traced(PyObject *self, void *Py_UNUSED(name)) { return PyBool_FromLong(((Node *)self)->flags & TRACED); }

static int set_traced(PyObject *self, PyObject *value, void *name)
{
    Node *node = (Node *)self;
    int truth = deleted(value, name) ? -1 : PyObject_IsTrue(value);
    if (truth < 0)
        return -1;
    node->flags = (uint8_t)((node->flags & ~TRACED) | (truth ? TRACED : 0));
    return 0;
}

static PyObject *get_partials(PyObject *self, void *Py_UNUSED(name))
{
    Node *node = (Node *)self;
    if (!(node->flags & DIFFERENTIABLE))
        Py_RETURN_NONE;
    PyObject *partials = PyTuple_New(count_parents(node));
    for (Py_ssize_t i = 0; partials && i < count_parents(node); i++) {
        PyObject *partial = PyFloat_FromDouble(*partial_at(node, i));
        if (partial)
            PyTuple_SET_ITEM(partials, i, partial);
        else
            Py_CLEAR(partials);
    }
    return partials;
}

static int assign_partials(PyObject *self, PyObject *value, void *name)
{
    if (deleted(value, name))
        return -1;
    if (value != Py_None)
        return set_partials((Node *)self, value);
    ((Node *)self)->flags &= (uint8_t)~DIFFERENTIABLE;
    return 0;
}

static PyObject *get_dict(PyObject *self, void *Py_UNUSED(name))
{
    PyObject *dict = own_dict((Node *)self);
    if (dict)
        track((Node *)self); /* whoever holds the dict may put anything into it */
    return Py_XNewRef(dict);
}

static int set_dict(PyObject *self, PyObject *value, void *name)
{
    if (deleted(value, name))
        return -1;
    if (!PyDict_Check(value)) {
        PyErr_Format(PyExc_TypeError, "__dict__ must be set to a dictionary, not a %R", Py_TYPE(value));
        return -1;
    }
    return own_dict((Node *)self) ? hold((Node *)self, DICT, value, 0) : -1;
}

static PyObject *own_dict(Node *node)
{
    if (held(node, DICT) == NULL) {
        if (Value->tp_getattro != getattribute) {
            Value->tp_getattro = getattribute;
            PyType_Modified(Value);
        }
        PyObject *dict = PyDict_New();
        int failed = dict == NULL || keep(node, DICT, dict, 0) < 0;
        Py_XDECREF(dict);
        if (failed)
            return NULL;
    }
    return held(node, DICT);
}

static int has_dict_of_subclass(PyObject *self) { return Py_TYPE(self)->tp_dictoffset != 0; }

static PyObject *get_attributes(PyObject *self, void *Py_UNUSED(name))
{
    PyObject *dict = has_dict_of_subclass(self) ? PyObject_GetAttrString(self, "__dict__")
                                                : Py_XNewRef(held((Node *)self, DICT));
    if (dict == NULL && PyErr_Occurred())
        return NULL;
    PyObject *found = dict && PyDict_Check(dict) && PyDict_GET_SIZE(dict) ? PyDict_Copy(dict) : Py_NewRef(Py_None);
    Py_XDECREF(dict);
    return found;
}

static int is_data_descriptor(PyObject *self, PyObject *name)
{
    PyObject *descriptor = _PyType_Lookup(Py_TYPE(self), name);
    return descriptor && Py_TYPE(descriptor)->tp_descr_set;
}

/* To compare names may run the user's code, which may replace the dict: hold on to it meanwhile. */

static PyObject *getattribute(PyObject *self, PyObject *name)
{
    PyObject *dict = Py_XNewRef(held((Node *)self, DICT)), *value = dict ? Py_XNewRef(PyDict_GetItemWithError(dict, name)) : NULL;
    Py_XDECREF(dict);
    if (value == NULL && PyErr_Occurred())
        return NULL;
    if (value && !is_data_descriptor(self, name))
        return value;
    Py_XDECREF(value);
    return PyObject_GenericGetAttr(self, name);
}

static int setattribute(PyObject *self, PyObject *name, PyObject *value)
{
    Node *node = (Node *)self;
    if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__class__") == 0) {
        PyErr_SetString(PyExc_TypeError, "the class of a Value cannot be changed"); /* memory of another kind */
        return -1;
    }
    if (!PyUnicode_Check(name) || has_dict_of_subclass(self) || is_data_descriptor(self, name))
        return PyObject_GenericSetAttr(self, name, value);
    PyObject *dict = Py_XNewRef(own_dict(node));
    if (dict == NULL)
        return -1;
    int failed = value ? expect(node, value) < 0 || PyDict_SetItem(dict, name, value) < 0 : PyDict_DelItem(dict, name) < 0;
    Py_DECREF(dict);
    if (failed && value == NULL && PyErr_ExceptionMatches(PyExc_KeyError))
        PyErr_SetObject(PyExc_AttributeError, name);
    return failed ? -1 : 0;
}

/* The type. */

static PyGetSetDef attributes[] = {
    {"data", get_data, set_data, "the number", "data"},
    {"_data", get_raw_data, set_data, NULL, "data"},
    {"_grad", get_raw_grad, NULL, NULL, NULL},
    {"grad", get_grad, set_grad, "after backward(), the derivative of its root with respect to this value", "grad"},
    {"label", get_label, set_label, "its name in messages and pictures", "label"},
    {"scope", get_scope, set_scope, "the names of the scopes it was made in, outermost first", "scope"},
    {"role", get_role, set_role, "how a picture paints a leaf: input, parameter, target or constant", "role"},
    {"_role", get_own_role, NULL, NULL, NULL},
    {"kind", get_kind, set_kind, "variable, constant or traced", "kind"},
    {"_parents", get_parents, set_ancestors, NULL, "_parents"},
    {"_operation", get_operation, assign_operation, NULL, "_operation"},
    {"parents", get_parents, NULL, "what this value was computed from, in the operands' order", NULL},
    {"operation", get_operation, NULL, "the operation that computed this value; its name where it was made by hand", NULL},
    {"_traced", get_traced, set_traced, NULL, "_traced"},
    {"_partials", get_partials, assign_partials, NULL, "_partials"},
    {"_by_hand", get_by_hand, NULL, NULL, NULL},
    {"_backward", get_backward, set_backward, NULL, "_backward"},
    {"_attributes", get_attributes, NULL, NULL, NULL},
    {"__dict__", get_dict, set_dict, NULL, "__dict__"},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"backward", (PyCFunction)(void (*)(void))backward, METH_VARARGS | METH_KEYWORDS,
     "Add the derivative of this value with respect to every leaf to that leaf's grad."},
    {"zero_grad", zero_grad, METH_NOARGS, "Set the gradient of this value, and of all that it was computed from, to zero."},
    {"detach", detach, METH_NOARGS, "Return a leaf with the same data and label: no gradient passes through it."},
    {"apply", (PyCFunction)(void (*)(void))apply, METH_FASTCALL | METH_STATIC, NULL},
    {"_restore", restore, METH_VARARGS | METH_CLASS, NULL},
    {"_forget", forget, METH_NOARGS, NULL},
    {"_order", order_of_one, METH_NOARGS, NULL},
#define METHOD(name) {#name, (PyCFunction)(void (*)(void))method_##name, METH_FASTCALL, "See scalargrad." #name "."},
    UNARY_METHODS(METHOD) BINARY_METHODS(METHOD) MANY_METHODS(METHOD)
#undef METHOD
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Value(data, _children=(), _op='', label='', *, children=None, local_grads=None, name='')\n--\n\n"},
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

/* The module. */

static PyMethodDef functions[] = {
    {"topological_order", (PyCFunction)(void (*)(void))topological_order, METH_FASTCALL,
     "Return the roots and all that they were computed from, parents before children: see engine.py."},
    {"weighted_sum", (PyCFunction)(void (*)(void))weighted_sum, METH_FASTCALL,
     "Return bias + w1*x1 + w2*x2 + ..., all made in a scope of this name, with a label: see nn/neuron.py."},
    {"activation", (PyCFunction)(void (*)(void))activation, METH_FASTCALL,
     "Call a method of a Value in a scope of this name, and label the result: see nn/neuron.py."},
    {"record", (PyCFunction)(void (*)(void))record_function, METH_FASTCALL,
     "Record a function at some arguments, for a transform: see transforms.py."},
    {NULL, NULL, 0, NULL},
};

static int start_table(PyObject *table)
{
    for (int row = 1; row < OPERATIONS; row++)
        if ((records[row] = Py_XNewRef(PyDict_GetItemString(table, rows[row].name))) == NULL) {
            PyErr_Format(PyExc_ImportError, "the table of operations has no %s: build the package again", rows[row].name);
            return -1;
        }
    return 0;
}

static int start_scopes(void)
{
    uint32_t place;
    scopes = PyList_New(0);
    places = PyDict_New();
    vacant = PyList_New(0);
    return scopes && places && vacant && empty_tuple ? place_of_scope(empty_tuple, &place) : -1;
}

static int start_names(PyObject **to, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if ((to[i] = PyUnicode_InternFromString(names[i])) == NULL)
            return -1;
    return 0;
}

static int watch_mode(PyObject *changed) /* its bytes stay where they are while they are looked at */
{
    static Py_buffer view;
    if (changed == NULL || PyObject_GetBuffer(changed, &view, PyBUF_WRITABLE) < 0)
        return -1;
    mode_changed = view.buf;
    return 0;
}

static int watch_forks(void)
{
    static PyMethodDef method = {"after_fork", after_fork, METH_NOARGS, NULL};
    PyObject *os = PyImport_ImportModule("os"), *function = os ? PyCFunction_New(&method, NULL) : NULL, *done = NULL;
    if (function && !PyObject_HasAttrString(os, "register_at_fork"))
        done = Py_NewRef(Py_None); /* where there are no forks */
    else if (function) {
        PyObject *keywords = Py_BuildValue("{sO}", "after_in_child", function);
        PyObject *at_fork = keywords ? PyObject_GetAttrString(os, "register_at_fork") : NULL;
        done = at_fork ? PyObject_Call(at_fork, empty_tuple, keywords) : NULL;
        Py_XDECREF(at_fork);
        Py_XDECREF(keywords);
    }
    Py_XDECREF(function);
    Py_XDECREF(os);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyTypeObject *add_type(PyObject *module, PyType_Spec *own)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromSpec(own);
    if (type && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int start_type(PyObject *base)
{
    PyObject *bases = base ? PyTuple_Pack(1, base) : NULL;
    Value = bases ? (PyTypeObject *)PyType_FromSpecWithBases(&spec, bases) : NULL;
    Py_XDECREF(bases);
    if (Value == NULL || (detach_anywhere = PyObject_GetAttrString(base, "detach")) == NULL)
        return -1;
    Value->tp_vectorcall = node_vectorcall;
    Value->tp_getattro = PyObject_GenericGetAttr; /* until there is an attribute: the interpreter knows short cuts */
    Py_SET_REFCNT(Value, Py_REFCNT(Value) + (1 << 20)); /* for all the nodes that do not count for it */
    return 0;
}

static int execute(PyObject *module)
{
    PyObject *base = NULL, *changed = NULL, *table = NULL;
    const struct {
        PyObject **to;
        const char *module, *name;
    } wanted[] = {
        {&Op, "scalargrad.op", "Op"},
        {&number_function, "scalargrad.op", "number"},
        {&is_number_function, "scalargrad.op", "is_number"},
        {&table, "scalargrad.ops", "TABLE"},
        {&current_mode, "scalargrad.modes", "current"},
        {&changed, "scalargrad.modes", "changed"},
        {&scope_block, "scalargrad.modes", "scope"},
        {&by_hand, "scalargrad.micrograd", "by_hand"},
        {&base, "scalargrad.node", "Node"},
        {&linearize, "scalargrad.node", "linearize"},
        {&known_rule, "scalargrad.node", "known_rule"},
        {&is_unrecorded, "scalargrad.node", "is_unrecorded"},
        {&check_result, "scalargrad.anomaly", "check_result"},
        {&check_gradients, "scalargrad.anomaly", "check_gradients"},
        {&traces, "scalargrad.traced", "traces"},
        {&transforming, "scalargrad.traced", "transforming"},
        {&by_graph, "scalargrad.traced", "by_graph"},
        {&refuse_traced, "scalargrad.traced", "refuse_traced"},
        {&refuse_identity, "scalargrad.traced", "refuse_identity"},
        {&refuse_truth, "scalargrad.traced", "refuse_truth"},
        {&condition, "scalargrad.traced", "condition"},
        {&note_gradient, "scalargrad.traced", "note_gradient"},
        {&backward_as_graph, "scalargrad.derivatives", "backward_as_graph"},
        {&curvatures, "scalargrad.derivatives", "curvatures"},
    };
    if (PyInterpreterState_Get() != PyInterpreterState_Main() || Value) {
        PyErr_SetString(PyExc_ImportError, "scalargrad._engine works in the main interpreter only, and loads once");
        return -1;
    }
    int failed = 0;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(wanted) && !failed; i++) {
        PyObject *from = PyImport_ImportModule(wanted[i].module);
        failed = from == NULL || (*wanted[i].to = PyObject_GetAttrString(from, wanted[i].name)) == NULL;
        Py_XDECREF(from);
    }
    empty_string = PyUnicode_FromString("");
    empty_tuple = PyTuple_New(0);
    one = PyFloat_FromDouble(1.0);
    recording_name = PyUnicode_InternFromString("recording");
    watch_name = PyUnicode_InternFromString("watch");
    scope_name = PyUnicode_InternFromString("scope");
    failed = failed || one == NULL || watch_mode(changed) < 0 || start_scopes() < 0 || start_table(table) < 0 ||
             start_names(roles, role_names, OTHER_ROLE) < 0 || start_names(kinds, kind_names, KINDS) < 0 ||
             start_type(base) < 0 || watch_forks() < 0 || PyModule_AddObjectRef(module, "Value", (PyObject *)Value) < 0 ||
             (TapeType = add_type(module, &tape_spec)) == NULL || (RecordedType = add_type(module, &recorded_spec)) == NULL;
    Py_XDECREF(base);
    Py_XDECREF(changed);
    Py_XDECREF(table);
    return failed ? -1 : 0;
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
