/* How much of the machine a command may take, as docker's options say it, and the files of a control group that say the same
 * to the kernel, in either version (runtime.md §10). A value; nothing here touches a file, but
 * that rt_limits_check looks up what the machine has. */
#ifndef RT_LIMITS_H
#define RT_LIMITS_H

#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum rt_controller {
    RT_CONTROLLER_MEMORY,
    RT_CONTROLLER_CPU,
    RT_CONTROLLER_CPUSET,
    RT_CONTROLLER_PIDS,
    RT_CONTROLLER_IO,
    RT_CONTROLLERS
};
struct rt_controller_names {
    const char *v1, *v2;
};
extern const struct rt_controller_names rt_controllers[RT_CONTROLLERS];

enum rt_io_kind { RT_IO_READ_BPS, RT_IO_WRITE_BPS, RT_IO_READ_IOPS, RT_IO_WRITE_IOPS, RT_IO_KINDS };
struct rt_io_limit {
    enum rt_io_kind kind;
    dev_t device;
    uint64_t rate; /* a second */
};

struct rt_limits { /* 0, NULL: not given */
    int64_t memory, memory_reservation;
    int64_t memory_swap; /* memory and swap together; -1: no limit */
    uint64_t cpus;       /* in millionths of a processor */
    int64_t cpu_shares, cpu_period, cpu_quota;
    char *cpuset_cpus, *cpuset_mems; /* owned */
    int64_t pids;                    /* -1: no limit */
    struct rt_io_limit *io;          /* owned */
    size_t n_io, cap_io;
    char *parent; /* owned: the group in which the groups are made: /absolute, relative to ours, or a systemd slice */
};
void rt_limits_done(struct rt_limits *l);
bool rt_limits_any(const struct rt_limits *l); /* whether commands need groups of their own */
/* What contradicts itself, or no command could run with here. 0, or -1 with `err` set. */
int rt_limits_check(const struct rt_limits *l, struct cb_error *err);

/* One file of a command's group, and what is written to it. */
struct rt_setting {
    enum rt_controller controller;
    const char *option; /* that asks for it, without dashes */
    const char *file;
    char *text;    /* owned */
    bool optional; /* not asked for: where the kernel has no such file it is done without */
};
struct rt_settings {
    struct rt_setting *items;
    size_t n, cap;
};
/* In the order in which they can be written. Added to `ret`. */
void rt_limits_settings(const struct rt_limits *l, bool v2, struct rt_settings *ret);
void rt_settings_done(struct rt_settings *s);
CB_DEFINE_AUTO(rt_settings, struct rt_settings, rt_settings_done)

#endif
