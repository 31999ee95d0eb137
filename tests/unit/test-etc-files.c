#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "builder/execute/etc-files.h"

static void resolv_conf(void **state)
{
    static const struct {
        bool uplink;
        const char *host, *upstream, *dns, *search, *option, *want;
    } cases[] = {
        /* the host's network has the host's file as it is */
        {false, "# c\nnameserver 127.0.0.53\noptions edns0\n", "", NULL, NULL, NULL,
         "# c\nnameserver 127.0.0.53\noptions edns0\n"},
        {true, "# c\nnameserver 192.0.2.1\nsearch a b\n", "nameserver 192.0.2.9\n", NULL, NULL, NULL,
         "nameserver 192.0.2.1\nsearch a b\n"},
        /* a server of the host's own is reached through pasta; the ones behind it take what pasta does not */
        {true, "nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.9\nsearch x\nnameserver fe80::1%eth0\n", NULL, NULL,
         NULL, "nameserver 10.98.117.3\nnameserver 192.0.2.9\noptions edns0\n"},
        {true, "nameserver\t127.0.0.1 # dnsmasq\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n", "", NULL, NULL, NULL,
         "nameserver 10.98.117.3\nnameserver 192.0.2.1\n"},
        {true, "nameserver ::1\n", "", NULL, NULL, NULL, "nameserver 10.98.117.3\n"},
        {true, "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n", "", NULL, NULL, NULL,
         "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"},
        /* what is asked for takes the place of what the host has */
        {true, "nameserver 127.0.0.53\nsearch a\noptions edns0\n", "", "127.0.0.1", NULL, NULL,
         "nameserver 127.0.0.1\nsearch a\noptions edns0\n"},
        {false, "nameserver 192.0.2.1\ndomain a\noptions edns0\n", "", NULL, "b", "ndots:2",
         "nameserver 192.0.2.1\nsearch b\noptions ndots:2\n"},
        {false, "nameserver 192.0.2.1\nsearch a\n", "", NULL, ".", NULL, "nameserver 192.0.2.1\n"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct build_request q = {0};
        if (cases[i].dns)
            cb_strv_push(&q.dns, cases[i].dns);
        if (cases[i].search)
            cb_strv_push(&q.dns_search, cases[i].search);
        if (cases[i].option)
            cb_strv_push(&q.dns_options, cases[i].option);
        CB_AUTO(free) char *text = build_resolv_text(&q, cases[i].uplink, cases[i].host, cases[i].upstream);
        assert_string_equal(text, cases[i].want);
        build_request_done(&q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resolv_conf)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
