/* COPY, ADD and WORKDIR: the entries are planned against the trees (builder/copy/place.h) and written as a layer;
 * nothing is mounted. */
#include "base/clock.h"
#include "base/fd.h"
#include "builder/execute/execute.h"
#include "builder/copy/extract.h"
#include "builder/execute/keys/keys.h"
#include "builder/copy/owner.h"
#include "builder/copy/place.h"
#include "cache/digests.h"
#include "cache/layer/reader.h"

#include <unistd.h>

/* Where the bytes of a tree's nodes lie: in layers, or below a directory. */
struct bytes {
    struct cache_reader *layers; /* NULL: below `dir` */
    int dir;
};

static int open_bytes(const struct bytes *b, const struct cache_node *node, struct cb_error *err)
{
    if (b->layers)
        return cache_reader_open(b->layers, node->origin, node->data_path, err);
    int fd = cb_open_beneath(b->dir, node->data_path, O_RDONLY | O_NONBLOCK, 0);
    return fd < 0 ? cb_fail_sys(err, fd, "open '%s'", cache_node_path(node)) : fd;
}

/* ---- the job's state ------------------------------------------------------------------------------------- */

struct archive {
    const struct build_source *source;
    const struct cache_node *node;
};

struct copying {
    struct build_work *w;
    struct cache_tree *dest; /* NULL: an empty root */
    struct cache_reader *dest_layers;
    struct cache_tree *tree;         /* of BUILD_FILES_STEP */
    struct build_source source;      /* borrowed tree, or the local context */
    const struct build_local *local; /* where the files come from; NULL: not from there */
    struct bytes from;
    struct build_selection own; /* of BUILD_FILES_STEP */
    const struct build_selection *selection;
    struct build_selection *parts; /* one a source word, when some were fetched */
    size_t n_parts;
    struct archive *archives; /* by their number */
    size_t n_archives, cap_archives;
    struct build_place_passage passage;
    bool passes;   /* entries come from there */
    bool may_pack; /* nothing needs the files of the layer */
    bool packed;   /* so it becomes a tar */
};

static void copying_done(struct copying *c)
{
    build_selection_done(&c->own);
    for (size_t i = 0; i < c->n_parts; i++)
        build_selection_done(&c->parts[i]);
    free(c->parts);
    cache_tree_free(c->dest);
    cache_tree_free(c->tree);
    cache_reader_free(c->dest_layers);
    cache_reader_free(c->from.layers);
    free(c->archives);
    build_place_passage_done(&c->passage);
}

static int open_source(struct copying *c, struct cb_error *err)
{
    struct build_work *w = c->w;
    const struct build_copy *copy = &w->step->copy;
    if (copy->from.kind == BUILD_FILES_CONTEXT) {
        c->from.dir = copy->from.local->dir; /* -1: an empty context, nothing was selected from it */
        c->local = copy->from.local;
        c->selection = w->selection;
        return 0;
    }
    c->tree = NULL;
    const struct build_input none = {NULL, 0}, *in = w->n_inputs ? &w->inputs[0] : &none;
    if (build_step_tree(w->b, in->layers, in->n, &c->tree, err) < 0)
        return -1;
    c->source = (struct build_source){.tree = c->tree};
    c->from.layers = cache_reader_new(w->b->session->store, in->layers, in->n);
    if (build_copy_select(copy, &c->source, &c->own, err) < 0)
        return -1;
    struct cb_digest ignored;
    c->selection = &c->own;
    return build_selection_digest(&c->own, &ignored, err);
}

static int read_dest(void *arg, const struct cache_node *file, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    struct copying *c = arg;
    CB_AUTO(close) int fd = cache_reader_open(c->dest_layers, file->origin, file->data_path, err);
    if (fd < 0)
        return -1;
    int r = cb_read_fd(fd, max, ret);
    return r < 0 ? cb_fail_sys(err, r, "read '/%s' of the image", cache_node_path(file)) : 0;
}

static int resolve_owner(struct copying *c, const char *text, struct build_place_params *p, struct cb_error *err)
{
    if (!text || !*text)
        return 0;
    p->has_owner = true;
    return build_owner_resolve(c->dest, read_dest, c, text, &p->uid, &p->gid, err);
}

/* ---- archives of ADD --------------------------------------------------------------------------------------- */

struct file_source {
    int fd;
    const char *name;
};

static ssize_t read_file(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct file_source *f = arg;
    ssize_t r = cb_read(f->fd, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read '%s'", f->name) : r;
}

/* Where the bytes of a source's nodes lie: what ADD fetched has its own directory. */
static struct bytes source_bytes(const struct copying *c, const struct build_source *source)
{
    const struct build_copy *copy = &c->w->step->copy;
    for (size_t i = 0; c->w->step->op == BUILD_OP_COPY && i < copy->n_entries; i++)
        if (copy->remotes[i] && source == &copy->remotes[i]->source)
            return (struct bytes){NULL, copy->remotes[i]->dir};
    return c->from;
}

static int open_archive(struct copying *c, const struct build_source *source, const struct cache_node *node,
                        struct file_source *ret, struct cb_error *err)
{
    const struct bytes from = source_bytes(c, source);
    ret->name = cache_node_path(node);
    ret->fd = open_bytes(&from, node, err);
    return ret->fd < 0 ? -1 : 0;
}

static int is_archive(struct copying *c, const struct build_source *source, const struct build_item *item, struct cb_error *err)
{
    if (item->is_dir || item->node->e.type != CB_FILE || item->node->e.size == 0)
        return 0;
    struct file_source f;
    if (open_archive(c, source, item->node, &f, err) < 0)
        return -1;
    int r = build_extract_sniff(read_file, &f, err);
    cb_close(f.fd);
    return r;
}

static int place_archive(struct copying *c, struct build_place *place, const struct build_source *source,
                         const struct cache_node *node, struct cb_error *err)
{
    struct file_source f;
    if (open_archive(c, source, node, &f, err) < 0)
        return -1;
    int number = (int)c->n_archives;
    CB_PUSH(c->archives, c->n_archives, c->cap_archives) = (struct archive){source, node};
    int r = build_place_archive(place, read_file, &f, f.name, number, err);
    cb_close(f.fd);
    return r;
}

/* ADD looks into each file it was given; everything else is placed as it is, in the order of the sources. */
static int place_selection(struct copying *c, struct build_place *place, const struct build_selection *s, bool unpack,
                           struct cb_error *err)
{
    if (!unpack)
        return build_place_selection(place, s, err);
    for (size_t i = 0; i < s->n_items; i++) {
        int archive = is_archive(c, s->source, &s->items[i], err);
        if (archive < 0 || (archive && place_archive(c, place, s->source, s->items[i].node, err) < 0))
            return -1;
        if (archive)
            continue;
        struct build_selection one = *s;
        one.items = &s->items[i];
        one.n_items = 1;
        if (build_place_selection(place, &one, err) < 0)
            return -1;
    }
    return 0;
}

static int place_remote(struct copying *c, struct build_place *place, struct build_remote *r, struct build_selection *sel,
                        struct cb_error *err)
{
    const struct build_copy *copy = &c->w->step->copy;
    const char *words[] = {r->git ? "/" : r->name};
    struct build_select_params params = {.words = words,
                                         .n_words = 1,
                                         .literal = !r->git,
                                         .exclude = (const char *const *)copy->excludes.items,
                                         .n_exclude = r->git ? copy->excludes.n : 0};
    struct cb_digest ignored;
    if (build_select(&r->source, &params, sel, err) < 0 || build_selection_digest(sel, &ignored, err) < 0)
        return -1;
    return place_selection(c, place, sel, !r->git && copy->unpack_remote, err);
}

/* One word at a time: paths and what was fetched, in the order they were written. */
static int place_mixed(struct copying *c, struct build_place *place, struct cb_error *err)
{
    const struct build_copy *copy = &c->w->step->copy;
    c->parts = cb_alloc((copy->sources.n + 1) * sizeof(*c->parts));
    c->n_parts = copy->sources.n;
    for (size_t i = 0; i < copy->sources.n; i++) {
        if (copy->remotes[i]) {
            if (place_remote(c, place, copy->remotes[i], &c->parts[i], err) < 0)
                return -1;
            continue;
        }
        struct build_select_params params = {.words = (const char *const *)&copy->sources.items[i],
                                             .n_words = 1,
                                             .exclude = (const char *const *)copy->excludes.items,
                                             .n_exclude = copy->excludes.n};
        struct cb_digest ignored;
        if (build_select(c->selection->source, &params, &c->parts[i], err) < 0 ||
            build_selection_digest(&c->parts[i], &ignored, err) < 0 ||
            place_selection(c, place, &c->parts[i], copy->unpack, err) < 0)
            return -1;
    }
    return 0;
}

static void tell_left_out(struct copying *c, const struct build_place *place)
{
    size_t n = build_place_left_out(place);
    if (n == 0)
        return;
    CB_AUTO(free)
    char *text =
        cb_printf("%zu member%s of archives with names that begin with '.wh.' %s left out: in a layer such a name deletes "
                  "another one",
                  n, n == 1 ? "" : "s", n == 1 ? "was" : "were");
    cb_job_warn(c->w->io, text);
}

static int place_sources(struct copying *c, struct build_place *place, struct cb_error *err)
{
    if (c->w->step->copy.n_remote)
        return place_mixed(c, place, err);
    return c->selection ? place_selection(c, place, c->selection, c->w->step->copy.unpack, err) : 0;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static int begin_member(void *arg, const struct cache_entry *e, struct cb_error *err)
{
    return cache_layer_file_begin(arg, e, err);
}

static int write_member(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_layer_file_write(arg, p, n, err);
}

static int end_member(void *arg, struct cb_error *err)
{
    return cache_layer_file_end(arg, err);
}

static int write_members(struct copying *c, struct cache_layer_writer *writer, const struct build_entry *const *entries, size_t n,
                         struct cb_error *err)
{
    struct file_source f;
    const struct build_sink sink = {begin_member, write_member, end_member, writer};
    const struct archive *a = &c->archives[entries[0]->archive];
    if (open_archive(c, a->source, a->node, &f, err) < 0)
        return -1;
    int r = build_extract_members(read_file, &f, f.name, entries, n, &sink, err);
    cb_close(f.fd);
    return r;
}

static struct cache_data data_in(struct bytes b, const struct build_entry *e, bool may_grow)
{
    return (struct cache_data){.kind = b.layers ? CACHE_DATA_LAYER : CACHE_DATA_FILE,
                               .root = b.dir,
                               .path = e->data_path,
                               .seen = e->seen,
                               .may_grow = may_grow,
                               .reader = b.layers,
                               .layer = e->origin};
}

/* The bytes are not those that the entry describes: the description is damaged, or they are, or somebody has just changed them.
 * If it were kept, it would fail every later build too. */
static void drop_source(struct copying *c, const struct build_entry *e, struct cb_error *err)
{
    struct cache_reader *layers = e->data == BUILD_DATA_DEST ? c->dest_layers : source_bytes(c, e->source).layers;
    if (e->data == BUILD_DATA_SOURCE && c->local && e->source->local) {
        cache_digests_drop(c->w->b->session->store, c->local->path);
        cb_hint(err, "build again when nothing writes to the build context: it is read anew then");
    } else if (layers) {
        cache_reader_drop(layers, e->origin);
        cb_hint(err, "the damaged layer was removed from the store: build again");
    }
}

static struct cache_data data_of(const struct copying *c, const struct build_entry *e)
{
    switch (e->data) {
    case BUILD_DATA_SOURCE:
        return data_in(source_bytes(c, e->source), e, c->local && e->source->local);
    case BUILD_DATA_DEST:
        return data_in((struct bytes){c->dest_layers, -1}, e, false);
    case BUILD_DATA_INLINE:
        return (struct cache_data){.kind = CACHE_DATA_INLINE, .bytes = e->bytes, .root = -1};
    case BUILD_DATA_NONE:
    case BUILD_DATA_MEMBER:
        break;
    }
    return (struct cache_data){.kind = CACHE_DATA_NONE, .root = -1};
}

static int write_entry(struct copying *c, struct cache_layer_writer *writer, const struct build_entry *e, struct cb_error *err)
{
    struct cache_data data = data_of(c, e);
    data.source = e;
    return c->packed ? cache_layer_add(writer, &e->e, &data, err) : cache_layer_add_soon(writer, &e->e, &data, err);
}

static int write_entries(struct copying *c, struct cache_layer_writer *writer, const struct build_layer *layer,
                         struct cb_error *err)
{
    for (size_t i = 0; i < layer->n;) {
        const struct build_entry *const *at = &layer->entries[i], *e = *at;
        if (e->data != BUILD_DATA_MEMBER) {
            if (write_entry(c, writer, e, err) < 0)
                return -1;
            i++;
            continue;
        }
        size_t run = 1;
        while (i + run < layer->n && at[run]->data == BUILD_DATA_MEMBER && at[run]->archive == e->archive)
            run++;
        if (write_members(c, writer, at, run, err) < 0)
            return -1;
        i += run;
    }
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return cache_index_compare((*(const struct build_entry *const *)a)->e.path, (*(const struct build_entry *const *)b)->e.path);
}

static bool has_members(const struct build_layer *layer)
{
    for (size_t i = 0; i < layer->n; i++)
        if (layer->entries[i]->data == BUILD_DATA_MEMBER)
            return true;
    return false;
}

/* Does anything in this build need the files themselves? */
static bool needs_files(const struct build_work *w)
{
    const struct build_request *q = w->b->session->request;
    bool needed = w->step->needs_fs || w->step->gives_files;
    for (size_t i = 0; w->step->in_target && i < q->n_outputs; i++)
        needed = needed || q->outputs[i].takes_files;
    return needed;
}

/* Members of archives come as the archive has them, and a tar has an order. */
static int make_writer(struct copying *c, const struct build_layer *layer, struct cache_layer_writer **ret, struct cb_error *err)
{
    struct cache_store *s = c->w->b->session->store;
    c->packed = c->may_pack && !has_members(layer);
    if (c->packed && layer->n > 1)
        qsort(layer->entries, layer->n, sizeof(*layer->entries), by_path);
    if (c->packed)
        return cache_layer_writer_packed(s, ret, err);
    if (cache_layer_writer_new(s, ret, err) < 0)
        return -1;
    if (!cb_digest_is_zero(&c->w->earlier))
        cache_layer_writer_like(*ret, &c->w->earlier);
    return 0;
}

static int write_passage(struct copying *c, struct cache_layer_writer *writer, struct cb_error *err)
{
    const struct build_entry *e;
    int r = cache_layer_writer_pass(writer, build_place_passing(&c->passage), err);
    while (r == 0 && (r = build_place_next(&c->passage, &e, err)) > 0)
        r = write_entry(c, writer, e, err);
    return r;
}

static int write_layer(struct copying *c, const struct build_layer *layer, struct cache_layer *ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *writer = NULL;
    if (make_writer(c, layer, &writer, err) < 0)
        return -1;
    int r = c->passes ? write_passage(c, writer, err) : write_entries(c, writer, layer, err);
    if (r == 0 && cache_layer_commit(writer, ret, err) == 0)
        return 0;
    if (err->code == CB_E_CORRUPT && cache_layer_culprit(writer))
        drop_source(c, cache_layer_culprit(writer), err);
    return -1;
}

/* ---- the steps --------------------------------------------------------------------------------------------------- */

static int64_t made_time(const struct build *b)
{
    return b->plan.has_epoch ? b->plan.epoch : (int64_t)b->session->started.tv_sec;
}

static int open_dest(struct copying *c, struct cb_error *err)
{
    struct build_work *w = c->w;
    if (w->step->op == BUILD_OP_COPY && w->step->copy.link)
        return 0;
    c->dest_layers = cache_reader_new(w->b->session->store, w->layers, w->n_layers);
    return build_step_tree(w->b, w->layers, w->n_layers, &c->dest, err);
}

static int place_copy(struct copying *c, struct build_place **ret, struct cb_error *err)
{
    const struct build_copy *copy = &c->w->step->copy;
    struct build_place_params p = {.dest = c->dest,
                                   .path = copy->dest,
                                   .workdir = copy->workdir,
                                   .chmod = copy->has_chmod ? &copy->chmod : NULL,
                                   .mtime = made_time(c->w->b)};
    if (copy->link && copy->chown && !build_owner_is_plain(copy->chown))
        return cb_fail(err, CB_E_DOCKERFILE, "invalid user index: -1");
    if (resolve_owner(c, copy->chown, &p, err) < 0)
        return -1;
    *ret = build_place_new(&p);
    int passes = c->selection && !copy->n_remote && !copy->n_files ? build_place_pass(*ret, c->selection, &c->passage, err) : 0;
    c->passes = passes > 0;
    if (passes)
        return passes < 0 ? -1 : 0;
    if (place_sources(c, *ret, err) < 0)
        return -1;
    tell_left_out(c, *ret);
    for (size_t i = 0; i < copy->n_files; i++)
        if (build_place_inline(*ret, copy->files[i].name, copy->files[i].bytes, copy->files[i].len, err) < 0)
            return -1;
    return 0;
}

static int place_workdir(struct copying *c, struct build_place **ret, struct cb_error *err)
{
    const struct build_workdir *dir = &c->w->step->workdir;
    struct build_place_params p = {.dest = c->dest, .mtime = made_time(c->w->b)};
    if (resolve_owner(c, dir->user, &p, err) < 0)
        return -1;
    *ret = build_place_new(&p);
    return build_place_workdir(*ret, dir->path, err);
}

static int execute(struct copying *c, struct cache_layer *layer, struct cb_error *err)
{
    CB_AUTO(build_place) struct build_place *place = NULL;
    struct build_layer entries = {0};
    if (open_dest(c, err) < 0)
        return -1;
    if (c->w->step->op == BUILD_OP_WORKDIR) {
        if (place_workdir(c, &place, err) < 0)
            return -1;
    } else if (open_source(c, err) < 0 || place_copy(c, &place, err) < 0) {
        return -1;
    }
    if (!c->passes && build_place_finish(place, &entries, err) < 0)
        return -1;
    int r = write_layer(c, &entries, layer, err);
    free(entries.entries);
    return r;
}

/* Of this process, which does nothing else, and of the programs that it ran. */
static struct cb_usage own_usage(const struct timespec *from)
{
    struct cb_usage u = {.wall_us = (uint64_t)(cb_seconds_since(from) * 1e6)};
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    struct rusage r;
    for (size_t i = 0; i < CB_LEN(whose); i++)
        if (getrusage(whose[i], &r) == 0)
            cb_usage_add(&u, &r);
    return u;
}

int build_execute_files(struct build_work *w, struct build_outcome *ret, struct cb_error *err)
{
    struct copying c = {.w = w, .from.dir = -1, .passage = BUILD_PLACE_PASSAGE_INIT, .may_pack = !needs_files(w)};
    struct cache_layer layer;
    struct timespec from = cb_clock_now();
    int r = execute(&c, &layer, err);
    ret->usage = own_usage(&from);
    copying_done(&c);
    if (r < 0)
        return -1;
    ret->layer = layer.id;
    ret->created = layer.created;
    return 0;
}

int build_context_layer(struct build_work *w, struct build_local *l, const char *path, struct cache_layer *ret, char **ret_file,
                        struct cb_error *err)
{
    CB_AUTO(build_selection) struct build_selection sel = {0};
    CB_AUTO(build_place) struct build_place *place = NULL;
    struct copying c = {.w = w, .local = l, .from.dir = l->dir, .passage = BUILD_PLACE_PASSAGE_INIT};
    struct build_place_params p = {.path = "/", .mtime = made_time(w->b)};
    struct build_source *source = NULL;
    struct build_layer entries = {0};
    struct cb_digest digest;
    const char *words[] = {*path ? path : "/"};
    struct build_select_params params = {.words = words, .n_words = 1, .literal = true};
    if (build_local_source(w->b->session, l, &source, err) < 0 || build_select(source, &params, &sel, err) < 0 ||
        build_selection_digest(&sel, &digest, err) < 0)
        return -1;
    place = build_place_new(&p);
    int r = build_place_selection(place, &sel, err);
    if (r == 0)
        r = build_place_finish(place, &entries, err);
    if (r == 0)
        r = write_layer(&c, &entries, ret, err);
    if (r == 0 && sel.n_items == 1 && !sel.items[0].is_dir)
        *ret_file = cb_strdup(sel.items[0].name);
    free(entries.entries);
    return r;
}
