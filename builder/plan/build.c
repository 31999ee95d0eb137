#include "builder/plan/build.h"

static int resolve(void *arg, struct build_want *wants, size_t n, struct cb_error *err)
{
    struct build *b = arg;
    return build_bases_resolve(b->session, wants, n, b->session->request->pull, err);
}

static int fetch(void *arg, const struct build_remote_request *r, struct build_remote **ret, struct cb_error *err)
{
    struct build *b = arg;
    return build_remote_get(b->session, r, ret, err);
}

static void release(void *arg, struct build_remote *r)
{
    struct build *b = arg;
    build_remote_free(b->session, r);
}

static struct build_named *find_context(void *arg, const char *name, const struct oci_platform *platform)
{
    struct build *b = arg;
    return build_contexts_find(&b->contexts, name, platform);
}

static int context_time(void *arg, const char *name, int64_t *ret)
{
    const struct build *b = arg;
    return build_contexts_time(&b->contexts, name, ret);
}

static int number(void *arg)
{
    const struct build *b = arg;
    return ++b->session->last_number;
}

static const struct build_plan_effects effects = {resolve, fetch, release, find_context, context_time, number};

int build_plan(struct build *b, struct cb_error *err)
{
    struct build_plan_input in = {.request = b->session->request,
                                  .dockerfile = {b->contexts.dockerfile.data, b->contexts.dockerfile.len},
                                  .context = &b->contexts.main,
                                  .effects = &effects,
                                  .arg = b};
    return build_plan_make(&in, &b->plan, &b->more_errors, err);
}

void build_done(struct build *b)
{
    free(b->made);
    build_plan_done(&b->plan);
    build_contexts_close(b->session, &b->contexts);
    df_errors_done(&b->more_errors);
}
