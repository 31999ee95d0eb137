#include "runtime/cgroup/oom.h"
#include "base/fd.h"
#include "runtime/cgroup/hierarchy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int counter = -1;
static bool looked;

static int open_counter(void)
{
    CB_AUTO(rt_hierarchies) struct rt_hierarchies all = {0};
    rt_hierarchies_read(&all);
    for (size_t i = 0; i < all.n; i++) {
        const struct rt_hierarchy *h = &all.items[i];
        if (!h->own || !(h->controllers & 1u << RT_CONTROLLER_MEMORY))
            continue;
        CB_AUTO(free) char *path = cb_printf("%s/%s", h->own, h->v2 ? "memory.events" : "memory.oom_control");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return open("/proc/vmstat", O_RDONLY | O_CLOEXEC); /* a root group has no such file */
}

void rt_oom_prepare(void)
{
    if (!looked)
        counter = open_counter();
    looked = true;
}

uint64_t rt_oom_kills(void)
{
    rt_oom_prepare();
    char text[16384]; /* of vmstat */
    unsigned long long v = 0;
    ssize_t n = counter < 0 ? -1 : CB_RETRY(pread(counter, text, sizeof(text) - 1, 0));
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *at = strstr(text, "oom_kill ");
    return at && sscanf(at, "oom_kill %llu", &v) == 1 ? v : 0;
}
