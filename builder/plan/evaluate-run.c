/* RUN: the command, its environment and its mounts (dockerfile.md §11). */
#include "base/path.h"
#include "base/text.h"
#include "builder/plan/planner-internal.h"

static const char *const proxy_names[] = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"};

static const char *proxy_of_machine(const struct build_request *r, const char *name)
{
    for (size_t i = 0; i < r->proxies.n; i++) {
        const char *value;
        CB_AUTO(free) char *known = cb_split_pair(r->proxies.items[i], &value);
        if (strcmp(known, name) == 0)
            return value;
    }
    return NULL;
}

/* Proxy build-args reach every RUN in both spellings, undeclared, outside keys and history (§9). So do those that this machine
 * has, where no build-arg says otherwise. */
static void add_proxies(struct build_planner *p, struct build_run *run)
{
    for (size_t k = 0; k < CB_LEN(proxy_names); k++) {
        const char *value = NULL;
        bool lower_given = false;
        CB_AUTO(free) char *lower = cb_strdup(proxy_names[k]);
        for (char *c = lower; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
        for (struct cb_map_item *it = NULL; (it = cb_map_next(&p->build_args.map, it));) {
            if (strcasecmp(it->key, lower) != 0 || lower_given)
                continue;
            value = it->value;
            lower_given = strcmp(it->key, lower) == 0;
        }
        if (!value)
            value = proxy_of_machine(p->in->request, proxy_names[k]);
        if (!value || !*value)
            continue;
        cb_strv_take(&run->proxy_env, cb_printf("%s=%s", proxy_names[k], value));
        cb_strv_take(&run->proxy_env, cb_printf("%s=%s", lower, value));
    }
}

static int add_mount(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *text,
                     struct build_run_mount ***tail, struct cb_error *err)
{
    CB_AUTO(cb_map) struct cb_map unmatched = {0};
    struct df_expand x = build_expander(p, s, &unmatched);
    struct df_mount *m = CB_NEW(struct df_mount);
    if (df_mount_parse(text, &x, m, err) < 0) {
        free(m);
        return -1;
    }
    build_report_undefined(p, s, i, &unmatched);
    struct build_run_mount *mount = CB_NEW(struct build_run_mount);
    mount->m = m;
    **tail = mount;
    *tail = &mount->next;
    mount->from = (struct build_files){m->type == DF_MOUNT_BIND ? BUILD_FILES_CONTEXT : BUILD_FILES_EMPTY, p->in->context, NULL};
    const char *from = *m->from ? m->from : m->type == DF_MOUNT_CACHE ? "scratch" : NULL;
    if (from && build_resolve_from(p, s, i, from, m->target, &mount->from, err) < 0)
        return -1;
    bool has_root = m->type == DF_MOUNT_BIND || m->type == DF_MOUNT_CACHE || m->type == DF_MOUNT_TMPFS;
    const char *workdir = s->state.config.working_dir && *s->state.config.working_dir ? s->state.config.working_dir : "/";
    if (*m->target || has_root) {
        mount->target = cb_path_abs(workdir, m->target);
        if (strcmp(mount->target, "/") == 0)
            return cb_fail(err, CB_E_DOCKERFILE, "invalid mount target \"/\"");
    }
    if (m->type == DF_MOUNT_CACHE && !*m->id) {
        free(m->id);
        m->id = cb_strdup(mount->target);
    }
    return 0;
}

static void add_history(struct build_stage *s, const struct build_run *run, struct build_step *step)
{
    CB_AUTO(cb_buf) struct cb_buf h = CB_BUF_INIT;
    cb_buf_adds(&h, "RUN ");
    if (s->args.n)
        cb_buf_printf(&h, "|%zu ", s->args.n);
    for (size_t k = 0; k < s->args.n; k++) {
        const char *value = build_vars_get(&s->env, s->args.items[k]);
        value = value ? value : build_vars_get(&s->declared, s->args.items[k]);
        cb_buf_printf(&h, "%s=%s ", s->args.items[k], value ? value : "");
    }
    for (size_t k = 0; k < run->argv.n; k++)
        cb_buf_printf(&h, k ? " %s" : "%s", run->argv.items[k]);
    cb_buf_adds(&h, " # buildkit");
    build_history_add(s, cb_buf_detach(&h), step);
}

static int set_confinement(struct build_planner *p, const struct df_run *d, struct build_run *run, struct cb_error *err)
{
    const struct build_request *r = p->in->request;
    run->insecure = d->security == DF_SECURITY_INSECURE;
    run->over_namespace = run->insecure || rt_confinement_reaches_others(&r->confinement);
    if (run->insecure && !r->allow_insecure) {
        cb_fail(err, CB_E_DOCKERFILE, "security.insecure is not allowed");
        return cb_hint(err, "allow it with --allow security.insecure");
    }
    if (d->network == DF_NETWORK_HOST && !r->allow_host_network) {
        cb_fail(err, CB_E_DOCKERFILE, "network.host is not allowed");
        return cb_hint(err, "allow it with --allow network.host");
    }
    run->network = rt_network_find(d->network == DF_NETWORK_DEFAULT ? r->network : df_network_names[d->network]);
    return 0;
}

static bool valid_utf8(const struct cb_strv *v)
{
    for (size_t k = 0; k < v->n; k++) {
        size_t n = strlen(v->items[k]), len;
        for (const char *c = v->items[k]; n; c += len, n -= len)
            if (cb_utf8_decode(c, n, &len) == 0xFFFD && len == 1)
                return false;
    }
    return true;
}

static void set_environment(struct build_planner *p, struct build_stage *s, struct build_run *run)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&s->env.map, it));)
        cb_strv_take(&run->env, cb_printf("%s=%s", it->key, (const char *)it->value));
    for (size_t k = 0; k < s->args.n; k++)
        if (build_vars_get(&s->env, s->args.items[k]) && !oci_env_get(&s->state.config, s->args.items[k]))
            cb_strv_push(&run->args, s->args.items[k]);
    add_proxies(p, run);
    const char *hostname = build_vars_get(&p->build_args, "BUILDKIT_SANDBOX_HOSTNAME");
    const char *dir = s->state.config.working_dir;
    run->asked_hostname = hostname && *hostname;
    run->hostname = cb_strdup(run->asked_hostname ? hostname : "buildkitsandbox");
    run->cwd = cb_path_abs("/", dir && *dir ? dir : "/");
    run->user = cb_strdup(s->state.config.user ? s->state.config.user : "");
    const char *arch = s->state.config.platform.arch;
    if (arch && *arch && strcmp(arch, p->all->host.arch) != 0)
        run->arch = cb_strdup(arch);
}

int build_evaluate_run(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    s->number++;
    if (i->run.heredoc_in_flag) {
        cb_fail(err, CB_E_DOCKERFILE, "parsing produced an invalid run command: []");
        return cb_hint(err, "a heredoc stands in a flag and there is no command that reads it");
    }
    struct build_step *step = build_step_new(p, s, BUILD_OP_RUN, i);
    struct build_run *run = &step->run;
    struct build_run_mount **tail = &run->mounts;
    for (size_t k = 0; k < i->run.mounts.n; k++)
        if (add_mount(p, s, i, i->run.mounts.items[k], &tail, err) < 0)
            return -1;
    if (set_confinement(p, &i->run, run, err) < 0)
        return -1;
    if (i->run.devices.n)
        return cb_fail(err, CB_E_UNSUPPORTED, "device feature is only supported in Dockerfile frontend 1.14.0-labs or later");
    build_shell_command(s, &i->run.command, &run->argv);
    if (!run->argv.n)
        build_note_late_mistake(p, i->at, "arguments are required");
    else if (!valid_utf8(&run->argv))
        build_note_late_mistake(p, i->at, "failed to marshal LLB definition: string field contains invalid UTF-8");
    if (i->run.script_name) {
        run->script_name = cb_strdup(i->run.script_name);
        run->script = cb_memdup0(i->run.script.p, i->run.script.n);
        run->script_len = i->run.script.n;
    }
    set_environment(p, s, run);
    add_history(s, run, step);
    return 0;
}
