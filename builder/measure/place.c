#include "builder/measure/place.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"

#include <sys/file.h>
#include <unistd.h>

#define MARK ".replay."

void measure_store_remove(const char *program, const char *store)
{
    const char *argv[] = {program, "cache", "reset", "--force", "--root", store, NULL};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, errout = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_proc p = {.argv = argv, .cwd_fd = -1, .max_output = 1u << 20};
    int status;
    (void)cb_proc_run(&p, &out, &errout, &status, &ignored);
}

/* Layers may have owners that only another cbuild reaches. What is left after that is ours. */
void measure_place_remove(const char *program, const char *path)
{
    static const char *const stores[] = {"store", "try"};
    for (size_t i = 0; i < CB_LEN(stores); i++) {
        CB_AUTO(free) char *store = cb_path_join(path, stores[i]);
        if (access(store, F_OK) == 0)
            measure_store_remove(program, store);
    }
    (void)cb_remove_tree(AT_FDCWD, path);
}

static bool lock(int fd)
{
    return CB_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == 0;
}

/* Whoever works in one holds its lock. */
static void sweep(const char *program, const char *parent, const char *base)
{
    struct cb_dir d = cb_dir_open(AT_FDCWD, parent);
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(free) char *prefix = cb_printf("%s" MARK, base);
    (void)cb_dir_names(&d, &names);
    cb_dir_close(&d);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_path_join(parent, names.items[i]);
        CB_AUTO(close)
        int fd = cb_starts(names.items[i], prefix) ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        struct stat st;
        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && lock(fd))
            measure_place_remove(program, path);
    }
}

int measure_place_make(const char *program, const char *store, char **ret, struct cb_error *err)
{
    CB_AUTO(free) char *parent = cb_path_dir(store);
    CB_AUTO(free) char *dir = cb_printf("%s" MARK "XXXXXX", store);
    int e = cb_mkdirs(AT_FDCWD, parent, 0755);
    if (e == 0)
        sweep(program, parent, cb_path_base(store));
    if (e < 0 || !mkdtemp(dir)) {
        cb_fail_sys(err, e < 0 ? e : errno, "make '%s'", dir);
        return cb_hint(err, "the replay works beside the store: --root DIR says where that is");
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open '%s'", dir);
    (void)lock(fd);
    *ret = CB_TAKE(dir);
    return fd;
}
