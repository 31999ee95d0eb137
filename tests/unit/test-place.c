#include "builder/copy/place.h"
#include "builder/copy/owner.h"
#include "parser/owner.h"
#include "tree-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MADE 77 /* time of what the build makes itself */

/* COPY `words` of the tree `src` to `to` in the tree `dest`, and the layer this gives. `flags`: words out of
 * link parents local chown=U:G chmod=M x=PATTERN cwd=DIR here=NAME:TEXT (a heredoc). `want` with '!' in
 * front: the error holds this text. */
struct row {
    const char *src, *words, *to, *dest, *flags, *want;
};

static const struct row files[] = {
    {"f=1", "f", "/", "", "", "f=1"},
    {"f=1", "f", "/g", "", "", "g=1"},
    {"f=1", "f", "/d/", "", "", "d/@77 d/f=1"},
    {"f=1", "f", "/d/.", "", "", "d/@77 d/f=1"},
    {"f=1", "f", "/d/g", "", "", "d/@77 d/g=1"},
    {"f=1", "f", "/a/b/c/", "", "", "a/@77 a/b/@77 a/b/c/@77 a/b/c/f=1"},
    {"f=1", "f", "/d", "d/,700,1:2@5", "", "d/,700,1:2@5 d/f=1"},
    {"f=1", "f", "/d/a/b/", "d/,2775,1:50", "", "d/,2775,1:50 d/a/,2755,0:50@77 d/a/b/,2755,0:50@77 d/a/b/f=1"},
    {"f=1", "f", "/d/a/", "d/,2775,1:50", "chown=3:4", "d/,2775,1:50 d/a/,2755,3:4@77 d/a/f=1,3:4"},
    {"f=1", "f", "/d/a/", "d/,2775,1:50", "chmod=700", "d/,2775,1:50 d/a/,2700,0:50@77 d/a/f=1,700"},
    {"f=1", "f", "/d/e", "d/,700@5 d/x=9", "", "d/,700@5 d/e=1"},
    {"f=1", "f", "", "", "cwd=/w", "w/@77 w/f=1"},
    {"f=1", "f", ".", "", "cwd=/w", "w/@77 w/f=1"},
    {"f=1", "f", "./", "", "cwd=/w", "w/@77 w/f=1"},
    {"f=1", "f", "g", "", "cwd=/w", "w/@77 w/g=1"},
    {"f=1", "f", "../g", "", "cwd=/w", "g=1"},
    {"f=1", "f", "../../../g", "", "cwd=/w", "g=1"},
    {"f=1", "f", "/a//./b/../g", "", "", "a/@77 a/g=1"},
    {"f=1", "f", "/g", "g=old", "", "g=1"},
    {"f=1", "f", "/g", "g/ g/x=1", "", "g/ g/f=1"},
    {"f=1", "f", "/", "f/", "", "!cannot replace to directory /f with file"},
    {"f=1", "f", "/d/", "d/ d/f/", "", "!cannot replace to directory /d/f with file"},
    {"f=1", "f", "/g/", "g=old", "", "!mkdir /g: not a directory"},
    {"f=1", "f", "/g/.", "g=old", "", "!mkdir /g: not a directory"},
    {"f=1", "f", "/g/x", "g=old", "", "!mkdir /g: not a directory"},
    {"f=1", "f", "/a/g/x/y", "a/ a/g=old", "", "!mkdir /a/g: not a directory"},
    {"f=1,4755,3:4@9^cap", "f", "/", "", "", "f=1,4755,3:4@9^cap"},
    {"p|,600@4 c#1.3,20:30", "p c", "/", "", "", "c#1.3,20:30 p|,600@4"},
    {"f=", "f", "/", "", "", "f="},
    {"f=1 l->f", "l", "/", "", "", "l=1"},
    {"f=1 g=2", "f g", "/x", "", "", "x=2"},
    {"f=1 g=2", "f g", "/x/", "", "", "x/@77 x/f=1 x/g=2"},
    {"f=1 g=2", "*", "/x", "", "", "x=2"},
    {"f=1 g=2", "none*", "/x/", "", "", ""},
    {"f=1 h==f", "f h", "/x/", "", "", "x/@77 x/f=1 x/h=1"},
    {"f=1 h==f", "*", "/x/", "", "", "x/@77 x/f=1 x/h=1"},
};

static const struct row links[] = {
    {"f=1", "f", "/l", "d/ l->d", "", "d/ d/f=1"},
    {"f=1", "f", "/l/", "d/ l->/d", "", "d/ d/f=1"},
    {"f=1", "f", "/l/g", "d/ l->d", "", "d/ d/g=1"},
    {"f=1", "f", "/l/g", "a/ a/d/ l->a/d", "", "a/ a/d/ a/d/g=1"},
    {"f=1", "f", "/l", "g=old l->g", "", "g=1"},
    {"f=1", "f", "/l", "l->/new", "", "new=1"},
    {"f=1", "f", "/l/", "l->/new", "", "new/@77 new/f=1"},
    {"f=1", "f", "/l/g", "l->/a/b", "", "a/@77 a/b/@77 a/b/g=1"},
    {"f=1", "f", "/l", "l->a/b", "", "a/@77 a/b=1"},
    {"f=1", "f", "/a/l", "a/ a/l->b", "", "a/ a/b=1"},
    {"f=1", "f", "/a/l", "a/ a/l->../b", "", "b=1"},
    {"f=1", "f", "/a/l", "a/ a/l->../../../b", "", "b=1"},
    {"f=1", "f", "/a/l", "a/ a/l->/../b", "", "b=1"},
    {"f=1", "f", "/a/l", "a/ a/l->/missing/../b", "", "b=1"},
    {"f=1", "f", "/l", "l->l", "", "!too many links"},
    {"f=1", "f", "/a", "a->b b->a", "", "!too many links"},
    {"f=1", "f", "/l/x", "l->g g=old", "", "!mkdir /g: not a directory"},
    {"f=1", "f", "/l/", "l->g g=old", "", "!mkdir /g: not a directory"},
    {"f=1", "f", "/d/", "d/ d/f->../g g=old", "", "d/ d/f=1"}, /* a link found below the destination is replaced */
    {"f=1", "f", "/d/", "d/ d/f->../e e/", "", "d/ d/f=1"},
    {"d/ d/x=1", "d", "/l", "e/ l->e", "", "e/ e/x=1"},
    {"d/ d/x=1", "d", "/l", "l->e", "", "e/ e/x=1"},
    {"d/ d/x=1", "d", "/l", "l->f f=old", "", "!cannot copy to non-directory: /f"},
    {"d/ d/s/ d/s/x=1", "d", "/", "s->e e/", "", "!cannot copy to non-directory: /s"},
};

static const struct row dirs[] = {
    {"d/ d/f=1 d/e/ d/e/g=2", "d", "/", "", "", "e/ e/g=2 f=1"},
    {"d/ d/f=1", "d", "/x", "", "", "x/ x/f=1"},
    {"d/ d/f=1", "d", "/x/", "", "", "x/ x/f=1"},
    {"d/ d/f=1", "d", "/a/x", "", "", "a/@77 a/x/ a/x/f=1"},
    {"d/,700,5:6@9 d/f=1", "d", "/x", "", "", "x/@9 x/f=1"},
    {"d/,700,5:6@9 d/f=1", "d", "/x", "x/,711,7:8@4", "", "x/,711,7:8@9 x/f=1"},
    {"d/@9", "d", "/x", "x/", "", ""},
    {"d/@9", "d", "/x", "", "", "x/@9"},
    {"d/ d/e/,700,5:6@9", "d", "/x", "x/ x/e/,711,7:8@4 x/e/k=1", "", "x/ x/e/,700,5:6@9"},
    {"d/ d/e/@9", "d", "/x", "x/ x/e/@4", "", ""},
    {"d/ d/f=1", "d", "/x", "x/ x/f=old x/g=2", "", "x/ x/f=1"},
    {"d/ d/f=1", "d", "/x", "x/ x/f->g x/g=2", "", "x/ x/f=1"},
    {"d/ d/f=1", "d", "/x", "x/ x/f/", "", "!cannot replace to directory /x/f with file"},
    {"d/ d/f/", "d", "/x", "x/ x/f=1", "", "!cannot copy to non-directory: /x/f"},
    {"d/ d/f=1", "d", "/x", "x=1", "", "!cannot copy to non-directory: /x"},
    {"d/ d/f=1", "d", "/x/", "x=1", "", "!mkdir /x: not a directory"},
    {"d/ d/l->nowhere@5", "d", "/x", "", "", "x/ x/l->nowhere@5"},
    {"d/ d/f=1 d/h==d/f", "d", "/x", "", "", "x/ x/f=1 x/h==x/f"},
    {"d/ d/f=1 o==d/f", "d", "/x", "", "", "x/ x/f=1"},
    {"d/ d/f=1 e/ e/h==d/f", "d e", "/x", "", "", "x/ x/f=1 x/h=1"},
    {"d/ d/a=1 d/b==d/a d/c==d/a", "d", "/x", "x/ x/a=1", "", "x/ x/a=1 x/b==x/a x/c==x/a"},
    {"d/ d/a=1 d/b==d/a e/ e/a=2", "d e", "/x", "", "", "x/ x/a=2 x/b=1"},
    {"d/ d/f=1 e/ e/f=2", "d e", "/x", "", "", "x/ x/f=2"},
    {"d/ d/f=1 g=2", "d g", "/x", "", "", "x/ x/f=1 x/g=2"},
    {"d/ d/f=1 g=2", "g d", "/x", "", "", "!cannot copy to non-directory: /x"},
    {"a/ a/f=1 b/ b/f/", "a b", "/x/", "", "", "!cannot copy to non-directory: /x/f"},
    {"a/ a/f/ b/ b/f=1", "a b", "/x/", "", "", "!cannot replace to directory /x/f with file"},
    {"d/ d/b=1 d/a=2 d/a.x/ d/a.x/y=3 d/a-=4", "d", "/x", "", "", "x/ x/a=2 x/a-=4 x/a.x/ x/a.x/y=3 x/b=1"},
};

/* What the stage says already is not in the layer. */
static const struct row same[] = {
    {"f=1", "f", "/", "f=1", "", ""},
    {"f=1@2", "f", "/", "f=1@3", "", "f=1@2"},
    {"f=1", "f", "/", "f=1,600", "", "f=1"},
    {"f=1", "f", "/", "f=1,0:5", "", "f=1"},
    {"f=1^a", "f", "/", "f=1^b", "", "f=1^a"},
    {"f=1^a", "f", "/", "f=1^a", "", ""},
    {"f=1", "f", "/", "f=2", "", "f=1"},
    {"f=", "f", "/", "f=", "", ""},
    {"p|", "p", "/", "p|", "", ""},
    {"c#1.3", "c", "/", "c#1.4", "", "c#1.3"},
    {"d/ d/l->a", "d", "/", "l->a", "", ""},
    {"d/ d/l->a", "d", "/", "l->b", "", "l->a"},
    {"d/ d/a=1 d/b=2", "d", "/x", "x/ x/a=1 x/b=3", "", "x/ x/b=2"},
    {"d/ d/e/@9 d/e/a=1", "d", "/x", "x/@5 x/e/@5 x/e/a=1", "", ""},
    {"d/ d/e/@9 d/e/a=1", "d", "/x", "x/@5 x/e/@5 x/e/a=2", "", "x/ x/e/@9 x/e/a=1"},
    {"f=1 g=2", "f g", "/x", "x=2", "", ""},
    {"f=1", "f", "/a/b/", "a/@5 a/b/@6 a/b/f=1", "", ""},
    {"f=1", "f", "/a/b/", "a/@5 a/b/@6 a/b/f=2", "", "a/@5 a/b/@6 a/b/f=1"},
    {"d/ d/a=1 d/b==d/a", "d", "/x", "x/ x/a=1 x/b==x/a", "", ""},
    {"d/ d/a=1 d/b==d/a", "d", "/x", "x/ x/a=1 x/b=1", "", "x/ x/a=1 x/b==x/a"},
};

static const struct row owners[] = {
    {"f=1,3:4", "f", "/d/", "", "chown=8:9", "d/,8:9@77 d/f=1,8:9"},
    {"f=1^cap", "f", "/", "", "chown=8:9", "f=1,8:9^cap"},
    {"f=1", "f", "/d/", "d/", "chown=8:9", "d/ d/f=1,8:9"},
    {"d/ d/e/,700,1:1 d/e/l->x", "d", "/x", "", "chown=8:9", "x/,8:9 x/e/,700,8:9 x/e/l->x,8:9"},
    {"d/ d/e/ d/e/f=1", "d", "/x", "x/,1:2 x/e/,3:4", "chown=8:9", "x/,1:2 x/e/,8:9 x/e/f=1,8:9"},
    {"f=1", "f", "/d/e/", "", "chmod=711", "d/,711@77 d/e/,711@77 d/e/f=1,711"},
    {"f=1", "f", "/d/e/", "", "chmod=4711", "d/,711@77 d/e/,711@77 d/e/f=1,4711"},
    {"f=1", "f", "/d/", "", "chmod=u+x", "d/@77 d/f=1,744"},
    {"f=1", "f", "/d/", "d/,700", "chmod=0", "d/,700 d/f=1,0"},
    {"d/ d/e/ d/e/f=1,755 d/l->x", "d", "/x", "", "chmod=640", "x/,640 x/e/,640 x/e/f=1,640 x/l->x"},
    {"d/ d/e/,700 d/e/f=1,600 d/g=2,711", "d", "/x", "", "chmod=go+rX", "x/ x/e/ x/e/f=1 x/g=2,755"},
    {"f=1", "f", "/d/", "", "chmod=600 chown=1:2", "d/,600,1:2@77 d/f=1,600,1:2"},
};

static const struct row linked[] = {
    {"f=1", "f", "/d/f", "d->e e/", "link", "d/@77 d/f=1"},
    {"f=1", "f", "/d/", "d/,700@5", "link", "d/@77 d/f=1"},
    {"f=1", "f", "/d", "d/ d/x=1", "link", "d=1"},
    {"d/@9 d/f=1", "d", "/x", "x=1", "link", "x/@9 x/f=1"},
    {"f=1", "f", "/f", "f=1", "link", "f=1"},
    {"f=1", "f", "/a/b/", "", "link chown=1:2", "a/,1:2@77 a/b/,1:2@77 a/b/f=1,1:2"},
    {"d/ d/s/,700 d/s/f=1", "d", "/", "s->q", "link", "s/,700 s/f=1"},
    {"f=1 d/ d/x=1", "f d", "/y", "", "link", "!cannot copy to non-directory: /y"},
};

static const struct row heredocs[] = {
    {"", "", "/", "", "here=EOF:hi", "EOF=hi@77"},
    {"", "", "/d/", "", "here=EOF:hi", "d/@77 d/EOF=hi@77"},
    {"", "", "/d", "d/", "here=EOF:hi", "d/ d/EOF=hi@77"},
    {"", "", "/x", "", "here=EOF:hi", "x=hi@77"},
    {"", "", "/x", "x=hi@77", "here=EOF:hi", ""},
    {"", "", "/x", "", "here=A:1 here=B:2", "x=2@77"},
    {"", "", "/x/", "", "here=A:1 here=A:2", "x/@77 x/A=2@77"},
    {"f=1", "f", "/x/", "", "here=A:", "x/@77 x/A=@77 x/f=1"},
    {"f=1", "f", "/x", "", "here=A:2", "x=2@77"},
    {"", "", "/x", "", "here=A:1 chmod=755 chown=3:4", "x=1,755,3:4@77"},
    {"", "", "/x", "x/", "here=A:1 link", "x=1@77"},
    {"d/ d/A/", "d", "/x/", "", "here=A:1", "!cannot replace to directory /x/A with file"},
};

static const struct row excluded[] = {
    {"d/ d/f=1 d/g=2", "d", "/x", "", "x=f", "x/ x/g=2"},
    {"d/ d/f=1", "d", "/x", "", "x=*", "x/"},
    {"d/ d/e/,700,3:4@9 d/e/f=1 d/e/g=2", "d", "/x", "", "x=e x=!e/f", "x/ x/e/,700,3:4@9 x/e/f=1"},
    {"d/ d/e/,700,3:4@9 d/e/f=1", "d", "/x", "x/ x/e/,711,5:5", "x=e x=!e/f", "x/ x/e/,700,5:5@9 x/e/f=1"},
    {"d/ d/a=1 d/b==d/a", "d", "/x", "", "x=a", "x/ x/b=1"},
};

#define TREE "r/,700,3:4@9 r/s/,711,5:6@8 r/s/f=1 r/s/g=2 top=3 l->r"

static const struct row kept[] = {
    {TREE, "r/s/f", "/o", "", "parents", "o/ o/r/,700,3:4@9 o/r/s/,711,5:6@8 o/r/s/f=1"},
    {TREE, "r/s/f", "/o/", "o/,700", "parents", "o/,700 o/r/,700,3:4@9 o/r/s/,711,5:6@8 o/r/s/f=1"},
    {TREE, "r/./s/f", "/o", "", "parents", "o/@9 o/s/,711,5:6@8 o/s/f=1"},
    {TREE, "r/s/f", "/o", "o/ o/r/,755,1:2@4", "parents", "o/ o/r/,700,1:2@9 o/r/s/,711,5:6@8 o/r/s/f=1"},
    {TREE, "r/s/f", "/o", "", "parents chown=8:9", "o/,8:9 o/r/,700,8:9@9 o/r/s/,711,8:9@8 o/r/s/f=1,8:9"},
    {TREE, "r/s/f", "/o", "", "parents chmod=750", "o/,750 o/r/,750,3:4@9 o/r/s/,750,5:6@8 o/r/s/f=1,750"},
    {TREE, "r/s/f", "/o", "o/ o/r/ o/r/s/", "parents chmod=750", "o/ o/r/,700@9 o/r/s/,711@8 o/r/s/f=1,750"},
    {TREE, "r/s", "/o", "o/ o/r/,755,1:2@4 o/r/s/,755,1:2@4", "parents",
     "o/ o/r/,700,1:2@9 o/r/s/,711,5:6@8 o/r/s/f=1 o/r/s/g=2"},
    {TREE, "top", "/o", "", "parents", "o/ o/top=3"},
    {TREE, "t*/./x", "/o", "", "parents", "o=3"},
    {TREE, "t*/./x", "/o/", "", "parents", "o/@77 o/top=3"},
    {TREE, "t*/./x", "/o", "o/", "parents", "o/ o/top=3"},
    {TREE, "none*", "/o", "", "parents", "o/"},
    {TREE, "no*/./x", "/o", "", "parents", ""},
    {TREE, "l", "/o", "", "parents", "o/ o/l->r"},
    {TREE, "top", "/o", "o=1", "parents", "!cannot copy to non-directory: /o"},
    {TREE, "top", "/o/", "o=1", "parents", "!mkdir /o: not a directory"},
    {TREE, "t*/./x", "/o", "o=1", "parents", "o=3"},
    {TREE, "r/s/f", "/o", "o/ o/r=1", "parents", "!cannot copy to non-directory: /o/r"},
    {TREE, "r/s/f top", "/o", "", "parents", "o/ o/r/,700,3:4@9 o/r/s/,711,5:6@8 o/r/s/f=1 o/top=3"},
};

struct params {
    struct build_select_params select;
    struct build_place_params place;
    struct cb_strv words, exclude, here;
    struct df_chmod chmod;
    char *cwd;
    bool local, link, listed;
};

static void params_done(struct params *p)
{
    cb_strv_done(&p->words);
    cb_strv_done(&p->exclude);
    cb_strv_done(&p->here);
    df_chmod_done(&p->chmod);
    free(p->cwd);
}

static void read_flag(const char *f, struct params *p)
{
    const char *n = strchr(f, '=') + 1;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;

    p->select.parents = p->select.parents || strcmp(f, "parents") == 0;
    p->link = p->link || strcmp(f, "link") == 0;
    if (cb_starts(f, "x=")) {
        cb_strv_push(&p->exclude, n);
    } else if (cb_starts(f, "here=")) {
        cb_strv_push(&p->here, n);
    } else if (cb_starts(f, "cwd=")) {
        p->cwd = cb_strdup(n);
    } else if (cb_starts(f, "chmod=")) {
        assert_int_equal(df_chmod_parse(n, &p->chmod, &err), 0);
        p->place.chmod = &p->chmod;
    } else if (cb_starts(f, "chown=")) {
        p->place.has_owner = true;
        p->place.uid = (uint32_t)text_number(&n, 10);
        n++;
        p->place.gid = (uint32_t)text_number(&n, 10);
    }
}

static void read_params(const struct row *r, struct params *p)
{
    TEXT_FOREACH(w, n, r->words)
    cb_strv_take(&p->words, cb_memdup0(w, n));
    TEXT_FOREACH(f, k, r->flags)
    {
        CB_AUTO(free) char *flag = cb_memdup0(f, k);
        read_flag(flag, p);
    }
    p->select.words = (const char *const *)p->words.items;
    p->select.n_words = p->words.n;
    p->select.exclude = (const char *const *)p->exclude.items;
    p->select.n_exclude = p->exclude.n;
    p->place.path = r->to;
    p->place.workdir = p->cwd;
    p->place.mtime = MADE;
}

static int copy_here(struct build_place *place, const struct params *p, struct texts *t, struct cb_error *err)
{
    for (size_t i = 0; i < p->here.n; i++) {
        const char *colon = strchr(p->here.items[i], ':');
        CB_AUTO(free) char *name = cb_memdup0(p->here.items[i], (size_t)(colon - p->here.items[i]));
        texts_add(t, colon + 1);
        if (build_place_inline(place, name, colon + 1, strlen(colon + 1), err) < 0)
            return -1;
    }
    return 0;
}

/* Data that a layer's writer would look for is where it should be. */
static const char *bad_data(const struct build_layer *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct build_entry *b = l->entries[i];
        bool wanted = b->e.type == CB_FILE && b->e.size > 0;
        if (wanted != (b->data != BUILD_DATA_NONE))
            return "bytes where none belong, or none where some do";
        if (b->data == BUILD_DATA_SOURCE && (!b->source || !b->data_path || (b->node && b->node->e.size != b->e.size)))
            return "a file without its source";
        if (b->data == BUILD_DATA_INLINE && !b->bytes)
            return "inline without bytes";
    }
    return layer_disorder(l);
}

/* Its directories as if a context had been passed through. */
static void make_lists(struct build_selection *s)
{
    for (size_t i = 0; i < s->n_items; i++) {
        struct build_item *item = &s->items[i];
        CB_AUTO(build_pick_cursor) struct build_pick_cursor c = BUILD_PICK_CURSOR_INIT(item);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct build_picked p;
        if (!item->is_dir)
            continue;
        struct build_list *list = build_list_new(NULL);
        while (build_pick_next(&c, &p, &err) > 0)
            build_list_add(list, &p.x);
        item->list = list;
        free(CB_TAKE(item->picks));
    }
}

/* What passes, held after all. */
static int gather(struct build_place_passage *passage, struct cb_arena *arena, struct build_layer *ret, struct cb_error *err)
{
    const struct build_entry *e;
    int r;
    while ((r = build_place_next(passage, &e, err)) > 0) {
        struct build_entry *copy = cb_arena_alloc(arena, sizeof(*copy));
        *copy = *e;
        copy->e.path = cb_arena_strdup(arena, e->e.path);
        copy->e.link = cb_arena_strdup(arena, e->e.link);
        CB_PUSH(ret->entries, ret->n, ret->cap) = copy;
    }
    assert_int_equal(ret->n, build_place_passing(passage));
    return r;
}

static int place_all(struct build_place *place, const struct params *p, const struct build_selection *s, struct texts *t,
                     struct build_layer *ret, struct cb_error *err)
{
    int rc = build_place_selection(place, s, err);
    if (rc == 0)
        rc = copy_here(place, p, t, err);
    return rc == 0 ? build_place_finish(place, ret, err) : rc;
}

/* One COPY into `dest`; shows the layer and puts it on top. */
static int copy_once(const struct row *r, struct params *p, struct cache_tree *src, struct cache_tree *dest, struct texts *t,
                     struct cb_buf *got, struct cb_error *err)
{
    CB_AUTO(build_place_passage) struct build_place_passage passage = BUILD_PLACE_PASSAGE_INIT;
    CB_AUTO(cb_arena) struct cb_arena arena = {NULL};
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct build_layer layer = {0};
    struct cb_digest ignored;
    struct build_source source = {.tree = src, .local = p->local};

    p->place.dest = p->link ? NULL : dest;
    CB_AUTO(build_place) struct build_place *place = build_place_new(&p->place);
    int rc = build_select(&source, &p->select, &s, err);
    if (rc == 0)
        rc = build_selection_digest(&s, &ignored, err);
    if (p->listed)
        make_lists(&s);
    int passes = rc == 0 && p->listed && !p->here.n ? build_place_pass(place, &s, &passage, err) : 0;
    if (rc == 0)
        rc = passes < 0 ? -1 : passes > 0 ? gather(&passage, &arena, &layer, err) : place_all(place, p, &s, t, &layer, err);
    for (size_t i = 0; i < layer.n; i++) {
        show_entry(got, &layer.entries[i]->e, texts_find(t, &layer.entries[i]->e.digest));
        cache_index_add(&x, &layer.entries[i]->e);
    }
    const char *bad = bad_data(&layer);
    if (bad)
        cb_buf_printf(got, " (%s)", bad);
    cache_index_sort(&x);
    cache_tree_apply(dest, &x, 8);
    free(layer.entries);
    return rc;
}

/* A second run finds everything there already, but for what depends on whether a directory existed. */
static bool is_stable(const struct row *r, const struct params *p)
{
    return !p->link && !(p->select.parents && p->place.chmod) && !strstr(r->flags, "x=!");
}

static int run(const struct row *r, bool listed, struct cb_buf *got, struct cb_error *err)
{
    struct texts t = {0};
    struct params p = {.listed = listed};
    struct cache_tree *src = text_tree(r->src, &t), *dest = text_tree(r->dest, &t);

    read_params(r, &p);
    int rc = copy_once(r, &p, src, dest, &t, got, err);
    if (rc == 0 && is_stable(r, &p)) {
        CB_AUTO(cb_buf) struct cb_buf again = CB_BUF_INIT;
        rc = copy_once(r, &p, src, dest, &t, &again, err);
        if (again.len)
            cb_buf_printf(got, " (again: %s)", again.data);
    }
    params_done(&p);
    cache_tree_free(src);
    cache_tree_free(dest);
    texts_done(&t);
    return rc;
}

static void check_row(const struct row *r, bool listed)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    int rc = run(r, listed, &got, &err);
    bool ok = r->want[0] == '!' ? rc < 0 && strstr(err.msg, r->want + 1) : rc == 0 && strcmp(got.data, r->want) == 0;
    if (!ok)
        fail_msg("COPY %s %s [%s]%s\n  from %s\n  into %s\n  want %s\n  got  %s", r->words, r->to, r->flags,
                 listed ? " listed" : "", r->src, r->dest, r->want, rc < 0 ? err.msg : got.data);
}

#define TABLE(name)                                                                                                              \
    static void test_##name(void **state)                                                                                        \
    {                                                                                                                            \
        (void)state;                                                                                                             \
        for (size_t i = 0; i < 2 * CB_LEN(name); i++)                                                                            \
            check_row(&name[i / 2], i % 2);                                                                                      \
    }
TABLE(files)
TABLE(links)
TABLE(dirs)
TABLE(same)
TABLE(owners)
TABLE(linked)
TABLE(heredocs)
TABLE(excluded)
TABLE(kept)

static const struct {
    const char *path, *dest;
    uint32_t uid, gid;
    const char *want;
} workdirs[] = {
    {"/a/b", "", 0, 0, "a/@77 a/b/@77"},
    {"/a/b", "", 5, 6, "a/,5:6@77 a/b/,5:6@77"},
    {"/a/b", "a/,700@3", 5, 6, "a/,700@3 a/b/,5:6@77"},
    {"/a/b", "a/ a/b/", 5, 6, ""},
    {"/", "", 0, 0, ""},
    {"/a/../b//", "", 0, 0, "a/@77 b/@77"},
    {"/w//y/../k", "", 5, 6, "w/,5:6@77 w/k/,5:6@77 w/y/,5:6@77"},
    {"/../w/./y/../../k/..", "", 0, 0, "k/@77 w/@77 w/y/@77"},
    {"/l/../k", "t/ t/u/ l->t/u", 0, 0, "t/ t/k/@77"},
    {"/l/../k", "l->t/u", 0, 0, "t/@77 t/k/@77 t/u/@77"},
    {"/f/../k", "f=1", 0, 0, "!mkdir /f: not a directory"},
    {"/l/x", "l->/t", 0, 0, "t/@77 t/x/@77"},
    {"/l", "l->t", 0, 0, "t/@77"},
    {"/l/x", "t/ l->t", 0, 0, "t/ t/x/@77"},
    {"/f", "f=1", 0, 0, "!mkdir /f: not a directory"},
    {"/f/x/y", "f=1", 0, 0, "!mkdir /f: not a directory"},
    {"/l/x", "l->l", 0, 0, "!too many links"},
};

static void test_workdir(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(workdirs); i++) {
        struct texts t = {0};
        struct cache_tree *dest = text_tree(workdirs[i].dest, &t);
        struct build_place_params p = {
            .dest = dest, .has_owner = true, .uid = workdirs[i].uid, .gid = workdirs[i].gid, .mtime = MADE};
        CB_AUTO(build_place) struct build_place *place = build_place_new(&p);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        struct build_layer layer = {0};
        int rc = build_place_workdir(place, workdirs[i].path, &err);
        if (rc == 0)
            rc = build_place_finish(place, &layer, &err);
        for (size_t k = 0; k < layer.n; k++)
            show_entry(&got, &layer.entries[k]->e, NULL);
        const char *want = workdirs[i].want;
        if (want[0] == '!' ? rc == 0 || !strstr(err.msg, want + 1) : rc < 0 || strcmp(got.data, want) != 0)
            fail_msg("WORKDIR %s into '%s': want %s, got %s", workdirs[i].path, workdirs[i].dest, want,
                     rc < 0 ? err.msg : got.data);
        free(layer.entries);
        cache_tree_free(dest);
        texts_done(&t);
    }
}

/* ---- owners --------------------------------------------------------------------------------- */

static int read_text(void *arg, const struct cache_node *file, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    const char *s = texts_find(arg, &file->e.digest);
    if (!s || strcmp(s, "unreadable") == 0)
        return cb_fail(err, CB_E_FAILED, "read '%s'", cache_node_path(file));
    assert_true(strlen(s) <= max);
    for (; *s; s++) /* ';' stands for the end of a line; ':' and ',' mean something else in a tree's text */
        cb_buf_addc(ret, *s == ';' ? '\n' : *s);
    return 0;
}

#define PASSWD "etc/ etc/passwd=root:x:0:0:;u:x:11:22:;v:x:12:23: etc/group=root:x:0:;g:x:33: "

static const struct {
    const char *tree, *text;
    uint32_t uid, gid;
    bool fails;
} names[] = {
    {PASSWD, "1", 1, 1, false},
    {PASSWD, "1:2", 1, 2, false},
    {PASSWD, "u", 11, 22, false},
    {PASSWD, "u:g", 11, 33, false},
    {PASSWD, "root", 0, 0, false},
    {PASSWD, "nobody", 0, 0, false},
    {PASSWD, "u:nope", 11, 22, false},
    {PASSWD, ":g", 0, 33, false},
    {"", "u", 0, 0, false},
    {"etc/ etc/passwd->../p p=u:x:7:8:", "u", 7, 8, false},
    {"etc/ etc/passwd->passwd", "u", 0, 0, false},
    {"etc/ etc/passwd/", "u", 0, 0, false},
    {"etc=1", "u", 0, 0, false},
    {"etc/ etc/passwd=unreadable", "u", 0, 0, true},
    {"etc/ etc/passwd=unreadable", "3:4", 3, 4, false},
};

static void test_owner(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(names); i++) {
        struct texts t = {0};
        struct cache_tree *tree = text_tree(names[i].tree, &t);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        uint32_t uid = 999, gid = 999;
        int rc = build_owner_resolve(tree, read_text, &t, names[i].text, &uid, &gid, &err);
        if (names[i].fails ? rc == 0 : rc < 0 || uid != names[i].uid || gid != names[i].gid)
            fail_msg("'%s' in '%s': %d %u:%u", names[i].text, names[i].tree, rc, uid, gid);
        cache_tree_free(tree);
        texts_done(&t);
    }
    assert_true(build_owner_is_plain("1:2"));
    assert_true(build_owner_is_plain("root"));
    assert_false(build_owner_is_plain("1:staff"));
    assert_false(build_owner_is_plain("me"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),    cmocka_unit_test(test_links),    cmocka_unit_test(test_dirs),
        cmocka_unit_test(test_same),     cmocka_unit_test(test_owners),   cmocka_unit_test(test_linked),
        cmocka_unit_test(test_heredocs), cmocka_unit_test(test_excluded), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_workdir),  cmocka_unit_test(test_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
