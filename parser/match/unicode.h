/* The letters and decimal digits of Unicode, of which variable names are made (dockerfile.md §7). The C library's
 * tables depend on the locale and count other digits as letters. */
#ifndef DF_UNICODE_H
#define DF_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool df_is_letter(uint32_t cp); /* categories L* */
bool df_is_digit(uint32_t cp);  /* category Nd */

#endif
