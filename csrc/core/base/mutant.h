/* Deliberate bugs, by which the simulation proves that it would notice (see
 * docs/internals/simulation.md).  Without -DSGO_MUTANTS every MUTANT(name) is
 * the constant 0 and leaves no trace in the object code. */
#ifndef SGO_BASE_MUTANT_H
#define SGO_BASE_MUTANT_H

#ifdef SGO_MUTANTS

/* name, what it breaks */
#define MUTANTS(X)                                                            \
    X(AS_OF_BY_START, "of two answers the one that started later wins")       \
    X(STALE_BELIEVED, "an answer whose time stamps went back is believed")    \
    X(EARLY_BELIEVED, "a notified event that comes back unchanged is so")     \
    X(RECONCILE_SKIPPED, "live as soon as the channel is confirmed")          \
    X(LIST_ALONE, "what the list lacks is not asked for by id")               \
    X(CURSOR_IGNORED, "the list ends with its first page")                    \
    X(LIST_NOT_AWAITED, "the reconcile does not wait for its refetches")      \
    X(RENOTIFIED_FORGOTTEN, "notified while in flight: not asked again")      \
    X(GARBLE_IGNORED, "an unreadable message is no gap")                      \
    X(LOSS_IGNORED, "without its channel a stream stays live")                \
    X(SHORT_BELIEVED, "ids that an answer lacks are not asked again")         \
    X(SEVERAL_404_BELIEVED, "404 on several ids proves them gone")            \
    X(RETRY_DROPPED, "an id that failed alone is not tried again")            \
    X(LINGER_KEPT, "an event that comes back is removed all the same")        \
    X(LEFT_ADDED, "an event that has left already is added")                  \
    X(LIMIT_429_IGNORED, "a 429 keeps nothing back")                          \
    X(RETRY_AFTER_IGNORED, "Retry-After is not obeyed")                       \
    X(PACE_IGNORED, "requests are not paced to the plan")                     \
    X(RETRY_FLAT, "the wait after a failure does not grow")                   \
    X(RETRY_NO_JITTER, "the wait after a failure is not random")              \
    X(IN_FLIGHT_ONE_MORE, "one request more than allowed is out")             \
    X(MAX_EVENTS_IGNORED, "more events are held than allowed")                \
    X(RECONNECT_FLAT, "the wait before a reconnect does not grow")            \
    X(RECONNECT_NO_JITTER, "the wait before a reconnect is not random")       \
    X(ROTATION_HOT, "code 4200 is obeyed at once each time")                  \
    X(PONG_NOT_AWAITED, "a ping without an answer means nothing")             \
    X(JUMP_IGNORED, "after a sleep the socket is not tried")                  \
    X(PING_WHEN_DEAF, "no ping while the server is busy")                     \
    X(SUBSCRIBE_AWAITED, "an unanswered subscribe is waited for, for ever")   \
    X(COORDINATES_KEPT, "coordinates are never fetched anew")                 \
    X(CHANGES_KEPT, "conflation keeps the changes of the first version")      \
    X(PREVIOUS_MOVED, "conflation forgets what was delivered last")           \
    X(CANCEL_TOLD, "added and removed while pending: the removal is told")    \
    X(FOLD_KEEPS_OLD, "an overflown queue folds to the older version")        \
    X(FIRST_STREAM_REMOVES, "removed though another stream holds it")         \
    X(QUEUE_UNBOUNDED, "a queue that does not conflate grows for ever")       \
    X(HIDDEN_UNCOUNTED, "a version that is not shown is not counted")         \
    X(CONFLATED_UNCOUNTED, "notified again while pending: not counted")

enum sgo_mutant_name {
    MUTANT_NONE,
#define MUTANT_NAME(name, what) MUTANT_##name,
    MUTANTS(MUTANT_NAME)
#undef MUTANT_NAME
        MUTANT_COUNT
};

extern int sgo_mutant; /* the one in force; owned by the simulation */

#define MUTANT(name) (sgo_mutant == MUTANT_##name)

#else

#define MUTANT(name) 0

#endif

#endif
