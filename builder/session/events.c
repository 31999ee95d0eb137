#include "builder/session/session.h"

void build_emit(struct build_session *s, const struct build_event *e)
{
    s->renderer->event(s->renderer, e);
}

static void emit_text(struct build_session *s, enum build_event_kind kind, const char *fmt, va_list ap)
{
    CB_AUTO(free) char *text = cb_vprintf(fmt, ap);
    build_emit(s, &(struct build_event){.kind = kind, .text = text});
}

void build_note(struct build_session *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit_text(s, BUILD_EVENT_NOTE, fmt, ap);
    va_end(ap);
}

void build_warning(struct build_session *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    emit_text(s, BUILD_EVENT_WARNING, fmt, ap);
    va_end(ap);
}
