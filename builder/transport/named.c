/* docker://, and what docker and podman keep: docker-daemon:, containers-storage:. Their own programs are asked for it. */
#include "base/fd.h"
#include "builder/transport/program.h"
#include "builder/transport/transport-internal.h"

static int check_name(const char *name, struct build_location *ret, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(name, &ref, err) < 0) {
        err->code = CB_E_USAGE;
        return -1;
    }
    ret->place = cb_strdup(name);
    return 0;
}

/* ---- registries ------------------------------------------------------------------------------------------------- */

static int parse_registry(const char *rest, struct build_location *ret, struct cb_error *err)
{
    if (!cb_starts(rest, "//"))
        return cb_fail(err, CB_E_USAGE, "a registry's image is named docker://NAME");
    return check_name(rest + 2, ret, err);
}

const struct build_transport_ops build_transport_docker = {
    .name = "docker", .form = "//NAME", .parse = parse_registry, .deliver = build_deliver_registry};

/* ---- stores of other programs ----------------------------------------------------------------------------------- */

static int parse_stored(const char *rest, struct build_location *ret, struct cb_error *err)
{
    if (*rest == '[')
        return cb_fail(err, CB_E_UNSUPPORTED, "another store than podman's own cannot be named");
    if (*rest == '-')
        return cb_fail(err, CB_E_USAGE, "an image's name does not begin with a dash");
    return check_name(rest, ret, err);
}

static int bring_stored(struct build_session *s, const struct build_location *l, struct build_brought *ret, struct cb_error *err)
{
    const char *const argv[] = {l->ops->program, "save", l->place, NULL};
    CB_AUTO(free) char *shown = cb_printf("%s save %s", l->ops->program, l->place);
    struct build_program program = BUILD_PROGRAM_INIT;
    int out = -1;
    if (build_program_start(argv, true, &program, &out, err) < 0)
        return -1;
    int r = build_spool(s, out, shown, ret, err);
    cb_close(out);
    return build_program_end(&program, r, err);
}

const struct build_transport_ops build_transport_docker_daemon = {.name = "docker-daemon",
                                                                  .form = "NAME",
                                                                  .parse = parse_stored,
                                                                  .bring = bring_stored,
                                                                  .deliver = build_deliver_program,
                                                                  .docker = true,
                                                                  .program = "docker"};
const struct build_transport_ops build_transport_containers_storage = {.name = "containers-storage",
                                                                       .form = "NAME",
                                                                       .parse = parse_stored,
                                                                       .bring = bring_stored,
                                                                       .deliver = build_deliver_program,
                                                                       .docker = true,
                                                                       .program = "podman"};
