#include "base/lazy.h"

#include <dlfcn.h>

int cb_lazy_load(const char *soname, const char *package, const char *const *names, size_t n, void **table, struct cb_error *err)
{
    if (table[n - 1])
        return 0;
    void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        cb_fail(err, CB_E_UNSUPPORTED, "load library: %s", dlerror());
        return cb_hint(err, "install it: apt-get install %s", package);
    }
    for (size_t i = 0; i < n; i++) {
        void *sym = dlsym(lib, names[i]);
        if (!sym) {
            for (size_t k = 0; k < i; k++)
                table[k] = NULL;
            cb_fail(err, CB_E_UNSUPPORTED, "library '%s' has no '%s'", soname, names[i]);
            dlclose(lib);
            return cb_hint(err, "install a newer one: apt-get install %s", package);
        }
        table[i] = sym; /* the last one is what "filled already" looks at */
    }
    return 0; /* never closed: function pointers stay valid */
}
