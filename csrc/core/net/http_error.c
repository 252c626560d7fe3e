/* curl's result codes as sentences: which host, what happened, what to try. */
#include "net/http_internal.h"

#include "base/status.h"

#include <openssl/x509_vfy.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* "host:port", or through which proxy. */
static void
name_peer(const struct http_job *job, char *out, size_t cap)
{
    if (job->proxy.used) {
        snprintf(out, cap, "%s:%u through the proxy %s:%u", job->origin.host,
                 job->origin.port, job->proxy.host, job->proxy.port);
    } else {
        snprintf(out, cap, "%s:%u", job->origin.host, job->origin.port);
    }
}

static void
connect_words(struct http_job *job, const char *peer, sgo_error *err)
{
    long why = 0;

    curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &why);
    if (job->proxy.used) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "could not connect to the proxy %s:%u: %s", job->proxy.host,
                  job->proxy.port,
                  why != 0 ? strerror((int)why) : job->curl_text);
        return;
    }
    error_set(err, SGO_ERROR_TRANSPORT, "could not connect to %s: %s", peer,
              why != 0 ? strerror((int)why) : job->curl_text);
}

static void
tls_words(struct http_job *job, const char *peer, sgo_error *err)
{
    long verify = 0;

    curl_easy_getinfo(job->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    if (strstr(job->curl_text, "subject name") != NULL ||
        strstr(job->curl_text, "host name") != NULL ||
        strstr(job->curl_text, "hostname") != NULL) {
        verify = X509_V_ERR_HOSTNAME_MISMATCH; /* curl's own check */
    }
    error_set(err, SGO_ERROR_TRANSPORT, "%s cannot be trusted: %s", peer,
              verify > X509_V_ERR_UNSPECIFIED ? tls_verify_words(verify)
                                              : job->curl_text);
}

static bool
proxy_refused(struct http_job *job, sgo_error *err)
{
    long code = 0;

    curl_easy_getinfo(job->easy, CURLINFO_HTTP_CONNECTCODE, &code);
    if (!job->proxy.used || code == 0 || code / 100 == 2) {
        return false;
    }
    error_set(err, SGO_ERROR_TRANSPORT,
              "the proxy %s:%u answered %ld instead of connecting to %s:%u%s",
              job->proxy.host, job->proxy.port, code, job->origin.host,
              job->origin.port,
              code == 407 ? " (it wants a login: "
                            "http://user:password@host:port)"
                          : "");
    return true;
}

void
transfer_error(struct http_job *job, CURLcode rc, sgo_error *err)
{
    char peer[RESOLVE_HOST_BYTES * 2 + 64];
    const char *text =
        job->curl_text[0] != '\0' ? job->curl_text : curl_easy_strerror(rc);

    name_peer(job, peer, sizeof(peer));
    if (proxy_refused(job, err)) {
        err->retryable = true;
        return;
    }
    switch (rc) {
    case CURLE_COULDNT_CONNECT:
        connect_words(job, peer, err);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        tls_words(job, peer, err);
        break;
    case CURLE_SSL_CONNECT_ERROR:
        error_set(err, SGO_ERROR_TRANSPORT,
                  "the TLS handshake with %s failed: %s", peer, text);
        break;
    case CURLE_GOT_NOTHING:
        error_set(err, SGO_ERROR_TRANSPORT,
                  "%s closed the connection without an answer", peer);
        break;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        error_set(err, SGO_ERROR_TRANSPORT, "the connection to %s broke: %s",
                  peer, text);
        break;
    case CURLE_PARTIAL_FILE:
        error_set(err, SGO_ERROR_TRANSPORT,
                  "%s closed the connection in the middle of its answer",
                  peer);
        break;
    case CURLE_BAD_CONTENT_ENCODING:
        error_set(err, SGO_ERROR_TRANSPORT,
                  "the answer of %s could not be decompressed: %s", peer,
                  text);
        break;
    case CURLE_OUT_OF_MEMORY:
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        break;
    default:
        error_set(err, SGO_ERROR_TRANSPORT, "request to %s failed: %s", peer,
                  text);
        break;
    }
    err->retryable = true;
}

void
timeout_error(struct http_job *job, bool slow, sgo_error *err)
{
    char peer[RESOLVE_HOST_BYTES * 2 + 64];
    double seconds = (double)job->timeout_ns / (double)NS_PER_S;
    curl_off_t ready = 0, received = 0;
    struct sockaddr_storage to;
    socklen_t to_len = sizeof(to);
    bool connected = false;
    const char *phase;

    name_peer(job, peer, sizeof(peer));
    if (job->easy != NULL) {
        connected = job->fd >= 0 &&
                    getpeername(job->fd, (struct sockaddr *)&to, &to_len) == 0;
        curl_easy_getinfo(job->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
        curl_easy_getinfo(job->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
        job->end.wire_bytes = (uint64_t)received;
        job->end.http_status = job->head.status;
    }
    if (slow) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "%s sent less than %d bytes per second for %d s", peer,
                  HTTP_SLOW_BYTES_PER_S, HTTP_SLOW_S);
        err->retryable = true;
        return;
    }
    if (job->state == JOB_RESOLVING) {
        phase = "the DNS server did not answer (is the network up?)";
    } else if (job->end.body_bytes > 0 || job->head_told) {
        phase = "the answer was not complete";
    } else if (ready > 0) {
        phase = "no answer came";
    } else if (!connected) {
        phase = "no connection was made";
    } else if (job->proxy.used) {
        phase = "the proxy did not answer, or the TLS handshake was not "
                "complete";
    } else {
        phase = "the TLS handshake was not complete";
    }
    error_set(err, SGO_ERROR_TRANSPORT, "%s: %s within %g s", peer, phase,
              seconds);
    err->retryable = true;
}
