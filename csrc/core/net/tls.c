#include "net/tls.h"

#include "base/mem.h"
#include "base/refcount.h"
#include "base/status.h"
#include "net/process.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct roots {
    struct roots *next;  /* registry's lock */
    unsigned references; /* registry's lock: found in the list until 0 */
    struct process_state *registry;
    X509_STORE *store;
    size_t count;
    char *path;
};

struct registry {
    struct process_state state;
    struct roots *list; /* every set in use */
};

static process_slot registry_slot;

/* Where distributions keep their bundle, in the order of likelihood. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL 7 on */
    "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
    "/etc/ssl/cert.pem",                    /* macOS, Alpine, OpenBSD */
    "/opt/homebrew/etc/openssl@3/cert.pem", /* Homebrew */
    "/usr/local/etc/openssl@3/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt", /* FreeBSD */
};

static bool
is_readable(const char *path)
{
    FILE *f = fopen(path, "re");

    if (f != NULL) {
        fclose(f);
    }
    return f != NULL;
}

const char *
roots_default_path(void)
{
    const char *path = getenv("SSL_CERT_FILE");

    if (path != NULL && *path != '\0') {
        return path;
    }
    for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        if (is_readable(bundles[i])) {
            return bundles[i];
        }
    }
    path = X509_get_default_cert_file();
    return is_readable(path) ? path : NULL;
}

/* Add every certificate of an open PEM file.  A broken one ends the reading
 * with an error; text and keys between them are skipped. */
static sgo_status
read_certificates(struct roots *roots, BIO *bio, sgo_error *err)
{
    X509 *cert;
    unsigned long why;

    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        int added = X509_STORE_add_cert(roots->store, cert);

        X509_free(cert);
        if (!added) {
            error_set(err, SGO_ERROR_MEMORY, "out of memory while reading %s",
                      roots->path);
            return SGO_NO_MEMORY;
        }
        roots->count++;
    }
    why = ERR_peek_last_error();
    if (ERR_GET_LIB(why) != ERR_LIB_PEM ||
        ERR_GET_REASON(why) != PEM_R_NO_START_LINE) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "the CA file %s holds a malformed certificate (number "
                  "%zu): %s",
                  roots->path, roots->count + 1,
                  why ? ERR_reason_error_string(why) : "unknown error");
        return SGO_INVALID;
    }
    if (roots->count == 0) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "the CA file %s holds no certificate in PEM form",
                  roots->path);
        return SGO_INVALID;
    }
    return SGO_OK;
}

static sgo_status
load(struct roots *roots, const char *hint, sgo_error *err)
{
    sgo_status status;
    FILE *f = fopen(roots->path, "re");
    BIO *bio;

    if (f == NULL) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "cannot read the CA file %s: %s%s", roots->path,
                  strerror(errno), hint);
        return SGO_INVALID;
    }
    bio = BIO_new_fp(f, BIO_CLOSE);
    roots->store = X509_STORE_new();
    if (bio == NULL || roots->store == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory while reading %s",
                  roots->path);
        if (bio == NULL) {
            fclose(f);
        }
        status = SGO_NO_MEMORY;
    } else {
        /* A certificate in the file is trusted as it is, root or not: what
         * curl and Python do, and what a self-signed test server needs. */
        X509_STORE_set_flags(roots->store, X509_V_FLAG_TRUSTED_FIRST |
                                               X509_V_FLAG_PARTIAL_CHAIN);
        status = read_certificates(roots, bio, err);
    }
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

static void
roots_free(struct roots *roots)
{
    X509_STORE_free(roots->store);
    mem_free(roots->path);
    mem_free(roots);
}

sgo_status
roots_acquire(const char *ca_file, struct roots **out, sgo_error *err)
{
    struct registry *registry =
        process_get(&registry_slot, sizeof(struct registry));
    bool given = ca_file != NULL && *ca_file != '\0';
    const char *path = given ? ca_file : roots_default_path();
    struct roots *roots;
    sgo_status status = SGO_OK;

    if (registry == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    if (path == NULL) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "this system has no CA certificates where we look (%s and "
                  "others): install its package ca-certificates, or give "
                  "ca_file= or SSL_CERT_FILE; in Python, pip install certifi "
                  "is enough",
                  bundles[0]);
        return SGO_INVALID;
    }
    process_lock(&registry->state);
    for (roots = registry->list; roots != NULL; roots = roots->next) {
        if (strcmp(roots->path, path) == 0) {
            roots->references++;
            goto found;
        }
    }
    roots = mem_calloc(1, sizeof(*roots));
    if (roots == NULL || (roots->path = mem_dup(path, strlen(path))) == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        status = SGO_NO_MEMORY;
    } else {
        status = load(roots, given ? "" : "; SSL_CERT_FILE names it", err);
    }
    if (status != SGO_OK) {
        process_unlock(&registry->state);
        if (roots != NULL) {
            roots_free(roots);
        }
        return status;
    }
    roots->references = 1;
    roots->registry = &registry->state;
    roots->next = registry->list;
    registry->list = roots;
found:
    process_unlock(&registry->state);
    *out = roots;
    return SGO_OK;
}

struct roots *
roots_retain(struct roots *roots)
{
    process_lock(roots->registry);
    roots->references++;
    process_unlock(roots->registry);
    return roots;
}

void
roots_release(struct roots *roots)
{
    struct registry *registry;
    bool last;

    if (roots == NULL) {
        return;
    }
    registry = (struct registry *)roots->registry;
    if (registry->state.pid != getpid()) {
        return; /* inherited through fork(): left alone */
    }
    process_lock(&registry->state);
    last = --roots->references == 0;
    if (last) {
        struct roots **at = &registry->list;

        while (*at != roots) {
            at = &(*at)->next;
        }
        *at = roots->next;
    }
    process_unlock(&registry->state);
    if (last) {
        roots_free(roots);
    }
}

const char *
roots_path(const struct roots *roots)
{
    return roots->path;
}

size_t
roots_count(const struct roots *roots)
{
    return roots->count;
}

bool
tls_prepare(struct ssl_ctx_st *ssl_ctx, struct roots *roots)
{
    SSL_CTX_set1_cert_store(ssl_ctx, roots->store);
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    return SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) == 1;
}

struct ssl_ctx_st *
tls_socket_ctx(struct roots *roots)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    /* SSL_CTX_set_alpn_protos returns 0 for success. */
    if (ctx != NULL &&
        (!tls_prepare(ctx, roots) ||
         SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0)) {
        SSL_CTX_free(ctx);
        ctx = NULL;
    }
    if (ctx != NULL) {
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    }
    ERR_clear_error();
    return ctx;
}

const char *
tls_verify_words(long verify_result)
{
    switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "its certificate has expired (check the clock of this "
               "machine)";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "its certificate is not valid yet (check the clock of this "
               "machine)";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "its certificate is for another name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "its certificate is self-signed (trust it by ca_file=)";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "its certificate comes from an unknown issuer (a proxy that "
               "looks into TLS? give its CA by ca_file=)";
    case X509_V_ERR_CERT_REVOKED:
        return "its certificate was revoked";
    case X509_V_ERR_INVALID_PURPOSE:
        return "its certificate is not one for servers";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return "its certificate is too weak";
    default:
        return X509_verify_cert_error_string(verify_result);
    }
}
