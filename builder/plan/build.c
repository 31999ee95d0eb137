#include "builder/plan/build.h"
#include "base/text.h"
#include "builder/transport/elsewhere.h"

/* ---- base images ------------------------------------------------------------------------------------------------- */

/* A context that names another tag of the same repository may be meant for it. */
static void hint_context(const struct build *b, const char *name, struct cb_error *err)
{
    const struct cb_strv *contexts = &b->session->request->contexts;
    CB_AUTO(oci_ref) struct oci_ref want = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (oci_ref_parse(name, &want, &ignored) < 0)
        return;
    CB_AUTO(free) char *repository = oci_ref_name(&want), *familiar = oci_ref_familiar(&want);
    for (size_t i = 0; i < contexts->n; i++) {
        const char *value;
        CB_AUTO(free) char *key = cb_split_pair(contexts->items[i], &value);
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        CB_AUTO(free) char *other = oci_ref_parse(key, &ref, &ignored) < 0 ? NULL : oci_ref_name(&ref);
        if (!other || !value || strcmp(other, repository) != 0)
            continue;
        free(CB_TAKE(err->hint));
        cb_hint(err, "--build-context %s stands for '%s:%s' alone: --build-context %s=%s", key, key, ref.tag ? ref.tag : "latest",
                familiar, value);
    }
}

/* What no registry gives docker or podman may have. 1: *w says where it is now. 0: they do not. -1: err. */
static int look_elsewhere(struct build *b, struct build_want *w, struct cb_error *err)
{
    if (w->base.name || w->layout.path)
        return 0;
    struct build_brought *at = &CB_PUSH(b->brought, b->n_brought, b->cap_brought);
    *at = BUILD_BROUGHT_INIT;
    int r = build_elsewhere_bring(b->session, w->text, at, err);
    if (r > 0)
        build_in_layout_copy(&w->layout, &at->at);
    return r;
}

static bool may_look(const struct build *b, const struct cb_error *why)
{
    enum build_pull pull = b->session->request->pull;
    return (pull == BUILD_PULL_MISSING || pull == BUILD_PULL_NEWER) &&
           (why->code == CB_E_NOT_FOUND || why->code == CB_E_NETWORK || why->code == CB_E_DENIED);
}

/* The images that are still missing, once more. */
static int resolve_rest(struct build *b, struct build_want *wants, size_t n, struct cb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!wants[i].base.name && build_bases_resolve(b->session, &wants[i], 1, b->session->request->pull, err) < 0)
            return -1;
    return 0;
}

static int resolve(void *arg, struct build_want *wants, size_t n, struct cb_error *err)
{
    struct build *b = arg;
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    bool found = false;
    if (build_bases_resolve(b->session, wants, n, b->session->request->pull, &why) == 0)
        return 0;
    for (size_t i = 0; i < n && may_look(b, &why); i++) {
        int r = look_elsewhere(b, &wants[i], err);
        if (r < 0)
            return -1;
        found |= r > 0;
        if (r == 0 && !wants[i].base.name)
            hint_context(b, wants[i].text, &why);
    }
    if (found)
        return resolve_rest(b, wants, n, err);
    cb_error_move(err, &why);
    return -1;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

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
    for (size_t i = 0; i < b->n_brought; i++)
        build_brought_done(b->session, &b->brought[i]);
    free(b->brought);
    df_errors_done(&b->more_errors);
}
