/* Single values as Go reads them (dockerfile.md §20), and EXPOSE and STOPSIGNAL (§13). Pure functions. */
#ifndef CB_PARSER_VALUE_H
#define CB_PARSER_VALUE_H

#include "base/buf.h"
#include "base/error.h"

/* strconv.ParseBool: 1 t T TRUE true True, 0 f F FALSE false False. */
bool df_parse_bool(const char *s, bool *ret);
/* time.ParseDuration, in ns. Fails with Go's text: `time: invalid duration "x"` … */
int df_parse_duration(const char *s, int64_t *ret_ns, struct cb_error *err);
/* 1024-based size: decimal fraction and suffix b k m g t p, with b or ib after it, any case. */
bool df_parse_size(const char *s, int64_t *ret);
/* Unsigned decimal of 32 bits (uid, gid). */
bool df_parse_u32(const char *s, uint32_t *ret);
/* strconv.Atoi: optional sign, decimal digits, leading zeros; 64 bits. */
bool df_parse_int(const char *s, int64_t *ret);

/* EXPOSE: one word after expansion. Appends "port/proto" for every port of it to `ports`, which is unchanged
 * on failure; more than CB_MAX_EXPOSED in it are refused. */
struct df_expose_lint {
    bool proto_casing; /* the protocol is not lower-case */
    bool host_part;    /* an IP address or a host port is given */
};
int df_expose_parse(const char *word, struct cb_strv *ports, struct df_expose_lint *ret_lint, struct cb_error *err);

/* STOPSIGNAL after expansion. 0, or -1 `invalid signal: X`. */
int df_signal_check(const char *s, struct cb_error *err);

/* RUN --device value (§11). */
struct df_device {
    char *name; /* owned; never NULL after success */
    bool required;
};
void df_device_done(struct df_device *d);
CB_DEFINE_AUTO(df_device, struct df_device, df_device_done)
int df_device_parse(const char *value, struct df_device *ret, struct cb_error *err);

#endif
