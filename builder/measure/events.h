/* What a child build said of its steps, read into the model. */
#ifndef MEASURE_EVENTS_H
#define MEASURE_EVENTS_H

#include "base/error.h"
#include "builder/measure/model.h"

/* From --progress=rawjson: what was executed, when, and why. Lines that are something else are left out. */
void measure_read_events(const char *text, size_t n, struct measure_seen_list *ret);
/* From --metadata-file: what each step costs, sizes, what was skipped, and the image. Read it after the events. */
int measure_read_metadata(const char *text, size_t n, struct measure_seen_list *ret, struct measure_build *b,
                          struct cb_error *err);

#endif
