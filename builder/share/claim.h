/* --cache-wait: of several machines that miss the same key at once one executes the step, and the others wait for its result. Who
 * executes says so in the cache, in a document of its own under a key made from the content key, with a date that is renewed as
 * long as the claim holds. It is a courtesy and no lock: where two see each other too late, or a clock is wrong, both execute, as
 * they would without it. */
#ifndef BUILD_CLAIM_H
#define BUILD_CLAIM_H

#include "builder/share/open.h"

#define BUILD_CLAIM_BEAT  10 /* seconds after which a claim is renewed */
#define BUILD_CLAIM_STALE 45 /* seconds after which one that was not is nobody's */

/* Can claims be laid in this one of the request's caches? It must be read and written, and of a kind whose documents can be
 * replaced. */
bool build_share_can_wait(const struct build_request *q, size_t share);

struct build_claim {
    struct build_shares *shares; /* those of --cache-to */
    size_t share;
    struct cb_digest content, key;
    char owner[33];
    bool released;
    double round; /* seconds: the last question took */
};
enum build_claimed { BUILD_CLAIM_OURS, BUILD_CLAIM_DONE, BUILD_CLAIM_VAIN };
/* Asks and waits, at most `patience` seconds: the step is ours to execute; somebody has done it, and the result is there; or
 * there is no use in waiting, or no answer. `waits` is called when it begins to wait. */
enum build_claimed build_claim_lay(struct build_claim *c, int64_t patience, void (*waits)(void *arg), void *arg);
/* Renews it until this process is told to end (SIGTERM), and then says in the cache that it is nobody's any more. */
void build_claim_keep(struct build_claim *c);
/* From here on the process keeps SIGTERM for build_claim_keep. */
void build_claim_init(struct build_claim *c, struct build_shares *shares, size_t share, const struct cb_digest *content);

#endif
