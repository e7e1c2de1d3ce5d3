// Package logging has what the packages of this module share for their logs: the
// logger of a program that gave none, and a bound on lines that peers can cause.
package logging

import (
	"context"
	"log/slog"
)

// OrDefault returns l. If l is nil it returns a logger that passes warnings and
// errors to slog.Default, as that is when they are logged, and drops the rest.
func OrDefault(l *slog.Logger) *slog.Logger {
	if l != nil {
		return l
	}
	return slog.New(defaultHandler{})
}

// defaultHandler passes warnings and errors to the handler of slog.Default. A program
// often sets that after it has made its servers, so it is looked up for each line.
type defaultHandler struct {
	with func(slog.Handler) slog.Handler // applies WithAttrs and WithGroup; nil means none
}

func (h defaultHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && slog.Default().Handler().Enabled(ctx, level)
}

func (h defaultHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.apply(slog.Default().Handler()).Handle(ctx, r)
}

func (h defaultHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return defaultHandler{func(d slog.Handler) slog.Handler { return h.apply(d).WithAttrs(attrs) }}
}

func (h defaultHandler) WithGroup(name string) slog.Handler {
	return defaultHandler{func(d slog.Handler) slog.Handler { return h.apply(d).WithGroup(name) }}
}

func (h defaultHandler) apply(d slog.Handler) slog.Handler {
	if h.with == nil {
		return d
	}
	return h.with(d)
}
