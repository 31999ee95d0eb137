/* --progress=rawjson. */
#ifndef BUILD_PROGRESS_JSON_H
#define BUILD_PROGRESS_JSON_H

#include "builder/session/events.h"

/* One JSON object per line on standard error. Never NULL. */
struct build_renderer *build_progress_json_new(void);

#endif
