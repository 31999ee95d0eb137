/* Real sandboxes on a root made of busybox. As root the whole program runs again as an ordinary user with
 * subordinate ids ($CBUILD_TEST_RANGE_USER) and as one without ($CBUILD_TEST_SINGLE_USER) where these are set.
 * RUNS=n measures n empty RUNs instead. */
#include "test-runtime.h"
#include "base/fd.h"
#include "base/pack.h"
#include "runtime/sandbox/foreign.h"

#include <dirent.h>
#include <fnmatch.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- commands and what they print ----------------------------------------------------------- */

enum rungs { MANY = 1, ONE = 2, ALL = MANY | ONE }; /* with more than one id, and with one */

static const struct {
    const char *name, *script, *user, *cwd;
    const char *out; /* fnmatch */
    int exit_code;
    enum rungs rungs;
    bool no_network, insecure;
} cases[] = {
    {"nothing", "", "", "/", "", 0, ALL},
    {"exit status", "exit 3", "", "/", "", 3, ALL},
    {"status of a signal in the shell's child", "sh -c 'kill -9 $$; true'; exit $?", "", "/", "", 137, ALL},
    {"pid 1", "echo $$", "", "/", "1\n", 0, ALL},
    {"only three descriptors", "ls /proc/self/fd | tr '\\n' ' '", "", "/", "0 1 2 3 ", 0, ALL},
    {"stdin is the null device", "cat; readlink /proc/self/fd/0", "", "/", "/dev/null\n", 0, ALL},
    {"hostname", "hostname", "", "/", "sandbox\n", 0, ALL},
    {"umask", "umask", "", "/", "0022\n", 0, ALL},
    {"environment", "env | grep -v -e PWD -e SHLVL | sort", "", "/", "A=b c\nHOME=/root\nPATH=/bin\n", 0, ALL},
    {"no controlling terminal", "echo x > /dev/tty", "", "/", "", 1, ALL},
    {"session of its own", "awk '{print $6}' /proc/1/stat", "", "/", "1\n", 0, ALL},
    {"signals reset", "grep -e SigIgn -e SigBlk -e SigCgt /proc/self/status | awk '{print $2}'", "", "/",
     "0000000000000000\n0000000000000000\n0000000000000000\n", 0, ALL},
    {"no_new_privs is off", "grep NoNewPrivs /proc/self/status", "", "/", "NoNewPrivs:\t0\n", 0, ALL},

    {"hosts", "cat /etc/hosts; echo x >> /etc/hosts", "", "/",
     "127.0.0.1\tlocalhost sandbox\n::1\tlocalhost ip6-localhost ip6-loopback sandbox\n192.0.2.1\tadded\n", 1, ALL},
    {"resolv.conf", "cat /etc/resolv.conf", "", "/", "nameserver 192.0.2.1\n", 0, ALL},
    {"capabilities", "grep Cap /proc/self/status | awk '{print $2}'", "", "/",
     "0000000000000000\n00000000a80425fb\n00000000a80425fb\n00000000a80425fb\n0000000000000000\n", 0, ALL},
    {"capabilities of a user", "grep Cap /proc/self/status | awk '{print $2}'", "app", "/",
     "0000000000000000\n0000000000000000\n0000000000000000\n00000000a80425fb\n0000000000000000\n", 0, MANY},
    {"capabilities when insecure", "grep CapEff /proc/self/status", "", "/", "CapEff:\t*fffffffff\n", 0, ALL, false, true},
    {"seccomp", "grep Seccomp: /proc/self/status", "", "/", "Seccomp:\t2\n", 0, ALL},
    {"seccomp when insecure", "grep Seccomp: /proc/self/status", "", "/", "Seccomp:\t0\n", 0, MANY, false, true},
    {"no mount", "mkdir /m && mount -t tmpfs x /m", "", "/", "", 1, ALL},
    {"mount when insecure", "mkdir /m && mount -t tmpfs x /m", "", "/", "", 0, ALL, false, true},
    {"no new namespace", "unshare -m true", "", "/", "", 1, ALL},
    {"chroot is allowed", "chroot / /bin/true", "", "/", "", 0, ALL},

    {"proc is its own", "ls -d /proc/[0-9]* | wc -l", "", "/", "[1-4]\n", 0, ALL},
    {"masked file", "wc -c < /proc/interrupts", "", "/", "0\n", 0, ALL},
    {"masked file is shut", "cat /proc/keys /proc/timer_list /proc/kcore 2>/dev/null | wc -c", "", "/", "0\n", 0, ALL},
    {"masked directory", "ls -A /sys/firmware /proc/scsi 2>/dev/null | grep -v : | wc -w", "", "/", "0\n", 0, ALL},
    {"sysctls are read-only", "echo x > /proc/sys/kernel/domainname", "", "/", "", 1, ALL},
    {"sysrq is read-only", "echo h > /proc/sysrq-trigger", "", "/", "", 1, ALL},
    {"sys is read-only", "touch /sys/x || touch /sys/fs/cgroup/x || mkdir /sys/fs/cgroup/y", "", "/", "", 1, ALL},
    {"dev", "ls /dev | tr '\\n' ' '", "", "/", "*fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ",
     0, ALL},
    {"nodes work", "head -c 3 /dev/zero | wc -c; head -c 9 /dev/urandom | wc -c; echo x > /dev/null", "", "/", "3\n9\n", 0, ALL},
    {"devices cannot be made", "mknod /x b 8 0 && cat /x", "", "/", "", 1, ALL},
    {"a terminal", "exec 3<>/dev/ptmx; ls /dev/pts; stat -c '%a %U:%G' /dev/pts/0", "", "/", "0\nptmx\n620 root:*\n", 0, ALL},
    {"shm", "grep -c 'tmpfs /dev/shm .*size=65536k' /proc/mounts; stat -c %a /dev/shm", "", "/", "1\n1777\n", 0, ALL},
    {"the old root is gone", "grep -v -e ' /proc' -e ' /sys' -e ' /dev' -e ' /etc/' /proc/mounts | awk '{print $2}'", "", "/",
     "/\n", 0, ALL},

    {"network of the host", "test -e /sys/class/net/lo && echo yes", "", "/", "yes\n", 0, ALL},
    {"no network", "ls /sys/class/net; ifconfig lo | grep -c 'UP LOOPBACK'", "", "/", "lo\n1\n", 0, ALL, true},

    {"root's groups", "id", "", "/", "uid=0(root) gid=0(root) groups=0(root),7(staff)\n", 0, ALL},
    {"root by name", "id -u; id -g", "root", "/", "0\n0\n", 0, ALL},
    {"a user", "id; echo $HOME", "app", "/", "uid=33(app) gid=34(app) groups=7(staff),34(app)\n/home/app\n", 0, ALL},
    {"a user and a group", "id", "app:staff", "/", "uid=33(app) gid=7(staff) groups=7(staff)\n", 0, ALL},
    {"numbers", "id; echo $HOME", "44:45", "/", "uid=44 gid=45 groups=45\n/\n", 0, ALL},
    {"a number that is known", "id", "33", "/", "uid=33(app) gid=34(app) groups=7(staff),34(app)\n", 0, ALL},
    {"a group alone", "id", ":staff", "/", "uid=0(root) gid=7(staff) groups=7(staff)\n", 0, ALL},
    {"file of a user", "touch /tmp/x && stat -c '%u:%g' /tmp/x", "app", "/", "33:34\n", 0, ALL},
    {"root's file is shut to a user", "echo x > /etc/passwd", "app", "/", "", 1, MANY},
    {"chown", "touch /tmp/x && chown 33:34 /tmp/x && stat -c '%u:%g' /tmp/x", "", "/", "33:34\n", 0, ALL},

    {"working directory", "pwd", "", "/etc", "/etc\n", 0, ALL},
    {"working directory through a link", "pwd -P", "", "/link/sub", "/tmp/sub\n", 0, ALL},
    {"working directory is made", "pwd; stat -c '%u:%g %a' . ..", "app", "/srv/a/b", "/srv/a/b\n33:34 755\n33:34 755\n", 0, ALL},
    {"working directory is made by root", "stat -c '%u:%g %a' .", "", "/srv/a", "0:0 755\n", 0, ALL},
};

static void test_cases(void **state)
{
    (void)state;
    unsigned ran = 0;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        if (!(cases[i].rungs & (fx.rung->many_ids ? MANY : ONE)))
            continue;
        struct rt_sandbox s = fx_sandbox(cases[i].script);
        s.user = cases[i].user;
        s.cwd = cases[i].cwd;
        s.insecure = cases[i].insecure;
        s.network = cases[i].no_network ? rt_network_find("none") : rt_network_find("host");
        struct outcome o = fx_run(&s);
        if (o.failed || o.result.exit_code != cases[i].exit_code || fnmatch(cases[i].out, o.out, 0) != 0)
            fail_msg("'%s': exit %d, expected %d; output '%s', expected '%s'; error '%s'", cases[i].name, o.result.exit_code,
                     cases[i].exit_code, o.out, cases[i].out, o.failed ? o.err.msg : o.errout);
        outcome_done(&o);
        ran++;
    }
    print_message("%u commands\n", ran);
}

/* ---- what cannot start ---------------------------------------------------------------------- */

static void test_not_started(void **state)
{
    (void)state;
    static const struct {
        const char *argv0, *path, *why;
        int code;
    } t[] = {
        {"nope", "PATH=/bin", "exec: \"nope\": executable file not found in $PATH", 127},
        {"/nope", "PATH=/bin", "exec: \"/nope\": stat /nope: no such file or directory", 127},
        {"/etc", "PATH=/bin", "exec: \"/etc\": is a directory", 126},
        {"/etc/passwd", "PATH=/bin", "exec: \"/etc/passwd\": permission denied", 126},
        {"passwd", "PATH=/bin:/etc", "exec: \"passwd\": permission denied", 126},
        {"/tmp/garbage", "PATH=/bin", "exec /tmp/garbage: exec format error", 126},
        {"/tmp/no-interpreter", "PATH=/bin", "exec /tmp/no-interpreter: no such file or directory", 127},
        {"sh", "NOPATH=", "exec: \"sh\": executable file not found in $PATH", 127},
        {"", "PATH=/bin", "exec: \"\": executable file not found in $PATH", 127},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_sandbox s = fx_sandbox("");
        s.argv = (const char *const[]){t[i].argv0, NULL};
        s.env = (const char *const[]){t[i].path, NULL};
        struct outcome o = fx_run(&s);
        if (o.failed || !o.result.not_started || o.result.exit_code != t[i].code || strcmp(o.result.why, t[i].why) != 0)
            fail_msg("'%s': code %d, '%s' instead of '%s' (%s)", t[i].argv0, o.result.exit_code, o.result.why, t[i].why,
                     o.failed ? o.err.msg : "");
        bool no_format = strstr(t[i].why, "format");
        assert_string_equal(o.result.advice, no_format ? "it is no program, and no script that begins with #!" : "");
        assert_string_equal(o.changes, "");
        outcome_done(&o);
    }
}

/* Between clone and exec the process is ours: no path to the command may lead through what we are or have open. */
static void test_paths_of_exec(void **state)
{
    (void)state;
    for (int fd = 0; fd < 40; fd++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d/../../../../../../../bin/true", fd);
        struct rt_sandbox s = fx_sandbox("");
        s.argv = (const char *const[]){path, NULL};
        struct outcome o = fx_run(&s);
        /* Not "exec /proc/…", which would say that there was a file, and that its interpreter was missing. */
        if (o.failed || !o.result.not_started || strncmp(o.result.why, "exec: ", 6) != 0)
            fail_msg("'%s': exit %d %s", path, o.result.exit_code, o.failed ? o.err.msg : o.result.why);
        outcome_done(&o);
    }
    /* It is the stub, which works once. */
    struct rt_sandbox s = fx_sandbox("");
    s.argv = (const char *const[]){"/proc/self/exe", "/bin/busybox", "echo", "x", NULL};
    struct outcome o = fx_run(&s);
    assert_false(o.failed);
    assert_int_equal(o.result.exit_code, 127);
    assert_string_equal(o.out, "");
    outcome_done(&o);
}

static void test_unknown_users(void **state)
{
    (void)state;
    static const struct {
        const char *user, *message;
    } t[] = {
        {"nobody-here", "unable to find user nobody-here: no matching entries in passwd file"},
        {"root:nogroup", "unable to find group nogroup: no matching entries in group file"},
        {"2147483648", "uids and gids must be in range 0-2147483647"},
        {"-1", "uids and gids must be in range 0-2147483647"},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_sandbox s = fx_sandbox("");
        s.user = t[i].user;
        fx_expect_error(&s, t[i].message);
    }
    struct rt_sandbox s = fx_sandbox("");
    s.user = "70000:1";
    if (fx.rung == &rt_rung_range)
        fx_expect_error(&s, "become user*");
}

/* ---- namespaces ----------------------------------------------------------------------------- */

static void test_namespaces(void **state)
{
    (void)state;
    static const char *const kinds[] = {"mnt", "pid", "ipc", "uts", "cgroup", "user", "net"};
    for (int with_net = 0; with_net < 2; with_net++) {
        for (size_t i = 0; i < CB_LEN(kinds); i++) {
            char script[64], host[64] = "";
            snprintf(script, sizeof(script), "/proc/self/ns/%s", kinds[i]);
            assert_true(readlink(script, host, sizeof(host) - 1) > 0);
            snprintf(script, sizeof(script), "readlink /proc/self/ns/%s | tr -d '\\n'", kinds[i]);
            struct rt_sandbox s = fx_sandbox(script);
            s.network = with_net ? rt_network_find("host") : rt_network_find("none");
            struct outcome o = fx_run(&s);
            bool shared = strcmp(kinds[i], "net") == 0 && with_net;
            if (o.failed || (strcmp(o.out, host) == 0) != shared)
                fail_msg("namespace %s: '%s', the host's is '%s'", kinds[i], o.out, host);
            outcome_done(&o);
        }
    }
}

/* ---- traces in the layer -------------------------------------------------------------------- */

static void test_changes(void **state)
{
    (void)state;
    int dir = fx_source("dir");
    const struct rt_mount many[] = {
        {.kind = RT_MOUNT_BIND, .target = "/new/deep/dir", .source_fd = dir, .readonly = true},
        {.kind = RT_MOUNT_TMPFS, .target = "/etc/tmpfs"},
        {.kind = RT_MOUNT_DATA, .target = "/run/secrets/key", .data = "s3cret", .data_len = 6, .mode = 0400, .readonly = true},
        {.kind = RT_MOUNT_TMPFS, .target = "/dangling/x"},
    };
    const struct {
        const char *name, *script, *changes;
        bool mounts;
    } t[] = {
        {"nothing at all", "true", "", false},
        {"a file", "echo x > /tmp/new", "tmp/new ", false},
        {"mounts leave nothing", "echo x > /etc/tmpfs/file; test -d /new/deep/dir", "", true},
        {"a neighbour stays", "echo x > /run/secrets/other", "run/ run/secrets/ run/secrets/other ", true},
        {"through a dangling link", "test -d /dangling/x || { cat /proc/mounts; ls -la / /nowhere /nowhere/yet ; exit 1; } >&2",
         "", true},
        {"a new etc entry", "echo x > /etc/motd", "etc/motd ", true},
        {"a removed file", "rm /tmp/garbage", "tmp/garbage(whiteout) ", true},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_sandbox s = fx_sandbox(t[i].script);
        s.mounts = many;
        s.n_mounts = t[i].mounts ? CB_LEN(many) : 0;
        struct outcome o = fx_run(&s);
        if (o.failed || o.result.exit_code != 0 || strcmp(o.changes, t[i].changes) != 0)
            fail_msg("'%s': changes '%s', expected '%s' (%d, %s)", t[i].name, o.changes, t[i].changes, o.result.exit_code,
                     o.failed ? o.err.msg : o.errout);
        if (!*t[i].changes && (o.root_mtime.tv_sec != FX_MTIME || o.root_mtime.tv_nsec != 0 || o.etc_mtime_changed))
            fail_msg("'%s': a time was not restored", t[i].name);
        outcome_done(&o);
    }
    cb_close(dir);
}

/* A layer without anything but busybox: /dev, /proc and /sys become part of the next one, /etc does not. */
static void test_bare_root(void **state)
{
    (void)state;
    struct rt_sandbox s = fx_sandbox("ls / | tr '\\n' ' '");
    s.lowers = &fx.bare;
    struct outcome o = fx_run(&s);
    assert_false(o.failed);
    assert_string_equal(o.out, "bin dev etc proc sys ");
    assert_string_equal(o.changes, "dev/ proc/ sys/ ");
    outcome_done(&o);

    /* An empty layer: the program comes from a mount. */
    const struct rt_mount m = {.kind = RT_MOUNT_BIND, .target = "/tools", .source_fd = fx.bare, .source_path = "bin"};
    int empty = fx_source("empty");
    s = fx_sandbox("");
    s.lowers = &empty;
    s.mounts = &m;
    s.n_mounts = 1;
    s.argv = (const char *const[]){"/tools/busybox", "ls", "/", NULL};
    o = fx_run(&s);
    if (o.failed)
        fail_msg("%s", o.err.msg);
    assert_string_equal(o.out, "dev\netc\nproc\nsys\ntools\n");
    assert_string_equal(o.changes, "dev/ proc/ sys/ ");
    outcome_done(&o);
}

/* ---- mounts of the step --------------------------------------------------------------------- */

static void test_mounts(void **state)
{
    (void)state;
    int dir = fx_source("dir"), file = fx_source("dir/file"), sock = fx_source("sock");
    const struct {
        const char *name;
        struct rt_mount m[3];
        size_t n;
        const char *script, *out;
        int exit_code;
    } t[] = {
        {"read-only directory", {{RT_MOUNT_BIND, "/m", dir, NULL, true}}, 1, "cat /m/file && touch /m/x", "content\n", 1},
        {"read-only file", {{RT_MOUNT_BIND, "/m", file, NULL, true}}, 1, "cat /m && echo x > /m", "content\n", 1},
        {"writable directory", {{RT_MOUNT_BIND, "/m", dir, "rw"}}, 1, "echo w > /m/written", "", 0},
        {"and it was written", {{RT_MOUNT_BIND, "/m", dir, "rw", true}}, 1, "cat /m/written; rm -f /m/written", "w\n", 1},
        {"path below the source", {{RT_MOUNT_BIND, "/m", dir, "/link-to-sub", true}}, 1, "cat /m/inner", "inner\n", 0},
        {"path that wants out", {{RT_MOUNT_BIND, "/m", dir, "../../dir/escape", true}}, 1, "cat /m/inner", "inner\n", 0},
        {"thrown away",
         {{.kind = RT_MOUNT_LAYERS, .target = "/m", .source_fd = -1, .source_path = "sub", .layers = &dir, .n_layers = 1}},
         1,
         "cat /m/inner && echo x > /m/inner && rm /m/inner && ls /m",
         "inner\n",
         0},
        {"and the source is untouched", {{RT_MOUNT_BIND, "/m", dir, "sub", true}}, 1, "cat /m/inner", "inner\n", 0},
        {"tmpfs", {{RT_MOUNT_TMPFS, "/m"}}, 1, "stat -c %a /m; echo x > /m/y", "1777\n", 0},
        {"tmpfs over a directory", {{RT_MOUNT_TMPFS, "/etc"}}, 1, "stat -c %a /etc; ls /etc", "755\nhosts\nresolv.conf\n", 0},
        {"tmpfs of 64 KiB",
         {{.kind = RT_MOUNT_TMPFS, .target = "/m", .size = 65536}},
         1,
         "head -c 99999 /dev/zero > /m/x",
         "",
         1},
        {"tmpfs read-only", {{.kind = RT_MOUNT_TMPFS, .target = "/m", .readonly = true}}, 1, "touch /m/x", "", 1},
        {"mounts in the order of their targets",
         {{RT_MOUNT_BIND, "/m/b", file, NULL, true}, {RT_MOUNT_TMPFS, "/m"}, {RT_MOUNT_BIND, "/m/a", dir, NULL, true}},
         3,
         "ls /m; cat /m/b",
         "a\nb\ncontent\n",
         0},
        {"the last of equals is seen",
         {{RT_MOUNT_BIND, "/m/", dir, "sub", true}, {RT_MOUNT_BIND, "/m", dir, NULL, true}},
         2,
         "cat /m/file",
         "content\n",
         0},
        {"a target through a link", {{RT_MOUNT_TMPFS, "/link/t"}}, 1, "grep -c ' /tmp/t tmpfs' /proc/mounts", "1\n", 0},
        {"a socket", {{RT_MOUNT_SOCKET, "/run/agent.1", sock}}, 1, "test -S /run/agent.1 && echo yes", "yes\n", 0},
        {"own hosts", {{RT_MOUNT_BIND, "/etc/hosts", file, NULL, true}}, 1, "cat /etc/hosts", "content\n", 0},
        {"read-only etc",
         {{RT_MOUNT_BIND, "/etc", dir, NULL, true}},
         1,
         "ls /etc",
         "dir\nescape\nfile\nlink-to-sub\nrw\nsub\n",
         0},
        {"a secret",
         {{.kind = RT_MOUNT_DATA,
           .target = "/run/s",
           .data = "a\0b",
           .data_len = 3,
           .mode = 0400,
           .readonly = true,
           .nosuid_nodev_noexec = true}},
         1,
         "stat -c '%a %u %s' /run/s; grep -c ' /run/s tmpfs ro,nosuid,nodev,noexec' /proc/mounts; echo x > /run/s",
         "400 0 3\n1\n",
         1},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_sandbox s = fx_sandbox(t[i].script);
        s.mounts = t[i].m;
        s.n_mounts = t[i].n;
        struct outcome o = fx_run(&s);
        if (o.failed || o.result.exit_code != t[i].exit_code || strcmp(o.out, t[i].out) != 0)
            fail_msg("'%s': exit %d, output '%s' (%s)", t[i].name, o.result.exit_code, o.out, o.failed ? o.err.msg : o.errout);
        if (*o.changes)
            fail_msg("'%s': left '%s'", t[i].name, o.changes);
        outcome_done(&o);
    }
    assert_int_equal(unlinkat(dir, "rw/written", 0), 0);
    cb_close(dir);
    cb_close(file);
    cb_close(sock);
}

/* What stacked layers are together, written to and thrown away. */
static void test_layer_mounts(void **state)
{
    (void)state;
    int layers[] = {fx_layer(1), fx_layer(2), fx.root};
    const struct {
        const char *name, *path;
        size_t n;
        bool readonly;
        const char *script, *out;
        int exit_code;
    } t[] = {
        {"all", NULL, 3, true, "ls /m | tr '\\n' ' '; touch /m/x",
         "bin dangling dev etc layers link loop proc srv sys tmp to-root ", 1},
        {"one layer", "", 1, true, "ls /m/layers", "1\n", 0},
        {"none", "/", 0, true, "ls /m", "", 0},
        {"a directory of several", "/layers", 3, true, "cat /m/1 /m/2", "1\n2\n", 0},
        {"through a link", "link/sub", 3, true, "test -d /m && pwd", "/\n", 0},
        {"a file", "layers/2", 3, true, "cat /m", "2\n", 0},
        {"written", "layers", 3, false, "rm /m/1 && echo x > /m/2 && ls /m", "2\n", 0},
        {"and unchanged", "layers", 3, false, "cat /m/1 /m/2", "1\n2\n", 0},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        const struct rt_mount m = {.kind = RT_MOUNT_LAYERS,
                                   .target = "/m",
                                   .source_fd = -1,
                                   .source_path = t[i].path,
                                   .layers = layers,
                                   .n_layers = t[i].n,
                                   .readonly = t[i].readonly};
        struct rt_sandbox s = fx_sandbox(t[i].script);
        s.mounts = &m;
        s.n_mounts = 1;
        struct outcome o = fx_run(&s);
        if (o.failed || o.result.exit_code != t[i].exit_code || strcmp(o.out, t[i].out) != 0)
            fail_msg("'%s': exit %d, output '%s' (%s)", t[i].name, o.result.exit_code, o.out, o.failed ? o.err.msg : o.errout);
        assert_string_equal(o.changes, "");
        outcome_done(&o);
    }
    cb_close(layers[0]);
    cb_close(layers[1]);
}

static void test_bad_mounts(void **state)
{
    (void)state;
    int dir = fx_source("dir"), file = fx_source("dir/file");
    const struct {
        const char *name;
        struct rt_mount m[2];
        size_t n;
        const char *message;
    } t[] = {
        {"file on a directory", {{RT_MOUNT_BIND, "/etc", file}}, 1, "*'/etc'*directory*"},
        {"directory on a file", {{RT_MOUNT_BIND, "/etc/passwd", dir}}, 1, "*'/etc/passwd'*directory*"},
        {"on the root", {{RT_MOUNT_BIND, "/etc/..", dir}}, 1, "*root of the sandbox*"},
        {"on the root by a link", {{RT_MOUNT_TMPFS, "/to-root"}}, 1, "*root of the sandbox*"},
        {"below a read-only mount", {{RT_MOUNT_BIND, "/m", dir, NULL, true}, {RT_MOUNT_TMPFS, "/m/new"}}, 2, "*read-only*"},
        {"missing source", {{RT_MOUNT_BIND, "/m", dir, "not-there"}}, 1, "*'not-there'*"},
        {"below a file", {{RT_MOUNT_TMPFS, "/etc/passwd/x"}}, 1, "*'/etc/passwd/x'*"},
        {"a loop of links", {{RT_MOUNT_TMPFS, "/loop/x"}}, 1, "*'/loop/x'*"},
        {"in proc", {{RT_MOUNT_TMPFS, "/proc/not-there"}}, 1, "*'/proc/not-there'*"},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_sandbox s = fx_sandbox("");
        s.mounts = t[i].m;
        s.n_mounts = t[i].n;
        fx_expect_error(&s, t[i].message);
    }
    cb_close(dir);
    cb_close(file);
}

/* ---- hostile roots -------------------------------------------------------------------------- */

static void test_hostile_roots(void **state)
{
    (void)state;
    static const struct {
        const char *name, *link, *target;
        const char *error; /* NULL: it runs, and nothing of the host was touched */
    } t[] = {
        {"proc is the root", "proc", "/", "*'/proc'*"},
        {"dev leads up", "dev", "../../..", "*'/dev'*"},
        {"sys leads to proc", "sys", "/proc", "*'/sys'*"},
        {"etc leads up", "etc", "../../../../../../..", NULL},
        {"etc leads to the host's place", "etc", FX_OUTSIDE, NULL},
        {"etc loops", "etc", "etc", "*'etc/passwd'*"},
        {"etc is proc", "etc", "/proc/self/root/tmp", NULL},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        CB_AUTO(close) int evil = fx_evil(t[i].link, t[i].target);
        struct rt_sandbox s = fx_sandbox("true");
        s.lowers = &evil;
        if (t[i].error) {
            fx_expect_error(&s, t[i].error);
            continue;
        }
        struct outcome o = fx_run(&s);
        if (o.failed && !strstr(o.err.msg, "/etc/"))
            fail_msg("'%s': %s", t[i].name, o.err.msg);
        assert_int_equal(access(FX_OUTSIDE, F_OK), -1);
        outcome_done(&o);
    }
    /* resolv.conf as systemd has it, and one that wants to reach the host's. */
    static const char *const targets[] = {"../run/systemd/resolve/stub-resolv.conf", "../../../../../../../.." FX_OUTSIDE,
                                          FX_OUTSIDE};
    for (size_t i = 0; i < CB_LEN(targets); i++) {
        CB_AUTO(close) int evil = fx_evil("etc/resolv.conf", targets[i]);
        struct rt_sandbox s = fx_sandbox("cat /etc/resolv.conf");
        s.lowers = &evil;
        struct outcome o = fx_run(&s);
        if (o.failed)
            fail_msg("resolv.conf -> %s: %s", targets[i], o.err.msg);
        assert_string_equal(o.out, "nameserver 192.0.2.1\n");
        assert_string_equal(o.changes, "dev/ proc/ sys/ ");
        assert_int_equal(access(FX_OUTSIDE, F_OK), -1);
        outcome_done(&o);
    }
}

static void test_many_layers(void **state)
{
    (void)state;
    enum { N = RT_MAX_LOWERS };
    int lowers[N];
    for (int i = 0; i < N; i++)
        lowers[i] = i < N - 1 ? fx_layer(i) : dup(fx.root);
    struct rt_sandbox s = fx_sandbox("ls /layers | wc -l; cat /layers/7");
    s.lowers = lowers;
    s.n_lowers = N;
    struct outcome o = fx_run(&s);
    if (o.failed)
        fail_msg("%s", o.err.msg);
    char expected[32];
    snprintf(expected, sizeof(expected), "%d\n7\n", N - 1);
    assert_string_equal(o.out, expected);
    outcome_done(&o);
    s.n_lowers = N + 1;
    fx_expect_error(&s, "*layers are more than*");
    for (int i = 0; i < N; i++)
        cb_close(lowers[i]);
}

static void test_limits_and_use(void **state)
{
    (void)state;
    const struct rt_rlimit limits[] = {{RLIMIT_NOFILE, {77, 88}}, {RLIMIT_CORE, {0, 0}}};
    struct rt_sandbox s = fx_sandbox("ulimit -n; ulimit -Hn; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    s.rlimits = limits;
    s.n_rlimits = 2;
    struct outcome o = fx_run(&s);
    assert_false(o.failed);
    assert_string_equal(o.out, "77\n88\n");
    assert_true(o.result.usage.wall_us > 1000 && o.result.usage.cpu_us > 1000);
    assert_true(o.result.usage.peak_memory > 100000);
    assert_false(o.result.oom_killed);
    outcome_done(&o);
}

/* ---- nothing survives ----------------------------------------------------------------------- */

static void test_daemon_is_killed(void **state)
{
    (void)state;
    struct rt_sandbox s = fx_sandbox("setsid sleep 98761 & (setsid sh -c 'trap \"\" TERM HUP; sleep 98762' &) ; sleep 0.2");
    struct outcome o = fx_run(&s);
    assert_false(o.failed);
    assert_int_equal(o.result.exit_code, 0);
    assert_int_equal(fx_count("9876"), 0);
    outcome_done(&o);
}

static void wait_for(const char *what, int n)
{
    for (int i = 0; i < 500 && fx_count(what) != n; i++)
        usleep(10000);
    assert_int_equal(fx_count(what), n);
}

static void test_cancel(void **state)
{
    (void)state;
    struct rt_sandbox s = fx_sandbox("setsid sleep 98763 & sleep 98763");
    struct fx_running r = fx_start(&s, 2);
    wait_for("98763", 4); /* two jobs of two */
    rt_helper_cancel(r.helper);
    assert_int_equal(fx_count("98763"), 0);
    for (int i = 0; i < 2; i++) {
        struct cb_error err = CB_ERROR_INIT;
        struct cb_buf answer = CB_BUF_INIT;
        assert_int_equal(cb_job_wait(&r.jobs[i], &answer, &err), -1);
        cb_error_done(&err);
    }
    /* The helper is still of use. */
    struct cb_job job;
    struct cb_error err = CB_ERROR_INIT;
    struct cb_buf answer = CB_BUF_INIT;
    assert_int_equal(rt_helper_job(r.helper, fx_hello_job, &(struct rt_job_request){"x", 1, NULL, 0}, &job, &err), 0);
    assert_int_equal(cb_job_wait(&job, &answer, &err), 0);
    assert_string_equal(answer.data, "hello x");
    cb_buf_done(&answer);
    rt_helper_free(r.helper);
    rt_privilege_done(&r.privilege);
}

/* The coordinator dies without a word. */
static void test_coordinator_killed(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct rt_sandbox s = fx_sandbox("setsid sleep 98764 & sleep 98764");
        (void)fx_start(&s, 1);
        pause();
        _exit(0);
    }
    wait_for("98764", 2);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    wait_for("98764", 0);
}

static void test_signal(void **state)
{
    (void)state;
    struct rt_sandbox s = fx_sandbox("sleep 98765");
    struct outcome o = fx_run_killed(&s);
    assert_false(o.failed);
    assert_int_equal(o.result.signal, SIGKILL);
    assert_int_equal(fx_count("98765"), 0);
    outcome_done(&o);
}

static void test_deadline(void **state)
{
    (void)state;
    struct rt_sandbox s = fx_sandbox("trap '' TERM; sleep 98766 & sleep 98766");
    s.timeout_ms = 100;
    struct outcome o = fx_run(&s);
    assert_false(o.failed);
    assert_true(o.result.timed_out);
    assert_int_equal(o.result.signal, SIGKILL);
    assert_int_equal(fx_count("98766"), 0);
    outcome_done(&o);
    s = fx_sandbox("exit 3");
    s.timeout_ms = 3600000;
    o = fx_run(&s);
    assert_false(o.failed || o.result.timed_out);
    assert_int_equal(o.result.exit_code, 3);
    outcome_done(&o);
}

/* ---- the helper itself ---------------------------------------------------------------------- */

static void test_helper_none(void **state)
{
    (void)state;
    struct rt_privilege p = {.rung = &rt_rung_none, .uid = getuid(), .gid = getgid(), .reason = cb_strdup("a test wants it so")};
    struct rt_helper *h;
    struct cb_error err = CB_ERROR_INIT;
    struct cb_job jobs[3];
    struct cb_buf answer = CB_BUF_INIT;
    assert_int_equal(rt_helper_start(&p, RT_HELPER_FILES, NULL, &h, &err), 0);
    assert_int_equal(rt_helper_job(h, fx_hello_job, &(struct rt_job_request){"y", 1, NULL, 0}, &jobs[0], &err), 0);
    assert_int_equal(cb_job_wait(&jobs[0], &answer, &err), 0);
    assert_string_equal(answer.data, "hello y");
    cb_buf_done(&answer);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rt_helper_job(h, fx_sleep_job, &(struct rt_job_request){"", 0, NULL, 0}, &jobs[i], &err), 0);
    rt_helper_cancel(h);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cb_job_wait(&jobs[i], &answer, &err), -1);
        cb_error_done(&err);
    }
    rt_helper_free(h);

    struct rt_sandbox s = fx_sandbox("");
    struct rt_result r;
    s.privilege = &p;
    assert_int_equal(rt_sandbox_run(&s, &r, &err), -1);
    assert_int_equal(err.code, CB_E_UNSUPPORTED);
    assert_string_equal(err.hint, "a test wants it so");
    cb_error_done(&err);
    rt_privilege_done(&p);
}

/* Where commands have no user namespace of their own nothing is registered. */
static void test_foreign(void **state)
{
    (void)state;
    const struct rt_privilege p = {.rung = &rt_rung_none};
    CB_AUTO(free) char *unknown = rt_foreign_enable(&p, "pdp11"), *known = rt_foreign_enable(&p, "loong64");
    assert_string_equal(unknown, "cbuild knows no emulator for pdp11");
    assert_true(!known || strstr(known, "qemu-user-static"));
}

/* A large request and many descriptors arrive whole. */
static void test_helper_large_request(void **state)
{
    (void)state;
    struct rt_privilege p;
    struct rt_helper *h;
    struct cb_error err = CB_ERROR_INIT;
    struct cb_job job;
    struct cb_buf answer = CB_BUF_INIT;
    rt_privilege_probe(&p);
    assert_int_equal(rt_helper_start(&p, RT_HELPER_FILES, NULL, &h, &err), 0);
    CB_AUTO(free) char *bytes = cb_alloc(CB_MAX_MESSAGE);
    int fds[RT_JOB_MAX_FDS];
    for (size_t i = 0; i < CB_LEN(fds); i++)
        fds[i] = fx.root;
    struct rt_job_request req = {bytes, CB_MAX_MESSAGE, fds, CB_LEN(fds)};
    assert_int_equal(rt_helper_job(h, fx_count_job, &req, &job, &err), 0);
    assert_int_equal(cb_job_wait(&job, &answer, &err), 0);
    assert_string_equal(answer.data, "163840 64");
    cb_buf_done(&answer);
    req.len++;
    assert_int_equal(rt_helper_job(h, fx_count_job, &req, &job, &err), -1);
    cb_error_done(&err);
    rt_helper_free(h);
    rt_privilege_done(&p);
}

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_not_started),
        cmocka_unit_test(test_paths_of_exec),
        cmocka_unit_test(test_unknown_users),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_bare_root),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_layer_mounts),
        cmocka_unit_test(test_bad_mounts),
        cmocka_unit_test(test_hostile_roots),
        cmocka_unit_test(test_many_layers),
        cmocka_unit_test(test_limits_and_use),
        cmocka_unit_test(test_daemon_is_killed),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_coordinator_killed),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_helper_none),
        cmocka_unit_test(test_helper_large_request),
    };
    const char *why = fx_set_up();
    if (why) {
        print_message("skipped: %s\n", why);
        return 77;
    }
    int failed = fx_bench();
    if (failed < 0)
        failed = cmocka_run_group_tests_name(fx.rung->name, tests, NULL, NULL);
    fx_tear_down();
    if (geteuid() == 0) {
        failed += fx_again_as("CBUILD_TEST_RANGE_USER", argv[0]);
        failed += fx_again_as("CBUILD_TEST_SINGLE_USER", argv[0]);
    }
    return failed ? 1 : 0;
}
