#include "builder/copy/select.h"
#include "builder/copy/walk.h"
#include "parser/match/ignore.h"
#include "tree-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
    char dir[64];
    int fd;
};

static void put_on_disk(int fd, const struct cache_entry *e, const char *content)
{
    if (e->type == CB_DIR) {
        assert_int_equal(mkdirat(fd, e->path, 0777), 0);
    } else if (e->type == CB_SYMLINK) {
        assert_int_equal(symlinkat(e->link, fd, e->path), 0);
    } else if (e->type == CB_HARDLINK) {
        assert_int_equal(linkat(fd, e->link, fd, e->path, 0), 0);
    } else if (e->type == CB_FIFO) {
        assert_int_equal(mkfifoat(fd, e->path, 0600), 0);
    } else {
        CB_AUTO(close) int f = openat(fd, e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(f >= 0);
        assert_int_equal(cb_write_full(f, content, strlen(content)), 0);
    }
    if (e->type != CB_SYMLINK && e->type != CB_HARDLINK)
        assert_int_equal(fchmodat(fd, e->path, e->mode, 0), 0);
}

static void make_place(struct place *p, const char *text)
{
    struct texts t = {0};
    const char *tmp = getenv("TMPDIR");
    snprintf(p->dir, sizeof(p->dir), "%s/cbuild-walk-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(p->dir));
    p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->fd >= 0);
    TEXT_FOREACH(word, len, text)
    {
        const char *content = "";
        struct cache_entry e = text_entry(word, len, &t, &content);
        put_on_disk(p->fd, &e, content);
    }
    TEXT_FOREACH(again, k, text) /* when nothing touches the directories any more */
    {
        const char *content;
        struct cache_entry e = text_entry(again, k, &t, &content);
        struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = (time_t)e.mtime}};
        assert_int_equal(utimensat(p->fd, e.path, times, AT_SYMLINK_NOFOLLOW), 0);
    }
    texts_done(&t);
}

static void drop_place(struct place *p)
{
    cb_close(p->fd);
    assert_int_equal(cb_remove_tree(AT_FDCWD, p->dir), 0);
}

/* A directory, ignore patterns, and what the context then holds. `flags`: git, drop=NAME. */
static const struct {
    const char *disk, *ignore, *flags, *want;
} rows[] = {
    {"", "", "", ""},
    {"a=1 d/ d/f=2,755 l->d p|,600", "", "", "a=1 d/ d/f=2,755 l->d p|,600"},
    {"b=1@9 a=2@8 d/@5", "", "", "a=2@8 b=1@9 d/@5"},
    {"a=1,4711 d/,1777", "", "", "a=1,4711 d/,1777"},
    {"a=1 b==a c==a", "", "", "a=1 b==a c==a"},
    {"d/ d/a=1 d/b==d/a o==d/a", "", "", "d/ d/a=1 d/b==d/a o==d/a"},
    {"a=1 b=2", "a", "", "b=2"},
    {"d/ d/f=1 e=2", "d", "", "e=2"},
    {"d/ d/f=1 d/g=2", "d/f", "", "d/ d/g=2"},
    {"d/ d/f=1 d/g=2", "d !d/f", "", "d/ d/f=1"},
    {"d/ d/x/ d/x/f=1 d/y/ d/y/g=2", "d !d/x/f", "", "d/ d/x/ d/x/f=1"},
    {"d/ d/x/ d/x/f=1", "d !d/nope", "", ""},
    {"d/ d/x/ d/x/f=1", "* !d/x", "", "d/ d/x/ d/x/f=1"},
    {"a.o=1 d/ d/b.o=2 d/c=3", "**/*.o", "", "d/ d/c=3"},
    {"a=1", ".", "", "a=1"},
    {".git/ .git/HEAD=x a=1 d/ d/.git/", "", "drop=.git", "a=1 d/ d/.git/"},
    {"a=1,600 b=2,710 d/,700 d/l->x", "", "git", "a=1 b=2,755 d/ d/l->x"},
    {"a=1,600 b=2,710 c=3,4711 d/,1700 d/l->x e=1,654 p|,600", "", "plain", "a=1 b=2,755 c=3,755 d/ d/l->x e=1 p|"},
};

static void show_all(const struct build_selection *s, struct texts *t, struct cb_buf *got)
{
    CB_AUTO(cb_map) struct cb_map groups = {0};
    for (size_t i = 0; i < s->items[0].n_picks; i++) {
        const struct cache_node *n = s->items[0].picks[i].node;
        struct cache_entry e = n->e;
        uint64_t key = n->link_group;
        const struct cache_node *first = key ? cb_map_getn(&groups, (const char *)&key, sizeof(key)) : NULL;
        if (first) {
            e.type = CB_HARDLINK;
            e.link = cache_node_path(first);
        } else if (key) {
            cb_map_setn(&groups, (const char *)&key, sizeof(key), (void *)n);
        }
        assert_string_equal(n->data_path, cache_node_path(n));
        assert_int_equal(n->origin, 3);
        show_entry(got, &e, texts_find(t, &n->e.digest));
    }
}

/* The same entries are listed, with the same digest, whether the list lies in a file or not; the tree keeps none of them. */
static void check_listed(struct build_walk *c, const struct build_selection *kept, const struct cb_digest *d)
{
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const char *const word = "/";
    const struct build_select_params params = {.words = &word, .n_words = 1, .listed = true};
    struct cb_digest got;
    assert_int_equal(build_select(build_walk_source(c), &params, &s, &err), 0);
    assert_int_equal(build_selection_digest(&s, &got, &err), 0);
    assert_true(cb_digest_eq(&got, d));
    CB_AUTO(build_pick_cursor) struct build_pick_cursor all = BUILD_PICK_CURSOR_INIT(&s.items[0]);
    struct build_picked p;
    assert_int_equal(s.items[0].n_picks, kept->items[0].n_picks);
    for (size_t i = 0; i < kept->items[0].n_picks; i++) {
        const struct cache_node *n = kept->items[0].picks[i].node;
        assert_int_equal(build_pick_next(&all, &p, &err), 1);
        assert_string_equal(p.x.e.path, cache_node_path(n));
        assert_int_equal(p.x.e.mtime, n->e.mtime);
        assert_int_equal(p.x.link_group, n->link_group);
        assert_int_equal(p.x.whole, kept->items[0].picks[i].whole);
    }
    assert_int_equal(build_pick_next(&all, &p, &err), 0);
}

static void check_row(size_t i)
{
    struct place p;
    struct texts t = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_strv) struct cb_strv patterns = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(build_walk) struct build_walk *c = NULL;
    struct cb_digest d;

    make_place(&p, rows[i].disk);
    for (const char *x = "0123456789"; *x; x++) { /* the contents used here */
        char one[2] = {*x, '\0'};
        texts_add(&t, one);
    }
    TEXT_FOREACH(w, n, rows[i].ignore)
    cb_strv_take(&patterns, cb_memdup0(w, n));
    CB_AUTO(df_ignore) struct df_ignore *ignore = df_ignore_new(&patterns, &err);
    assert_non_null(ignore);
    const char *drop[] = {".git"};
    struct build_walk_params params = {.dir = p.fd, .name = "ctx", .ignore = ignore, .drop = drop, .origin = 3};
    params.n_drop = strstr(rows[i].flags, "drop") ? 1 : 0;
    params.plain_modes = strcmp(rows[i].flags, "plain") == 0;
    params.git_modes = strstr(rows[i].flags, "git") && !params.n_drop;
    assert_int_equal(build_walk_new(&params, &c, &err), 0);
    if (build_select_all(build_walk_source(c), &s, &err) < 0 || build_selection_digest(&s, &d, &err) < 0)
        fail_msg("row %zu: %s", i, err.msg);
    show_all(&s, &t, &got);
    check_listed(c, &s, &d);
    CB_AUTO(build_walk) struct build_walk *fresh = NULL;
    assert_int_equal(build_walk_new(&params, &fresh, &err), 0);
    check_listed(fresh, &s, &d);
    assert_int_equal(cache_tree_root(build_walk_source(fresh)->tree)->n_children, 0);
    if (strcmp(got.data, rows[i].want) != 0)
        fail_msg("row %zu: '%s' without '%s'\n  want %s\n  got  %s", i, rows[i].disk, rows[i].ignore, rows[i].want, got.data);
    texts_done(&t);
    drop_place(&p);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(rows); i++)
        check_row(i);
}

/* What a selection does not reach is never read. */
static void test_lazy(void **state)
{
    (void)state;
    struct place p;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(build_walk) struct build_walk *c = NULL;
    make_place(&p, "src/ src/f=1 src/l->../lib lib/ lib/g=2 node_modules/ node_modules/x=3");
    struct build_walk_params params = {.dir = p.fd, .name = "ctx"};
    const char *words[] = {"src", "src/l"};
    struct build_select_params sel = {.words = words, .n_words = 2};

    assert_int_equal(build_walk_new(&params, &c, &err), 0);
    struct cache_node *root = cache_tree_root(build_walk_source(c)->tree);
    assert_int_equal(root->n_children, 0);
    assert_int_equal(build_select(build_walk_source(c), &sel, &s, &err), 0);
    assert_int_equal(s.n_items, 2);
    assert_int_equal(s.items[1].n_picks, 1);
    assert_int_equal(cache_node_child(root, "src", 3)->n_children, 2);
    assert_int_equal(cache_node_child(root, "lib", 3)->n_children, 1);
    assert_int_equal(cache_node_child(root, "node_modules", 12)->n_children, 0);
    drop_place(&p);
}

static void test_socket(void **state)
{
    (void)state;
    struct place p;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(build_walk) struct build_walk *c = NULL;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct cb_digest d, empty;
    make_place(&p, "");
    CB_AUTO(close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", p.dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(chmod(addr.sun_path, 0640), 0);

    struct build_walk_params params = {.dir = p.fd, .name = "ctx"};
    assert_int_equal(build_walk_new(&params, &c, &err), 0);
    assert_int_equal(build_select_all(build_walk_source(c), &s, &err), 0);
    assert_int_equal(build_selection_digest(&s, &d, &err), 0);
    assert_int_equal(s.items[0].n_picks, 1);
    const struct cache_entry *e = &s.items[0].picks[0].node->e;
    cb_sha256("", 0, &empty);
    assert_int_equal(e->type, CB_FILE);
    assert_int_equal(e->mode, 0640);
    assert_int_equal(e->size, 0);
    assert_true(cb_digest_eq(&e->digest, &empty));
    drop_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_lazy),
        cmocka_unit_test(test_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
