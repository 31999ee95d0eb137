#include "builder/cli/commands/sign.h"
#include "base/proc.h"
#include "registry/oci/reference.h"

#include <unistd.h>

#define MAX_WORDS (1u << 20) /* of what it prints */

static bool is_installed(const char *program)
{
    const char *rest = getenv("PATH");
    for (char *path; (path = cb_path_next(&rest, program));) {
        CB_AUTO(free) char *found = path;
        if (access(found, X_OK) == 0)
            return true;
    }
    return false;
}

int cli_sign_check(const struct build_request *q, struct cb_error *err)
{
    bool pushes = false;
    for (size_t i = 0; i < q->n_outputs; i++)
        pushes |= q->outputs[i].push;
    if (!q->sign.wanted)
        return 0;
    if (!pushes)
        return cb_fail(err, CB_E_USAGE, "--sign: nothing is pushed, and signatures lie beside an image in its registry");
    if (is_installed("cosign"))
        return 0;
    cb_fail(err, CB_E_UNSUPPORTED, "--sign: the program 'cosign' is not installed");
    return cb_hint(err, "install cosign (sigstore), or sign what --metadata-file names: containerimage.digest");
}

/* What it said last tells most. */
static int say_why(const struct cb_buf *said, int status, const char *what, struct cb_error *err)
{
    size_t end = said->len;
    while (end && said->data[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin && said->data[begin - 1] != '\n')
        begin--;
    return cb_fail(err, CB_E_FAILED, "cosign could not sign '%s' (status %d): %.*s", what, status, (int)(end - begin),
                   said->data + begin);
}

static int sign(const struct build_session *s, const char *what, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, said = CB_BUF_INIT;
    const char *key = s->request->sign.key, *argv[] = {"cosign", "sign", "--yes", what, NULL, NULL, NULL};
    int status;
    if (key) {
        argv[3] = "--key";
        argv[4] = key;
        argv[5] = what;
    }
    const struct cb_proc p = {.argv = argv, .cwd_fd = -1, .max_output = MAX_WORDS};
    if (cb_proc_run(&p, &out, &said, &status, err) < 0)
        return -1;
    return status == 0 ? 0 : say_why(&said, status, what, err);
}

int cli_sign(struct build_session *s, const struct build_output *o, const struct build_result *r, struct cb_error *err)
{
    char digest[CB_DIGEST_TEXT + 1];
    CB_AUTO(cb_strv) struct cb_strv done = {0};
    cb_digest_text(&r->manifest, digest);
    for (size_t i = 0; s->request->sign.wanted && o->push && i < r->image_names.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(r->image_names.items[i], &ref, err) < 0)
            return -1;
        CB_AUTO(free) char *name = oci_ref_name(&ref), *what = cb_printf("%s@%s", name, digest);
        if (cb_strv_find(&done, what) >= 0) /* by another tag */
            continue;
        if (sign(s, what, err) < 0)
            return -1;
        build_note(s, "signed %s", what);
        cb_strv_push(&done, what);
    }
    return 0;
}
