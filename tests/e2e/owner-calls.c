/* What every call that names or shows an owner says to arguments of all kinds: a line each, to be compared with what it says on
 * another rung. Runs as root of an image in an empty directory /t; "ids" prints who it is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LEN(a) (sizeof(a) / sizeof(*(a)))

static char long_name[300], long_path[PATH_MAX + 1], just_short[PATH_MAX], self_fd[64], pid_fd[64];

/* ---- what is said ------------------------------------------------------------------------------ */

static void said(const char *what, long r)
{
    printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "ok");
}

static void ids(const char *what)
{
    uid_t u[3];
    gid_t g[3];
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    printf("%s: uids %u %u %u gids %u %u %u fs %d %d\n", what, u[0], u[1], u[2], g[0], g[1], g[2], setfsuid(-1), setfsgid(-1));
    fflush(stdout);
}

static void owner(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        printf("    %s: %s\n", path, strerrorname_np(errno));
    else
        printf("    %s: %u:%u %o\n", path, st.st_uid, st.st_gid, st.st_mode);
}

/* fn in a process of its own, as this user. */
static void as(uid_t uid, gid_t gid, void (*fn)(void))
{
    int status;
    fflush(stdout);
    if (fork() == 0) {
        if (setgid(gid) < 0 || setuid(uid) < 0)
            perror("become");
        fn();
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    if (status)
        printf("ended with %x\n", status);
}

/* ---- where a path leads ------------------------------------------------------------------------- */

enum { CWD, DIR_FD, PATH_DIR, FILE_FD, PATH_FILE, PATH_LINK, NONE, N_DIRS };
static int dirs[N_DIRS];

static void open_dirs(void)
{
    dirs[CWD] = AT_FDCWD;
    dirs[DIR_FD] = open("/t", O_RDONLY | O_DIRECTORY);
    dirs[PATH_DIR] = open("/t/d", O_PATH);
    dirs[FILE_FD] = open("/t/f", O_RDONLY);
    dirs[PATH_FILE] = open("/t/f", O_PATH);
    dirs[PATH_LINK] = open("/t/l", O_PATH | O_NOFOLLOW);
    dirs[NONE] = 777;
}

static const struct place {
    int dir;
    const char *path;
    int flags;
} places[] = {
    {CWD, "f", 0},
    {CWD, "l", 0},
    {CWD, "l", AT_SYMLINK_NOFOLLOW},
    {CWD, "l/", AT_SYMLINK_NOFOLLOW},
    {CWD, "f/", 0},
    {CWD, "f/.", 0},
    {CWD, "f/x", 0},
    {CWD, "d", 0},
    {CWD, "d/", 0},
    {CWD, "d//", AT_SYMLINK_NOFOLLOW},
    {CWD, "d/.", 0},
    {CWD, "d/..", 0},
    {CWD, ".", 0},
    {CWD, "dl/", AT_SYMLINK_NOFOLLOW},
    {CWD, "dl", AT_SYMLINK_NOFOLLOW},
    {CWD, "dl/in", 0},
    {CWD, "p", 0},
    {CWD, "dangling", 0},
    {CWD, "dangling", AT_SYMLINK_NOFOLLOW},
    {CWD, "loop", 0},
    {CWD, "loop", AT_SYMLINK_NOFOLLOW},
    {CWD, "loop/x", AT_SYMLINK_NOFOLLOW},
    {CWD, "missing", 0},
    {CWD, "missing/x", 0},
    {CWD, "", 0},
    {CWD, "", AT_EMPTY_PATH},
    {CWD, "f", AT_EMPTY_PATH},
    {CWD, "f", AT_REMOVEDIR},
    {CWD, long_name, 0},
    {CWD, long_path, 0},
    {CWD, just_short, 0},
    {DIR_FD, "f", 0},
    {DIR_FD, "../t/l", AT_SYMLINK_NOFOLLOW},
    {DIR_FD, "", AT_EMPTY_PATH},
    {DIR_FD, "", 0},
    {PATH_DIR, "in", 0},
    {PATH_DIR, "", AT_EMPTY_PATH},
    {FILE_FD, "f", 0},
    {FILE_FD, "", AT_EMPTY_PATH},
    {FILE_FD, "/t/f", 0},
    {PATH_FILE, "", AT_EMPTY_PATH},
    {PATH_FILE, "x", 0},
    {PATH_LINK, "", AT_EMPTY_PATH},
    {PATH_LINK, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW},
    {NONE, "f", 0},
    {NONE, "/t/f", 0},
    {NONE, "", AT_EMPTY_PATH},
    {CWD, self_fd, 0},
    {CWD, self_fd, AT_SYMLINK_NOFOLLOW},
    {CWD, pid_fd, 0},
    {CWD, "to-self-fd", 0},
    {CWD, "/proc/self/cwd/f", 0},
    {CWD, "/proc/self/root/t/l", 0},
    {CWD, "/proc/thread-self/cwd/l", AT_SYMLINK_NOFOLLOW},
    {CWD, "/dev/fd/777", 0},
    {CWD, "/dev/stdout", 0},
    {CWD, "to-stdout", 0},
    {CWD, "to-to-stdout", 0},
    {CWD, "to-stdout", AT_SYMLINK_NOFOLLOW},
    {CWD, "/proc/self/fd/1", 0},
    {CWD, "/proc/self/status", 0},
    {CWD, "/proc/self", AT_SYMLINK_NOFOLLOW},
};

static void chown_places(void)
{
    for (size_t i = 0; i < LEN(places); i++) {
        const struct place *p = &places[i];
        struct stat st;
        struct statx sx;
        printf("%d '%.20s' %x:\n", p->dir, p->path == pid_fd ? "/proc/PID/fd" : p->path, p->flags);
        said("  chown", fchownat(dirs[p->dir], p->path, 100 + (uid_t)i, 200, p->flags));
        long r = fstatat(dirs[p->dir], p->path, &st, p->flags);
        said("  stat", r);
        if (r == 0)
            printf("    %u:%u %o\n", st.st_uid, st.st_gid, st.st_mode);
        r = statx(dirs[p->dir], p->path, p->flags, STATX_BASIC_STATS, &sx);
        said("  statx", r);
        if (r == 0)
            printf("    %u:%u %o\n", sx.stx_uid, sx.stx_gid, sx.stx_mode);
    }
    const char *const all[] = {"f", "l", "d", "dl", "d/in", "p", "dangling", "loop", "to-stdout", "."};
    for (size_t i = 0; i < LEN(all); i++)
        owner(all[i]);
}

/* ---- descriptors -------------------------------------------------------------------------------- */

static void descriptors(void)
{
    int pair[2], end[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || pipe(end) < 0)
        return;
    const int fds[] = {-1,      AT_FDCWD, 777, dirs[DIR_FD], dirs[PATH_DIR], dirs[FILE_FD], dirs[PATH_FILE], dirs[PATH_LINK],
                       pair[0], end[1]};
    for (size_t i = 0; i < LEN(fds); i++) {
        struct stat st = {0};
        char names[256];
        printf("descriptor %zu:\n", i);
        said("  fchown", fchown(fds[i], 300, 400));
        said("  fstat", fstat(fds[i], &st));
        printf("    %u:%u %o\n", st.st_uid, st.st_gid, st.st_mode);
        if (fds[i] == AT_FDCWD) /* some kernels take it for the working directory here */
            continue;
        said("  fsetxattr", fsetxattr(fds[i], "user.x", "1", 1, 0));
        said("  fsetxattr of capabilities", fsetxattr(fds[i], "security.capability", "1", 1, 0));
        said("  flistxattr", flistxattr(fds[i], names, sizeof(names)));
        said("  fgetxattr", fgetxattr(fds[i], "user.x", names, sizeof(names)));
        said("  fremovexattr", fremovexattr(fds[i], "user.x"));
        said("  fremovexattr again", fremovexattr(fds[i], "user.x"));
    }
}

static void attributes(void)
{
    static const char *const paths[] = {"f", "d", "l", "p", "dangling", "missing", "f/", "loop", "to-stdout", ""};
    char names[256];
    for (size_t i = 0; i < LEN(paths); i++) {
        printf("attributes of '%s':\n", paths[i]);
        said("  setxattr", setxattr(paths[i], "user.y", "1", 1, 0));
        said("  lsetxattr", lsetxattr(paths[i], "user.z", "1", 1, XATTR_REPLACE));
        said("  lsetxattr once", lsetxattr(paths[i], "user.y", "1", 1, XATTR_CREATE));
        printf("  listed %zd %zd\n", listxattr(paths[i], NULL, 0), llistxattr(paths[i], names, 2));
        said("  removexattr", removexattr(paths[i], "user.y"));
        said("  lremovexattr", lremovexattr(paths[i], "user.y"));
    }
}

/* ---- what a change takes off, and who may ------------------------------------------------------- */

static void bits(void)
{
    static const mode_t modes[] = {06755, 02644, 04644, 06711, 01777, 02755};
    for (size_t i = 0; i < LEN(modes); i++) {
        close(open("bits", O_CREAT | O_WRONLY, 0644));
        chmod("bits", modes[i]);
        said("bits", chown("bits", i % 2 ? 0 : 9, i % 2 ? 0 : 9));
        owner("bits");
        chmod("bits", modes[i]);
        said("bits as before", chown("bits", -1, -1));
        owner("bits");
        unlink("bits");
        mkdir("bits", 0755);
        chmod("bits", modes[i]);
        said("bits of a directory", chown("bits", 9, 9));
        owner("bits");
        rmdir("bits");
    }
}

static void by_user(void)
{
    ids("user");
    said("give away", chown("mine", 6, -1));
    said("take", chown("f", 5, -1));
    said("own group", chown("mine", -1, 5));
    said("another group", chown("mine", -1, 77));
    said("nothing", chown("mine", -1, -1));
    said("nothing of another's", chown("d", -1, -1));
    said("what it is", chown("mine", 5, 5));
    owner("mine");
    said("mkdir", mkdir("open/d", 0777));
    said("mkdir again", mkdir("open/d", 0777));
    said("mkdir with a slash", mkdir("open/slash/", 0777));
    said("mkdir in none", mkdir("missing/d", 0777));
    said("mkdir in another's", mkdir("d/new", 0777));
    said("mkdir of a dangling link", mkdir("dangling", 0777));
    said("symlink", symlink("target", "open/l"));
    said("symlink again", symlink("target", "open/l"));
    said("symlink with a slash", symlink("target", "open/m/"));
    said("symlink to nothing", symlink("", "open/e"));
    said("fifo", mknod("open/p", S_IFIFO | 0666, 0));
    said("device", mknod("open/c", S_IFCHR | 0666, 0x103));
    said("file by mknod", mknod("open/n", S_IFREG | 0666, 0));
    said("create", open("open/f", O_CREAT | O_WRONLY, 0666));
    said("create again", open("open/f", O_CREAT | O_EXCL | O_WRONLY, 0666));
    said("create with a slash", open("open/g/", O_CREAT | O_WRONLY, 0666));
    said("create a directory", open("open/h", O_CREAT | O_DIRECTORY, 0666));
    said("create in another's", open("d/f", O_CREAT | O_WRONLY, 0666));
    said("create through a link", open("open/through", O_CREAT | O_WRONLY, 0666));
    said("exclusively through a link", open("open/through2", O_CREAT | O_EXCL | O_WRONLY, 0666));
    said("create nothing", open("", O_CREAT | O_WRONLY, 0666));
    said("create in a loop", open("loop", O_CREAT | O_WRONLY, 0666));
    said("create too long", open(long_name, O_CREAT | O_WRONLY, 0666));
    said("create below a descriptor", openat(777, "x", O_CREAT | O_WRONLY, 0666));
    static const struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 0600, .resolve = RESOLVE_BENEATH};
    said("openat2", syscall(SYS_openat2, AT_FDCWD, "open/2", &how, sizeof(how)));
    said("openat2 from the root", syscall(SYS_openat2, AT_FDCWD, "/t/open/3", &how, sizeof(how)));
    said("openat2 of a short form", syscall(SYS_openat2, AT_FDCWD, "open/4", &how, 8L));
    int fd = open("open", O_TMPFILE | O_RDWR, 0600);
    said("a file without a name", fd);
    snprintf(self_fd, sizeof(self_fd), "/proc/self/fd/%d", fd);
    said("its name", linkat(AT_FDCWD, self_fd, AT_FDCWD, "open/tmp", AT_SYMLINK_FOLLOW));
    said("setgroups", syscall(SYS_setgroups, 0, NULL));
    said("setuid", setuid(0));
    said("setreuid", setreuid(-1, 6));
    said("chroot", chroot("/t"));
    static const char *const made[] = {"d", "slash", "l", "m", "p", "n", "f", "h", "target2", "2", "tmp"};
    for (size_t i = 0; i < LEN(made); i++) {
        char path[64];
        snprintf(path, sizeof(path), "open/%s", made[i]);
        owner(path);
    }
}

/* ---- programs ----------------------------------------------------------------------------------- */

static char *const argv_ids[] = {"ids", "ids", NULL};
static char *no_env[] = {NULL};

static void run_plain(void)
{
    execve("/t/suid", argv_ids, no_env);
}

static void run_fd(void)
{
    fexecve(open("/t/suid", O_PATH | O_CLOEXEC), argv_ids, no_env);
}

static void run_at(void)
{
    execveat(dirs[DIR_FD], "suid", argv_ids, no_env, 0);
}

static void run_link(void)
{
    said("execveat of a link", execveat(dirs[DIR_FD], "to-suid", argv_ids, no_env, AT_SYMLINK_NOFOLLOW));
    ids("after it");
    execve("/t/to-suid", argv_ids, no_env);
}

static void run_self(void)
{
    execve("/proc/self/exe", argv_ids, no_env);
}

static void *execute(void *path)
{
    execve(path, argv_ids, no_env);
    return NULL;
}

static void run_thread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, execute, "/t/suid");
    for (int i = 0; i < 100000; i++)
        (void)getuid(); /* until it is over */
    pthread_join(t, NULL);
}

static void run_no_new_privs(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    run_plain();
}

static void run_script(void)
{
    execve("/t/script", argv_ids, no_env);
}

static void run_by_suid(void)
{
    execve("/t/by-suid", argv_ids, no_env);
}

static void after_failure(const char *what, const char *path, char *const argv[])
{
    said(what, execve(path, argv, no_env));
    fflush(stdout);
    if (fork() == 0) {
        ids("a child after it");
        fflush(stdout);
        execve("/t/plain", argv_ids, no_env);
        _exit(0);
    }
    wait(NULL);
    ids("after it");
}

static void run_failing(void)
{
    static char big[4 << 20];
    memset(big, 'x', sizeof(big) - 1);
    after_failure("too much", "/t/suid", (char *const[]){"ids", big, NULL});
    after_failure("no program", "/t/broken", argv_ids);
    after_failure("no interpreter", "/t/no-interpreter", argv_ids);
    after_failure("wrong arguments", "/t/suid", (void *)-4096L);
    int fd = open("/t/busy", O_WRONLY);
    after_failure("being written", "/t/busy", argv_ids);
    close(fd);
    said("setuid after all", setresuid(5, 5, 5));
    execve("/t/plain", argv_ids, no_env);
}

/* What of the ids an exec changes although the program has no bits. */
static void run_plain_saved(void)
{
    if (setresuid(-1, 5, 6) == 0)
        ids("before");
    execve("/t/broken", argv_ids, no_env);
    ids("after a failure");
    execve("/t/plain", argv_ids, no_env);
}

static void copy(const char *to, mode_t mode, const char *text)
{
    char command[256];
    if (text) {
        FILE *f = fopen(to, "w");
        fputs(text, f);
        fclose(f);
    } else {
        snprintf(command, sizeof(command), "cat /owner-calls >%s", to);
        if (system(command) != 0)
            perror(to);
    }
    said(to, chown(to, 7, 8));
    chmod(to, mode);
}

static void programs(void)
{
    static const struct {
        const char *what;
        void (*fn)(void);
    } kinds[] = {{"exec", run_plain},        {"fexecve", run_fd},     {"execveat", run_at},           {"link", run_link},
                 {"self", run_self},         {"thread", run_thread},  {"bits off", run_no_new_privs}, {"script", run_script},
                 {"by set-id", run_by_suid}, {"failing", run_failing}};
    copy("/t/suid", 06755, NULL);
    copy("/t/plain", 0755, NULL);
    copy("/t/busy", 06777, NULL);
    copy("/t/script", 06755, "#!/owner-calls ids\n");
    copy("/t/by-suid", 0755, "#!/t/suid ids\n");
    copy("/t/no-interpreter", 06755, "#!/t/missing\n");
    copy("/t/broken", 06755, "\177ELF nothing that runs\n");
    symlink("suid", "/t/to-suid");
    for (size_t i = 0; i < LEN(kinds); i++) {
        printf("program, %s:\n", kinds[i].what);
        as(5, 5, kinds[i].fn);
    }
    printf("program, root:\n");
    as(0, 0, run_plain_saved);
}

/* -------------------------------------------------------------------------------------------------- */

static void set_up(void)
{
    mkdir("/t", 0755);
    if (chdir("/t") < 0)
        exit(1);
    close(open("f", O_CREAT | O_WRONLY, 0644));
    close(open("mine", O_CREAT | O_WRONLY, 0644));
    mkdir("d", 0755);
    close(open("d/in", O_CREAT | O_WRONLY, 0644));
    symlink("f", "l");
    symlink("d", "dl");
    symlink("nowhere", "dangling");
    symlink("loop", "loop");
    symlink("/dev/stdout", "to-stdout");
    symlink("to-stdout", "to-to-stdout");
    mkfifo("p", 0644);
    chown("mine", 5, 5);
    mkdir("open", 0777);
    chmod("open", 0777);
    symlink("target2", "open/through");
    symlink("target3", "open/through2");
    memset(long_name, 'n', sizeof(long_name) - 1);
    memset(long_path, '/', sizeof(long_path) - 1);
    for (size_t i = 0; i + 2 < sizeof(just_short); i += 2)
        memcpy(just_short + i, "./", 2);
    strcpy(just_short + sizeof(just_short) - 2, "f");
    open_dirs();
    snprintf(self_fd, sizeof(self_fd), "/proc/self/fd/%d", dirs[FILE_FD]);
    snprintf(pid_fd, sizeof(pid_fd), "/proc/%d/fd/%d", (int)getpid(), dirs[FILE_FD]);
    symlink(self_fd, "to-self-fd");
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        ids("runs as");
        return 0;
    }
    umask(0);
    set_up();
    chown_places();
    descriptors();
    attributes();
    bits();
    as(5, 5, by_user);
    programs();
    return 0;
}
