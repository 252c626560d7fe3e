/* Follow one event from C: what changed, as it happens.
 *
 *     byid [--base-url URL] [--ca-file FILE] [--updates N] EVENT_ID
 *
 * The key comes from SPORTS_ODDS_API_KEY_HEADER.  Ends after N updates
 * (default: never) or when the stream fails. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sgostream.h"

enum { MAX_SHOWN = 8 };

static void
print_path(sgo_update *update, size_t i)
{
    sgo_step steps[SGO_PATH_MAX];
    const size_t n = sgo_update_change_path(update, i, steps);

    for (size_t k = 0; k < n; k++) {
        if (steps[k].key.bytes) {
            printf("%s%.*s", k ? "." : "", (int)steps[k].key.len,
                   steps[k].key.bytes);
        } else {
            printf("[%zu]", steps[k].position);
        }
    }
}

static void
print_value(sgo_value value)
{
    const sgo_text json = sgo_value_json(value);

    if (sgo_value_type(value) == SGO_TYPE_NONE) {
        printf("(none)");
    } else {
        printf("%.*s%s", json.len > 40 ? 40 : (int)json.len, json.bytes,
               json.len > 40 ? "..." : "");
    }
}

static void
print_update(sgo_update *update)
{
    static const char *const kinds[] = {"added", "changed", "removed"};
    const sgo_text id = sgo_event_id(sgo_update_event(update));
    const sgo_update_kind kind = sgo_update_get_kind(update);
    size_t changes = 0, quotes = 0;

    if (sgo_update_changes(update, &changes) != SGO_OK ||
        sgo_update_quotes(update, &quotes) != SGO_OK) {
        printf("%.*s %s: out of memory\n", (int)id.len, id.bytes, kinds[kind]);
        return;
    }
    printf("%.*s %s: %zu changes, %zu quotes\n", (int)id.len, id.bytes,
           kinds[kind], changes, quotes);
    for (size_t i = 0; kind == SGO_CHANGED && i < changes && i < MAX_SHOWN;
         i++) {
        const sgo_change change = sgo_update_change(update, i);

        printf("  ");
        print_path(update, i);
        printf(": ");
        print_value(change.old_value);
        printf(" -> ");
        print_value(change.new_value);
        printf("\n");
    }
    fflush(stdout);
}

static sgo_status
follow(sgo_stream *stream, long wanted, sgo_error *err)
{
    sgo_subscription *subscription;
    sgo_status status =
        sgo_subscription_new(&stream, 1, NULL, &subscription, err);

    if (status != SGO_OK) {
        return status;
    }
    for (long seen = 0; wanted <= 0 || seen < wanted;) {
        sgo_update *update;
        size_t count;

        status = sgo_subscription_take(subscription, &update, 1, INT64_MAX,
                                       &count, err);
        if (status == SGO_TIMEOUT) {
            continue;
        }
        if (status != SGO_OK) {
            break;
        }
        print_update(update);
        sgo_update_release(update);
        seen++;
    }
    sgo_subscription_release(subscription);
    return status;
}

static int
run(const sgo_client_options *options, const char *event_id, long wanted)
{
    const sgo_param param = {"eventID", event_id};
    sgo_client *client = NULL;
    sgo_stream *stream = NULL;
    sgo_error err;
    sgo_status status = sgo_client_new(options, &client, &err);

    if (status == SGO_OK) {
        status =
            sgo_stream_new(client, "events:byid", &param, 1, &stream, &err);
    }
    if (status == SGO_OK) {
        status = follow(stream, wanted, &err);
    }
    if (status != SGO_OK) {
        fprintf(stderr, "byid: %s\n", err.text);
    }
    sgo_stream_release(stream);
    sgo_client_release(client);
    return status == SGO_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
    sgo_client_options options;
    long wanted = 0;
    int i;

    sgo_client_options_init(&options);
    options.api_key = getenv("SPORTS_ODDS_API_KEY_HEADER");
    options.base_url = getenv("SPORTS_GAME_ODDS_BASE_URL");
    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--base-url") == 0) {
            options.base_url = argv[i + 1];
        } else if (strcmp(argv[i], "--ca-file") == 0) {
            options.ca_file = argv[i + 1];
        } else if (strcmp(argv[i], "--updates") == 0) {
            wanted = strtol(argv[i + 1], NULL, 10);
        } else {
            break;
        }
    }
    if (i + 1 != argc) {
        fprintf(stderr,
                "usage: byid [--base-url URL] [--ca-file FILE] "
                "[--updates N] EVENT_ID\n%s\n",
                sgo_version_text());
        return 2;
    }
    return run(&options, argv[i], wanted);
}
