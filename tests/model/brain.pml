/* Rules 1 to 4 and 6 of the brain for one event of one live feed: a server
 * that changes the event, a channel that names the changes and may be cut, an
 * API whose answers are read at some time between their start and their
 * arrival, and the client that makes one picture of it.
 * docs/internals/model.md says what is modelled and what is not.
 *
 * There is no clock.  "Started after" is a bit of each request that is out:
 * set when it starts, cleared by what must come before it.
 *
 * -DNAIVE and the other MUTANT words break one rule each; spin must find
 * what follows.  tests/model/run.py runs all of them. */

#ifndef CHANGES
#define CHANGES 3 /* of the event on the server */
#endif
#ifndef CUTS
#define CUTS 1 /* of the channel, unnoticed at first */
#endif
#ifndef LOST
#define LOST 1 /* answers that fail, lists also half way */
#endif
#ifndef MISSES
#define MISSES 1 /* lists that leave out an event that they should have, and
                    that the client knows: pages shift while it walks */
#endif
#ifndef STALE
#define STALE 0 /* answers by id that show the version before */
#endif
#ifndef EARLY
#define EARLY 0 /* steps of rule 5's series */
#endif
#define BACKWARDS 3 /* steps of rule 4's series */

#define LIVE 0   /* in the list */
#define PAUSED 1 /* not in the list, not leaving */
#define ENDED 2  /* not in the list, leaving (rule 6) */
#define GONE 3   /* the API does not know it */

#define NONE 0 /* no such request is out */
#define SENT 1
#define READ 2 /* the server has looked; the answer is on its way */

#define BOOT 0
#define SUBSCRIBING 1
#define RECONCILING 2
#define CURRENT 3 /* phase "live" */

/* ---- the server --------------------------------------------------------- */

byte truth;                 /* the event's version there */
byte status[CHANGES + 1];   /* of each version */
byte changes = CHANGES, cuts = CUTS, lost = LOST, misses = MISSES;
byte stale = STALE;
bool subscribed;            /* as the server sees it */
bool confirming;            /* subscription_succeeded is on its way */
byte transit;               /* notifications on their way, behind that one */
bool dead;                  /* cut, and the client has not noticed */

/* ---- the client --------------------------------------------------------- */

byte phase = BOOT;
bool known;    /* a member of the feed */
byte held;     /* version + 1; 0: none */
bool shown;    /* consumers have it */
bool leaving;  /* its linger runs */
bool pending;  /* to be asked by id */
bool again;    /* to be asked by id, when a series says so */
bool notified; /* since its last answer */
bool absent;   /* one answer for it alone was without it */
byte back, early, absences;
bool awaited;  /* the reconcile waits for its answer */
bool walking;  /* a list is wanted or out */
bool awaiting; /* the list is in, its refetches are not */
bool last;     /* the reconcile at rest has been asked for */

/* Requests: by id, and of the list.  ver: version + 1, 0: not in the answer.
 * after: started after the held version had arrived.  demand: started after
 * the event was last asked for.  newer: started after the request that
 * brought the held version.  second: started after the other one. */
byte i_state, i_ver, l_state, l_ver;
bool i_after, i_demand, i_newer, i_second;
bool l_after, l_demand, l_newer, l_second;
bool l_whole; /* nothing was forgotten since the list was asked for */

/* ---- ghosts: what the promises are about -------------------------------- */

byte seen; /* P3: newest version + 1 that consumers were given */
byte must; /* P2: what was notified, or could have been in a gap, is at least
              this version */
byte at_subscribe;

#define LIVE_SINCE(v) (status[v] == LIVE || v > truth || v < must)
#if CHANGES == 3
#define ALWAYS_LIVE \
    (LIVE_SINCE(0) && LIVE_SINCE(1) && LIVE_SINCE(2) && LIVE_SINCE(3))
#elif CHANGES == 2
#define ALWAYS_LIVE (LIVE_SINCE(0) && LIVE_SINCE(1) && LIVE_SINCE(2))
#endif

/* The client says: this is current. */
#define CLAIMED (phase == CURRENT && !pending && !again && i_state == NONE)
/* P2.  Not held is right if some version since then does not belong. */
#define P2 (!CLAIMED || (held -> held > must : !ALWAYS_LIVE))

/* ---- telling ------------------------------------------------------------ */

inline tell() {
    assert(held >= seen); /* P3 */
    seen = held;
    shown = true;
}

/* Out of the feed and forgotten. */
inline leave() {
    shown = false; leaving = false; known = false; held = 0;
    pending = false; again = false; notified = false; awaited = false;
    absent = false; back = 0; early = 0; absences = 0;
    l_whole = false
}

/* The event must be answered by a request that starts after now. */
inline ask() {
    pending = true;
#ifndef NO_DEMAND
    i_demand = false;
    l_demand = false;
#else
    if /* MUTANT: what is under way will do */
    :: i_state != NONE -> pending = false
    :: else
    fi
#endif
}

/* ---- an answer with the event: version.c -------------------------------- */

#ifdef OLD_STATUS
#define JUDGES(decides) true /* MUTANT: an answer from before will do */
#else
#define JUDGES(decides) decides
#endif
#ifdef OTHER_STATUS
#define OTHER(demand) demand /* MUTANT: an overtaken answer will do */
#else
#define OTHER(demand) false
#endif

/* Rule 5: read too early, probably. */
#define SUSPECT ((notified || early) && early < EARLY)

/* Rule 6, with what is held now; decides: the answer says just that, and
 * nothing was asked after its start. */
inline offer(decides, different) {
    if
    :: !shown && status[held - 1] == ENDED ->
        if
        :: decides -> leave()
        :: else
        fi
    :: else ->
        if
        :: !shown || different -> tell()
        :: else
        fi;
        leaving = status[held - 1] == ENDED;
        if
        :: absences == 2 && status[held - 1] == PAUSED && JUDGES(decides) ->
            leave()
        :: else
        fi
    fi
}

inline answered(demand, equal) {
    absent = false;
    if
    :: !demand
    :: demand && equal && SUSPECT ->
        early++;
        again = true;
        pending = false;
        notified = false;
        awaited = false
    :: else ->
        early = 0;
        again = false;
        pending = false;
        notified = false;
        awaited = false
    fi
}

/* Held is what this answer says; others that are out started before that. */
inline hold(ver, second) {
    held = ver;
    i_after = false;
    l_after = false;
    i_newer = !second;
    l_newer = !second
}

#ifdef NAIVE
#define PROVEN(after, newer) newer /* MUTANT: the newest start wins */
#define BACK false
#else
#define PROVEN(after, newer) after
#define BACK (ver < held && back < BACKWARDS)
#endif

/* Rule 4. */
inline apply(ver, after, demand, newer, second) {
    if
    :: held == 0 && status[ver - 1] == ENDED ->
        if
        :: demand -> leave() /* never shown */
        :: else
        fi
    :: held == 0 && status[ver - 1] != ENDED ->
        hold(ver, second);
        offer(demand, true);
        answered(demand, false)
    :: held == ver ->
        back = 0;
        hold(ver, second);
        offer(demand && !SUSPECT, false);
        if
        :: known -> answered(demand, true)
        :: else
        fi
    :: held && held != ver && !PROVEN(after, newer) -> /* overtaken */
        offer(OTHER(demand), false);
        if
        :: known -> ask()
        :: else
        fi
    :: held && held != ver && PROVEN(after, newer) && BACK -> /* stale */
        back++;
        again = true;
        offer(false, false)
    :: held && held != ver && PROVEN(after, newer) && !BACK ->
        back = 0;
        hold(ver, second);
        offer(demand, true);
        if
        :: known -> answered(demand, false)
        :: else
        fi
    fi
}

/* An answer for the event alone, without it. */
inline missing(demand) {
    if
    :: !demand -> pending = true
    :: demand && absent -> leave() /* gone */
    :: demand && !absent ->
        absent = true;
        again = true;
        pending = false;
        notified = false;
        awaited = false
    fi
}

/* ---- walks -------------------------------------------------------------- */

inline walk() { /* from the start */
    walking = true;
    awaiting = false;
    awaited = false;
    l_state = NONE
}

inline list_ended(ver) {
    if
    :: phase == BOOT -> phase = SUBSCRIBING
    :: else ->
        awaiting = true;
        if
        :: ver == 0 && known ->
            absences = (absences < 2 -> absences + 1 : 2);
#ifndef NO_REFETCH
            awaited = true; /* MUTANT: absence says enough */
            ask()
#endif
        :: ver || !known
        fi
    fi
}

/* ---- everything that can happen ----------------------------------------- */

active proctype world()
{
    byte ver;
    bool after, demand, newer, second;

    atomic {
        if
        :: status[0] = LIVE
        :: status[0] = GONE
        fi;
        walking = true
    }
end:
    do
    /* -- the server -- */
    :: atomic { changes ->
        changes--;
        truth++;
        if
        :: status[truth] = LIVE
        :: status[truth] = PAUSED
        :: status[truth] = ENDED
        :: status[truth] = GONE
        fi;
        if
        :: subscribed -> transit++
        :: else
        fi }
    :: atomic { changes -> changes = 0 } /* it rests earlier */
    :: atomic { i_state == SENT ->
        i_state = READ;
        i_ver = (status[truth] == GONE -> 0 : truth + 1);
        if
        :: stale && truth && held >= truth && (notified || early) &&
           status[truth - 1] != GONE -> stale--; i_ver = truth
        :: true
        fi }
    :: atomic { l_state == SENT ->
        l_state = READ;
        l_ver = (status[truth] == LIVE -> truth + 1 : 0) }

    /* -- the channel -- */
    :: atomic { phase == SUBSCRIBING && !subscribed && !dead ->
        subscribed = true;
        confirming = true;
        at_subscribe = truth }
    :: atomic { subscribed && cuts ->
        cuts--;
        subscribed = false;
        confirming = false;
        transit = 0;
        dead = true }
    :: atomic { dead ->
        dead = false;
        phase = SUBSCRIBING }
    :: atomic { confirming ->
        confirming = false;
        must = (at_subscribe > must -> at_subscribe : must);
#ifdef NO_RECONCILE
        phase = CURRENT /* MUTANT: subscribed is current */
#else
        phase = RECONCILING;
#ifdef OLD_WALK
        if /* MUTANT: a walk that is under way will do */
        :: walking
        :: else -> walk()
        fi
#else
        walk()
#endif
#endif
        }
    :: atomic { transit && !confirming ->
        must = (truth - transit + 1 > must -> truth - transit + 1 : must);
        transit--;
        known = true;
        notified = true;
        absent = false;
        early = 0;
        ask() }

    /* -- requests by id: rule 3 -- */
    :: atomic { known && i_state == NONE && (pending || again) ->
        i_state = SENT;
        i_after = true; i_demand = true; i_newer = true; i_second = true;
        l_second = false;
        pending = false; again = false }
    :: atomic { i_state == READ ->
        i_state = NONE;
        ver = i_ver; after = i_after; demand = i_demand;
        newer = i_newer; second = i_second;
        if
        :: !known
        :: known && ver -> apply(ver, after, demand, newer, second)
        :: known && !ver -> missing(demand)
        fi;
#ifndef NO_DEMAND
        if
        :: known && !demand -> pending = true
        :: else
        fi;
#endif
        ver = 0; after = false; demand = false; newer = false; second = false;
        i_ver = 0 }
    :: atomic { i_state != NONE && lost ->
        lost--;
        i_state = NONE;
        i_ver = 0;
        if
        :: known -> pending = true
        :: else
        fi }

    /* -- lists: rules 1 and 2 -- */
    :: atomic { walking && l_state == NONE && !awaiting ->
        l_state = SENT;
        l_after = true; l_demand = true; l_newer = true; l_second = true;
        l_whole = true;
        i_second = false }
    :: atomic { l_state == READ ->
        l_state = NONE;
        ver = l_ver; after = l_after; demand = l_demand;
        newer = l_newer; second = l_second;
        if
        :: misses && known && ver -> misses--; ver = 0
        :: true
        fi;
        if
#ifdef NO_FORGOTTEN
        :: ver -> /* MUTANT: what is not held is new */
#else
        :: ver && !held && !l_whole -> /* it may be what was forgotten */
            known = true;
            awaited = true;
            ask()
        :: ver && (held || l_whole) ->
#endif
            known = true;
            absences = 0;
            apply(ver, after, demand, newer, second)
        :: else
        fi;
        if
        :: true ->
            walking = false;
            list_ended(ver)
        :: lost -> /* it broke off behind the event */
            lost--;
            if
            :: ver && known -> ask()
            :: else
            fi
        fi;
        ver = 0; after = false; demand = false; newer = false; second = false;
        l_ver = 0 }
    :: atomic { awaiting && !awaited ->
        awaiting = false;
        if
        :: phase == RECONCILING -> phase = CURRENT
        :: else
        fi }

    /* -- rule 6: the linger is over -- */
#ifndef NO_EXPIRY
    :: atomic { shown && leaving ->
        shown = false;
        leaving = false;
        if
        :: i_state != NONE || pending || again || notified /* it is found */
        :: else -> leave()
        fi }
#endif

    /* -- at rest: one reconcile, then P1 -- */
    :: atomic { timeout && !last ->
        last = true;
        walk() }
    :: atomic { timeout && last ->
        assert(phase == CURRENT && !pending && !again && !awaiting);
        if
        :: status[truth] == LIVE -> assert(shown && held == truth + 1)
        :: status[truth] == PAUSED -> assert(!shown || held == truth + 1)
        :: else -> assert(!shown)
        fi;
        break }
    od
}

active proctype claims()
{
end:
    atomic { !(P2) -> assert(false) } /* P2 */
}
