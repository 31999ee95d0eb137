/* http and https URLs: taking them apart, resolving what a Location header says, and showing them without
 * their secrets. Pure functions, no network. */
#ifndef REG_URL_H
#define REG_URL_H

#include "base/buf.h"

struct reg_url {
    bool tls;
    char *user;    /* user information, percent-decoded ("name:password"); NULL: none */
    char *host;    /* lower case; an IPv6 address keeps its brackets */
    unsigned port; /* the scheme's own when the text has none */
    char *target;  /* path and query; begins with '/'; what must not appear in a request line is escaped */
};
/* False: not an http(s) URL, or one with control bytes. *ret is untouched then. */
bool reg_url_parse(const char *text, struct reg_url *ret);
void reg_url_done(struct reg_url *u);
CB_DEFINE_AUTO(reg_url, struct reg_url, reg_url_done)

char *reg_url_text(const struct reg_url *u); /* without user information; caller frees */
bool reg_url_same_origin(const struct reg_url *a, const struct reg_url *b);
/* What `location` means in an answer from `base` (RFC 3986 §5); caller frees. NULL: neither http nor https. */
char *reg_url_resolve(const char *base, const char *location);
/* Appends s, escaped so that it can be a value in a query. */
void reg_url_escape(struct cb_buf *b, const char *s);

/* The one function that makes a URL fit for messages: no user information, no fragment, and the values of
 * all query parameters that are not known to be harmless replaced (signed URLs). Caller frees. */
char *reg_url_redact(const char *url);

/* localhost, 127.0.0.0/8, ::1, with or without a port: plain http may be used with the host. */
bool reg_host_is_local(const char *host);

#endif
