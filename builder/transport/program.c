#include "builder/transport/program.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/proc.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail_missing(const char *program, struct cb_error *err)
{
    cb_fail(err, CB_E_NOT_FOUND, "the program '%s', which keeps such images, is not installed", program);
    return cb_hint(err,
                   "archives go both ways: '%s save' writes what 'cbuild load' reads, '%s load' reads what 'cbuild save' writes",
                   program, program);
}

int build_program_start(const char *const *argv, bool gives, struct build_program *ret, int *ret_pipe, struct cb_error *err)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "make a pipe");
    CB_AUTO(close) int own = p[gives ? 0 : 1], its = p[gives ? 1 : 0], errors = cb_memory_file("errors");
    const struct cb_spawn s = {argv, NULL, -1, {gives ? -1 : its, gives ? its : errors, errors}, false};
    int r = errors < 0 ? errors : cb_spawn(&s, &ret->pid);
    if (r == -ENOENT)
        return fail_missing(argv[0], err);
    if (r < 0)
        return cb_fail_sys(err, r, "start '%s'", argv[0]);
    ret->argv = argv;
    ret->errors = cb_take_fd(&errors);
    *ret_pipe = cb_take_fd(&own);
    return 0;
}

int build_program_end(struct build_program *p, int result, struct cb_error *err)
{
    int status = 0;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (result < 0)
        kill(p->pid, SIGTERM);
    CB_RETRY(waitpid(p->pid, &status, 0));
    CB_AUTO(close) int errors = cb_take_fd(&p->errors);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
        return result;
    if (lseek(errors, 0, SEEK_SET) < 0 || cb_read_fd(errors, CB_MAX_SHOWN, &text) < 0 || !text.len)
        cb_buf_printf(&text, "exit status %d", WEXITSTATUS(status));
    while (text.len && text.data[text.len - 1] == '\n')
        cb_buf_truncate(&text, text.len - 1);
    cb_error_done(err);
    return cb_fail(err, CB_E_NOT_FOUND, "'%s %s' failed: %s", p->argv[0], p->argv[1], text.data);
}
