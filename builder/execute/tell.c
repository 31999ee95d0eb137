#include "builder/execute/tell.h"
#include "base/text.h"

static const char outer_proc[] =
    "RUN sees the /proc of the surrounding container, read-only: parts of that are covered, and then the kernel allows no other. "
    "Processes that start there later are visible to RUN. 'docker run --security-opt systempaths=unconfined' or "
    "'podman run --security-opt unmask=ALL' uncovers it";
static const char in_chroot[] = "RUN works in a chroot, without namespaces: it has no /proc, and the network, the host name and "
                                "the process ids are those of the "
                                "surrounding container";
static const char no_wall[] = "this kernel or a filter allows no Landlock rules for files (Linux 5.19): only the chroot and the "
                              "rights that RUN lacks keep it "
                              "from the surrounding container's files";
static const char no_devices[] =
    "no device can be made or opened in the store: RUN has an empty file as /dev/null, and no other device. "
    "It takes CAP_MKNOD, and a volume that is not mounted nodev";

static void warn_of_one_id(struct cb_job_io *io, const char *why)
{
    CB_AUTO(free)
    char *text =
        cb_printf("RUN knows uid 0 alone: 'chown', 'USER' and package managers that use other ids fail. They are emulated "
                  "where the kernel lets us, but here %s",
                  why);
    cb_job_warn(io, text);
}

void build_tell_rung(struct cb_job_io *io, const struct rt_privilege *p, const struct rt_result *res)
{
    if (res->no_emulation)
        warn_of_one_id(io, res->no_emulation);
    if (res->outer_proc)
        cb_job_warn(io, outer_proc);
    if (p->rung->chroots)
        cb_job_warn(io, in_chroot);
    if (p->rung->chroots && !res->walled && res->as_root)
        cb_job_warn(io, no_wall);
    if (res->no_devices)
        cb_job_warn(io, no_devices);
}

void build_tell_hostname(struct cb_job_io *io, const char *name)
{
    CB_AUTO(free)
    char *text =
        cb_printf("BUILDKIT_SANDBOX_HOSTNAME: '%s' is not the host name in RUN: what surrounds cbuild does not let it set "
                  "one. 'docker run --hostname' and 'podman run --hostname' give one from outside",
                  name);
    cb_job_warn(io, text);
}
