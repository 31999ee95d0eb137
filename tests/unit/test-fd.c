/* Modes are set on what has the name itself, whatever a link there leads to. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include "base/passing.h"
#include "base/proc.h"
#include "base/stepwise.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FCHMODAT2 452

static void modes_do_not_follow_links(void **state)
{
    static const struct {
        const char *name;
        int result;
    } cases[] = {{"file", 0}, {"dir", 0}, {"fifo", 0}, {"link", -EOPNOTSUPP}, {"to-dir", -EOPNOTSUPP}, {"none", -ENOENT}};
    char path[] = "/tmp/cbuild-test-fd.XXXXXX";
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(path));
    CB_AUTO(close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(dir, "victim", 0755) | mkdirat(dir, "dir", 0755) | mkfifoat(dir, "fifo", 0644), 0);
    cb_close(openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    cb_close(openat(dir, "victim/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    assert_int_equal(symlinkat("victim/file", dir, "link") | symlinkat("victim", dir, "to-dir"), 0);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        assert_int_equal(cb_chmod(dir, cases[i].name, 04711), cases[i].result);
        if (cases[i].result == 0) {
            assert_int_equal(fstatat(dir, cases[i].name, &st, AT_SYMLINK_NOFOLLOW), 0);
            assert_int_equal(st.st_mode & 07777, 04711);
        }
    }
    assert_int_equal(fstatat(dir, "victim/file", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(fstatat(dir, "victim", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(cb_remove_tree(AT_FDCWD, path), 0);
}

/* From here on a call fails as on kernels that lack it, or below filters that do not know it. */
static int deny(unsigned call, unsigned error)
{
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {CB_LEN(code), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void modes_without_the_system_call(void **state)
{
    static const int errors[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < CB_LEN(errors); i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            if (deny(FCHMODAT2, (unsigned)errors[i]) < 0)
                _exit(1);
            modes_do_not_follow_links(state); /* a failed assertion aborts */
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

/* What a path leads to, by inode; -errno. */
static long led_to(int fd)
{
    struct stat st;
    if (fd < 0)
        return fd;
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    return (long)st.st_ino;
}

/* The kernel's answer and that of the steps are the same, whatever the path. */
static void steps_lead_where_the_kernel_leads(void **state)
{
    static const char *const paths[] = {
        "a/f",      "/a/f", "a/../a/f", "..",    "../../a", "a/..",     "a/b/../f", "abs",   "rel",   "rel/",
        "dangling", "loop", "out",      "out/x", "a/up",    "a/up/a/f", "deep/f",   "a/f/",  "a/f/x", "a//b///",
        "a/./f",    ".",    "./",       "none",  "none/x",  "a/none",   "to-abs/f", "chain",
    };
    static const int flags[] = {
        O_PATH, O_RDONLY, O_PATH | O_NOFOLLOW, O_RDONLY | O_NOFOLLOW, O_PATH | O_DIRECTORY, O_RDWR | O_CREAT | O_EXCL};
    char path[] = "/tmp/cbuild-test-steps.XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(path));
    CB_AUTO(close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(cb_mkdirs(dir, "a/b", 0755), 0);
    cb_close(openat(dir, "a/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    static const char *const links[][2] = {{"/a/f", "abs"},    {"a/f", "rel"},   {"nowhere", "dangling"},
                                           {"loop", "loop"},   {"/etc", "out"},  {"../..", "a/up"},
                                           {"a/b/..", "deep"}, {"/a", "to-abs"}, {"rel", "chain"}};
    for (size_t i = 0; i < CB_LEN(links); i++)
        assert_int_equal(symlinkat(links[i][0], dir, links[i][1]), 0);
    for (size_t i = 0; i < CB_LEN(paths); i++)
        for (size_t k = 0; k < CB_LEN(flags); k++) {
            int how = flags[k] | O_CLOEXEC, mode = flags[k] & O_CREAT ? 0644 : 0;
            if (flags[k] & O_CREAT && strstr(paths[i], "none"))
                continue; /* the first would make it */
            assert_int_equal(led_to(cb_open_stepwise(dir, paths[i], how, mode, true)),
                             led_to(cb_open_in_root(dir, paths[i], how, mode)));
            assert_int_equal(led_to(cb_open_stepwise(dir, paths[i], how, mode, false)),
                             led_to(cb_open_beneath(dir, paths[i], how, mode)));
        }
    assert_int_equal(led_to(cb_open_stepwise(dir, "none", O_RDWR | O_CREAT | O_EXCL, 0644, true)) > 0, true);
    assert_int_equal(led_to(cb_open_stepwise(dir, "none", O_RDWR | O_CREAT | O_EXCL, 0644, true)), -EEXIST);
    assert_int_equal(cb_remove_tree(AT_FDCWD, path), 0);
}

/* What there is no room for is closed: a peer cannot fill our table of descriptors. */
static void messages_with_descriptors(void **state)
{
    int pair[2], pipe_fds[2], got[2] = {-1, -1};
    char text[8];
    size_t n_got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    int next = dup(0); /* the number that the first one will get */
    close(next);
    struct iovec pieces[2] = {{"ab", 2}, {"cd", 2}};
    assert_int_equal(cb_send_fds(pair[0], pieces, 2, (int[]){pipe_fds[0], pipe_fds[1], 0, 1}, 4), 0);
    assert_int_equal(cb_recv_fds(pair[1], text, sizeof(text), 0, got, 2, &n_got), 4);
    assert_memory_equal(text, "abcd", 4);
    assert_int_equal(n_got, 2);
    assert_int_equal(got[0], next);
    assert_true(fcntl(got[1], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fcntl(got[1] + 1, F_GETFD), -1);
    assert_int_equal(write(got[1], "x", 1), 1);
    assert_int_equal(read(pipe_fds[0], text, 1), 1);

    assert_int_equal(cb_send_fds(pair[0], pieces, 1, NULL, 0), 0);
    assert_int_equal(cb_recv_fds(pair[1], text, sizeof(text), 0, got + 2, 0, &n_got), 2);
    assert_int_equal(n_got, 0);
    close(pair[0]);
    assert_int_equal(cb_recv_fds(pair[1], text, sizeof(text), 0, got + 2, 0, &n_got), 0);
    for (int i = 0; i < 2; i++) {
        close(got[i]);
        close(pipe_fds[i]);
    }
    close(pair[1]);
}

static void places_of_a_program(void **state)
{
    static const char *const expected[] = {"/bin/sh", "/usr/bin/sh", "/x/sh"};
    const char *rest = "/bin:relative::/usr/bin:.:/x";
    for (size_t i = 0; i < 3; i++) {
        char *path = cb_path_next(&rest, "sh");
        assert_string_equal(path, expected[i]);
        free(path);
    }
    assert_null(cb_path_next(&rest, "sh"));
    rest = NULL;
    assert_null(cb_path_next(&rest, "sh"));
}

/* A process with a descriptor beyond others, which another program sees or does not. */
static int seen_by_a_program(int (*call)(int first), bool denied)
{
    int status, fd = open("/dev/null", O_RDONLY);
    if (dup2(fd, 40) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        if ((denied && deny(SYS_close_range, ENOSYS) < 0) || call(30) < 0 || (call == cb_cloexec_from && fcntl(40, F_GETFD) < 0))
            _exit(2);
        execl("/bin/sh", "sh", "-c", "[ -e /proc/self/fd/40 ]", NULL);
        _exit(3);
    }
    close(40);
    close(fd);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void descriptors_do_not_reach_a_program(void **state)
{
    (void)state;
    for (int denied = 0; denied < 2; denied++) {
        assert_int_equal(seen_by_a_program(cb_close_from, denied), 1);
        assert_int_equal(seen_by_a_program(cb_cloexec_from, denied), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_do_not_follow_links),          cmocka_unit_test(steps_lead_where_the_kernel_leads),
        cmocka_unit_test(messages_with_descriptors),          cmocka_unit_test(places_of_a_program),
        cmocka_unit_test(descriptors_do_not_reach_a_program), cmocka_unit_test(modes_without_the_system_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
