/* Quote: immutable, detached from its event.  Numbers stay C numbers until an
 * attribute is asked for. */
#include "quote.h"

#include "convert.h"

#include <math.h>
#include <string.h>

const char *const quote_fields[] = {
    "odds", "text", "line", "available", "last_updated_at", "deeplink", NULL};

static const int64_t NO_TIME = INT64_MIN;

struct quote_object {
    PyObject_HEAD
    PyObject *text;     /* str or None; NULL: what the odds spell */
    PyObject *deeplink; /* str or None */
    double line;
    int64_t updated_ms; /* epoch; NO_TIME: absent */
    int32_t odds;
    bool has_odds;
    bool has_line;
    signed char available; /* 1, 0, -1: absent */
};

static struct quote_object *
quote_of(PyObject *self)
{
    return (struct quote_object *)self;
}

static PyObject *
text_or_none(sgo_text raw)
{
    return raw.bytes == NULL ? Py_NewRef(Py_None) : convert_text(raw);
}

/* The text's object, or another reference to `like` where that is it. */
static PyObject *
text_like(sgo_text raw, PyObject *like)
{
    if (like != NULL && raw.bytes != NULL && PyUnicode_Check(like) &&
        PyUnicode_IS_ASCII(like) &&
        (size_t)PyUnicode_GET_LENGTH(like) == raw.len &&
        memcmp(PyUnicode_1BYTE_DATA(like), raw.bytes, raw.len) == 0 &&
        memchr(raw.bytes, '\\', raw.len) == NULL) {
        return Py_NewRef(like);
    }
    return text_or_none(raw);
}

/* Are the odds spelt in the one way that can be made again from their value:
 * a sign, and digits without a leading zero? */
static bool
is_plain(const sgo_quote *q)
{
    sgo_text raw = q->odds_text;

    if (!q->has_odds || raw.len < 2 || raw.bytes[1] == '0' ||
        (raw.bytes[0] != '+' && raw.bytes[0] != '-')) {
        return false;
    }
    for (size_t i = 1; i < raw.len; i++) {
        if (raw.bytes[i] < '0' || raw.bytes[i] > '9') {
            return false;
        }
    }
    return true;
}

PyObject *
quote_from_value(struct core_state *state, sgo_value value, PyObject *like)
{
    PyTypeObject *type = state->types[TYPE_QUOTE];
    PyObject *like_link = NULL;
    struct quote_object *self;
    sgo_quote q;

    if (sgo_value_type(value) == SGO_TYPE_NONE) {
        Py_RETURN_NONE;
    }
    if (like != NULL && Py_IS_TYPE(like, type)) {
        like_link = quote_of(like)->deeplink;
    }
    self = quote_of(type->tp_alloc(type, 0));
    if (self == NULL) {
        return NULL;
    }
    sgo_quote_read(value, &q);
    if (!is_plain(&q)) {
        self->text = text_or_none(q.odds_text);
    }
    self->deeplink = text_like(q.deeplink, like_link);
    if (self->deeplink == NULL || PyErr_Occurred()) {
        Py_DECREF(self);
        return NULL;
    }
    self->has_odds = q.has_odds;
    self->odds = q.has_odds ? q.odds : 0;
    self->has_line = q.has_line;
    self->line = q.has_line ? q.line : 0;
    self->available = (signed char)q.available;
    self->updated_ms = q.last_updated_at_ms;
    return (PyObject *)self;
}

/* --- construction by name (unpickling, tests) ------------------------------ */

/* Epoch ms of an aware datetime. */
static int
parse_time(PyObject *value, int64_t *out)
{
    PyObject *offset, *seconds;
    double s;

    *out = NO_TIME;
    if (value == Py_None) {
        return 0;
    }
    offset = PyObject_CallMethod(value, "utcoffset", NULL);
    if (offset == NULL) {
        return -1;
    }
    Py_DECREF(offset);
    if (offset == Py_None) {
        PyErr_SetString(PyExc_ValueError,
                        "last_updated_at must be an aware datetime");
        return -1;
    }
    seconds = PyObject_CallMethod(value, "timestamp", NULL);
    if (seconds == NULL) {
        return -1;
    }
    s = PyFloat_AsDouble(seconds);
    Py_DECREF(seconds);
    if (s == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    *out = (int64_t)floor(s * 1000 + 0.5);
    return 0;
}

static int
parse_odds(PyObject *value, struct quote_object *self)
{
    long odds;

    if (value == Py_None) {
        return 0;
    }
    odds = PyLong_AsLong(value);
    if (odds == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (odds < INT32_MIN || odds > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "odds out of range");
        return -1;
    }
    self->odds = (int32_t)odds;
    self->has_odds = true;
    return 0;
}

/* A str or None into *slot. */
static int
parse_text(PyObject *value, const char *name, PyObject **slot)
{
    if (value != Py_None && !PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str or None, not %.100s",
                     name, Py_TYPE(value)->tp_name);
        return -1;
    }
    *slot = Py_NewRef(value);
    return 0;
}

static PyObject *
quote_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *odds = Py_None, *text = Py_None, *line = Py_None;
    PyObject *available = Py_None, *updated = Py_None, *deeplink = Py_None;
    struct quote_object *self;
    int truth = -1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOO:Quote",
                                     (char **)quote_fields, &odds, &text,
                                     &line, &available, &updated, &deeplink)) {
        return NULL;
    }
    self = quote_of(type->tp_alloc(type, 0));
    if (self == NULL) {
        return NULL;
    }
    if (parse_odds(odds, self) < 0 ||
        parse_text(text, "text", &self->text) < 0 ||
        parse_text(deeplink, "deeplink", &self->deeplink) < 0 ||
        parse_time(updated, &self->updated_ms) < 0) {
        goto fail;
    }
    if (line != Py_None) {
        self->line = PyFloat_AsDouble(line);
        if (self->line == -1.0 && PyErr_Occurred()) {
            goto fail;
        }
        self->has_line = true;
    }
    if (available != Py_None) {
        truth = PyObject_IsTrue(available);
        if (truth < 0) {
            goto fail;
        }
    }
    self->available = (signed char)truth;
    return (PyObject *)self;
fail:
    Py_DECREF(self);
    return NULL;
}

/* --- attributes ----------------------------------------------------------- */

static PyObject *
get_odds(PyObject *self, void *Py_UNUSED(closure))
{
    if (!quote_of(self)->has_odds) {
        Py_RETURN_NONE;
    }
    return PyLong_FromLong(quote_of(self)->odds);
}

static PyObject *
get_text(PyObject *self, void *Py_UNUSED(closure))
{
    const struct quote_object *quote = quote_of(self);

    if (quote->text == NULL) {
        return PyUnicode_FromFormat("%s%d", quote->odds < 0 ? "" : "+",
                                    (int)quote->odds);
    }
    return Py_NewRef(quote->text);
}

/* The decimal price; 0 where the odds give none (no American odds lie
 * between -100 and 100). */
static double
decimal_price(const struct quote_object *quote)
{
    if (quote->has_odds && quote->odds >= 100) {
        return 1 + quote->odds / 100.0;
    }
    if (quote->has_odds && quote->odds <= -100) {
        return 1 - 100.0 / quote->odds;
    }
    return 0;
}

static PyObject *
get_decimal(PyObject *self, void *Py_UNUSED(closure))
{
    double price = decimal_price(quote_of(self));

    if (price == 0) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(price);
}

static PyObject *
get_implied_probability(PyObject *self, void *Py_UNUSED(closure))
{
    double price = decimal_price(quote_of(self));

    if (price == 0) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(1 / price);
}

static PyObject *
get_line(PyObject *self, void *Py_UNUSED(closure))
{
    if (!quote_of(self)->has_line) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(quote_of(self)->line);
}

static PyObject *
get_available(PyObject *self, void *Py_UNUSED(closure))
{
    if (quote_of(self)->available < 0) {
        Py_RETURN_NONE;
    }
    return PyBool_FromLong(quote_of(self)->available);
}

static PyObject *
get_last_updated_at(PyObject *self, void *Py_UNUSED(closure))
{
    struct core_state *state = state_of(self);

    if (state == NULL) {
        return NULL;
    }
    if (quote_of(self)->updated_ms == NO_TIME) {
        Py_RETURN_NONE;
    }
    return convert_time(state, quote_of(self)->updated_ms);
}

static PyObject *
get_deeplink(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(quote_of(self)->deeplink);
}

static PyGetSetDef quote_getset[] = {
    {"odds", get_odds, NULL, "American odds; None: no readable price.", NULL},
    {"text", get_text, NULL, "The odds as the API wrote them.", NULL},
    {"decimal", get_decimal, NULL, "The decimal price, -110 is 1.909.", NULL},
    {"implied_probability", get_implied_probability, NULL,
     "1 / decimal, the bookmaker's margin included.", NULL},
    {"line", get_line, NULL, "Spread or total; None for moneylines.", NULL},
    {"available", get_available, NULL, "Whether it can be bet on now.", NULL},
    {"last_updated_at", get_last_updated_at, NULL, "Aware datetime in UTC.",
     NULL},
    {"deeplink", get_deeplink, NULL, "The bookmaker's page, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- the rest ------------------------------------------------------------- */

/* (odds, text, line, available, last_updated_at, deeplink) */
static PyObject *
quote_key(PyObject *self)
{
    return Py_BuildValue(
        "(NNNNNN)", get_odds(self, NULL), get_text(self, NULL),
        get_line(self, NULL), get_available(self, NULL),
        get_last_updated_at(self, NULL), get_deeplink(self, NULL));
}

static PyObject *
quote_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *key = quote_key(self);

    return key == NULL ? NULL : Py_BuildValue("(ON)", Py_TYPE(self), key);
}

static PyObject *
quote_repr(PyObject *self)
{
    static const char format[] = "Quote(odds=%R, text=%R, line=%R, "
                                 "available=%R, last_updated_at=%R, "
                                 "deeplink=%R)";
    PyObject *key = quote_key(self), *text;

    if (key == NULL) {
        return NULL;
    }
    text = PyUnicode_FromFormat(
        format, PyTuple_GET_ITEM(key, 0), PyTuple_GET_ITEM(key, 1),
        PyTuple_GET_ITEM(key, 2), PyTuple_GET_ITEM(key, 3),
        PyTuple_GET_ITEM(key, 4), PyTuple_GET_ITEM(key, 5));
    Py_DECREF(key);
    return text;
}

static PyObject *
quote_compare(PyObject *self, PyObject *other, int op)
{
    PyObject *a, *b, *result = NULL;

    if (!Py_IS_TYPE(other, Py_TYPE(self)) || (op != Py_EQ && op != Py_NE)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    a = quote_key(self);
    b = a == NULL ? NULL : quote_key(other);
    if (b != NULL) {
        result = PyObject_RichCompare(a, b, op);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

static Py_hash_t
quote_hash(PyObject *self)
{
    PyObject *key = quote_key(self);
    Py_hash_t hash;

    if (key == NULL) {
        return -1;
    }
    hash = PyObject_Hash(key);
    Py_DECREF(key);
    return hash;
}

static int
quote_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(quote_of(self)->text);
    Py_VISIT(quote_of(self)->deeplink);
    return 0;
}

/* No tp_clear: strings are in no cycle. */
static void
quote_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_CLEAR(quote_of(self)->text);
    Py_CLEAR(quote_of(self)->deeplink);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef quote_methods[] = {
    {"__reduce__", quote_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(quote_doc,
             "Quote(odds=None, text=None, line=None, available=None, "
             "last_updated_at=None, deeplink=None)\n--\n\n"
             "One bookmaker's price and line for one odd, at one moment.");

static PyType_Slot quote_slots[] = {
    {Py_tp_doc, (void *)quote_doc}, {Py_tp_new, quote_new},
    {Py_tp_dealloc, quote_dealloc}, {Py_tp_traverse, quote_traverse},
    {Py_tp_repr, quote_repr},       {Py_tp_richcompare, quote_compare},
    {Py_tp_hash, quote_hash},       {Py_tp_getset, quote_getset},
    {Py_tp_methods, quote_methods}, {0, NULL},
};

PyType_Spec quote_spec = {
    .name = "sgostream._core.Quote",
    .basicsize = sizeof(struct quote_object),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = quote_slots,
};
