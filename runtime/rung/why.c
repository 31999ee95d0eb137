#include "runtime/rung/why.h"
#include "base/fd.h"
#include "runtime/rung/chroot.h"
#include "runtime/rung/filter.h"
#include "runtime/rung/sysctl.h"

#include <string.h>
#include <unistd.h>

static const struct {
    const char *path;
    uint64_t forbids, missing;
    bool root_too;
    const char *why;
} sysctls[] = {
    {"/proc/sys/kernel/unprivileged_userns_clone", 0, 1, false,
     "this kernel forbids user namespaces to ordinary users: 'sysctl kernel.unprivileged_userns_clone=1' allows them"},
    {"/proc/sys/user/max_user_namespaces", 0, 1, true,
     "this machine allows no user namespaces: raise 'sysctl user.max_user_namespaces'"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, 0, false,
     "AppArmor gives no rights in user namespaces: install and load cbuild's profile (contrib/apparmor/cbuild.in), or "
     "'sysctl kernel.apparmor_restrict_unprivileged_userns=0'"},
};

/* What the kernel was built without, by the files that it does not have. */
static const struct {
    const char *path, *why;
} missing[] = {
    {"/proc/self/status", "/proc is not mounted: 'mount -t proc proc /proc' mounts it"},
    {"/proc/self/ns/user", "this kernel was built without user namespaces (CONFIG_USER_NS)"},
    {"/proc/self/ns/pid", "this kernel was built without PID namespaces (CONFIG_PID_NS)"},
    {"/proc/self/ns/ipc", "this kernel was built without IPC namespaces (CONFIG_IPC_NS)"},
    {"/proc/self/ns/uts", "this kernel was built without UTS namespaces (CONFIG_UTS_NS)"},
    {"/proc/self/ns/cgroup", "this kernel was built without cgroup namespaces (CONFIG_CGROUPS)"},
};

static const char *setting(void)
{
    for (size_t i = 0; i < CB_LEN(sysctls); i++)
        if ((sysctls[i].root_too || geteuid() != 0) && rt_sysctl(sysctls[i].path, sysctls[i].missing) == sysctls[i].forbids)
            return sysctls[i].why;
    for (size_t i = 0; i < CB_LEN(missing); i++)
        if (access(missing[i].path, F_OK) < 0)
            return missing[i].why;
    return NULL;
}

static const char *security_module(void)
{
    if (access("/sys/fs/selinux/enforce", F_OK) == 0)
        return "SELinux refuses namespaces here: 'ausearch -m avc -ts recent' shows the rule";
    if (access("/sys/kernel/security/apparmor", F_OK) == 0)
        return "AppArmor refuses namespaces here: run the surrounding container with '--security-opt apparmor=unconfined'";
    return "namespaces are refused here, by a security module or the surrounding container: run cbuild outside of it or allow it "
           "there";
}

char *rt_userns_why(int sys)
{
    CB_AUTO(free) char *calls = rt_filter_refused();
    if (calls)
        return cb_printf("a seccomp filter of the surrounding container refuses %s: run it with "
                         "'--security-opt seccomp=unconfined --security-opt apparmor=unconfined', or with user namespaces of its "
                         "own",
                         calls);
    if (setting())
        return cb_strdup(setting());
    if (sys == ENOSPC || sys == EUSERS)
        return cb_strdup("there are as many user namespaces as may be, or they are nested too deep: raise "
                         "'sysctl user.max_user_namespaces', here and in the namespaces around");
    if ((sys == EPERM || sys == EACCES) && rt_is_chroot())
        return cb_strdup("cbuild was started in a chroot, where the kernel makes no user namespaces: start it outside, or in a "
                         "container instead ('systemd-nspawn -D DIR')");
    if (sys == EPERM || sys == EACCES)
        return cb_strdup(security_module());
    return cb_printf("namespaces cannot be made here: %s", strerror(sys));
}
