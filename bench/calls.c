/* What a system call costs in a RUN: one line each, microseconds, the least of ten rounds. Built and run by bench/calls. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS 2000

static void ask_id(void)
{
    (void)syscall(SYS_getuid);
}

static void stat_roots(void)
{
    struct stat st;
    (void)stat("/roots", &st);
}

static void stat_other(void)
{
    struct stat st;
    (void)stat("/other", &st);
}

static void stat_missing(void)
{
    struct stat st;
    (void)stat("/missing", &st);
}

static void give_away(void)
{
    (void)!chown("/other", 33, 33);
    (void)!chown("/other", 5, 6);
}

static const struct {
    const char *name;
    void (*fn)(void);
    int each; /* calls that fn makes */
} kinds[] = {{"getuid", ask_id, 1},
             {"stat, root's", stat_roots, 1},
             {"stat, another's", stat_other, 1},
             {"stat, missing", stat_missing, 1},
             {"chown", give_away, 2}};

static double round_of(void (*fn)(void))
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < CALLS; i++)
        fn();
    clock_gettime(CLOCK_MONOTONIC, &b);
    return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 / CALLS;
}

int main(void)
{
    close(open("/roots", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    close(open("/other", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
        double least = 1e9;
        (void)!chown("/other", 5, 6);
        for (int n = 0; n < 10; n++) {
            double took = round_of(kinds[k].fn) / kinds[k].each;
            least = took < least ? took : least;
        }
        printf("call %-16s %7.2f us\n", kinds[k].name, least);
    }
    return 0;
}
