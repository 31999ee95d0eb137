#include "runtime/confine/label.h"
#include "base/fd.h"
#include "base/text.h"

#include <string.h>
#include <unistd.h>

#define MAX_CONTEXT 4096

/* 0, or -errno. */
static int read_line(const char *root, const char *path, struct cb_buf *ret)
{
    CB_AUTO(free) char *file = cb_printf("%s%s", root, path);
    int r = cb_read_file(AT_FDCWD, file, MAX_CONTEXT, ret);
    if (r == 0)
        cb_buf_truncate(ret, strcspn(ret->data, "\n"));
    return r;
}

static int write_label(const char *root, const char *path, const char *text, struct cb_error *err)
{
    CB_AUTO(free) char *file = cb_printf("%s%s", root, path);
    CB_AUTO(close) int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return cb_fail_sys(err, errno, "give a RUN the label '%s'", text);
    return 0;
}

bool rt_label_has_apparmor(const char *root)
{
    CB_AUTO(cb_buf) struct cb_buf enabled = CB_BUF_INIT;
    return read_line(root, "/sys/module/apparmor/parameters/enabled", &enabled) == 0 && strcmp(enabled.data, "Y") == 0;
}

int rt_label_check_apparmor(const char *root, const char *profile, struct cb_error *err)
{
    if (strcmp(profile, "unconfined") == 0 || rt_label_has_apparmor(root))
        return 0;
    return cb_fail(err, CB_E_UNSUPPORTED, "apparmor=%s: AppArmor is not in use on this machine", profile);
}

int rt_label_check_selinux(const char *root, struct cb_error *err)
{
    CB_AUTO(free) char *file = cb_printf("%s/sys/fs/selinux/enforce", root);
    if (access(file, F_OK) == 0)
        return 0;
    cb_fail(err, CB_E_UNSUPPORTED, "label: SELinux is not in use on this machine");
    return cb_hint(err, "label=disable is accepted everywhere");
}

static int apply_apparmor(const char *root, const char *profile, struct cb_error *err)
{
    if (!rt_label_has_apparmor(root))
        return 0;
    CB_AUTO(free) char *text = cb_printf("exec %s", profile);
    CB_AUTO(free) char *own = cb_printf("%s/proc/thread-self/attr/apparmor/exec", root);
    /* Before Linux 5.8 AppArmor shared the file with the others. */
    bool shared = access(own, F_OK) < 0;
    if (write_label(root, shared ? "/proc/thread-self/attr/exec" : "/proc/thread-self/attr/apparmor/exec", text, err) == 0)
        return 0;
    return cb_hint(
        err, "the profile must be loaded, and the one that cbuild runs under must allow the change ('aa-status' shows both)");
}

/* user:role:type[:level], where a level has colons of its own. */
static int apply_selinux(const char *root, char *const parts[4], struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf own = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf context = CB_BUF_INIT;
    int r = read_line(root, "/proc/thread-self/attr/current", &own);
    if (r < 0)
        return cb_fail_sys(err, r, "read the SELinux context of cbuild");
    const char *p = own.data;
    for (size_t i = 0; i < 4; i++) {
        size_t n = i < 3 ? strcspn(p, ":") : strlen(p);
        if (parts[i] || n)
            cb_buf_printf(&context, "%s%.*s", i ? ":" : "", parts[i] ? (int)strlen(parts[i]) : (int)n, parts[i] ? parts[i] : p);
        p += n + (p[n] == ':');
    }
    return write_label(root, "/proc/thread-self/attr/exec", context.data, err);
}

int rt_label_apply(const char *root, const struct rt_confinement *c, struct cb_error *err)
{
    if (c->apparmor && apply_apparmor(root, c->apparmor, err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(c->selinux); i++)
        if (c->selinux[i])
            return apply_selinux(root, c->selinux, err);
    return 0;
}
