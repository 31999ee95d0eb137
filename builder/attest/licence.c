#include "builder/attest/licence.h"

#include "base/digest.h"

#include <ctype.h>

/* What most packages have, sorted bytewise; the full list of SPDX grows every few months, and what is not here is named by a
 * reference of the document's own, which says as much. */
static const char *const known[] = {
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-1.0-Perl",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.2",
    "FSFAP",
    "FTL",
    "GFDL-1.1-or-later",
    "GFDL-1.2-or-later",
    "GFDL-1.3-only",
    "GFDL-1.3-or-later",
    "GPL-1.0-or-later",
    "GPL-2.0",
    "GPL-2.0+",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0+",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "IJG",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PHP-3.01",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Ruby",
    "SMLNJ",
    "Sleepycat",
    "TCL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "ZPL-2.1",
    "Zlib",
    "bzip2-1.0.6",
    "curl",
    "libtiff",
    "zlib-acknowledgement",
};

/* Behind WITH. */
static const char *const exceptions[] = {
    "Autoconf-exception-2.0", "Autoconf-exception-3.0",    "Bison-exception-2.2", "Classpath-exception-2.0",
    "GCC-exception-2.0",      "GCC-exception-3.1",         "LLVM-exception",      "Libtool-exception",
    "OpenSSL-exception",      "openvpn-openssl-exception",
};

static bool is_among(const char *const *list, size_t n, struct cb_str word)
{
    for (size_t i = 0; i < n; i++)
        if (cb_str_eq(cb_str(list[i]), word))
            return true;
    return false;
}

/* What may come next: a licence or '(', an exception, or an operator or ')'. */
enum state { WANTS_LICENCE, WANTS_EXCEPTION, WANTS_OPERATOR };

struct parser {
    enum state state;
    int depth;
    size_t licences;
};

static bool take_operator(struct parser *p, struct cb_str word)
{
    if (cb_str_eq(word, CB_STR(")")))
        return p->depth-- > 0;
    p->state = cb_str_eq(word, CB_STR("WITH")) ? WANTS_EXCEPTION : WANTS_LICENCE;
    return p->state == WANTS_EXCEPTION || cb_str_eq(word, CB_STR("AND")) || cb_str_eq(word, CB_STR("OR"));
}

static bool take(struct parser *p, struct cb_str word)
{
    if (p->state == WANTS_OPERATOR)
        return take_operator(p, word);
    if (p->state == WANTS_LICENCE && cb_str_eq(word, CB_STR("(")))
        return ++p->depth > 0;
    bool licence = p->state == WANTS_LICENCE;
    p->licences += licence;
    p->state = WANTS_OPERATOR;
    return licence ? is_among(known, CB_LEN(known), word) : is_among(exceptions, CB_LEN(exceptions), word);
}

bool build_attest_licence_is_spdx(const char *text, bool *ret_single)
{
    struct parser p = {0};
    size_t words = 0;
    while (*(text += strspn(text, " "))) {
        size_t n = *text == '(' || *text == ')' ? 1 : strcspn(text, " ()");
        if (!take(&p, (struct cb_str){text, n}))
            return false;
        text += n;
        words++;
    }
    if (ret_single)
        *ret_single = words == 1;
    return p.state == WANTS_OPERATOR && p.depth == 0;
}

void build_attest_licence_ref(const char *text, struct cb_buf *out)
{
    enum { MOST = 200 };
    struct cb_digest digest;
    char hex[CB_DIGEST_HEX + 1];
    size_t n = strlen(text);
    bool changed = n > MOST;
    cb_buf_adds(out, "LicenseRef-");
    for (size_t i = 0; i < n && i < MOST; i++) {
        bool fine = ((unsigned char)text[i] < 0x80 && isalnum((unsigned char)text[i])) || text[i] == '.' || text[i] == '-';
        cb_buf_addc(out, fine ? text[i] : '-');
        changed |= !fine;
    }
    cb_sha256(text, n, &digest);
    cb_digest_hex(&digest, hex);
    if (changed) /* others may look the same now */
        cb_buf_printf(out, "-%.8s", hex);
}
