/* Records of the core as Python objects: states, times, statistics, reports.
 */
#include "convert.h"

#include "errors.h"
#include "record.h"

#include <datetime.h>

static const char *const update_kinds[] = {"added", "changed", "removed"};
static const char *const causes[] = {"snapshot", "notification", "resync",
                                     "poll", "expiry"};
static const char *const connections[] = {
    "initialized", "connecting",   "connected", "unavailable",
    "failed",      "disconnected", "polling"};
static const char *const phases[] = {
    "idle", "bootstrapping", "subscribing", "reconciling",
    "live", "stale",         "closed"};

static int
intern_words(PyObject **out, const char *const *words, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        out[i] = PyUnicode_InternFromString(words[i]);
        if (out[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

#define INTERN_WORDS(out, words)                                              \
    intern_words((out), (words), sizeof(words) / sizeof((words)[0]))

int
convert_init(struct core_state *state)
{
    (void)PyDateTimeAPI; /* the header's static, of which we have no use */
    state->datetime = PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
    if (state->datetime == NULL) {
        return -1;
    }
    if (INTERN_WORDS(state->update_kinds, update_kinds) < 0 ||
        INTERN_WORDS(state->causes, causes) < 0 ||
        INTERN_WORDS(state->connections, connections) < 0 ||
        INTERN_WORDS(state->phases, phases) < 0) {
        return -1;
    }
    return 0;
}

PyObject *
convert_seconds(int64_t ns)
{
    return PyFloat_FromDouble((double)ns / 1e9);
}

PyObject *
convert_fd(int fd, int saved_errno)
{
    if (fd < 0) {
        errno = saved_errno;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromLong(fd);
}

/* Days since 1970-01-01 as a date of the proleptic Gregorian calendar. */
static void
civil_date(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year =
        of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

PyObject *
convert_time(struct core_state *state, int64_t epoch_ms)
{
    static const int64_t MS_PER_DAY = 86400000;
    const PyDateTime_CAPI *api = state->datetime;
    int64_t days = epoch_ms / MS_PER_DAY, ms = epoch_ms % MS_PER_DAY, year;
    int month, day, second;

    if (ms < 0) {
        ms += MS_PER_DAY;
        days--;
    }
    civil_date(days, &year, &month, &day);
    if (year < 1 || year > 9999) {
        return Py_NewRef(Py_None);
    }
    second = (int)(ms / 1000);
    return api->DateTime_FromDateAndTime(
        (int)year, month, day, second / 3600, second / 60 % 60, second % 60,
        (int)(ms % 1000) * 1000, api->TimeZone_UTC, api->DateTimeType);
}

/* Epoch ns; 0 stands for "unknown or does not apply". */
static PyObject *
epoch_or_none(int64_t ns)
{
    return ns == 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(ns);
}

PyObject *
convert_times(struct core_state *state, sgo_times times)
{
    return record_new(
        state, TYPE_TIMES, epoch_or_none(times.notified),
        epoch_or_none(times.requested), epoch_or_none(times.received),
        epoch_or_none(times.applied), epoch_or_none(times.taken));
}

PyObject *
convert_stream_state(struct core_state *state, const sgo_stream_state *s)
{
    PyObject *error =
        s->failed ? errors_make(state, &s->error) : Py_NewRef(Py_None);

    if (error == NULL) {
        return NULL;
    }
    return record_new(
        state, TYPE_STREAM_STATE, Py_NewRef(state->connections[s->connection]),
        Py_NewRef(state->phases[s->phase]), PyBool_FromLong(s->failed),
        PyLong_FromUnsignedLongLong(s->serial), error);
}

PyObject *
convert_report(struct core_state *state, const sgo_report *r)
{
    PyObject *text = convert_c_text(r->text), *error;

    if (text == NULL) {
        return NULL;
    }
    switch (r->kind) {
    case SGO_REPORT_LOG:
        return Py_BuildValue("{sssIsLsisNsN}", "kind", "log", "stream_id",
                             (unsigned)r->stream_id, "at", (long long)r->at,
                             "level", (int)r->level, "area",
                             convert_c_text(r->area), "text", text);
    case SGO_REPORT_STATE:
        return Py_BuildValue("{sssIsLsOsOsNsN}", "kind", "state", "stream_id",
                             (unsigned)r->stream_id, "at", (long long)r->at,
                             "previous", state->connections[r->previous],
                             "current", state->connections[r->current], "code",
                             r->code == 0 ? Py_NewRef(Py_None)
                                          : PyLong_FromLong(r->code),
                             "text", text);
    case SGO_REPORT_GAP:
        return Py_BuildValue("{sssIsLsLsLsKsN}", "kind", "gap", "stream_id",
                             (unsigned)r->stream_id, "at", (long long)r->at,
                             "began", (long long)r->began, "ended",
                             (long long)r->ended, "events_refetched",
                             (unsigned long long)r->events_refetched, "text",
                             text);
    default:
        error = errors_make(state, &r->error);
        if (error == NULL) {
            Py_DECREF(text);
            return NULL;
        }
        return Py_BuildValue("{sssIsLsOsNsN}", "kind", "error", "stream_id",
                             (unsigned)r->stream_id, "at", (long long)r->at,
                             "final", r->final ? Py_True : Py_False, "error",
                             error, "text", text);
    }
}

/* --- statistics --------------------------------------------------------- */

struct counter {
    const char *name;
    uint64_t value;
};

static PyObject *
counters(const struct counter *items, size_t n)
{
    PyObject *dict = PyDict_New();
    size_t i;

    for (i = 0; dict != NULL && i < n; i++) {
        PyObject *number = PyLong_FromUnsignedLongLong(items[i].value);

        if (number == NULL ||
            PyDict_SetItemString(dict, items[i].name, number) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(number);
    }
    return dict;
}

/* {"name", stats->name} of a field. */
#define COUNTER(field)                                                        \
    {                                                                         \
#field, stats->field                                                  \
    }
#define COUNTERS(items) counters((items), sizeof(items) / sizeof((items)[0]))

PyObject *
convert_client_stats(const sgo_client_stats *stats)
{
    const struct counter items[] = {
        COUNTER(requests),         COUNTER(requests_failed),
        COUNTER(requests_retried), COUNTER(request_bytes_received),
        COUNTER(rate_limited),     COUNTER(requests_in_flight),
        COUNTER(events_held),      COUNTER(events_refused),
        COUNTER(bytes_documents),  COUNTER(bytes_pool),
        COUNTER(bytes_queued),     COUNTER(versions_alive),
        COUNTER(reports_dropped),  COUNTER(odds_unreadable),
    };

    return COUNTERS(items);
}

/* Put a value into a dict; steals the value. */
static int
set_stolen(PyObject *dict, const char *name, PyObject *value)
{
    int result = value == NULL ? -1 : PyDict_SetItemString(dict, name, value);

    Py_XDECREF(value);
    return result;
}

PyObject *
convert_stream_stats(const sgo_stream_stats *stats)
{
    const struct counter items[] = {
        COUNTER(notifications),
        COUNTER(ids_notified),
        COUNTER(ids_gathered),
        COUNTER(ids_answered),
        COUNTER(ids_conflated),
        COUNTER(ids_refused),
        COUNTER(ids_pending),
        COUNTER(messages_ignored),
        COUNTER(versions_applied),
        COUNTER(versions_unchanged),
        COUNTER(versions_overtaken),
        COUNTER(versions_refused),
        COUNTER(stale_reads),
        COUNTER(early_reads),
        COUNTER(gaps),
        COUNTER(reconciles),
        COUNTER(walks_failed),
        COUNTER(reconnects),
        COUNTER(errors),
        COUNTER(updates_delivered),
        COUNTER(updates_conflated),
        COUNTER(updates_retried),
        COUNTER(events_added),
        COUNTER(events_removed),
    };
    PyObject *dict = COUNTERS(items), *code, *age;

    if (dict == NULL) {
        return NULL;
    }
    code = PyLong_FromLong(stats->last_close_code); /* 0: none */
    age = stats->last_frame_age_ns < 0
              ? Py_NewRef(Py_None)
              : convert_seconds(stats->last_frame_age_ns);
    if (set_stolen(dict, "last_close_code", code) < 0) {
        Py_XDECREF(age);
        Py_DECREF(dict);
        return NULL;
    }
    if (set_stolen(dict, "last_frame_age", age) < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *
convert_subscription_stats(const sgo_subscription_stats *stats)
{
    const struct counter items[] = {
        COUNTER(pending),          COUNTER(delivered),
        COUNTER(conflated),        COUNTER(cancelled),
        COUNTER(hidden),           COUNTER(dropped),
        COUNTER(previous_dropped), COUNTER(slow_episodes),
        COUNTER(stale_episodes),
    };

    return COUNTERS(items);
}
