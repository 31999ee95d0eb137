/* Reasons in the words of builder/execute/schedule/{cause,difference}.c. */
#include "builder/measure/model.h"

const char *const measure_cause_names[MEASURE_CAUSES] = {
    [MEASURE_NO_CAUSE] = "none",
    [MEASURE_NEW] = "new",
    [MEASURE_FILES] = "files",
    [MEASURE_ARGUMENT] = "argument",
    [MEASURE_ENVIRONMENT] = "environment",
    [MEASURE_INSTRUCTION] = "instruction",
    [MEASURE_BELOW] = "below",
    [MEASURE_FORCED] = "forced",
};

static const struct {
    const char *begins, *holds; /* NULL: whatever stands there */
    enum measure_cause cause;
} reasons[] = {
    {"--no-cache", NULL, MEASURE_FORCED},
    {"not in the cache", NULL, MEASURE_NEW},
    {NULL, " gave another result", MEASURE_BELOW},
    {"the base image ", NULL, MEASURE_BELOW},
    {"ARG ", NULL, MEASURE_ARGUMENT},
    {"ENV ", NULL, MEASURE_ENVIRONMENT},
    {"the files ", NULL, MEASURE_FILES},
    {"what is mounted at ", NULL, MEASURE_FILES},
    {"the here-document ", NULL, MEASURE_INSTRUCTION},
    {"the ", NULL, MEASURE_INSTRUCTION},
    {"what RUN may ask ", NULL, MEASURE_INSTRUCTION},
    {"WORKDIR ", NULL, MEASURE_INSTRUCTION},
    {"USER ", NULL, MEASURE_INSTRUCTION},
    {"--", NULL, MEASURE_INSTRUCTION},
    {NULL, NULL, MEASURE_FILES},
};

enum measure_cause measure_cause_of(const char *why)
{
    if (!why)
        return MEASURE_NEW;
    size_t i = 0;
    while ((reasons[i].begins && !cb_starts(why, reasons[i].begins)) || (reasons[i].holds && !strstr(why, reasons[i].holds)))
        i++;
    return reasons[i].cause;
}
