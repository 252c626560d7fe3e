#include <pthread.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "net/version.h"
#include "sgostream.h"

static char text[224];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_text(void)
{
    snprintf(text, sizeof(text), "sgostream/" SGO_VERSION " %s cJSON/%s",
             net_version_text(), cJSON_Version());
}

const char *
sgo_version_text(void)
{
    pthread_once(&once, make_text);
    return text;
}
