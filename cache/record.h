/* A record says what a step gave: layer, creation time, cost, and its named inputs with their digests
 * (architecture.md "Identity"). One JSON file under records/, written once, never changed, published after everything
 * it names: a record that is found can be used. Readers need no lock. */
#ifndef CACHE_RECORD_H
#define CACHE_RECORD_H

#include "base/json.h"
#include "base/usage.h"
#include "cache/layer/layer.h"

struct cache_input {
    char *name;  /* "file:src/main.c", "arg:VERSION", "parent", "command", "mount:…" */
    char *value; /* digest or short text; never a secret */
};

struct cache_record {
    struct cb_digest layer;
    struct timespec created;
    char *instruction;     /* as the progress display shows it */
    struct cb_usage usage; /* what making it cost */
    struct cache_input *inputs;
    size_t n_inputs, cap_inputs;
};
void cache_record_done(struct cache_record *r);
CB_DEFINE_AUTO(cache_record, struct cache_record, cache_record_done)
void cache_record_input(struct cache_record *r, const char *name, const char *value); /* copies */

/* What making it cost, and its inputs ([["name","value"],…]), as members and value of JSON documents. Reading: 0, or -1 for what
 * is not of that form; `err` is only a scratch then. */
void cache_record_put_usage(json_t *j, const struct cb_usage *u);
int cache_record_get_usage(json_t *j, struct cb_usage *ret, struct cb_error *err);
void cache_record_dump_inputs(const struct cache_record *r, struct cb_buf *out);
int cache_record_get_inputs(json_t *list, struct cache_record *r);

/* 1: found, and its layer is in the store. 0: there is none; a damaged file counts as none. Its inputs are
 * *not* read (a COPY of 50,000 files has as many, and a hit needs none of them): n_inputs is 0. Notes the
 * use for cache_prune, at most once in CACHE_NOTE_USE seconds. */
int cache_record_load(struct cache_store *s, const struct cb_digest *key, struct cache_record *ret, struct cb_error *err);
/* Adds the inputs of `key`'s record to `r` (to explain a miss). 1; 0: there is no such record; -1. */
int cache_record_load_inputs(struct cache_store *s, const struct cb_digest *key, struct cache_record *r, struct cb_error *err);
/* Publishes the record; an older one of the same key is replaced. Text that is not UTF-8 is stored with
 * replacement characters: it is only shown. */
int cache_record_store(struct cache_store *s, const struct cb_digest *key, const struct cache_record *r, struct cb_error *err);
/* Gives the record of `key` the second key `other`: one file with two names. */
int cache_record_link(struct cache_store *s, const struct cb_digest *key, const struct cb_digest *other, struct cb_error *err);
/* Publishes the record under two keys, also where a prune takes the first name before the second is given. */
int cache_record_store_both(struct cache_store *s, const struct cb_digest *key, const struct cb_digest *other,
                            const struct cache_record *r, struct cb_error *err);

/* For cache_prune and cache_usage: which layer the record names, when it was last used (seconds), and its instruction (NULL: not
 * wanted; the caller frees it). 1, or 0: there is none, or it is damaged. */
int cache_record_peek(struct cache_store *s, const struct cb_digest *key, struct cb_digest *ret_layer, int64_t *ret_used,
                      char **ret_instruction);

#endif
