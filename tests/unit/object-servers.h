/* For tests of object stores: a bucket of a real S3 server (tests/tools/s3; there is none where $TEST_NPM does not say where npm
 * has put it), and the cache service of GitHub Actions (tests/tools/fakeactions.py; none without python3). */
#ifndef TEST_OBJECT_SERVERS_H
#define TEST_OBJECT_SERVERS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct server {
    const char *name; /* of its directory */
    pid_t pid;
    char *url; /* NULL: it could not be started */
};
static struct server bucket = {"s3", -1, NULL}, service = {"actions", -1, NULL};
static char scratch[] = "/tmp/cbuild-test-XXXXXX"; /* $HOME, too */

#define NEED(server)                                                                                                             \
    do {                                                                                                                         \
        if (!(server).url)                                                                                                       \
            skip();                                                                                                              \
    } while (0)

static inline char *in_scratch(const struct server *s, const char *file)
{
    return cb_printf("%s/%s/%s", scratch, s->name, file);
}

static inline char *tool(const char *name)
{
    const char *data = getenv("CBUILD_TESTDATA");
    return cb_printf("%s/../tests/tools/%s", data ? data : "testdata", name);
}

static inline void start_server(struct server *s, const char *program, char *const *argv)
{
    enum { TRIES = 2000 };
    CB_AUTO(free) char *dir = in_scratch(s, ""), *file = in_scratch(s, "port");
    CB_AUTO(cb_buf) struct cb_buf port = CB_BUF_INIT;
    assert_int_equal(cb_mkdirs(AT_FDCWD, dir, 0700), 0);
    if (posix_spawnp(&s->pid, program, NULL, NULL, argv, environ) != 0)
        s->pid = -1;
    for (int i = 0; s->pid > 0 && i < TRIES && cb_read_file(AT_FDCWD, file, 16, &port) < 0; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    if (port.len)
        s->url = cb_printf("http://127.0.0.1:%s", port.data);
}

static inline int start_servers(void)
{
    const char *modules = getenv("TEST_NPM");
    setenv("CBUILD_RETRY_DELAY_MS", "1", 1);
    assert_non_null(mkdtemp(scratch));
    setenv("HOME", scratch, 1);
    CB_AUTO(free) char *fake = tool("fakeactions.py"), *real = tool("s3/server.js");
    CB_AUTO(free) char *actions_dir = in_scratch(&service, ""), *s3_dir = in_scratch(&bucket, "");
    if (access(fake, R_OK) == 0)
        start_server(&service, "python3", (char *[]){(char *)"python3", fake, actions_dir, NULL});
    if (modules && access(real, R_OK) == 0)
        start_server(&bucket, "node", (char *[]){(char *)"node", real, (char *)modules, s3_dir, NULL});
    return 0;
}

static inline int stop_servers(void)
{
    struct server *all[] = {&bucket, &service};
    for (size_t i = 0; i < CB_LEN(all); i++) {
        if (all[i]->pid > 0) {
            kill(all[i]->pid, SIGKILL);
            waitpid(all[i]->pid, NULL, 0);
        }
        free(all[i]->url);
    }
    return cb_remove_tree(AT_FDCWD, scratch);
}

static inline void set_mode(const struct server *s, const char *words)
{
    CB_AUTO(free) char *file = in_scratch(s, "mode");
    assert_int_equal(cb_publish_file(AT_FDCWD, file, words, strlen(words), 0600), 0);
}

#endif
