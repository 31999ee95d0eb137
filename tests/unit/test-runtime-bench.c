#include "test-runtime.h"
#include "base/fd.h"
#include "base/pack.h"
#include "base/text.h"

#include <dirent.h>
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

struct fixture fx;

static const char *const applets[] = {"sh",      "ls",       "cat",      "id",       "grep", "awk",   "sort",  "env",
                                      "tr",      "wc",       "stat",     "sleep",    "true", "touch", "rm",    "mkdir",
                                      "mount",   "chroot",   "mknod",    "head",     "test", "pwd",   "chown", "setsid",
                                      "unshare", "ifconfig", "hostname", "readlink", "kill"};

/* ---- making trees --------------------------------------------------------------------------- */

static void put(int dir, const char *path, const char *text, mode_t mode)
{
    int fd = openat(dir, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(cb_write_full(fd, text, strlen(text)), 0);
    fchmod(fd, mode);
    cb_close(fd);
}

static void age(int dir, const char *path)
{
    struct timespec t[2] = {{FX_MTIME, 0}, {FX_MTIME, 0}};
    assert_int_equal(utimensat(dir, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static int open_dir(int base, const char *path)
{
    int fd = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int make_dir(int base, const char *path)
{
    assert_int_equal(cb_mkdirs(base, path, 0755), 0);
    return open_dir(base, path);
}

static bool add_busybox(int root)
{
    CB_AUTO(close) int bin = make_dir(root, "bin");
    CB_AUTO(close) int in = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
    CB_AUTO(close) int out = openat(bin, "busybox", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    struct stat st;
    if (in < 0 || out < 0 || fstat(in, &st) < 0 || cb_copy_file(in, out, (uint64_t)st.st_size) < 0)
        return false;
    fchmod(out, 0755);
    for (size_t i = 0; i < CB_LEN(applets); i++)
        symlinkat("busybox", bin, applets[i]);
    return true;
}

static void fill_root(int root)
{
    static const char *const dirs[] = {"etc", "tmp", "tmp/sub", "srv", "dev", "proc", "sys"};
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        mkdirat(root, dirs[i], 0755);
    put(root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:33:34::/home/app:/bin/sh\n", 0644);
    put(root, "etc/group", "root:x:0:\nstaff:x:7:root,app\napp:x:34:\n", 0644);
    put(root, "tmp/garbage", "\001\002\003", 0755);
    put(root, "tmp/no-interpreter", "#!/not/there\n", 0755);
    symlinkat("tmp", root, "link");
    symlinkat("/", root, "to-root");
    symlinkat("/loop", root, "loop");
    symlinkat("../nowhere/yet", root, "dangling");
    fchmodat(root, "tmp", 01777, 0);
    for (size_t i = CB_LEN(dirs); i-- > 0;)
        age(root, dirs[i]);
    age(root, "bin");
    age(root, ".");
}

static void make_sources(int base)
{
    CB_AUTO(close) int dir = make_dir(base, "sources/dir");
    CB_AUTO(close) int empty = make_dir(base, "sources/empty");
    (void)empty;
    CB_AUTO(close) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    mkdirat(dir, "sub", 0755);
    mkdirat(dir, "rw", 0755);
    put(dir, "file", "content\n", 0644);
    put(dir, "sub/inner", "inner\n", 0644);
    symlinkat("/sub", dir, "link-to-sub");
    symlinkat("../../../sub", dir, "escape");
    mkdirat(dir, "dir", 0755); /* so that "../../dir/escape" exists below the clamped root */
    symlinkat("../../../sub", dir, "dir/escape");
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/sources/sock", fx.dir);
    assert_int_equal(bind(sock, (struct sockaddr *)&a, sizeof(a)), 0);
}

const char *fx_set_up(void)
{
    struct rt_privilege p;
    struct cb_error err = CB_ERROR_INIT;
    const char *tmp = getenv("TMPDIR");
    if (RUNNING_ON_VALGRIND)
        return "valgrind knows no fsopen(2)";
    if (access("/bin/busybox", X_OK) < 0)
        return "there is no /bin/busybox (package busybox-static)";
    snprintf(fx.dir, sizeof(fx.dir), "%.32s/cbuild-runtime-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(fx.dir) || chmod(fx.dir, 0755) < 0)
        return "no temporary directory";
    rt_privilege_probe(&p);
    struct rt_helper *h;
    assert_int_equal(rt_helper_start(&p, RT_HELPER_FILES, NULL, &h, &err), 0);
    rt_helper_free(h);
    fx.rung = p.rung;
    print_message("rung: %s%s%s\n", p.rung->name, p.reason ? "; " : "", p.reason ? p.reason : "");
    bool none = !p.rung->runs;
    rt_privilege_done(&p);
    CB_AUTO(close) int base = open_dir(AT_FDCWD, fx.dir);
    fx.root = make_dir(base, "root");
    fx.bare = make_dir(base, "bare");
    if (!add_busybox(fx.root) || !add_busybox(fx.bare))
        return "busybox cannot be copied";
    fill_root(fx.root);
    make_sources(base);
    return none ? "no namespaces here" : NULL;
}

/* By a job: what the sandboxes left may belong to ids of the namespace only. */
static int remove_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io, (void)world, (void)req, (void)answer;
    int r = cb_remove_tree(AT_FDCWD, fx.dir);
    return r < 0 ? cb_fail_sys(err, r, "remove '%s'", fx.dir) : 0;
}

void fx_tear_down(void)
{
    struct rt_privilege p;
    struct rt_helper *h;
    struct cb_job job;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    cb_close(fx.root);
    cb_close(fx.bare);
    rt_privilege_probe(&p);
    if (rt_helper_start(&p, RT_HELPER_FILES, NULL, &h, &err) < 0)
        return;
    if (rt_helper_job(h, remove_job, &(struct rt_job_request){0}, &job, &err) < 0 || cb_job_wait(&job, &answer, &err) < 0)
        print_error("%s\n", err.msg);
    rt_helper_free(h);
    rt_privilege_done(&p);
}

int fx_source(const char *name)
{
    CB_AUTO(free) char *path = cb_printf("%s/sources/%s", fx.dir, name);
    int fd = open(path, O_PATH | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int new_tree(const char *kind)
{
    CB_AUTO(free) char *path = cb_printf("%s/%s-%d", fx.dir, kind, fx.next_work++);
    return make_dir(AT_FDCWD, path);
}

int fx_evil(const char *link, const char *target)
{
    int dir = new_tree("evil");
    assert_true(add_busybox(dir));
    if (strchr(link, '/'))
        mkdirat(dir, "etc", 0755);
    assert_int_equal(symlinkat(target, dir, link), 0);
    return dir;
}

int fx_layer(int i)
{
    char name[32], text[16];
    int dir = new_tree("layer");
    mkdirat(dir, "layers", 0755);
    snprintf(name, sizeof(name), "layers/%d", i);
    snprintf(text, sizeof(text), "%d\n", i);
    put(dir, name, text, 0644);
    return dir;
}

/* ---- running -------------------------------------------------------------------------------- */

struct rt_sandbox fx_sandbox(const char *script)
{
    static const char *argv[4] = {"sh", "-c"};
    static const char *const env[] = {"PATH=/bin", "A=b c", NULL};
    argv[2] = script;
    return (struct rt_sandbox){.stdin_fd = -1,
                               .terminal = -1,
                               .lowers = &fx.root,
                               .n_lowers = 1,
                               .argv = argv,
                               .env = env,
                               .cwd = "/",
                               .user = "",
                               .hostname = "sandbox",
                               .hosts = "192.0.2.1\tadded\n",
                               .resolv = "nameserver 192.0.2.1\n",
                               .network = rt_network_find("host")};
}

/* Set before the helper is forked: its jobs see them. */
static struct rt_sandbox current;
static bool kill_it;

static void list_changes(int dir, const char *prefix, struct cb_buf *out)
{
    struct dirent **names;
    int n = scandirat(dir, ".", &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct stat st, below;
        const char *name = names[i]->d_name;
        CB_AUTO(free) char *path = cb_printf("%s%s", prefix, name);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            free(names[i]);
            continue;
        }
        bool existed = false;
        for (size_t k = 0; k < current.n_lowers && !existed; k++)
            existed = fstatat(current.lowers[k], path, &below, AT_SYMLINK_NOFOLLOW) == 0;
        if (S_ISDIR(st.st_mode)) {
            CB_AUTO(close) int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            CB_AUTO(free) char *deeper = cb_printf("%s/", path);
            if (!existed || st.st_mode != below.st_mode || st.st_uid != below.st_uid) /* a mere copy-up is no change */
                cb_buf_printf(out, "%s/ ", path);
            list_changes(sub, deeper, out);
        } else {
            cb_buf_printf(out, "%s%s ", path, S_ISCHR(st.st_mode) && st.st_rdev == 0 ? "(whiteout)" : "");
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static void put_changes(struct cb_buf *answer, int work)
{
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    CB_AUTO(close) int upper = openat(work, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st = {0}, etc;
    if (upper >= 0) {
        list_changes(upper, "", &list);
        fstat(upper, &st);
    }
    bool etc_changed =
        upper >= 0 && fstatat(upper, "etc", &etc, 0) == 0 && (etc.st_mtim.tv_sec != FX_MTIME || etc.st_mtim.tv_nsec != 0);
    cb_put_str(answer, list.data);
    cb_put_u64(answer, (uint64_t)st.st_mtim.tv_sec);
    cb_put_u64(answer, (uint64_t)st.st_mtim.tv_nsec);
    cb_put_u8(answer, etc_changed);
}

/* The sandbox is the next process that the job makes after this one, but for the supervisor, where ids are emulated. */
static void start_killer(void)
{
    if (fork() == 0) {
        usleep(300000);
        kill(getpid() + (fx.rung->emulates ? 2 : 1), SIGKILL);
        _exit(0);
    }
}

/* Request: the name of the work directory. */
static int run_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                   struct cb_error *err)
{
    (void)io, (void)world;
    struct rt_result r = {0};
    CB_AUTO(free) char *name = cb_memdup0(req->bytes, req->len);
    CB_AUTO(close) int work = make_dir(AT_FDCWD, name);
    current.work_dir = work;
    if (kill_it)
        start_killer();
    int e = rt_sandbox_run(&current, &r, err);
    CB_AUTO(close) int throwaway = openat(work, "throwaway", O_PATH | O_CLOEXEC);
    assert_true(throwaway < 0);
    if (e < 0)
        return -1;
    cb_put_bytes(answer, &r, sizeof(r));
    put_changes(answer, work);
    return 0;
}

static char *slurp(int fd)
{
    static char text[65536];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    cb_close(fd);
    return cb_memdup0(text, n > 0 ? (size_t)n : 0);
}

static int output_file(void)
{
    CB_AUTO(free) char *path = cb_printf("%s/output-%d", fx.dir, fx.next_work++);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static struct fx_running start_helper(struct rt_sandbox *s)
{
    static struct rt_privilege p;
    struct fx_running r = {0};
    struct cb_error err = CB_ERROR_INIT;
    current = *s;
    rt_privilege_probe(&p);
    current.privilege = &p;
    r.privilege = p;
    if (rt_helper_start(&r.privilege, RT_HELPER_COMMANDS, NULL, &r.helper, &err) < 0)
        fail_msg("%s", err.msg);
    rt_helper_raise_limits(r.helper, s->rlimits, s->n_rlimits);
    assert_ptr_equal(r.privilege.rung, fx.rung);
    return r;
}

static void start_job(struct rt_helper *h, struct cb_job *job)
{
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *name = cb_printf("%s/work-%d", fx.dir, fx.next_work++);
    struct rt_job_request req = {.bytes = name, .len = strlen(name)};
    if (rt_helper_job(h, run_job, &req, job, &err) < 0)
        fail_msg("%s", err.msg);
}

struct fx_running fx_start(struct rt_sandbox *s, int n)
{
    s->stdout_fd = s->stderr_fd = output_file();
    struct fx_running r = start_helper(s);
    for (int i = 0; i < n; i++)
        start_job(r.helper, &r.jobs[i]);
    cb_close(s->stdout_fd);
    return r;
}

struct outcome fx_run(struct rt_sandbox *s)
{
    struct outcome o = {0};
    struct cb_job job;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    s->stdout_fd = output_file();
    s->stderr_fd = output_file();
    struct fx_running r = start_helper(s);
    start_job(r.helper, &job);
    o.failed = cb_job_wait(&job, &answer, &o.err) < 0;
    rt_helper_free(r.helper);
    rt_privilege_done(&r.privilege);
    o.out = slurp(s->stdout_fd);
    o.errout = slurp(s->stderr_fd);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    if (!o.failed) {
        struct cb_str raw = cb_get_bytes(&u);
        assert_int_equal(raw.n, sizeof(o.result));
        memcpy(&o.result, raw.p, raw.n);
    }
    o.changes = cb_get_str(&u);
    o.root_mtime.tv_sec = (time_t)cb_get_u64(&u);
    o.root_mtime.tv_nsec = (long)cb_get_u64(&u);
    o.etc_mtime_changed = cb_get_u8(&u);
    return o;
}

struct outcome fx_run_killed(struct rt_sandbox *s)
{
    kill_it = true;
    struct outcome o = fx_run(s);
    kill_it = false;
    return o;
}

void outcome_done(struct outcome *o)
{
    cb_error_done(&o->err);
    free(o->out);
    free(o->errout);
    free(o->changes);
}

void fx_expect_error(struct rt_sandbox *s, const char *pattern)
{
    struct outcome o = fx_run(s);
    if (!o.failed || fnmatch(pattern, o.err.msg, 0) != 0)
        fail_msg("error '%s' instead of '%s' (exit %d)", o.failed ? o.err.msg : "none", pattern, o.result.exit_code);
    outcome_done(&o);
}

int fx_hello_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    (void)io, (void)world, (void)err;
    cb_buf_printf(answer, "hello %.*s", (int)req->len, (const char *)req->bytes);
    return 0;
}

int fx_sleep_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    (void)io, (void)world, (void)req, (void)answer, (void)err;
    sleep(1000);
    return 0;
}

int fx_count_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer, struct cb_error *err)
{
    (void)io, (void)world, (void)err;
    size_t usable = 0;
    for (size_t i = 0; i < req->n_fds; i++)
        usable += fcntl(req->fds[i], F_GETFD) == FD_CLOEXEC;
    cb_buf_printf(answer, "%zu %zu", req->len, usable);
    return 0;
}

int fx_count(const char *what)
{
    int n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *d; proc && (d = readdir(proc));) {
        CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
        CB_AUTO(free) char *path = cb_printf("/proc/%s/cmdline", d->d_name);
        if (d->d_name[0] < '0' || d->d_name[0] > '9' || cb_read_file(AT_FDCWD, path, 65536, &line) < 0)
            continue;
        n += line.len > 5 && strcmp(line.data, "sleep") == 0 && cb_starts(line.data + 6, what);
    }
    if (proc)
        closedir(proc);
    return n;
}

/* ---- other users, speed --------------------------------------------------------------------- */

int fx_again_as(const char *variable, const char *program)
{
    const char *name = getenv(variable);
    const struct passwd *pw = name ? getpwnam(name) : NULL;
    if (!pw) {
        print_message("skipped: %s %s\n", variable, name ? "names no user" : "is not set");
        return 0;
    }
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (initgroups(pw->pw_name, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
            _exit(99);
        execl("/proc/self/exe", program, NULL);
        _exit(98);
    }
    waitpid(pid, &status, 0);
    if (status)
        print_error("as %s: status %x\n", name, (unsigned)status);
    return status != 0;
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(const char *what, struct rt_sandbox *s, size_t n)
{
    CB_AUTO(free) uint64_t *job_us = cb_alloc(n * sizeof(*job_us));
    CB_AUTO(free) uint64_t *run_us = cb_alloc(n * sizeof(*run_us));
    s->stdout_fd = s->stderr_fd = output_file();
    uint64_t began = now_us();
    struct fx_running r = start_helper(s);
    uint64_t helper_us = now_us() - began;
    for (size_t i = 0; i < n; i++) {
        struct cb_job job;
        struct cb_error err = CB_ERROR_INIT;
        struct rt_result result;
        CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
        began = now_us();
        start_job(r.helper, &job);
        if (cb_job_wait(&job, &answer, &err) < 0)
            fail_msg("%s", err.msg);
        job_us[i] = now_us() - began;
        struct cb_unpack u = cb_unpack(answer.data, answer.len);
        memcpy(&result, cb_get_bytes(&u).p, sizeof(result));
        run_us[i] = result.usage.wall_us;
    }
    rt_helper_free(r.helper);
    rt_privilege_done(&r.privilege);
    cb_close(s->stdout_fd);
    qsort(job_us, n, sizeof(*job_us), compare_u64);
    qsort(run_us, n, sizeof(*run_us), compare_u64);
    print_message(
        "%-16s helper %5llu us; sandbox best tenth %5llu median %5llu p90 %5llu us; with its job %5llu %5llu %5llu us\n", what,
        (unsigned long long)helper_us, (unsigned long long)run_us[n / 10], (unsigned long long)run_us[n / 2],
        (unsigned long long)run_us[n * 9 / 10], (unsigned long long)job_us[n / 10], (unsigned long long)job_us[n / 2],
        (unsigned long long)job_us[n * 9 / 10]);
}

int fx_bench(void)
{
    const char *runs = getenv("RUNS");
    uint64_t n;
    if (!runs || !cb_parse_u64(runs, 1000000, &n) || n == 0)
        return -1;
    /* As real images are: the places for the kernel's file systems exist. */
    static const char *const places[] = {"proc", "dev", "sys", "etc", "etc/hosts", "etc/resolv.conf"};
    int lowers[2] = {new_tree("places"), fx.root};
    for (size_t i = 0; i < CB_LEN(places); i++)
        if (strchr(places[i], '/'))
            put(lowers[0], places[i], "", 0644);
        else
            mkdirat(lowers[0], places[i], 0755);
    struct rt_sandbox s = fx_sandbox("");
    s.lowers = lowers;
    s.n_lowers = 2;
    s.argv = (const char *const[]){"/bin/true", NULL};
    measure("host's network", &s, n);
    s.network = rt_network_find("none");
    measure("no network", &s, n);
    s.network = rt_network_find("host");
    s.insecure = true;
    measure("insecure", &s, n);
    cb_close(lowers[0]);
    return 0;
}
