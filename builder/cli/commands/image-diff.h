/* What two images differ in: files, from the indexes of their layers, and config. */
#ifndef CLI_IMAGE_DIFF_H
#define CLI_IMAGE_DIFF_H

#include "base/json.h"
#include "cache/store/tree.h"

/* Both append objects to `list`: {"path", "change": "added"|"removed"|"changed", …}. Files: "what" lists what changed (type,
 * content, size, mode, owner, link, device, attributes; time if `times`), "old" and "new" tell both. A directory that is there in
 * one only is listed with all that is in it. */
void cli_diff_files(struct cache_tree *a, struct cache_tree *b, bool times, json_t *list);
/* Members of the two configs, down to what is no object; variables of Env each by itself. Layers and history are left out: the
 * files tell. */
void cli_diff_configs(json_t *a, json_t *b, json_t *list);

#endif
