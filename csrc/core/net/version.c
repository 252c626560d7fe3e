#include "net/version.h"

#include <stdio.h>

#include <curl/curl.h>
#ifdef SGO_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#include <libwebsockets.h>
#include <zlib.h>

#ifdef SGO_HAVE_LIBDEFLATE
#define INFLATERS " libdeflate/" LIBDEFLATE_VERSION_STRING
#else
#define INFLATERS ""
#endif

const char *
net_version_text(void)
{
    static char text[200];

    if (text[0] == '\0') {
        const curl_version_info_data *curl =
            curl_version_info(CURLVERSION_NOW);

        const char *brotli = curl->brotli_version;

        snprintf(text, sizeof(text),
                 "libwebsockets/%s libcurl/%s %s zlib/%s%s%s" INFLATERS,
                 lws_get_library_version(), curl->version,
                 curl->ssl_version ? curl->ssl_version : "no TLS",
                 zlibVersion(), brotli ? " brotli/" : "",
                 brotli ? brotli : "");
    }
    return text;
}
