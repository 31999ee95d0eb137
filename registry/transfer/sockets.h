/* The open sockets of one user of libcurl. libcurl says when it opens and closes one; which of them carries a transfer is
 * found by the port at our end, and the kernel is asked for what libcurl does not look at while it sends. */
#ifndef REG_SOCKETS_H
#define REG_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reg_sockets {
    int fds[16]; /* libcurl keeps five connections and opens two at a time; what does not fit is not watched */
    size_t n;
};
void reg_sockets_add(struct reg_sockets *s, int fd);
void reg_sockets_remove(struct reg_sockets *s, int fd);
/* The one that is bound to `local` and connected to `peer`, -1: none. */
int reg_sockets_find(const struct reg_sockets *s, uint16_t local, uint16_t peer);

/* The other side has closed its direction, and all it sent before was read. */
bool reg_socket_ended(int fd);
/* Bytes written to the socket that the other side has not taken yet; 0 when the kernel does not say. */
uint64_t reg_socket_unsent(int fd);

#endif
