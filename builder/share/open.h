/* The shared caches of a build, opened in a job: asking them, taking a layer from one, putting a step into them. One with
 * which something goes wrong is closed, and why is noted: it never fails a build. */
#ifndef BUILD_SHARE_OPEN_H
#define BUILD_SHARE_OPEN_H

#include "builder/share/artifact.h"

struct build_shares {
    struct build_session *session;
    struct cb_job_io *io;
    bool writes;
    struct build_share_link **links; /* as many as request->shares; NULL: not one of these, or closed */
    char **failed;                   /* why those were closed with which something went wrong; NULL: nothing did */
};
/* Opens those of --cache-to (`writes`) or --cache-from, but for those marked in `off` (as many as request->shares). */
void build_shares_open(struct build_session *s, struct cb_job_io *io, bool writes, const bool *off, struct build_shares *ret);
void build_shares_close(struct build_shares *s);
CB_DEFINE_AUTO(build_shares, struct build_shares, build_shares_close)
/* Warns of one and closes it. Takes the error. */
void build_shares_drop(struct build_shares *s, size_t share, struct cb_error *why);

/* What came for the key `number` from a share; `a` may be emptied. */
typedef void build_shares_answer_fn(void *arg, size_t number, size_t share, struct build_artifact *a);
/* Asks one after the other for what none before it had, each for all at once. Documents that are not sound, or too old
 * (--cache-ttl, ttl=), are as not there. */
void build_shares_ask(struct build_shares *s, const struct cb_digest *keys, size_t n, build_shares_answer_fn *fn, void *arg);
/* What has this share for each of the keys? One whose document cannot be read, or (`with_layers`) whose layer is gone, is
 * damaged. It is closed when it does not answer. */
enum build_has { BUILD_HAS_NOTHING, BUILD_HAS_DAMAGED, BUILD_HAS_SOUND };
void build_shares_has(struct build_shares *s, size_t share, const struct cb_digest *keys, size_t n, bool with_layers,
                      enum build_has *ret);

/* Has the layer of an artifact in the store, as one whose bytes are elsewhere; inputs that are not in the record are left where
 * they are. -1: it cannot be had, for this reason. */
int build_shares_bring(struct build_shares *s, size_t share, const struct build_artifact *a, struct cb_error *err);

/* Adds the inputs, which may be a blob of their own, to the artifact's record. */
int build_shares_bring_inputs(struct build_shares *s, size_t share, struct build_artifact *a, struct cb_error *err);

/* Puts what the artifact names into a share: what is there already is left. `packed` is the store's. The document goes under each
 * of at most two keys. 1: it is there now. 0: all keys had another one. -1: for this reason.
 * `anew`: what is there is known to be damaged, and replaced where the kind can. Under the keys `newest` the last one stays,
 * where the kind can do that. */
int build_shares_put(struct build_shares *s, size_t share, struct build_artifact *a, const struct cache_packed *packed,
                     const struct cb_digest *keys, size_t n, bool anew, const struct cb_digest *newest, size_t n_newest,
                     struct cb_error *err);

#endif
