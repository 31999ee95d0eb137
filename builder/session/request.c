#include "builder/session/request.h"
#include "base/text.h"
#include "parser/value.h"
#include "builder/policy/policy.h"

const char *const build_pull_names[BUILD_PULL_COUNT] = {"missing", "always", "newer", "never"};
const char *const build_progress_names[BUILD_PROGRESS_COUNT] = {"auto", "tty", "plain", "quiet", "rawjson", "none"};

static void output_done(struct build_output *o)
{
    free(o->dest);
    free(o->name);
    cb_strv_done(&o->annotations);
}

static void share_done(struct build_share *o)
{
    free(o->place);
    cb_strv_done(&o->settings);
    cb_strv_done(&o->mounts);
}

static void changes_done(struct build_changes *c)
{
    free(c->from);
    cb_strv_done(&c->env);
    cb_strv_done(&c->unset_env);
    cb_strv_done(&c->unset_labels);
}

void build_request_done(struct build_request *r)
{
    char *strings[] = {r->context,
                       r->dockerfile,
                       r->target,
                       r->platform,
                       r->root,
                       r->run_root,
                       r->call_format,
                       r->context_sub,
                       r->iidfile,
                       r->list,
                       r->metadata_file,
                       r->ignorefile,
                       r->logfile,
                       r->digest_files.digest,
                       r->digest_files.names,
                       r->digest_files.tags};
    struct cb_strv *lists[] = {&r->file_args, &r->tags,       &r->build_args,  &r->labels,  &r->annotations, &r->add_hosts,
                               &r->dns,       &r->dns_search, &r->dns_options, &r->proxies, &r->contexts,    &r->no_cache_filter,
                               &r->invoke,    &r->notes};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
    for (size_t i = 0; i < CB_LEN(lists); i++)
        cb_strv_done(lists[i]);
    for (size_t i = 0; i < r->n_outputs; i++)
        output_done(&r->outputs[i]);
    free(r->outputs);
    free(r->attest.builder_id);
    free(r->sign.key);
    build_policy_free(r->policy);
    for (size_t i = 0; i < r->n_shares; i++)
        share_done(&r->shares[i]);
    free(r->shares);
    for (size_t i = 0; i < r->n_secrets; i++) {
        free(r->secrets[i].id);
        free(r->secrets[i].src);
        free(r->secrets[i].env);
        if (r->secrets[i].known) {
            explicit_bzero(r->secrets[i].value.data, r->secrets[i].value.len);
            cb_buf_done(&r->secrets[i].value);
        }
    }
    free(r->secrets);
    for (size_t i = 0; i < r->n_ssh; i++) {
        free(r->ssh[i].id);
        free(r->ssh[i].socket);
    }
    free(r->ssh);
    for (size_t i = 0; i < r->n_volumes; i++) {
        free(r->volumes[i].source);
        free(r->volumes[i].target);
    }
    free(r->volumes);
    rt_confinement_done(&r->confinement);
    free(r->ulimits);
    changes_done(&r->changes);
    reg_options_done(&r->registry);
    rt_limits_done(&r->limits);
    *r = (struct build_request){0};
}

const char *build_share_setting(const struct build_share *o, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = o->settings.n; i-- > 0;)
        if (cb_starts(o->settings.items[i], key) && o->settings.items[i][n] == '=')
            return o->settings.items[i] + n + 1;
    return NULL;
}

bool build_arg_says_yes(const struct build_request *r, const char *name)
{
    bool yes = false, given;
    for (size_t i = 0; i < r->build_args.n; i++) {
        const char *value;
        CB_AUTO(free) char *own = cb_split_pair(r->build_args.items[i], &value);
        if (strcmp(own, name) == 0 && value && df_parse_bool(value, &given))
            yes = given;
    }
    return yes;
}

int build_read_codec(const char *key, const char *value, const struct cb_codec **ret, struct cb_error *err)
{
    *ret = cb_codec_find(value);
    if (*ret)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    cb_codec_names(&all, ", ");
    return cb_fail(err, CB_E_USAGE, "%s: '%s' is not one of %s", key, value, all.data);
}

int build_read_level(const char *key, const char *value, int *ret, struct cb_error *err)
{
    int64_t level;
    if (!cb_parse_i64(value, &level) || level < -100 || level > 100)
        return cb_fail(err, CB_E_USAGE, "%s: '%s' is not a level", key, value);
    *ret = (int)level;
    return 0;
}
