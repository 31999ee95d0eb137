/* Shows every file that /proc names for every process, as SEEN, and tries the ways out of each. */
#include "attack.h"

#include <dirent.h>

/* The links of a directory: what each is, and what lies above it. */
static void look_at_links(const char *dir)
{
    char path[1200];
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        seen(path);
        for (int depth = 1; depth < 6; depth++) {
            strncat(path, "/..", sizeof(path) - strlen(path) - 1);
            seen(path);
        }
    }
    if (d)
        closedir(d);
}

static void look_at_process(const char *dir)
{
    static const char *const links[] = {"exe", "root", "cwd"}, *const directories[] = {"fd", "map_files", "ns"};
    char path[600];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, links[i]);
        seen(path);
        snprintf(path, sizeof(path), "%s/%s/..", dir, links[i]);
        seen(path);
        snprintf(path, sizeof(path), "%s/%s", dir, directories[i]);
        look_at_links(path);
    }
}

int main(void)
{
    DIR *d = opendir("/proc");
    char path[400];
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "/proc/%s", e->d_name);
        look_at_process(path);
    }
    look_at_process("/proc/thread-self");
    errno = 0;
    held("looked at every process");
    return 0;
}
