/* Bytes on their way from one descriptor to another. Internal to builder/attach/. */
#ifndef BUILD_CHANNEL_H
#define BUILD_CHANNEL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/* No more is written at once than a pipe that is ready takes without blocking: one end is often ours to share. */
#define BUILD_CHANNEL_BYTES 4096

struct build_channel {
    int from, to; /* -1: closed */
    bool own_from, own_to;
    char bytes[BUILD_CHANNEL_BYTES];
    size_t first, n; /* those that wait to be written */
};

/* What it waits for; p->fd is -1 when that is nothing. */
void build_channel_poll(const struct build_channel *c, struct pollfd *p);
/* Moves what can be moved. At the end of either side it closes the other, where that is its own. */
void build_channel_move(struct build_channel *c, const struct pollfd *p);
bool build_channel_open(const struct build_channel *c);
void build_channel_close(struct build_channel *c);

#endif
