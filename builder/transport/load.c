#include "builder/transport/load.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/session/jobs.h"
#include "builder/session/session.h"
#include "registry/oci/layout.h"

/* ---- what is in it ---------------------------------------------------------------------------------------------- */

struct load {
    struct build_session *session;
    const struct build_brought *brought;
    const struct build_load *want;
};

static void put_entry(struct cb_buf *to, const struct oci_descriptor *d)
{
    CB_AUTO(free) char *name = oci_layout_name(d);
    cb_put_digest(to, &d->digest);
    cb_put_str(to, name);
}

/* One of another platform, of which there are several under the same name. */
static bool is_other(const struct load *l, const struct oci_descriptor *d)
{
    CB_AUTO(oci_platform) struct oci_platform have = {0};
    if (!d->has_platform)
        return false;
    oci_platform_copy(&have, &d->platform);
    oci_platform_normalize(&have);
    return oci_platform_rank(l->want->platform, &have) < 0;
}

static int list_all(const struct load *l, const struct oci_files *files, struct cb_buf *answer, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    if (oci_layout_index(files, &x, err) < 0)
        return -1;
    if (!x.n_manifests)
        return cb_fail(err, CB_E_NOT_FOUND, "there is no image in it");
    for (size_t i = 0; i < x.n_manifests; i++)
        if (oci_is_image(&x.manifests[i]) && !is_other(l, &x.manifests[i]))
            put_entry(answer, &x.manifests[i]);
    if (answer->len > CB_MAX_MESSAGE)
        return cb_fail(err, CB_E_UNSUPPORTED, "it holds too many images to be loaded at once: name one of them");
    return answer->len ? 0 : oci_index_select(&x, l->want->platform, "it", err);
}

static int list_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    const struct load *l = ctx;
    const struct build_in_layout *at = &l->brought->at;
    CB_AUTO(oci_files) struct oci_files files;
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
    if (oci_files_open(at->path, &files, err) < 0)
        return -1;
    if (!at->name && !at->digest && !l->want->as)
        return list_all(l, &files, answer, err);
    if (oci_layout_find(&files, at->name, at->digest, &d, err) < 0)
        return -1;
    put_entry(answer, &d);
    return 0;
}

/* ---- one image -------------------------------------------------------------------------------------------------- */

static int put_name(const struct load *l, struct cache_image *image, const char *name, struct cb_error *err)
{
    char id[CB_DIGEST_TEXT + 1];
    cb_digest_text(&image->config, id);
    free(image->name);
    image->name = cb_strdup(*name ? name : id);
    if (cache_image_store(l->session->store, image, err) < 0)
        return -1;
    l->want->loaded(l->want->arg, image);
    return 0;
}

static int take_image(const struct load *l, struct build_want *w, const char *name, struct cb_error *err)
{
    CB_AUTO(free) char *shown = cb_printf("load %s", *name ? name : l->want->shown);
    if (build_bases_resolve(l->session, w, 1, BUILD_PULL_MISSING, err) < 0 ||
        build_base_fetch(l->session, &w->base, BUILD_BASE_PACKED, shown, err) < 0)
        return -1;
    build_base_find_layers(l->session, &w->base.image);
    return put_name(l, &w->base.image, name, err);
}

static int take_entry(const struct load *l, struct cb_unpack *u, struct cb_error *err)
{
    char digest[CB_DIGEST_TEXT + 1];
    struct cb_digest top = cb_get_digest(u);
    CB_AUTO(free) char *own = cb_get_str(u);
    const char *name = l->want->as ? l->want->as : own;
    struct build_want w = {.text = cb_strdup(l->want->shown)};
    cb_digest_text(&top, digest);
    w.layout = (struct build_in_layout){.path = cb_strdup(l->brought->at.path), .digest = cb_strdup(digest)};
    oci_platform_copy(&w.platform, l->want->platform);
    int r = take_image(l, &w, name, err);
    build_want_done(&w);
    return r;
}

int build_load(struct build_session *s, const struct build_brought *b, const struct build_load *want, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct load l = {s, b, want};
    struct cb_job job;
    if (cb_job_fork(list_job, &l, &job, err) < 0)
        return -1;
    int r = build_wait_job(s, &job, NULL, &answer, err) < 0 ? cb_prefix(err, "%s", want->shown) : 0;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    while (r == 0 && u.p < u.end)
        r = take_entry(&l, &u, err);
    return r;
}
