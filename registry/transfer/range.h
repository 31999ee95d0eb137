/* Content-Range headers. A pure function. */
#ifndef REG_RANGE_H
#define REG_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* "bytes 100-199/200", with '*' where the size is not known: the first byte. False: no such part of something of that size. */
bool reg_range_start(const char *value, uint64_t size, uint64_t *ret);

#endif
