/* The cache service of GitHub Actions, version 2, and servers that speak like it: entries by name, which nobody can change once
 * they are there. The service itself only hands out addresses; the bytes are blobs of Azure's storage there. All functions block
 * and are called in jobs; any number of threads may use one service.
 *
 * A name may be reserved by somebody who never finishes, and nobody can take it then. So an entry can have other names too, with
 * ".2" or ".3" behind it, and whoever looks for it finds any of them: names must be of one length, or none the beginning of
 * another. */
#ifndef REG_ACTIONS_H
#define REG_ACTIONS_H

#include "registry/transfer/http.h"

/* Strings are borrowed; NULL: the variables that the runner sets say it. */
struct reg_actions_place {
    const char *url;   /* $ACTIONS_RESULTS_URL */
    const char *token; /* $ACTIONS_RUNTIME_TOKEN */
    uint64_t piece;    /* bytes that one request sends at most; 0: 64 MiB */
};
struct reg_actions;
/* Nothing is sent yet. `o` is borrowed. NULL with err: there is no such service here. */
struct reg_actions *reg_actions_open(const struct reg_actions_place *p, const struct reg_options *o, struct cb_error *err);
void reg_actions_close(struct reg_actions *a);
CB_DEFINE_AUTO_PTR(reg_actions, struct reg_actions, reg_actions_close)
struct reg_http *reg_actions_http(struct reg_actions *a); /* for its warnings */

/* A small entry, of at most `max` bytes. 1: appended to *ret. 0: there is none. -1: the service does not answer as it should. */
int reg_actions_get(struct reg_actions *a, const char *name, size_t max, struct cb_buf *ret, struct cb_error *err);
/* From the byte `offset` on, of an entry whose size is known (download.h). -1 with CB_E_NOT_FOUND: there is none. */
int reg_actions_read(struct reg_actions *a, const char *name, uint64_t size, uint64_t offset, cb_sink_fn *sink, void *arg,
                     struct cb_error *err);
int reg_actions_has(struct reg_actions *a, const char *name, struct cb_error *err); /* 1, 0, -1 */
/* 1: put. 0: there is one already, and it stays. */
int reg_actions_put(struct reg_actions *a, const char *name, const struct reg_http_body *body, struct cb_error *err);

#endif
