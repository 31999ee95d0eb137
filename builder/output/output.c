#include "builder/output/out-file.h"
#include "builder/output/output-internal.h"
#include "base/text.h"
#include "parser/value.h"

#include <unistd.h>

#define OUTPUT_ENTRY(name) &build_output_##name,
const struct build_output_ops *const build_outputs[] = {OUTPUTS(OUTPUT_ENTRY) NULL};

void build_result_done(struct build_result *r)
{
    cb_strv_done(&r->names);
    cb_strv_done(&r->image_names);
}

const struct build_output_ops *build_output_find(const char *type)
{
    for (const struct build_output_ops *const *ops = build_outputs; *ops; ops++)
        if (strcmp((*ops)->name, type) == 0)
            return *ops;
    return NULL;
}

void build_output_types(struct cb_buf *out, const char *between)
{
    for (const struct build_output_ops *const *ops = build_outputs; *ops; ops++)
        cb_buf_printf(out, "%s%s", ops == build_outputs ? "" : between, (*ops)->name);
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

void build_output_begin(struct build_output *o, const struct build_output_ops *ops)
{
    *o = (struct build_output){.ops = ops,
                               .codec = cb_codecs[0],
                               .level = -1,
                               .docker_types = ops->docker_types,
                               .takes_files = ops->takes_files,
                               .platform_split = -1};
}

static const struct build_output_key *find_key(const struct build_output_ops *ops, const char *name)
{
    for (const struct build_output_key *const *k = ops->keys; k && *k; k++)
        if ((*k)->prefix ? cb_starts(name, (*k)->name) : strcmp(name, (*k)->name) == 0)
            return *k;
    return NULL;
}

/* The key is for other kinds: the message names them. A value that asks for nothing is let pass. */
static int refuse_key(const char *key, const char *value, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf takers = CB_BUF_INIT;
    const struct build_output_key *found = NULL;
    bool fine, given;
    for (const struct build_output_ops *const *ops = build_outputs; *ops; ops++) {
        const struct build_output_key *k = find_key(*ops, key);
        if (k)
            cb_buf_printf(&takers, found ? ", %s" : "%s", (*ops)->name);
        found = k ? k : found;
    }
    if (!found)
        return build_output_other_key(key, value, err);
    if (found->fine && df_parse_bool(found->fine, &fine) && df_parse_bool(value, &given) && given == fine)
        return 0;
    return cb_fail(err, CB_E_USAGE, "%s=%s goes with type=%s", key, value, takers.data);
}

int build_output_set(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    const struct build_output_key *k = find_key(o->ops, key);
    return k ? k->set(o, key, value, err) : refuse_key(key, value, err);
}

static bool is_directory(const struct build_output *o)
{
    return o->ops->dest == BUILD_DEST_DIRECTORY || o->as_directory;
}

/* What becomes one file goes to standard output when no other is named: into a pipe to what loads it. */
static int check_dest(struct build_output *o, struct cb_error *err)
{
    if (o->ops->dest == BUILD_DEST_NONE)
        return 0;
    if (is_directory(o) && !o->dest)
        return cb_fail(err, CB_E_USAGE, "dest= is missing");
    if (!o->dest)
        o->dest = cb_strdup("-");
    if (strcmp(o->dest, "-") != 0)
        return 0;
    if (is_directory(o))
        return cb_fail(err, CB_E_USAGE, "a directory cannot be written to standard output; use %s",
                       o->as_directory ? "tar=true" : "type=tar");
    if (!isatty(STDOUT_FILENO))
        return 0;
    cb_fail(err, CB_E_USAGE, "standard output is a terminal; redirect it");
    return cb_hint(err, "name a file with dest=FILE, or use --load to have the image in the store");
}

static int check_layers(const struct build_output *o, struct cb_error *err)
{
    if (o->docker_types && (!o->codec->docker_reads || o->annotations.n))
        return cb_fail(err, CB_E_USAGE, "Docker's media types have no %s; take oci-mediatypes=true",
                       o->annotations.n ? "annotations" : o->codec->name);
    if (o->level != -1 && !cb_codec_has_level(o->codec, o->level))
        return cb_fail(err, CB_E_USAGE, "compression-level=%d: %s has no such level", o->level, o->codec->name);
    return 0;
}

int build_output_end(struct build_output *o, struct cb_error *err)
{
    if (check_dest(o, err) < 0 || check_layers(o, err) < 0)
        return -1;
    return o->ops->check ? o->ops->check(o, err) : 0;
}

bool build_output_attests(const struct build_output *o)
{
    return !o->docker_types && (o->ops->attests || o->push);
}

/* ---- doing it --------------------------------------------------------------------------------------------------- */

int build_output_check(const struct build_output *o, struct cb_error *err)
{
    if (!o->dest)
        return 0;
    return is_directory(o) ? build_out_check_directory(o->dest, err) : build_out_check(o->dest, err);
}

int build_output_write(struct build_session *s, const struct build_output *o, const struct build_images *images,
                       struct build_result *ret, struct cb_error *err)
{
    if (o->ops->write(s, o, images, ret, err) < 0)
        return -1;
    if (o->dest && strcmp(o->dest, "-") != 0)
        cb_strv_push(&ret->names, o->dest);
    return 0;
}
