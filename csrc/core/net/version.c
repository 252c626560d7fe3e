#include "net/version.h"

#include <stdio.h>

#include <curl/curl.h>
#include <libwebsockets.h>

const char *
net_version_text(void)
{
    static char text[160];

    if (text[0] == '\0') {
        const curl_version_info_data *curl =
            curl_version_info(CURLVERSION_NOW);

        snprintf(text, sizeof(text), "libwebsockets/%s libcurl/%s %s",
                 lws_get_library_version(), curl->version,
                 curl->ssl_version ? curl->ssl_version : "no TLS");
    }
    return text;
}
