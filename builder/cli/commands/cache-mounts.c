/* cache mounts: the directories of RUN --mount=type=cache; ls. Files there have any owner, so all is done by jobs of the helper.
 */
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/mounts-list.h"

#include <stdio.h>

struct ls {
    struct cli_invocation common;
    bool json;
};

static const char *or_dash(const char *word)
{
    return *word ? word : "-";
}

static void time_text(int64_t seconds, char out[CB_TIME_MAX])
{
    if (seconds)
        cb_time_rfc3339((struct timespec){.tv_sec = seconds}, out);
    else
        memcpy(out, "-", 2);
}

static void print_line(const struct cache_mount_about *a)
{
    char size[16], made[CB_TIME_MAX], used[CB_TIME_MAX];
    CB_AUTO(cb_buf) struct cb_buf id = CB_BUF_INIT;
    CB_AUTO(free) char *owner = a->exists ? cb_printf("%u:%u %o", a->uid, a->gid, a->mode) : cb_strdup("-");
    const char *text = a->name.id ? a->name.id : "-";
    if (a->name.ns && *a->name.ns)
        cb_escape_terminal(&id, a->name.ns, strlen(a->name.ns), false);
    if (id.len)
        cb_buf_addc(&id, ' ');
    cb_escape_terminal(&id, text, strlen(text), false);
    time_text(a->made, made);
    time_text(a->used, used);
    printf("%-30s %.12s %9s  %-20s  %-20s  %-14s %-6s %-6s %s\n", id.data, a->hex, cb_human_size(a->bytes, size), made, used,
           owner, or_dash(a->origin), or_dash(a->form), a->in_use ? "in use" : "");
}

static json_t *time_json(int64_t seconds)
{
    char text[CB_TIME_MAX];
    time_text(seconds, text);
    return seconds ? json_string(text) : json_null();
}

static json_t *describe(const struct cache_mount_about *a)
{
    json_t *j = json_object();
    json_object_set_new(j, "Id", a->name.id ? json_string(a->name.id) : json_null());
    json_object_set_new(j, "Namespace", json_string(a->name.ns ? a->name.ns : ""));
    json_object_set_new(j, "Key", json_string(a->hex));
    json_object_set_new(j, "Size", json_integer((json_int_t)a->bytes));
    json_object_set_new(j, "Created", time_json(a->made));
    json_object_set_new(j, "LastUsed", time_json(a->used));
    json_object_set_new(j, "InUse", json_boolean(a->in_use));
    json_object_set_new(j, "Directories", json_integer((json_int_t)a->slots));
    json_object_set_new(j, "Origin", json_string(a->origin));
    json_object_set_new(j, "Owners", json_string(a->form));
    if (a->exists) {
        json_object_set_new(j, "Uid", json_integer(a->uid));
        json_object_set_new(j, "Gid", json_integer(a->gid));
        json_object_set_new(j, "Mode", json_integer(a->mode));
    }
    return j;
}

static void print_json(const struct cli_mounts *l)
{
    CB_AUTO(json) json_t *all = json_array();
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(all, describe(&l->items[i]));
    cb_json_dump(all, CB_JSON_INDENT, &out);
    puts(out.data);
}

static int ls(void *filled, struct cb_error *err)
{
    struct ls *v = filled;
    CB_AUTO(cli_mounts) struct cli_mounts l = {0};
    if (cli_open_to_read(&v->common, err) < 0 || cli_mounts_get(&v->common.session, &l, err) < 0)
        return -1;
    if (v->json) {
        print_json(&l);
        return 0;
    }
    printf("%-30s %-12s %9s  %-20s  %-20s  %-14s %-6s %-6s\n", "ID", "KEY", "SIZE", "CREATED", "LAST USED", "OWNER", "FROM",
           "OWNERS");
    for (size_t i = 0; i < l.n; i++)
        print_line(&l.items[i]);
    return 0;
}

static const struct cli_option ls_options[] = {
    {"json", 0, "Display", NULL, NULL, cli_set_switch, offsetof(struct ls, json), "print JSON"},
};

static const struct cli_command cli_mounts_ls = {
    .name = "cache mounts ls",
    .arguments = "",
    .help = "list the directories of RUN --mount=type=cache",
    .tables = {CLI_TABLE(ls_options)},
    .size = sizeof(struct ls),
    .run = ls,
};

/* ---- the group ------------------------------------------------------------------------------------------------------- */

static const struct cli_command *const commands[] = {
    &cli_mounts_ls, &cli_mounts_rm, &cli_mounts_export, &cli_mounts_import, NULL,
};

static int mounts(void *filled, struct cb_error *err)
{
    return cli_run_group(&cli_cache_mounts, filled, err);
}

const struct cli_command cli_cache_mounts = {
    .name = "cache mounts",
    .arguments = "COMMAND",
    .help = "look at the directories of RUN --mount=type=cache, remove and carry them",
    .max = SIZE_MAX,
    .command_line = true,
    .size = sizeof(struct cli_invocation),
    .group = commands,
    .run = mounts,
};
