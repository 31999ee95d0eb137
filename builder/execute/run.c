/* RUN: opens the layers, prepares the mounts, runs the command in the sandbox, makes a layer of what it left
 * (dockerfile.md §11). */
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/execute/etc-files.h"
#include "builder/execute/execute.h"
#include "builder/execute/network.h"
#include "builder/execute/run-dir.h"
#include "builder/execute/run-root.h"
#include "builder/execute/tell.h"
#include "builder/execute/verdict.h"
#include "builder/execute/volumes.h"
#include "builder/session/jobs.h"
#include "builder/session/secret.h"
#include "runtime/relay.h"
#include "cache/layer/reader.h"
#include "cache/mount.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct open_mount {
    struct cb_buf data;        /* secret, script */
    int fd;                    /* ssh */
    struct cache_stack layers; /* bind */
    struct cache_mount *cache;
    char *path;
    pid_t relay; /* ssh; 0: none */
};

struct running_run {
    struct build_work *w;
    struct rt_mount *mounts;
    struct open_mount *opened; /* parallel to mounts */
    size_t n, cap, n_opened, cap_opened;
    struct build_volumes volumes;
    struct cb_strv env;
    struct build_run_root root;
    size_t n_ssh;
};

static void run_done(struct running_run *r)
{
    for (size_t i = 0; i < r->n_opened; i++) {
        cb_buf_done(&r->opened[i].data);
        cb_close(r->opened[i].fd);
        cache_stack_close(&r->opened[i].layers);
        cache_mount_release(r->opened[i].cache);
        if (r->opened[i].relay > 0) {
            kill(r->opened[i].relay, SIGKILL);
            waitpid(r->opened[i].relay, NULL, 0);
        }
        free(r->opened[i].path);
    }
    free(r->opened);
    free(r->mounts);
    build_volumes_done(&r->volumes);
    build_run_root_done(&r->root);
    cb_strv_done(&r->env);
}

static struct open_mount *opened_new(struct running_run *r)
{
    struct open_mount *o = &CB_PUSH(r->opened, r->n_opened, r->cap_opened);
    o->fd = -1;
    o->data = CB_BUF_INIT;
    return o;
}

/* ---- kinds of mounts ------------------------------------------------------------------------------------ */

static void set_env(struct cb_strv *env, const char *name, const char *value)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->items[i], name, n) == 0 && env->items[i][n] == '=') {
            free(env->items[i]);
            env->items[i] = cb_printf("%s=%s", name, value);
            return;
        }
    cb_strv_take(env, cb_printf("%s=%s", name, value));
}

/* Where layers cannot be stacked: a directory with their files, which is thrown away with what is written to it. */
static int add_copy(struct running_run *r, struct rt_mount *m, const struct cb_digest *layers, size_t n, struct cb_error *err)
{
    struct open_mount *o = &r->opened[r->n_opened - 1];
    o->fd = build_flatten(r->w, r->root.dir, layers, n, err);
    if (o->fd < 0)
        return -1;
    m->kind = RT_MOUNT_BIND;
    m->source_fd = o->fd;
    m->movable = true;
    CB_PUSH(r->mounts, r->n, r->cap) = *m;
    return 0;
}

static int add_bind(struct running_run *r, const struct build_run_mount *m, const struct build_input **next, struct cb_error *err)
{
    struct build *b = r->w->b;
    struct open_mount *o = opened_new(r);
    struct rt_mount mount = {
        .kind = RT_MOUNT_BIND, .target = m->target, .source_fd = -1, .source_path = m->m->source, .readonly = m->m->readonly};
    switch (m->from.kind) {
    case BUILD_FILES_CONTEXT: {
        struct cache_layer layer;
        if (build_context_layer(r->w, m->from.local, m->m->source, &layer, &o->path, err) < 0)
            return -1;
        if (cache_stack_open(b->session->store, &layer.id, 1, &o->layers, err) < 0)
            return -1;
        mount.source_path = o->path;
        /* The layer itself is only bound where nobody could make that mount writable. */
        if (o->layers.n == 1 && m->m->readonly && !r->w->step->run.over_namespace && !b->session->privilege.rung->chroots)
            mount.source_fd = o->layers.dirs[0];
        else
            mount.kind = RT_MOUNT_LAYERS;
        if (r->root.tree && mount.kind == RT_MOUNT_LAYERS)
            return add_copy(r, &mount, &layer.id, 1, err);
        break;
    }
    case BUILD_FILES_STEP: {
        const struct build_input *in = (*next)++;
        mount.kind = RT_MOUNT_LAYERS;
        if (r->root.tree)
            return add_copy(r, &mount, in->layers, in->n, err);
        if (cache_stack_open(b->session->store, in->layers, in->n, &o->layers, err) < 0)
            return -1;
        break;
    }
    case BUILD_FILES_EMPTY:
        mount.kind = RT_MOUNT_LAYERS;
        if (r->root.tree)
            return add_copy(r, &mount, NULL, 0, err);
        break;
    }
    mount.layers = o->layers.dirs;
    mount.n_layers = o->layers.n;
    CB_PUSH(r->mounts, r->n, r->cap) = mount;
    return 0;
}

static int add_cache(struct running_run *r, const struct build_run_mount *m, const struct build_input **next,
                     struct cb_error *err)
{
    const struct df_mount *d = m->m;
    struct open_mount *o = opened_new(r);
    const struct build_input *in = m->from.kind == BUILD_FILES_STEP ? (*next)++ : NULL;
    struct build_session *s = r->w->b->session;
    if (build_cache_mount(r->w, m, r->root.dir, in, &o->cache, err) < 0)
        return -1;
    /* To a run root, which is another store, nothing is lent: a cache that is moved there may be lost with its step. */
    if (s->privilege.rung->chroots && !s->run_root && cache_mount_lend(o->cache, &s->work, d->source, err) < 0)
        return -1;
    CB_PUSH(r->mounts, r->n, r->cap) = (struct rt_mount){.kind = RT_MOUNT_BIND,
                                                         .target = m->target,
                                                         .readonly = d->readonly,
                                                         .movable = true,
                                                         .source_fd = cache_mount_dir(o->cache),
                                                         .source_path = d->source};
    return 0;
}

/* In a chroot it is a file of the tree, which stays when we are killed. */
static int note_secret(struct build_session *s, struct cb_error *err)
{
    return s->privilege.rung->chroots ? cache_work_note_secret(build_work_place(s), &s->work, err) : 0;
}

static int add_secret(struct running_run *r, const struct build_run_mount *m, struct cb_error *err)
{
    const struct df_mount *d = m->m;
    struct open_mount *o = opened_new(r);
    const char *id = build_secret_id(d);
    struct cb_str value;
    int have = build_secret_read(r->w->b->session->request, id, &value, err);
    if (have < 0)
        return -1;
    if (have)
        cb_buf_add(&o->data, value.p, value.n);
    if (!have && d->required) {
        cb_fail(err, CB_E_NOT_FOUND, "secret %s: not found", id);
        return cb_hint(err, "give it with --secret id=%s,src=FILE or --secret id=%s,env=VARIABLE", id, id);
    }
    if (d->has_env)
        set_env(&r->env, d->env, o->data.data);
    if (!have || (d->has_env && !*d->target))
        return 0;
    if (note_secret(r->w->b->session, err) < 0)
        return -1;
    o->path = m->target ? cb_strdup(m->target) : cb_printf("/run/secrets/%s", cb_path_base(id));
    CB_PUSH(r->mounts, r->n, r->cap) = (struct rt_mount){.kind = RT_MOUNT_DATA,
                                                         .target = o->path,
                                                         .source_fd = -1,
                                                         .data = o->data.data,
                                                         .data_len = o->data.len,
                                                         .mode = d->has_mode ? d->mode : 0400,
                                                         .uid = d->has_uid ? d->uid : 0,
                                                         .gid = d->has_gid ? d->gid : 0,
                                                         .readonly = true,
                                                         .nosuid_nodev_noexec = true};
    return 0;
}

static int add_ssh(struct running_run *r, const struct build_run_mount *m, struct cb_error *err)
{
    const struct df_mount *d = m->m;
    const struct build_request *q = r->w->b->session->request;
    const char *id = *d->id ? d->id : "default", *socket = NULL;
    struct open_mount *o = opened_new(r);
    size_t number = r->n_ssh++;
    o->path = m->target ? cb_strdup(m->target) : cb_printf("/run/buildkit/ssh_agent.%zu", number);
    if (number == 0)
        cb_strv_take(&r->env, cb_printf("SSH_AUTH_SOCK=%s", o->path));
    for (size_t i = 0; i < q->n_ssh; i++)
        if (strcmp(q->ssh[i].id, id) == 0)
            socket = q->ssh[i].socket;
    if (!socket && d->required) {
        cb_fail(err, CB_E_NOT_FOUND, "no SSH key \"%s\" forwarded from the client", id);
        return cb_hint(err, "start an agent and give it with --ssh %s", id);
    }
    if (!socket)
        return 0;
    struct rt_relay relay = {
        .socket = socket, .mode = d->has_mode ? d->mode : 0600, .uid = d->has_uid ? d->uid : 0, .gid = d->has_gid ? d->gid : 0};
    CB_AUTO(free) char *name = cb_printf("ssh.%zu", number);
    o->relay = rt_relay_start(&relay, r->root.dir, name, &o->fd, err);
    if (o->relay < 0)
        return -1;
    CB_PUSH(r->mounts, r->n, r->cap) =
        (struct rt_mount){.kind = RT_MOUNT_SOCKET, .target = o->path, .source_fd = o->fd, .movable = true};
    return 0;
}

static void add_script(struct running_run *r)
{
    const struct build_run *run = &r->w->step->run;
    if (!run->script_name)
        return;
    struct open_mount *o = opened_new(r);
    o->path = cb_printf("/dev/pipes/%s", run->script_name);
    CB_PUSH(r->mounts, r->n, r->cap) = (struct rt_mount){.kind = RT_MOUNT_DATA,
                                                         .target = o->path,
                                                         .source_fd = -1,
                                                         .data = run->script,
                                                         .data_len = run->script_len,
                                                         .mode = 0755,
                                                         .readonly = true};
}

/* Those of the Dockerfile lie over them. */
static int add_volumes(struct running_run *r, struct cb_error *err)
{
    int e = build_volumes_open(r->w->b->session->request, &r->volumes, err);
    for (size_t i = 0; i < r->volumes.n && e == 0; i++)
        CB_PUSH(r->mounts, r->n, r->cap) = r->volumes.mounts[i];
    return e;
}

static int add_mounts(struct running_run *r, struct cb_error *err)
{
    if (add_volumes(r, err) < 0)
        return -1;
    const struct build_input *next = r->w->inputs;
    for (struct build_run_mount *m = r->w->step->run.mounts; m; m = m->next) {
        int e = 0;
        switch (m->m->type) {
        case DF_MOUNT_BIND:
            e = add_bind(r, m, &next, err);
            break;
        case DF_MOUNT_CACHE:
            e = add_cache(r, m, &next, err);
            break;
        case DF_MOUNT_TMPFS:
            CB_PUSH(r->mounts, r->n, r->cap) = (struct rt_mount){
                .kind = RT_MOUNT_TMPFS, .target = m->target, .source_fd = -1, .size = m->m->size, .readonly = m->m->readonly};
            break;
        case DF_MOUNT_SECRET:
            e = add_secret(r, m, err);
            break;
        case DF_MOUNT_SSH:
            e = add_ssh(r, m, err);
            break;
        case DF_MOUNT_COUNT:
            break;
        }
        if (e < 0)
            return -1;
    }
    add_script(r);
    return 0;
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static int run_sandbox(struct running_run *r, struct rt_result *res, struct cb_error *err)
{
    struct build *b = r->w->b;
    const struct build_run *run = &r->w->step->run;
    const struct build_request *q = b->session->request;
    const struct rt_network *network = build_network_of(run->network, r->w->io);
    build_network_check_proxies(network, &run->proxy_env, r->w->io);
    CB_AUTO(free) char *hosts = build_hosts_added(q, network->uplink);
    CB_AUTO(free) char *resolv = build_resolv_file(q, network->uplink);
    struct rt_sandbox s = {
        .argv = (const char *const *)(r->w->invoked ? r->w->invoked : &run->argv)->items,
        .env = (const char *const *)r->env.items,
        .cwd = run->cwd,
        .user = run->user,
        .hostname = run->hostname,
        .hosts = hosts,
        .resolv = resolv,
        .mounts = r->mounts,
        .n_mounts = r->n,
        .arch = run->arch,
        .network = network,
        .confinement = &q->confinement,
        .filter = &b->session->filter,
        .insecure = run->insecure,
        .shm_size = q->shm_size,
        .groups = b->session->groups,
        .timeout_ms = r->w->invoked ? 0 : q->step_timeout_ms,
        .rlimits = q->ulimits,
        .n_rlimits = q->n_ulimits,
        .stdin_fd = r->w->streams.in,
        .stdout_fd = r->w->streams.out,
        .stderr_fd = r->w->streams.err,
        .terminal = r->w->streams.terminal,
        .privilege = &b->session->privilege,
    };
    build_run_root_show(&r->root, &s);
    return rt_sandbox_run(&s, res, err);
}

/* Could it have handed a descriptor to another step? Then somebody may still look into its upper directory, or write to its tree,
 * and the next step gets one of its own. */
static bool keeps_to_itself(const struct running_run *r, const struct rt_result *res)
{
    const struct build_run *run = &r->w->step->run;
    if (r->volumes.n)
        return false;
    for (const struct build_run_mount *m = run->mounts; m; m = m->next)
        if (m->m->type == DF_MOUNT_CACHE)
            return false;
    return res->scoped || run->network->namespaces;
}

/* Opens all that the sandbox is made of. */
static int prepare(struct running_run *r, struct cb_error *err)
{
    const struct build_run *run = &r->w->step->run;
    cb_strv_copy(&r->env, &run->env);
    for (size_t i = 0; i < run->proxy_env.n; i++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(run->proxy_env.items[i], &value);
        set_env(&r->env, name, value);
    }
    const struct build_work *w = r->w;
    struct build_run_place place = {.session = w->b->session,
                                    .io = w->io,
                                    .dir = (w->invoked ? build_run_dir_again : build_run_dir_take)(w->b, w->step->index, err),
                                    .layers = w->layers,
                                    .n_layers = w->n_layers,
                                    .again = w->invoked};
    return build_run_root_open(&place, &r->root, err) < 0 ? -1 : add_mounts(r, err);
}

static int execute(struct running_run *r, struct rt_result *res, struct cache_layer *layer, struct cb_error *err)
{
    const struct build_run *run = &r->w->step->run;
    if (prepare(r, err) < 0)
        return -1;
    if (run_sandbox(r, res, err) < 0) {
        CB_AUTO(free) char *command = build_command_text(run);
        return cb_prefix(err, "process %s did not complete successfully", command);
    }
    build_tell_rung(r->w->io, &r->w->b->session->privilege, res);
    if (res->no_hostname && run->asked_hostname)
        build_tell_hostname(r->w->io, run->hostname);
    if (build_verdict(r->w->b->session->request, run, res, err) < 0)
        return -1;
    /* In a chroot nothing but the rights of a step keeps it from others, and it shares no cache with them meanwhile. */
    bool private = r->w->b->session->privilege.rung->chroots || keeps_to_itself(r, res);
    if (build_run_root_commit(&r->root, private, &res->links, layer, err) < 0)
        return -1;
    if (!r->root.tree && private && r->w->n_seeds == 0)
        build_run_dir_leave(r->w->b, r->w->step->index, r->root.dir);
    return 0;
}

int build_execute_run(struct build_work *w, struct build_outcome *ret, struct cb_error *err)
{
    struct running_run r = {.w = w, .root = BUILD_RUN_ROOT_INIT};
    struct rt_result res = {0};
    struct cache_layer layer;
    int e = execute(&r, &res, &layer, err);
    free(res.links.items);
    run_done(&r);
    if (e < 0)
        return -1;
    ret->layer = layer.id;
    ret->created = layer.created;
    ret->usage = res.usage;
    return 0;
}

int build_execute_run_invoked(struct build_work *w, struct cb_error *err)
{
    struct running_run r = {.w = w, .root = BUILD_RUN_ROOT_INIT};
    struct rt_result res = {0};
    int e = prepare(&r, err) < 0 ? -1 : run_sandbox(&r, &res, err);
    free(res.links.items);
    run_done(&r);
    return e == 0 && res.not_started ? cb_fail(err, CB_E_RUN, "%s", res.why) : e;
}
