/* Words of an instruction, expanded with the variables of its stage. */
#include "base/text.h"
#include "builder/plan/planner-internal.h"

static const char *lookup(void *arg, const char *name)
{
    const struct build_stage *s = arg;
    return build_vars_get(&s->env, name);
}

struct df_expand build_expander(struct build_planner *p, struct build_stage *s, struct cb_map *unmatched)
{
    return (struct df_expand){.escape = p->plan->file->escape, .lookup = lookup, .lookup_arg = s, .unmatched = unmatched};
}

bool build_never_in_env(const char *name)
{
    return strcmp(name, "BUILDKIT_SBOM_SCAN_CONTEXT") == 0 || strcmp(name, "BUILDKIT_SBOM_SCAN_STAGE") == 0;
}

void build_report_undefined(struct build_planner *p, struct build_stage *s, const struct df_instruction *i,
                            const struct cb_map *unmatched)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(unmatched, it));) {
        if (cb_map_has(&s->declared.map, it->key) || build_never_in_env(it->key))
            continue;
        const char **names = cb_alloc((s->env.map.n + 1) * sizeof(*names));
        size_t n = 0;
        for (struct cb_map_item *e = NULL; (e = cb_map_next(&s->env.map, e));)
            names[n++] = e->key;
        const char *near = cb_did_you_mean(it->key, names, n, false);
        CB_AUTO(free) char *tail = near ? cb_printf(" (did you mean $%s?)", near) : cb_strdup("");
        free(names);
        df_lint_warn(&p->plan->lint, DF_LINT_UNDEFINED_VAR, i->lint, i->at, it->key, tail);
    }
}

int build_expand(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *word, char **ret,
                 struct cb_error *err)
{
    CB_AUTO(cb_map) struct cb_map unmatched = {0};
    struct df_expand x = build_expander(p, s, &unmatched);
    int r = df_expand_word(&x, word, ret, err);
    build_report_undefined(p, s, i, &unmatched);
    return r;
}
