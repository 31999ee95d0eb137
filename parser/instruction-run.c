/* RUN and HEALTHCHECK: what to run and how (dockerfile.md §6, §11, §13). */
#include "parser/instruction-internal.h"

#include "base/path.h"
#include "base/text.h"
#include "parser/lex-internal.h"
#include "parser/mount.h"
#include "parser/value.h"

const char *const df_network_names[DF_NETWORK_COUNT] = {"default", "none", "host"};
const char *const df_security_names[DF_SECURITY_COUNT] = {"sandbox", "insecure"};

static int find_name(const char *const *names, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0)
            return (int)i;
    return -1;
}

/* ---- heredocs of RUN ------------------------------------------------------------------------ */

static struct cb_str body_of(struct df_decoder *d, const struct df_heredoc *h)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (!h->chomp)
        return h->content;
    df_chomp(h->content, &b);
    return df_keep(&d->file->arena, (struct cb_str){b.data, b.len});
}

static void set_text(struct df_decoder *d, struct df_run *run, const char *text)
{
    struct cb_str one = cb_str(text);
    run->command = (struct df_command){.args = df_list_of(d, &one, 1)};
}

/* The text is one heredoc and nothing else: its body is the script, or goes to the shell as it is. */
static int lone_heredoc(struct df_decoder *d, const struct df_heredoc *h, struct df_run *run)
{
    struct cb_str body = body_of(d, h);
    if (body.n >= 2 && memcmp(body.p, "#!", 2) == 0) {
        CB_AUTO(free) char *path = cb_path_join("/dev/pipes/", h->name.p);
        run->script_name = h->name.p;
        run->script = body;
        set_text(d, run, cb_arena_strdup(&d->file->arena, path));
        return 0;
    }
    if (strlen(body.p) != body.n)
        return cb_fail(d->err, CB_E_DOCKERFILE, "a NUL byte cannot be part of a command");
    set_text(d, run, body.p);
    return 0;
}

/* The shell reads the heredocs itself: text, bodies and terminators as they were written. */
static int shell_heredocs(struct df_decoder *d, const struct df_node *node, struct df_run *run)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_adds(&b, node->args.items[0].p);
    for (size_t i = 0; i < node->n_heredocs; i++) {
        cb_buf_addc(&b, '\n');
        cb_buf_add(&b, node->heredocs[i].content.p, node->heredocs[i].content.n);
        cb_buf_add(&b, node->heredocs[i].name.p, node->heredocs[i].name.n);
    }
    if (strlen(b.data) != b.len)
        return cb_fail(d->err, CB_E_DOCKERFILE, "a NUL byte cannot be part of a command");
    set_text(d, run, cb_arena_memdup0(&d->file->arena, b.data, b.len));
    return 0;
}

static int compose(struct df_decoder *d, const struct df_node *node, struct df_run *run)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct df_heredoc lone;
    if (!node->n_heredocs) {
        run->command = df_command_of(d, node, 0);
        return 0;
    }
    if (!node->args.n) {
        run->heredoc_in_flag = true;
        return 0;
    }
    if (df_heredoc_word(node->args.items[0], &d->file->arena, &lone, &ignored) > 0)
        return lone_heredoc(d, &node->heredocs[0], run);
    return shell_heredocs(d, node, run);
}

/* ---- flags of RUN --------------------------------------------------------------------------- */

/* The values that are wrong whether or not the stage is built, in BuildKit's order. */
static int check_values(struct df_decoder *d, struct df_run *run)
{
    for (size_t i = 0; i < run->devices.n; i++) {
        CB_AUTO(df_device) struct df_device device = {0};
        if (df_device_parse(run->devices.items[i], &device, d->err) < 0)
            return -1;
    }
    for (size_t i = 0; i < run->mounts.n; i++)
        if (df_mount_check(run->mounts.items[i], NULL, d->err) < 0)
            return -1;
    return 0;
}

/* The number of `word` among `names`, or -1 with an error that quotes it between head and tail. */
static int choose(struct df_decoder *d, const char *const *names, size_t n, const char *word, const char *head, const char *tail)
{
    int found = find_name(names, n, word);
    if (found >= 0)
        return found;
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, word, strlen(word));
    return cb_fail(d->err, CB_E_DOCKERFILE, "%s%s%s", head, quoted.data, tail);
}

int df_decode_run(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    enum { MOUNT, NETWORK, SECURITY, DEVICE };
    struct df_flag flags[] = {
        [MOUNT] = {.name = "mount", .type = DF_FLAG_LIST},
        [NETWORK] = {.name = "network"},
        [SECURITY] = {.name = "security"},
        [DEVICE] = {.name = "device", .type = DF_FLAG_LIST},
    };
    struct df_run *run = &i->run;
    if (df_flags_read(d, node, flags, CB_LEN(flags)) < 0 || compose(d, node, run) < 0)
        return -1;
    run->mounts = flags[MOUNT].list;
    run->devices = flags[DEVICE].list;
    if (check_values(d, run) < 0)
        return -1;
    if (flags[NETWORK].used) {
        int r = choose(d, df_network_names, DF_NETWORK_COUNT, flags[NETWORK].text, "invalid network mode ", "");
        if (r < 0)
            return -1;
        run->network = (enum df_network)r;
        run->network_given = true;
    }
    if (flags[SECURITY].used) {
        int r = choose(d, df_security_names, DF_SECURITY_COUNT, flags[SECURITY].text, "security ", " is not valid");
        if (r < 0)
            return -1;
        run->security = (enum df_security)r;
    }
    return 0;
}

/* ---- HEALTHCHECK ---------------------------------------------------------------------------- */

static int interval(struct df_decoder *d, const struct df_flag *f, int64_t *ret)
{
    const char *text = df_flag_text(f);
    if (!text)
        return 0;
    if (df_parse_duration(text, ret, d->err) < 0)
        return -1;
    if (*ret != 0 && *ret < 1000000)
        return cb_fail(d->err, CB_E_DOCKERFILE, "Interval \"%s\" cannot be less than 1ms", f->name);
    return 0;
}

static bool is_integer(const char *s)
{
    s += *s == '-' || *s == '+';
    return *s && !s[strspn(s, "0123456789")];
}

static int retries(struct df_decoder *d, const struct df_flag *f, int32_t *ret)
{
    const char *text = df_flag_text(f);
    int64_t v;
    if (!text)
        return 0;
    if (!df_parse_int(text, &v) || v != (int32_t)v) {
        CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
        cb_quote_go(&quoted, text, strlen(text));
        return cb_fail(d->err, CB_E_DOCKERFILE, "strconv.ParseInt: parsing %s: %s", quoted.data,
                       is_integer(text) ? "value out of range" : "invalid syntax");
    }
    if (v < 0)
        return cb_fail(d->err, CB_E_DOCKERFILE, "--retries cannot be negative (%d)", (int)v);
    *ret = (int32_t)v;
    return 0;
}

static int health_command(struct df_decoder *d, const struct df_node *node, struct df_healthcheck *h)
{
    if (!df_equal_fold(node->args.items[0], "CMD")) {
        CB_AUTO(cb_buf) struct cb_buf upper = CB_BUF_INIT, quoted = CB_BUF_INIT;
        cb_buf_add(&upper, node->args.items[0].p, node->args.items[0].n);
        for (size_t i = 0; i < upper.len; i++)
            if (upper.data[i] >= 'a' && upper.data[i] <= 'z')
                upper.data[i] &= ~0x20;
        cb_quote_go(&quoted, upper.data, upper.len);
        return cb_fail(d->err, CB_E_DOCKERFILE, "Unknown type %s in HEALTHCHECK (try CMD)", quoted.data);
    }
    if (node->args.n < 2)
        return cb_fail(d->err, CB_E_DOCKERFILE, "Missing command after HEALTHCHECK CMD");
    h->exec = node->json;
    h->args = df_list_of(d, node->args.items + 1, node->args.n - 1);
    return 0;
}

int df_decode_healthcheck(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    enum { INTERVAL, TIMEOUT, START_PERIOD, START_INTERVAL, RETRIES };
    struct df_flag flags[] = {
        [INTERVAL] = {.name = "interval"},         [TIMEOUT] = {.name = "timeout"},
        [START_PERIOD] = {.name = "start-period"}, [START_INTERVAL] = {.name = "start-interval"},
        [RETRIES] = {.name = "retries"},
    };
    struct df_healthcheck *h = &i->healthcheck;
    if (!node->args.n)
        return cb_fail(d->err, CB_E_DOCKERFILE, "HEALTHCHECK requires at least one argument");
    if (df_equal_fold(node->args.items[0], "NONE")) {
        if (node->args.n > 1)
            return cb_fail(d->err, CB_E_DOCKERFILE, "HEALTHCHECK NONE takes no arguments");
        h->none = true;
        return 0;
    }
    if (df_flags_read(d, node, flags, CB_LEN(flags)) < 0 || health_command(d, node, h) < 0)
        return -1;
    if (interval(d, &flags[INTERVAL], &h->interval) < 0 || interval(d, &flags[TIMEOUT], &h->timeout) < 0 ||
        interval(d, &flags[START_PERIOD], &h->start_period) < 0 || interval(d, &flags[START_INTERVAL], &h->start_interval) < 0)
        return -1;
    return retries(d, &flags[RETRIES], &h->retries);
}
