/* docker-archive:, oci-archive:, oci:, and dir:, which is refused. */
#include "base/fd.h"
#include "builder/transport/transport-internal.h"

#include <unistd.h>

/* ---- which image ------------------------------------------------------------------------------------------------ */

/* PATH[:IMAGE], PATH[@DIGEST]: the path ends at the first colon, as for skopeo. */
static int parse(const char *rest, struct build_location *ret, struct cb_error *err)
{
    const char *at = strstr(rest, "@sha256:"), *end = rest + strcspn(rest, ":");
    if (at && at < end)
        end = at;
    if (end == rest)
        return cb_fail(err, CB_E_USAGE, "a path is missing behind '%s:'", ret->ops->name);
    ret->place = cb_memdup0(rest, (size_t)(end - rest));
    if (*end == ':' && end[1] == '@')
        return cb_fail(err, CB_E_UNSUPPORTED, "images of an archive are named, not numbered");
    if (*end == ':' && !end[1])
        return cb_fail(err, CB_E_USAGE, "a name is missing behind the last ':'");
    if (at)
        ret->digest = cb_strdup(at + 1);
    if (*end == ':' && end < (at ? at : rest + strlen(rest)))
        ret->image = at ? cb_memdup0(end + 1, (size_t)(at - end - 1)) : cb_strdup(end + 1);
    return 0;
}

static int refuse(const char *rest, struct build_location *ret, struct cb_error *err)
{
    (void)ret;
    cb_fail(err, CB_E_UNSUPPORTED, "skopeo's loose files are no form that others read");
    return cb_hint(err, "as a layout: skopeo copy dir:%s oci:NEW-DIR", rest);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* Can it be read as it lies there? */
static bool is_plain(int fd)
{
    static const struct cb_str packed[] = {CB_STR("\x1f\x8b"), CB_STR("\x28\xb5\x2f\xfd"), CB_STR("\xfd\x37zXZ"), CB_STR("BZh")};
    char first[8] = "";
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || pread(fd, first, sizeof(first), 0) < 0)
        return false;
    for (size_t i = 0; i < CB_LEN(packed); i++)
        if (memcmp(first, packed[i].p, packed[i].n) == 0)
            return false;
    return lseek(fd, 0, SEEK_CUR) == 0;
}

static int bring_open(struct build_session *s, int fd, const char *path, struct build_brought *ret, struct cb_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "stat '%s'", path);
    if (!S_ISDIR(st.st_mode) && !is_plain(fd))
        return build_spool(s, fd, path, ret, err);
    ret->at.path = cb_strdup(path);
    return 0;
}

int build_transport_bring_file(struct build_session *s, const char *path, struct build_brought *ret, struct cb_error *err)
{
    if (strcmp(path, "-") == 0)
        return build_spool(s, STDIN_FILENO, "standard input", ret, err);
    CB_AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open '%s'", path);
    return bring_open(s, fd, path, ret, err);
}

static int bring(struct build_session *s, const struct build_location *l, struct build_brought *ret, struct cb_error *err)
{
    if (build_transport_bring_file(s, l->place, ret, err) < 0)
        return -1;
    ret->at.name = cb_strdup(l->image);
    ret->at.digest = cb_strdup(l->digest);
    return 0;
}

const struct build_transport_ops build_transport_docker_archive = {.name = "docker-archive",
                                                                   .form = "FILE[:NAME]",
                                                                   .parse = parse,
                                                                   .bring = bring,
                                                                   .deliver = build_deliver_docker_archive,
                                                                   .docker = true};
const struct build_transport_ops build_transport_oci_archive = {
    .name = "oci-archive", .form = "FILE[:NAME]", .parse = parse, .bring = bring, .deliver = build_deliver_oci_archive};
const struct build_transport_ops build_transport_oci = {
    .name = "oci", .form = "DIR[:NAME]", .parse = parse, .bring = bring, .deliver = build_deliver_oci};
const struct build_transport_ops build_transport_dir = {.name = "dir", .parse = refuse};
